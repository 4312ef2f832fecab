// Official gRPC-Web clients against a test service of ours: each case is a sentence, and one that fails says why.
//
//   node client.mjs --client connect|grpc-web --port PORT --http 1|2 [--format binary|text]
//
// `connect` is @connectrpc/connect-node's gRPC-Web transport, on HTTP/1.1 and HTTP/2, binary. `grpc-web` is the client of
// the gRPC project itself, binary and text, over the XMLHttpRequest that xhr2 brings to Node, on HTTP/1.1.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";
import * as messages from "./generated/messages_pb.js";
import { runCases } from "./run_cases.mjs";
import { TestService, UnimplementedService } from "./generated/test_pb.js";

const { values: options } = parseArgs({
  options: {
    client: { type: "string", default: "connect" },
    port: { type: "string" },
    http: { type: "string", default: "1" },
    format: { type: "string", default: "binary" },
  },
});
const baseUrl = `http://127.0.0.1:${options.port}`;
const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";
const sizes = [31415, 9, 2653, 58979];
const special = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

// What both kinds of client answer: messages, headers, trailers, or an error with `code` (a number) and `text`.
function connectClient() {
  const transport = createGrpcWebTransport({ baseUrl, httpVersion: options.http === "2" ? "2" : "1.1" });
  const client = { ...createClient(UnimplementedService, transport), ...createClient(TestService, transport) };
  const failure = (error) => {
    const it = ConnectError.from(error);
    throw Object.assign(new Error(it.rawMessage), { code: it.code, text: it.rawMessage });
  };
  const told = {};
  const settings = ({ metadata, signal } = {}) => ({
    headers: metadata,
    signal,
    onHeader: (headers) => (told.headers = headers),
    onTrailer: (trailers) => (told.trailers = trailers),
  });
  return {
    unary: (method, request, extra) =>
      client[method](request, settings(extra)).then((message) => ({ message, ...told }), failure),
    async stream(request, extra, onMessage) {
      try {
        for await (const message of client.streamingOutputCall(request, settings(extra))) onMessage(message);
      } catch (error) {
        failure(error);
      }
      return told;
    },
  };
}

function grpcWebClient() {
  const require = createRequire(import.meta.url);
  globalThis.XMLHttpRequest = require("xhr2");
  const grpc = require("grpc-web");
  const client = new grpc.GrpcWebClientBase({ format: options.format });
  const descriptor = (name, kind, input, output) =>
    new grpc.MethodDescriptor(
      `/grpc.testing.${name === "UnimplementedCall" ? "UnimplementedService" : "TestService"}/${name}`,
      kind,
      Object,
      Object,
      (message) => toBinary(input, create(input, message)),
      (bytes) => fromBinary(output, bytes),
    );
  const url = (method) => `${baseUrl}${method.name}`;
  const methods = {
    emptyCall: ["EmptyCall", TestService.method.emptyCall],
    unaryCall: ["UnaryCall", TestService.method.unaryCall],
    unimplementedCall: ["UnimplementedCall", UnimplementedService.method.unimplementedCall],
  };
  const headersOf = (extra) => ({ ...extra?.metadata });
  const run = (call, extra, onMessage) =>
    new Promise((resolve, reject) => {
      const told = { headers: new Headers(), trailers: new Headers() };
      const lift = (metadata, into) => Object.entries(metadata ?? {}).forEach(([key, value]) => into.set(key, value));
      call.on("data", onMessage);
      call.on("metadata", (metadata) => lift(metadata, told.headers));
      call.on("status", ({ code, details, metadata }) => {
        lift(metadata, told.trailers);
        if (code === 0) return;
        reject(Object.assign(new Error(details), { code, text: details }));
      });
      call.on("error", ({ code, message }) => reject(Object.assign(new Error(message), { code, text: message })));
      call.on("end", () => resolve(told));
      extra?.signal?.addEventListener("abort", () => {
        call.cancel();
        reject(Object.assign(new Error("cancelled"), { code: Code.Canceled, text: "cancelled" }));
      });
    });
  return {
    async unary(method, request, extra) {
      const [name, { input, output }] = methods[method];
      const call = descriptor(name, grpc.MethodType.SERVER_STREAMING, input, output);
      let message;
      const told = await run(client.serverStreaming(url(call), request, headersOf(extra), call), extra, (it) => (message = it));
      return { message, ...told };
    },
    stream(request, extra, onMessage) {
      const { input, output } = TestService.method.streamingOutputCall;
      const call = descriptor("StreamingOutputCall", grpc.MethodType.SERVER_STREAMING, input, output);
      return run(client.serverStreaming(url(call), request, headersOf(extra), call), extra, onMessage);
    },
  };
}

