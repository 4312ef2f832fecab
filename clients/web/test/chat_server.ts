// The chat service in Node, just enough of it for real sockets: gRPC-Web by HTTP/1.1 and the native protocol on a
// WebSocket, on one port, for one allowed origin. What the real server does is tested against the real server.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import {
  ImportReply_Reason,
  ImportReply_RejectionSchema,
  ImportReplySchema,
  LineSchema,
  ListenRequestSchema,
  SayReplySchema,
  SayRequestSchema,
  type ImportReply,
  type Line,
} from "../examples/chat/src/generated/chat_pb.js";
import { Code } from "../src/code.js";
import { framed } from "../src/grpc_web/frames.js";
import { RpcError } from "../src/status.js";
import { FakePeer } from "./native/fake_server.js";

const TEXT_MAX = 1000;

/** What a handler is given: requests as they come, and where its replies go. */
interface Served {
  method: string;
  onRequest(bytes: Uint8Array): void;
  onRequestsEnd(): void;
  onGone(): void;
}

interface Replying {
  reply(bytes: Uint8Array): void;
  end(code?: Code, message?: string): void;
}

export class ChatServer {
  readonly #lines: Line[] = [];
  readonly #listeners = new Set<(line: Line) => void>();
  readonly #http: Server;
  readonly #sockets: WebSocketServer;

  constructor(readonly origin: string | undefined) {
    this.#http = createServer((request, response) => this.#web(request, response));
    const verifyClient = ({ origin: from }: { origin: string }): boolean => from === undefined || from === this.origin;
    this.#sockets = new WebSocketServer({ server: this.#http, verifyClient });
    this.#sockets.on("connection", (socket) => this.#native(socket));
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#http.listen(port, "127.0.0.1", resolve));
    return (this.#http.address() as AddressInfo).port;
  }

  /** Ends at once, with all connections. */
  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  #serve(path: string, { reply, end }: Replying): Served {
    const method = path.slice(path.lastIndexOf("/") + 1);
    const imported: ImportReply = create(ImportReplySchema);
    let mine: ((line: Line) => void) | undefined;
    const listen = (author: string): void => {
      mine ??= (line) => line.author !== author && reply(toBinary(LineSchema, line));
      this.#listeners.add(mine);
    };
    const onRequest = (bytes: Uint8Array): void => {
      if (method === "Say" || method === "Talk") {
        const { room, author, text } = fromBinary(SayRequestSchema, bytes);
        if (text === "") return end(Code.INVALID_ARGUMENT, "the line was not taken: REASON_EMPTY");
        if (method === "Talk") listen(author);
        const said = this.#add(room, author, text);
        if (method === "Say") reply(toBinary(SayReplySchema, said)), end();
      } else if (method === "Listen") {
        const { backlog } = fromBinary(ListenRequestSchema, bytes);
        for (const line of backlog > 0 ? this.#lines.slice(-backlog) : []) reply(toBinary(LineSchema, line));
        listen("");
      } else if (method === "Import") {
        const { room, author, text } = fromBinary(LineSchema, bytes);
        const index = imported.received++;
        if (text.length > TEXT_MAX) return;
        if (text === "") imported.rejections.push(create(ImportReply_RejectionSchema, { index, reason: ImportReply_Reason.EMPTY }));
        else this.#add(room, author, text), imported.accepted++;
      } else {
        end(Code.UNIMPLEMENTED, `there is no method ${path}`);
      }
    };
    const onRequestsEnd = (): void => {
      if (method === "Import") reply(toBinary(ImportReplySchema, imported));
      if (method === "Import" || method === "Talk") end();
    };
    return { method, onRequest, onRequestsEnd, onGone: () => mine && this.#listeners.delete(mine) };
  }

  #add(room: string, author: string, text: string): ReturnType<typeof create<typeof SayReplySchema>> {
    const line = create(LineSchema, { number: BigInt(this.#lines.length + 1), room, author, text, at: timestampNow() });
    this.#lines.push(line);
    for (const listener of this.#listeners) listener(line);
    return create(SayReplySchema, { number: line.number, listeners: this.#listeners.size });
  }

  #web(request: IncomingMessage, response: ServerResponse): void {
    const { origin } = request.headers;
    if (origin !== undefined && origin === this.origin) {
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("access-control-allow-headers", "content-type, x-grpc-web, x-user-agent, grpc-timeout");
      response.setHeader("access-control-expose-headers", "grpc-status, grpc-message");
    }
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    response.writeHead(200, { "content-type": "application/grpc-web+proto" }).flushHeaders();
    const served = this.#serve(request.url ?? "", {
      reply: (bytes) => response.write(framed(bytes)),
      end: (code = Code.OK, message = "") => {
        const trailers = framed(new TextEncoder().encode(`grpc-status: ${code}\r\ngrpc-message: ${encodeURIComponent(message)}\r\n`));
        trailers[0] = 0x80;
        response.end(trailers);
      },
    });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => served.onRequest(Buffer.concat(chunks).subarray(5)));
    response.on("close", () => served.onGone());
  }

  #native(socket: import("ws").WebSocket): void {
    socket.binaryType = "nodebuffer";
    const peer = new FakePeer((bytes) => socket.send(bytes), { initialCredit: 2 ** 30 });
    const calls = new Map<number, Served>();
    const begun = new Map<number, Buffer>();
    peer.greet();
    socket.on("message", (data: Buffer) => {
      peer.receive(data);
      for (const frame of peer.frames.splice(0)) {
        if (frame.type === "call" && frame.message) {
          const gathered = Buffer.concat([begun.get(frame.call) ?? Buffer.of(), frame.message]);
          begun.delete(frame.call);
          if (frame.hasMore) begun.set(frame.call, gathered);
          frame.message = frame.hasMore ? undefined : gathered;
        }
        this.#handle(peer, calls, frame);
      }
    });
    socket.on("close", () => calls.forEach((call) => call.onGone()));
  }

  #handle(peer: FakePeer, calls: Map<number, Served>, frame: FakePeer["frames"][number]): void {
    if (frame.type === "ping") peer.send({ type: "pong", token: frame.token });
    if (frame.type !== "call" && frame.type !== "reset") return;
    const end = (code = Code.OK, message = ""): void => {
      calls.get(frame.call)?.onGone();
      if (calls.delete(frame.call)) peer.end(frame.call, { code, message });
    };
    if (frame.type === "reset") {
      calls.get(frame.call)?.onGone();
      calls.delete(frame.call);
      return;
    }
    if (frame.head) {
      calls.set(frame.call, this.#serve(frame.head.path ?? "", { reply: (bytes) => peer.message(frame.call, bytes), end }));
    }
    try {
      if (frame.message) calls.get(frame.call)?.onRequest(frame.message);
      if (frame.isEnd) calls.get(frame.call)?.onRequestsEnd();
    } catch (thrown) {
      end(Code.INTERNAL, thrown instanceof RpcError ? thrown.reason : String(thrown));
    }
  }
}
