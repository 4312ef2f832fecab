// Bringing lines into the room: a stream of requests over the WebSocket, and one reply that counts them.

import type { Client } from "../../../src/index.js";
import { ImportReply_Reason, type Chat } from "./generated/chat_pb.js";
import { byId, show } from "./page.js";

export function importLines(client: Client<typeof Chat>, room: string): void {
  const lines = byId("import-lines", HTMLTextAreaElement);
  const imported = byId("imported", HTMLOutputElement);
  byId("import", HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = lines.value.split("\n").filter((line) => line.trim() !== "");
    const requests = typed.map((line) => {
      const colon = line.indexOf(":");
      return { room, author: line.slice(0, Math.max(0, colon)).trim(), text: line.slice(colon + 1).trim() };
    });
    try {
      const reply = await client.import(requests, { timeoutMs: 10_000 });
      const reasons = reply.rejections.map(({ index, reason }) => `line ${index + 1n} was not (${ImportReply_Reason[reason]})`);
      show(imported, [`${reply.accepted} of ${reply.received} lines taken`, ...reasons].join("; "));
    } catch (thrown) {
      show(imported, (thrown as Error).message, true);
    }
  });
}
