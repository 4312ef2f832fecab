// What the peers that run on Node share: cases in order, a line for each that says what failed, and the exit code.

/** Runs all cases, an object of async functions, and ends the program. */
export async function runCases(cases) {
  let failures = 0;
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run();
      console.log(`ok ${name}`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED ${name}: ${error.stack}`);
    }
  }
  console.log(`${Object.keys(cases).length - failures} passed, ${failures} failed`);
  process.exit(failures > 0 ? 1 : 0);
}
