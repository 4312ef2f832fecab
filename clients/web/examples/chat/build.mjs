// Bundles the page into dist/page, from where `serve.mjs` or any other server of files can serve it.

import { build } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const page = join(here, "../../dist/page");

mkdirSync(page, { recursive: true });
await build({
  entryPoints: [join(here, "src/main.ts")],
  outfile: join(page, "main.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: true,
  logLevel: "warning",
});
for (const name of ["index.html", "style.css"]) {
  copyFileSync(join(here, name), join(page, name));
}
