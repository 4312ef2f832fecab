// Serves the built page, and nothing else: node examples/chat/serve.mjs [PORT]. Prints its port first.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const page = join(dirname(fileURLToPath(import.meta.url)), "../../dist/page");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".map": "application/json" };
const FILES = ["index.html", "main.js", "main.js.map", "style.css"];

if (!existsSync(join(page, "main.js"))) {
  console.error("the page is not built yet; run: npm run page");
  process.exit(1);
}
const server = createServer((request, response) => {
  const name = new URL(request.url, "http://page").pathname.slice(1) || "index.html";
  if (!FILES.includes(name)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": TYPES[extname(name)], "cache-control": "no-store" });
  createReadStream(join(page, name)).pipe(response);
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  const { port } = server.address();
  console.log(port);
  console.log(`the page is at http://127.0.0.1:${port}/; stop with Ctrl-C`);
});
// Started by a script, it ends with it.
process.stdin.on("end", () => process.exit(0)).resume();
