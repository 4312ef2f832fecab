// Runs the chat service of the tests: node dist/test/chat_server_main.js [ORIGIN [PORT]]. Prints its port first.

import { ChatServer } from "./chat_server.js";

console.log(await new ChatServer(process.argv[2]).listen(Number(process.argv[3] ?? 0)));
process.stdin.on("end", () => process.exit(0)).resume();
