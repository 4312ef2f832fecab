// gRPC-Web by the official client, @connectrpc/connect-web, in the same browser: bundled by drive.mjs into the page, where
// it leaves two functions.

import { createClient, ConnectError } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Chat } from "../../../clients/web/examples/chat/src/generated/chat_pb.js";

const client = (baseUrl) => createClient(Chat, createGrpcWebTransport({ baseUrl }));

/** Says something; the answer is its number, or the error. */
globalThis.officialSay = async (server, room, text) => {
  try {
    const reply = await client(server).say({ room, author: "dan", text }, { timeoutMs: 5000 });
    return `line ${reply.number}`;
  } catch (error) {
    return String(ConnectError.from(error));
  }
};

/** The first lines of a room. */
globalThis.officialListen = async (server, room, count) => {
  const lines = [];
  for await (const line of client(server).listen({ room, backlog: count }, { timeoutMs: 5000 })) {
    lines.push(line.text);
    if (lines.length === count) break;
  }
  return lines;
};
