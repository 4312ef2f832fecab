// Asserts how a call fails.

import assert from "node:assert/strict";
import { Code } from "../src/code.js";
import { RpcError } from "../src/status.js";

export async function fails(promise: Promise<unknown>, code: Code, reason: RegExp): Promise<RpcError> {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RpcError, String(error));
  assert.equal(error.codeName, Code[code], error.message);
  assert.match(error.reason, reason);
  return error;
}
