// The list of calls: a transport around another one, which shows what goes through it.

import { Code, Replies, RpcError, type Call, type Transport } from "../../../src/index.js";
import { byId, make } from "./page.js";

const ROWS_MAX = 12;

/** Shows each call of `inner` in the list. */
export class ListedTransport implements Transport {
  constructor(
    readonly inner: Transport,
    readonly name: string,
  ) {}

  start(call: Call): Replies<Uint8Array> {
    const row = new Row(call.path.slice(call.path.lastIndexOf("/") + 1), this.name);
    const { requests } = call;
    if (requests instanceof Uint8Array) row.sent();
    const replies = this.inner.start({ ...call, requests: requests instanceof Uint8Array ? requests : counted(requests, row) });
    return new Replies(watched(replies, row), () => {
      row.ended("CANCELLED", "hung up");
      void replies.return();
    });
  }
}

async function* counted(requests: AsyncIterable<Uint8Array>, row: Row): AsyncGenerator<Uint8Array, void> {
  for await (const request of requests) {
    row.sent();
    yield request;
  }
}

async function* watched(replies: Replies<Uint8Array>, row: Row): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const reply of replies) {
      row.received();
      yield reply;
    }
    row.ended(Code[Code.OK], "");
  } catch (thrown) {
    if (thrown instanceof RpcError) row.ended(thrown.codeName, thrown.reason);
    throw thrown;
  }
}

class Row {
  readonly #cells: HTMLElement[];
  readonly #begun = performance.now();
  #sent = 0;
  #received = 0;
  #isOver = false;

  constructor(method: string, transport: string) {
    this.#cells = [method, transport, "0", "0", "…"].map((text) => make("td", "", text));
    this.#cells.push(make("td", "", make("span", "code", "under way")));
    const body = byId("calls", HTMLTableSectionElement);
    body.prepend(make("tr", "", ...this.#cells));
    while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
  }

  sent(): void {
    this.#set(2, String(++this.#sent));
  }

  received(): void {
    this.#set(3, String(++this.#received));
  }

  ended(code: string, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const ms = performance.now() - this.#begun;
    this.#set(4, ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`);
    const kind = code === "OK" ? "code good" : code === "CANCELLED" ? "code" : "code bad";
    this.#cells[5]?.replaceChildren(make("span", kind, code), reason === "" ? "" : ` ${reason}`);
  }

  #set(cell: number, text: string): void {
    const found = this.#cells[cell];
    if (found) found.textContent = text;
  }
}
