// What the package offers.

export { createClient, type CallOptions, type Client, type Requests } from "./client.js";
export { Code } from "./code.js";
export { GrpcWebTransport, type GrpcWebOptions } from "./grpc_web.js";
export { Metadata, type MetadataInit, type MetadataValue } from "./metadata.js";
export { Outbox } from "./outbox.js";
export { Replies } from "./replies.js";
export { RpcError } from "./status.js";
export type { Call, CallKind, Transport } from "./transport.js";
export { WebSocketTransport, type ConnectionState, type WebSocketOptions } from "./websocket.js";
