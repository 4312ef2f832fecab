// One side of the conversation, on Node's ws; the cases and the commands are those of client.rs and server.rs.
//
//   node peer.mjs serve [--deflate on]
//   node peer.mjs call [--deflate on] --port PORT --relay PORT
//
// The server's first line of output is its port; it ends when its standard input does.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { runCases } from "./run_cases.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { deflate: { type: "string" }, port: { type: "string" }, relay: { type: "string" } },
});
const SUBPROTOCOL = "echo.v1";
const FOREIGN_SUBPROTOCOL = "other.v9";
const LOST = "lost";
const SIZES = [0, 125, 126, 65_535, 65_536, 1 << 20];
// Characters of one to four bytes.
const BEYOND_ASCII = "zRPC – grüßt 😈 ".repeat(4000);
// Bytes of a fragment: it cuts within characters.
const FRAGMENT = 6007;
const perMessageDeflate = options.deflate === "on";

const ending = (code, reason) => (code === 1006 ? LOST : `${code} ${reason}`.trim());
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...values) => resolve(values)));

// The text in fragments, a ping after each.
function sendFragments(socket, text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += FRAGMENT) {
    const fin = at + FRAGMENT >= bytes.length;
    socket.send(bytes.subarray(at, at + FRAGMENT), { binary: false, fin });
    socket.ping("between");
  }
}

async function ping(socket) {
  const ponged = once(socket, "pong");
  socket.ping("are you there?");
  assert.equal((await ponged)[0].toString(), "are you there?");
}

async function awaitPings(socket, count) {
  for (let seen = 0; seen < count; seen += 1) await once(socket, "ping");
}

// --- the server --------------------------------------------------------------------------------------------------------

