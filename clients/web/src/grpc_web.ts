// The gRPC-Web transport: unary calls and server streams, each a `fetch`, in the binary format.

import { Code, codeOfHttpStatus } from "./code.js";
import { cancelledError, Ending } from "./deadline.js";
import { framed, readEnd, WebFrames, type End } from "./grpc_web/frames.js";
import { appendWire, Metadata, toWire } from "./metadata.js";
import { failed, Replies } from "./replies.js";
import { RpcError, rpcErrorOf } from "./status.js";
import { tell, type Call, type Transport } from "./transport.js";

export interface GrpcWebOptions {
  /** `http://host:port` or `https://host`, with a path where the services are below one. */
  baseUrl: string;
  /** Whether cookies travel with calls, as `fetch` has it. */
  credentials?: RequestCredentials;
  /** Another `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** The longest reply that is taken; 4 MiB unless said otherwise. */
  messageBytesMax?: number;
}

const CONTENT_TYPE = "application/grpc-web+proto";
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** gRPC allows eight digits. */
const TIMEOUT_MAX = 99_999_999;

/** Carries unary calls and server streams as requests of HTTP. */
export class GrpcWebTransport implements Transport {
  readonly #options: GrpcWebOptions;
  readonly #baseUrl: string;

  constructor(options: GrpcWebOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
  }

  start(call: Call): Replies<Uint8Array> {
    const { requests } = call;
    if (!(requests instanceof Uint8Array)) {
      const reason = `${call.path} takes a stream, which gRPC-Web in browsers cannot send; call it over a WebSocketTransport`;
      return failed(new RpcError(Code.UNIMPLEMENTED, reason));
    }
    const ending = new Ending(call.timeoutMs, call.signal);
    const response = this.#fetch(call, requests, ending);
    // Whoever reads the replies sees the error, and nobody needs to.
    response.catch(() => {});
    return new Replies(this.#replies(call, response, ending), () => ending.end(cancelledError()));
  }

  async #fetch(call: Call, request: Uint8Array, ending: Ending): Promise<Response> {
    if (ending.reason) throw ending.reason;
    const headers = new Headers({ "content-type": CONTENT_TYPE, accept: CONTENT_TYPE, "x-grpc-web": "1", "x-user-agent": "zrpc-web/0.1.0" });
    if (call.timeoutMs !== undefined) headers.set("grpc-timeout", grpcTimeout(call.timeoutMs));
    for (const [key, value] of call.metadata) headers.append(key, toWire(value));
    const init: RequestInit = { method: "POST", headers, body: framed(request), signal: ending.signal };
    if (this.#options.credentials) init.credentials = this.#options.credentials;
    const url = this.#baseUrl + call.path;
    try {
      return await (this.#options.fetch ?? globalThis.fetch)(url, init);
    } catch (thrown) {
      throw ending.reason ?? unreachable(this.#baseUrl, thrown);
    }
  }

  async *#replies(call: Call, pending: Promise<Response>, ending: Ending): AsyncGenerator<Uint8Array, void> {
    let isOver = false;
    try {
      const response = await pending;
      const metadata = metadataOf(response.headers);
      const atOnce = readEnd((key) => response.headers.get(key), metadata);
      if (atOnce) {
        isOver = true;
        finish(call, atOnce);
        return;
      }
      checkResponse(response);
      tell(call.onHead, metadata);
      const end = yield* this.#messages(response);
      isOver = true;
      finish(call, end);
    } catch (thrown) {
      throw ending.reason ?? rpcErrorOf(thrown, Code.UNAVAILABLE);
    } finally {
      // What is over is left to end by itself, so that its connection can be used again.
      if (isOver) ending.release();
      else ending.end(cancelledError());
    }
  }

  async *#messages(response: Response): AsyncGenerator<Uint8Array, End> {
    const frames = new WebFrames(this.#options.messageBytesMax ?? MESSAGE_BYTES_MAX);
    const reader = response.body?.getReader();
    for (;;) {
      for (let frame; (frame = frames.next()) !== undefined; ) {
        if (frame.type === "message") {
          yield frame.bytes;
          continue;
        }
        if (reader) void readToEnd(reader);
        return frame.end;
      }
      const read = await reader?.read();
      if (read === undefined || read.done) {
        const where = frames.isMidFrame ? "in the middle of a message" : "without its status";
        throw new RpcError(Code.UNAVAILABLE, `the reply ended ${where}: the connection was lost, or something between cut it off`);
      }
      frames.push(read.value);
    }
  }
}

async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    if (!(await reader.read()).done) await reader.cancel();
  } catch {
    // The call is over; how its body ends changes nothing.
  }
}

/** The call has come to its end: throws unless it is a good one. */
function finish(call: Call, end: End): void {
  if (end.code !== Code.OK) {
    throw new RpcError(end.code, end.message, end);
  }
  tell(call.onTrailers, end.metadata);
}

function checkResponse(response: Response): void {
  if (response.status !== 200) {
    throw new RpcError(codeOfHttpStatus(response.status), `the server answered with HTTP status ${response.status}; is gRPC-Web served at ${response.url}?`);
  }
  const type = response.headers.get("content-type") ?? "nothing";
  if (!/^application\/grpc-web(\+proto)?\s*(;|$)/i.test(type)) {
    throw new RpcError(Code.UNKNOWN, `the server answered with content of type ${type} instead of ${CONTENT_TYPE}; is gRPC-Web served at ${response.url}?`);
  }
}

/** `fetch` tells a page nothing of what went wrong; the usual causes are two. */
function unreachable(baseUrl: string, cause: unknown): RpcError {
  const origin: unknown = globalThis.location?.origin;
  const hint = typeof origin === "string" ? `, and does it allow the origin ${origin} of this page` : "";
  return new RpcError(Code.UNAVAILABLE, `cannot reach ${baseUrl}: is the server running${hint}?`, { cause });
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  headers.forEach((value, key) => appendWire(metadata, key, value));
  return metadata;
}

/** Milliseconds as gRPC writes them, rounded up, in the finest unit that has room. */
export function grpcTimeout(timeoutMs: number): string {
  const units: [string, number][] = [
    ["m", 1],
    ["S", 1000],
    ["M", 60_000],
    ["H", 3_600_000],
  ];
  for (const [unit, ms] of units) {
    const count = Math.max(0, Math.ceil(timeoutMs / ms));
    if (count <= TIMEOUT_MAX) return `${count}${unit}`;
  }
  return `${TIMEOUT_MAX}H`;
}
