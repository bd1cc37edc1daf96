/** Runs the suites that need the compiled binary and real programs, and ends with the sum over all suites. */

const SUITES = [
  "./src",
  "./hub",
  "./extensions",
  "./tests/tidy",
  "./tests/processes",
  "./tests/system",
  "./tests/clients",
  "./tests/conformance",
  "./tests/security",
  "./tests/faults",
  "./tests/browser",
  "./tests/database",
];
/** A suite that takes longer hangs. */
const SUITE_TIMEOUT_MS = 20 * 60_000;
/** For tests and hooks that name no limit of their own: a first start of the executable may wait for the disk. */
const TEST_TIMEOUT_MS = 30_000;
/** Whose files run side by side: they start little that the others could feel. */
const SIDE_BY_SIDE = "./src";
const WORKERS = 2;
/** Of the tests that a file lets run side by side; each may start processes of its own. */
const CONCURRENT_MAX = 4;

/** Of what a failed test wrote, the last lines are shown again at the end. */
const FAILURE_LINES_MAX = 40;
const FAILURES_MAX = 20;

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const failures: string[] = [];

/** What was written from the test before to each that failed, so that nobody has to look for it in all the rest. */
function noteFailures(folder: string, output: string): void {
  let lines: string[] = [];
  for (const line of output.split("\n")) {
    lines.push(line);
    if (/^\(fail\) /.test(line)) {
      failures.push([`-- ${folder}`, ...lines.slice(-FAILURE_LINES_MAX)].join("\n"));
    }
    if (/^\((?:pass|fail)\) |^\d+ tests? failed:$/.test(line)) lines = [];
    // It names them once more.
    if (/^\d+ tests? failed:$/.test(line)) return;
  }
}

function countIn(output: string): Count {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    passed: number(/^\s*(\d+) pass$/m),
    failed: number(/^\s*(\d+) fail$/m),
    skipped: number(/^\s*(\d+) (?:skip|todo)$/m),
  };
}

/** Runs `bun test` on one folder, passing its output through. */
async function runSuite(folder: string): Promise<Count> {
  const child = Bun.spawn(
    [
      ...[process.execPath, "test", folder],
      ...(folder === SIDE_BY_SIDE ? [`--parallel=${WORKERS}`] : []),
      ...["--timeout", String(TEST_TIMEOUT_MS), "--max-concurrency", String(CONCURRENT_MAX)],
    ],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: SUITE_TIMEOUT_MS,
    },
  );
  let output = "";
  const pass = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      process.stderr.write(text);
    }
  };
  await Promise.all([pass(child.stdout), pass(child.stderr)]);
  const code = await child.exited;
  noteFailures(folder, output);
  const count = countIn(output);
  // A suite that crashed, or saw no test, has failed whatever it counted.
  if ((code !== 0 || count.passed === 0) && count.failed === 0) {
    count.failed = 1;
    failures.push(`-- ${folder}\n${output.split("\n").slice(-FAILURE_LINES_MAX).join("\n")}`);
  }
  return count;
}

const wanted = process.argv.slice(2);
const total: Count = { passed: 0, failed: 0, skipped: 0 };
for (const folder of wanted.length > 0 ? wanted : SUITES) {
  process.stderr.write(`\n== ${folder}\n`);
  const count = await runSuite(folder);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}
if (total.skipped > 0)
  process.stderr.write(`\n${total.skipped} tests were skipped: see above why.\n`);
for (const failure of failures.slice(0, FAILURES_MAX)) process.stderr.write(`\n${failure}\n`);
const { CI } = Bun.env;
const isStrict = process.argv.length === 2 && Boolean(CI);
process.stdout.write(
  `\n${total.passed} passed, ${total.failed + (isStrict ? total.skipped : 0)} failed\n`,
);
process.exitCode = total.failed > 0 || (isStrict && total.skipped > 0) ? 1 : 0;

export {};