function serve() {
  const ends = new Map();
  const handleProtocols = (offers) => offers.has(SUBPROTOCOL) && SUBPROTOCOL;
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate, handleProtocols });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket, request) => {
    socket.on("error", () => {});
    socket.on("close", (code, reason) => ends.set(request.url.slice(1), ending(code, reason)));
    socket.on("message", (data, isBinary) => {
      const text = isBinary ? "" : data.toString();
      if (text.startsWith("!")) obey(socket, text, ends);
      else socket.send(data, { binary: isBinary });
    });
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

async function obey(socket, text, ends) {
  const [command, word, ...rest] = text.split(" ");
  if (command === "!close") socket.close(Number(word), rest.join(" "));
  else if (command === "!vanish") socket._socket.resetAndDestroy();
  else if (command === "!ended") socket.send(ends.get(word) ?? "");
  else if (command === "!fragments") sendFragments(socket, BEYOND_ASCII);
  else if (command === "!ping") await ping(socket).then(() => socket.send("ponged"));
  else if (command === "!pings") await awaitPings(socket, Number(word)).then(() => socket.send("pinged"));
  else socket.send(`${command} is not known here`);
}

// --- the client --------------------------------------------------------------------------------------------------------

// A connection whose messages wait until they are asked for.
class Client {
  constructor(name, { port = options.port, subprotocols = [SUBPROTOCOL] } = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/${name}`, subprotocols, { perMessageDeflate });
    this.messages = [];
    this.ended = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        this.end = ending(code, reason);
        resolve(this.end);
        this.wake?.();
      });
    });
    this.socket.on("error", (error) => (this.error = error));
    this.socket.on("message", (data, isBinary) => {
      this.messages.push(isBinary ? data : data.toString());
      this.wake?.();
    });
  }

  async opened() {
    if (this.socket.readyState === WebSocket.CONNECTING) await Promise.race([once(this.socket, "open"), this.ended]);
    if (this.socket.readyState !== WebSocket.OPEN) throw this.error ?? new Error(`it ended as ${this.end}`);
    return this;
  }

  async receive() {
    while (this.messages.length === 0) {
      if (this.end !== undefined) throw new Error(`the connection ended as ${this.end}`);
      await new Promise((resolve) => (this.wake = resolve));
    }
    return this.messages.shift();
  }

  async echo(message) {
    this.socket.send(message);
    const back = await this.receive();
    // What a mebibyte differs in need not be shown.
    assert.ok(Buffer.from(back).equals(Buffer.from(message)), `${back.length} came; ${message.length} were expected`);
  }

  async close(code = 1000, reason = "") {
    this.socket.close(code, reason);
    assert.equal(await this.ended, `${code} ${reason}`.trim());
  }
}

const open = (name, settings) => new Client(name, settings).opened();

async function hasEnded(name, expected) {
  const client = await open("asks");
  for (;;) {
    client.socket.send(`!ended ${name}`);
    const end = await client.receive();
    if (end === "") {
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    assert.equal(end, expected);
    return client.close();
  }
}

const cases = {
  async texts_of_every_size_come_back() {
    const client = await open("texts");
    for (const size of SIZES) await client.echo("x".repeat(size));
    await client.close();
  },
  async bytes_of_every_size_come_back() {
    const client = await open("bytes");
    for (const size of SIZES) await client.echo(Buffer.from({ length: size }, (_, at) => (Math.imul(at, 0x9e3779b1) >>> 24)));
    await client.close();
  },
  async utf8_beyond_ascii_comes_back() {
    const client = await open("utf8");
    for (const text of ["ä", "\u07ff\u0800\uffff\u{10000}\u{10ffff}", "\0", BEYOND_ASCII]) await client.echo(text);
    await client.close();
  },
  async a_thousand_messages_come_back_in_order() {
    const client = await open("many");
    for (let number = 0; number < 1000; number += 1) client.socket.send(`number ${number}`);
    for (let number = 0; number < 1000; number += 1) assert.equal(await client.receive(), `number ${number}`);
    await client.close();
  },
  async a_repetitive_message_crosses_the_relay() {
    const client = await open("repetitive", { port: options.relay });
    for (let time = 0; time < 2; time += 1) await client.echo("zRPC ".repeat(50_000));
    await client.close();
  },
  async the_server_hears_code_and_reason_of_a_close() {
    const client = await open("closed");
    await client.echo("before");
    // ws tells of the close frame that came: the server's answer has the same code, and may leave out the reason.
    client.socket.close(4001, "genug für heute");
    assert.match(await client.ended, /^4001/);
    await hasEnded("closed", "4001 genug für heute");
  },
  async the_client_hears_code_and_reason_of_a_close() {
    const client = await open("close");
    client.socket.send("!close 4002 tschüß, bis bald");
    assert.equal(await client.ended, "4002 tschüß, bis bald");
  },
  async the_server_sees_a_client_vanish() {
    const client = await open("vanished");
    await client.echo("before");
    client.socket._socket.resetAndDestroy();
    await hasEnded("vanished", LOST);
  },
  async the_client_sees_a_server_vanish() {
    const client = await open("vanish");
    client.socket.send("!vanish");
    assert.equal(await client.ended, LOST);
  },
  async a_subprotocol_is_chosen() {
    const client = await open("subprotocol", { subprotocols: [FOREIGN_SUBPROTOCOL, SUBPROTOCOL] });
    assert.equal(client.socket.protocol, SUBPROTOCOL);
    await client.echo("after");
    await client.close();
  },
  async a_client_of_a_foreign_subprotocol_is_refused() {
    await assert.rejects(open("foreign", { subprotocols: [FOREIGN_SUBPROTOCOL] }), /400/);
  },
  async a_text_in_fragments_comes_back_as_one() {
    const client = await open("fragments");
    sendFragments(client.socket, BEYOND_ASCII);
    assert.equal(await client.receive(), BEYOND_ASCII);
    await client.close();
  },
  async a_ping_of_the_client_is_answered() {
    const client = await open("ping");
    await ping(client.socket);
    await client.close();
  },
  // A second ping comes only after the first was answered.
  async a_client_that_is_silent_is_asked_again_and_again() {
    const client = await open("heartbeat");
    await awaitPings(client.socket, 3);
    await client.close();
  },
};


await (positionals[0] === "serve" ? serve() : runCases(cases));
