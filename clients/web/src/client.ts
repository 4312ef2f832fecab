// The typed client: turns the service descriptors of protobuf-es into functions over any transport.

import {
  create,
  fromBinary,
  toBinary,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code } from "./code.js";
import { Metadata, type MetadataInit } from "./metadata.js";
import type { Replies } from "./replies.js";
import { RpcError } from "./status.js";
import type { Call, Transport } from "./transport.js";

/** What may be said about one call. */
export interface CallOptions {
  /** Travels with the call. */
  metadata?: MetadataInit;
  /** Milliseconds for the whole call, its last streamed message included. The server is told, too. */
  timeoutMs?: number;
  /** Cancels the call when it aborts. */
  signal?: AbortSignal;
  /** Is told the server's first metadata, before the first reply. */
  onHead?: (metadata: Metadata) => void;
  /** Is told the metadata that came with the status OK. */
  onTrailers?: (metadata: Metadata) => void;
}

/** Requests as they are written in code: all at once, or as they come. */
export type Requests<T> = Iterable<T> | AsyncIterable<T>;

/** One function for each method of a service. */
export type Client<S extends DescService> = {
  readonly [Name in keyof S["method"]]: S["method"][Name] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : S["method"][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => Replies<MessageShape<O>>
      : S["method"][Name] extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: Requests<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : S["method"][Name] extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: Requests<MessageInitShape<I>>, options?: CallOptions) => Replies<MessageShape<O>>
          : never;
};

/** A client of a service that protoc-gen-es generated. `defaults` hold for each call that does not say otherwise. */
export function createClient<S extends DescService>(service: S, transport: Transport, defaults: CallOptions = {}): Client<S> {
  const client: Record<string, unknown> = {};
  for (const method of service.methods) {
    const call = (input: Input | Requests<Input>, options: CallOptions = {}): Output =>
      start(method, transport, input, { ...defaults, ...options });
    client[method.localName] = isOneReply(method)
      ? async (input: Input, options?: CallOptions) => only(call(input, options), method)
      : call;
  }
  return client as Client<S>;
}

type Input = MessageInitShape<DescMethod["input"]>;
type Output = Replies<MessageShape<DescMethod["output"]>>;

function start(method: DescMethod, transport: Transport, input: Input | Requests<Input>, options: CallOptions): Output {
  const encode = (request: Input): Uint8Array => toBinary(method.input, create(method.input, request));
  const call: Call = {
    path: `/${method.parent.typeName}/${method.name}`,
    kind: method.methodKind,
    requests: isOneRequest(method) ? encode(input as Input) : encoded(input as Requests<Input>, encode),
    metadata: new Metadata(options.metadata),
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    onHead: options.onHead,
    onTrailers: options.onTrailers,
  };
  return transport.start(call).map((reply) => decode(method, reply));
}

async function* encoded(requests: Requests<Input>, encode: (request: Input) => Uint8Array): AsyncGenerator<Uint8Array, void> {
  for await (const request of requests) {
    yield encode(request);
  }
}

function decode(method: DescMethod, reply: Uint8Array): MessageShape<DescMethod["output"]> {
  try {
    return fromBinary(method.output, reply);
  } catch (cause) {
    throw new RpcError(Code.INTERNAL, `a reply of ${reply.length} bytes is no ${method.output.typeName}; do client and server have the same .proto?`, { cause });
  }
}

/** The reply of a call that has exactly one. */
async function only<T>(replies: Replies<T>, method: DescMethod): Promise<T> {
  const first = await replies.next();
  if (first.done) {
    throw new RpcError(Code.UNIMPLEMENTED, `${method.name} answers with exactly one message, and none came`);
  }
  const second = await replies.next();
  if (!second.done) {
    await replies.return();
    throw new RpcError(Code.UNIMPLEMENTED, `${method.name} answers with exactly one message, and several came`);
  }
  return first.value;
}

function isOneRequest(method: DescMethod): boolean {
  return method.methodKind === "unary" || method.methodKind === "server_streaming";
}

function isOneReply(method: DescMethod): boolean {
  return method.methodKind === "unary" || method.methodKind === "client_streaming";
}
