// Requests that are made as things happen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../src/code.js";
import { Outbox } from "../src/outbox.js";
import { fails } from "./rpc_error.js";

test("requests come out in order, whether they or their reader came first, and then the end", async () => {
  const outbox = new Outbox<number>();
  const first = outbox.next();
  await outbox.send(1);
  const second = outbox.send(2);
  const last = outbox.send(3);
  assert.deepEqual([(await first).value, (await outbox.next()).value], [1, 2]);
  await second;
  outbox.end();
  assert.deepEqual(await outbox.next(), { done: false, value: 3 });
  await last;
  assert.deepEqual(await outbox.next(), { done: true, value: undefined });
  await fails(outbox.send(4), Code.CANCELLED, /was not sent/);
});

test("requests that nobody took fail when their call is over", async () => {
  const outbox = new Outbox<number>();
  const sent = fails(outbox.send(1), Code.CANCELLED, /the call is over/);
  await outbox.return();
  await sent;
  assert.equal((await outbox.next()).done, true);
});
