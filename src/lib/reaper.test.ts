/** Orphans of real processes: taken in, reaped, and nobody else's children with them. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { until } from "../../tests/support/until.ts";
import { statOf } from "./proc.ts";

const ORPHANS = 5;
const OWN_EXIT_CODE = 7;

/**
 * A process that takes in orphans and waits; each line of its input makes it run a child that leaves orphans behind.
 * It answers with the child's exit code, and with the pids of the orphans, which end at once.
 */
const source = (owns: string): string => `
  import { reapOrphans } from ${JSON.stringify(resolve(import.meta.dir, "reaper.ts"))};
  let own;
  reapOrphans({ isOwn: (pid) => ${owns} });
  for await (const _ of console) {
    const script = 'for i in $(seq ${ORPHANS}); do (sh -c "echo \\\\$\\\\$; exit 3" &); done; exit ${OWN_EXIT_CODE}';
    own = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
    const pids = (await new Response(own.stdout).text()).trim().split("\\n");
    console.log([await own.exited, ...pids].join(" "));
  }
`;

/** Runs a round in such a process; what it answered, and how to look at and end it. */
async function round(owns: string): Promise<{
  parent: number;
  code: number;
  orphans: number[];
  end(): Promise<unknown>;
}> {
  const child = Bun.spawn([process.execPath, "-e", source(owns)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  child.stdin.write("\n");
  await child.stdin.flush();
  const { value } = await child.stdout.getReader().read();
  const [code = Number.NaN, ...orphans] = new TextDecoder()
    .decode(value)
    .trim()
    .split(" ")
    .map(Number);
  return {
    parent: child.pid,
    code,
    orphans,
    end: () => {
      child.kill("SIGKILL");
      return child.exited;
    },
  };
}

test("orphans that have ended are forgotten, and an own child's exit code is not taken", async () => {
  const { code, orphans, end } = await round("pid === own?.pid");
  try {
    expect(orphans.length).toBe(ORPHANS);
    expect(code).toBe(OWN_EXIT_CODE);
    await until(() => orphans.every((pid) => statOf(pid) === undefined), {
      what: "every orphan to be reaped",
    });
  } finally {
    await end();
  }
});

test("what counts as an own child is left to the runtime", async () => {
  const { parent, orphans, end } = await round("true");
  try {
    await until(() => orphans.every((pid) => statOf(pid)?.alive === false), {
      what: "every orphan to be a zombie",
    });
    for (const pid of orphans) expect(statOf(pid)?.parent).toBe(parent);
  } finally {
    await end();
  }
});