const client = options.client === "connect" ? connectClient() : grpcWebClient();
const failed = async (promise) => {
  try {
    await promise;
  } catch (error) {
    if (error.code === undefined) throw error;
    return error;
  }
  return assert.fail("the call succeeded");
};
const streamOf = (list, intervalUs = 0) => ({
  responseParameters: list.map((size) => create(messages.ResponseParametersSchema, { size, intervalUs })),
});
const asked = (responseSize, bytes) => ({ responseSize, payload: create(messages.PayloadSchema, { body: new Uint8Array(bytes) }) });

const cases = {
  async empty_unary() {
    assert.ok((await client.unary("emptyCall", {})).message);
  },
  async large_unary() {
    const { message } = await client.unary("unaryCall", asked(314159, 271828));
    assert.equal(message.payload.body.length, 314159);
  },
  async server_streaming() {
    const seen = [];
    await client.stream(streamOf(sizes), {}, (message) => seen.push(message.payload.body.length));
    assert.deepEqual(seen, sizes);
  },
  async empty_stream_of_answers() {
    await client.stream(streamOf([]), {}, () => assert.fail("a message came"));
  },
  async custom_metadata() {
    const metadata = { [INITIAL]: "test_initial_metadata_value", [TRAILING]: "q6ur" };
    const { headers, trailers } = await client.unary("unaryCall", asked(1, 1), { metadata });
    assert.equal(headers.get(INITIAL), "test_initial_metadata_value");
    assert.equal(trailers.get(TRAILING).replaceAll("=", ""), "q6ur");
  },
  async status_code_and_message() {
    const responseStatus = create(messages.EchoStatusSchema, { code: 2, message: "test status message" });
    const error = await failed(client.unary("unaryCall", { responseStatus }));
    assert.deepEqual([error.code, error.text], [Code.Unknown, "test status message"]);
  },
  async special_status_message() {
    const responseStatus = create(messages.EchoStatusSchema, { code: 2, message: special });
    const error = await failed(client.unary("unaryCall", { responseStatus }));
    assert.deepEqual([error.code, decoded(error.text)], [Code.Unknown, special]);
  },
  async unimplemented_service() {
    assert.equal((await failed(client.unary("unimplementedCall", {}))).code, Code.Unimplemented);
  },
  async timeout_on_sleeping_server() {
    // Said to the server alone: a client that counts, too, gives up at the same instant, and is not always sure why.
    const metadata = { "grpc-timeout": "100m" };
    const error = await failed(client.stream(streamOf([1, 1], 2_000_000), { metadata }, () => {}));
    assert.equal(error.code, Code.DeadlineExceeded);
  },
  async cancel_after_first_response() {
    const controller = new AbortController();
    const call = client.stream(streamOf([9, 9, 9], 200_000), { signal: controller.signal }, () => controller.abort());
    assert.equal((await failed(call)).code, Code.Canceled);
    // The server goes on.
    assert.ok((await client.unary("emptyCall", {})).message);
  },
  async a_hundred_calls_at_once() {
    const calls = Array.from({ length: 100 }, (_, size) => client.unary("unaryCall", asked(size, size)));
    (await Promise.all(calls)).forEach(({ message }, size) => assert.equal(message.payload?.body.length ?? 0, size));
  },
};

// The client of the gRPC project leaves the decoding of messages to its caller.
function decoded(text) {
  return options.client === "connect" ? text : decodeURIComponent(text);
}

if (options.client === "connect") {
  cases.client_streaming_is_refused_by_the_server = async () => {
    // The transport itself refuses to send more than one message; the server must refuse the method with one.
    const body = new Uint8Array([0, 0, 0, 0, 0]);
    const answer = await fetch(`${baseUrl}/grpc.testing.TestService/StreamingInputCall`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto" },
      body,
    });
    const said = `${answer.headers.get("grpc-status")}${new TextDecoder().decode(await answer.arrayBuffer())}`;
    assert.match(said, /12/);
  };
  if (options.http === "2") delete cases.client_streaming_is_refused_by_the_server;
}

await runCases(cases);
