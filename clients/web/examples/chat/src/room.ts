// The live room: what is said, as it is said (a server stream), and saying something (a unary call).

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { RpcError, type Client } from "../../../src/index.js";
import type { Chat, Line } from "./generated/chat_pb.js";
import { addTo, byId, make, show, showState } from "./page.js";

const BACKLOG = 50;
const AGAIN_MS = 1500;

/** Listens for as long as the page is open, and begins again when the stream ends. */
export async function listen(client: Client<typeof Chat>, room: string, author: () => string): Promise<void> {
  const list = byId("lines", HTMLOListElement);
  const empty = byId("no-lines", HTMLParagraphElement);
  let last = 0n;
  for (;;) {
    showState("web-state", "connecting", "connecting");
    try {
      for await (const line of client.listen({ room, backlog: BACKLOG }, { onHead: () => showState("web-state", "ready", "live") })) {
        showState("web-state", "ready", "live");
        // After a break the server repeats what was said; what is here already is not shown twice.
        if (line.number > last) addTo(list, item(line, author()));
        last = line.number > last ? line.number : last;
        empty.hidden = true;
      }
    } catch (thrown) {
      const error = thrown as RpcError;
      empty.textContent = "The room cannot be heard now.";
      showState("web-state", "failed", error.codeName ?? "failed", error.message);
      show(byId("said", HTMLOutputElement), error.message, true);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function item(line: Line, own: string): HTMLElement {
  const time = line.at ? timestampDate(line.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false }) : "";
  const text = make("p", "", make("b", "", line.author), line.text);
  return make("li", line.author === own ? "own" : "", make("span", "number", String(line.number)), text, make("time", "", time));
}

/** Says what is typed, and shows what the server answered. */
export function say(client: Client<typeof Chat>, room: string, author: () => string): void {
  const text = byId("text", HTMLInputElement);
  const said = byId("said", HTMLOutputElement);
  byId("say", HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const reply = await client.say({ room, author: author(), text: text.value }, { timeoutMs: 5000 });
      show(said, `line ${reply.number}, heard by ${reply.listeners}`);
      text.value = "";
    } catch (thrown) {
      show(said, (thrown as Error).message, true);
    }
  });
}

/** Listens for a while only: shows what a deadline does to a stream. */
export function listenFor(client: Client<typeof Chat>, room: string): void {
  const ms = byId("late-ms", HTMLInputElement);
  const status = byId("late-status", HTMLOutputElement);
  byId("late", HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    let count = 0;
    try {
      for await (const _ of client.listen({ room, backlog: BACKLOG }, { timeoutMs: ms.valueAsNumber })) count++;
      show(status, `the stream ended by itself after ${count} lines`);
    } catch (thrown) {
      show(status, `${count} lines, then ${(thrown as Error).message}`, true);
    }
  });
}
