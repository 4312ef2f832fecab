// Drives the chat page in Debian's Chromium as a person would, and reads what the page shows.
//
//   node drive.mjs SERVER PAGE FOREIGN_PAGE CHROMIUM OUTPUT
//
// SERVER is the chat service's URL. PAGE is served from an origin that it allows, FOREIGN_PAGE from one that it does not.
// Screenshots go to the folder OUTPUT. One line a check; the exit code is 1 when one fails.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const [server, page_url, foreign_url, executablePath, output] = process.argv.slice(2);
const WAIT_MS = 8000;
const room = `room-${process.pid}`;

const profile = mkdtempSync(join(tmpdir(), "zrpc-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1180, height: 900 },
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

let passed = 0;
let failed = 0;

/** One check: what it shows, and how. */
async function check(what, act) {
  try {
    await act();
    passed++;
    console.log(`ok   ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${what}: ${String(error.message ?? error).split("\n")[0]}`);
  }
}

/** Opens the chat page as somebody. */
async function open(base, name) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => {
    failed++;
    console.log(`FAIL the page threw: ${error.message}`);
  });
  await page.goto(`${base}?server=${encodeURIComponent(server)}&room=${room}&name=${name}`);
  return page;
}

/** Waits until an element's text matches. */
async function reads(page, selector, pattern) {
  const found = page.locator(selector);
  const last = async () => (await found.allTextContents()).join(" | ").replace(/\s+/g, " ");
  const until = Date.now() + WAIT_MS;
  while (!pattern.test(await last())) {
    if (Date.now() > until) throw new Error(`${selector} shows "${await last()}" instead of ${pattern}`);
    await page.waitForTimeout(20);
  }
}

/** The official client and the service's types, in one script. */
async function official() {
  const bundled = await build({
    entryPoints: [join(here, "official.mjs")],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
  });
  return bundled.outputFiles[0].text;
}

const ann = await open(page_url, "ann");
await check("the live room is connected (server stream, gRPC-Web)", () => reads(ann, "#web-state", /live/));
await check("the WebSocket is connected", () => reads(ann, "#socket-state", /ready/));

await check("saying something shows its number (unary, gRPC-Web)", async () => {
  await ann.fill("#text", "Good morning! Is anybody here?");
  await ann.click("#say button");
  await reads(ann, "#said", /^line 1, heard by 1$/);
});
await check("the live room shows it", () => reads(ann, "#lines", /1ann ?Good morning! Is anybody here\?/));

const bob = await open(page_url, "bob");
await check("a second page is told what was said before", () => reads(bob, "#lines", /Good morning!/));

await check("two pages talk and hear each other (bidirectional stream, WebSocket)", async () => {
  await ann.fill("#talk-text", "I will stay on the line.");
  await ann.click("#talk button");
  // Her call hears from its first word on, so bob waits until that has reached the room.
  await reads(bob, "#lines", /stay on the line/);
  await bob.fill("#talk-text", "Morning, ann. So will I.");
  await bob.click("#talk button");
  await reads(ann, "#heard", /bob ?Morning, ann\. So will I\./);
  await ann.fill("#talk-text", "Then we can hear each other.");
  await ann.click("#talk button");
  await reads(bob, "#heard", /ann ?Then we can hear each other\./);
});
await check("what was talked appears live in the room", () => reads(bob, "#lines", /Then we can hear each other/));

await check("hanging up ends the call well", async () => {
  await bob.click("#hang-up");
  await reads(bob, "#heard", /hung up/);
  await reads(bob, "#calls tr:has-text('Talk')", /OK/);
});

await check("lines are imported and counted (client stream, WebSocket)", async () => {
  await ann.click("#import button");
  await reads(ann, "#imported", /^2 of 3 lines taken; line 3 was not \(EMPTY\)$/);
  await reads(ann, "#lines", /so was I/);
});

await check("a stream ends with its deadline, and the page says so", async () => {
  await ann.click("#late button");
  await reads(ann, "#late-status", /\d+ lines, then DEADLINE_EXCEEDED/);
});

await check("the service's refusal of an empty line is shown", async () => {
  await bob.fill("#text", "");
  await bob.click("#say button");
  await reads(bob, "#said", /INVALID_ARGUMENT: the line was not taken: REASON_EMPTY/);
});

await ann.bringToFront();
await ann.screenshot({ path: join(output, "light.png"), fullPage: true });
await ann.emulateMedia({ colorScheme: "dark" });
await ann.screenshot({ path: join(output, "dark.png"), fullPage: true });
await ann.setViewportSize({ width: 420, height: 800 });
await ann.screenshot({ path: join(output, "narrow.png"), fullPage: true });

await check("the official client, connect-web, is answered in this browser, too (unary, server stream, an error)", async () => {
  await bob.addScriptTag({ content: await official() });
  const said = await bob.evaluate(([to, where]) => globalThis.officialSay(to, where, "Hello from connect-web"), [server, room]);
  if (!/^line \d+$/.test(said)) throw new Error(said);
  await reads(ann, "#lines", /dan ?Hello from connect-web/);
  const lines = await bob.evaluate(([to, where]) => globalThis.officialListen(to, where, 2), [server, room]);
  if (lines[1] !== "Hello from connect-web") throw new Error(`it heard ${JSON.stringify(lines)}`);
  const refused = await bob.evaluate(([to, where]) => globalThis.officialSay(to, where, ""), [server, room]);
  if (!/invalid_argument.*REASON_EMPTY/.test(refused)) throw new Error(refused);
});

const eve = await open(foreign_url, "eve");
const origin = new URL(foreign_url).origin;
await check("a foreign origin is refused over gRPC-Web, and the page says what to look at", async () => {
  await eve.fill("#text", "Let me in");
  await eve.click("#say button");
  await reads(eve, "#said", new RegExp(`UNAVAILABLE: cannot reach .* allow the origin ${origin}`));
});
await check("a foreign origin is refused over WebSocket, and the page says what to look at", async () => {
  await reads(eve, "#socket-state", /UNAVAILABLE/);
  await eve.fill("#talk-text", "Let me in");
  await eve.click("#talk button");
  await reads(eve, "#heard", new RegExp(`UNAVAILABLE: cannot connect to .* allow the origin ${origin}`));
});
await check("nothing that the foreign page said has come into the room", async () => {
  const lines = (await bob.locator("#lines").textContent()) ?? "";
  if (lines.includes("Let me in")) throw new Error("it has");
});
await eve.screenshot({ path: join(output, "refused.png"), fullPage: true });

await browser.close();
rmSync(profile, { recursive: true, force: true });

process.exit(failed === 0 ? 0 : 1);
