// Talking and hearing on one call: a bidirectional stream over the WebSocket, open from the first word to hanging up.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Outbox, type Client, type Replies } from "../../../src/index.js";
import type { Chat, Line, SayRequestSchema } from "./generated/chat_pb.js";
import { addTo, byId, make } from "./page.js";

type Words = MessageInitShape<typeof SayRequestSchema>;

export function talk(client: Client<typeof Chat>, room: string, author: () => string): void {
  const text = byId("talk-text", HTMLInputElement);
  const heard = byId("heard", HTMLOListElement);
  const hangUp = byId("hang-up", HTMLButtonElement);
  let words: Outbox<Words> | undefined;

  const add = (name: string, who: string, what: string): void => addTo(heard, make("li", name, make("b", "", who), what));
  const hear = async (replies: Replies<Line>): Promise<void> => {
    hangUp.disabled = false;
    try {
      for await (const line of replies) add("", line.author, line.text);
      add("own", "", "hung up");
    } catch (thrown) {
      add("error", "", (thrown as Error).message);
    }
    words = undefined;
    hangUp.disabled = true;
  };

  byId("talk", HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    if (text.value === "") return;
    if (words === undefined) {
      words = new Outbox();
      void hear(client.talk(words));
    }
    const said = { room, author: author(), text: text.value };
    try {
      await words.send(said);
      add("own", said.author, said.text);
      text.value = "";
    } catch {
      // The call is over; `hear` shows why.
    }
  });
  hangUp.addEventListener("click", () => words?.end());
}
