/** A process that becomes another program, and is asked to stop before that one is ready for it. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";

const MODULE = JSON.stringify(join(import.meta.dir, "become.ts"));
/** Says that it is the second program, is busy, and only then has a handler. */
const PROGRAM = `
import { becomeProgram, holdSignals, releaseSignals } from ${MODULE};
const [mode] = process.argv.slice(2);
if (mode !== "second") {
  if (mode === "holding") holdSignals();
  const args = [process.execPath, import.meta.path, "second"];
  becomeProgram({ program: process.execPath, args, environment: { WORD: "kept", PATH: "/bin" } });
}
console.log("second", process.pid, JSON.stringify(process.env));
Bun.sleepSync(700);
process.on("SIGTERM", () => { console.log("asked to stop"); process.exit(0); });
releaseSignals();
process.stdin.resume();
`;

async function stopWhileBusy(mode: string) {
  const folder = await mkdtemp(join(tmpdir(), "luna-become-"));
  const file = join(folder, "program.ts");
  await Bun.write(file, PROGRAM);
  const child = Bun.spawn([process.execPath, file, mode], {
    ...{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  });
  let output = "";
  const reading = (async () => {
    for await (const piece of child.stdout) output += new TextDecoder().decode(piece);
  })();
  await until(() => output.includes("second"), { what: "the second program" });
  child.kill("SIGTERM");
  await child.exited;
  await reading;
  await rm(folder, { recursive: true });
  return { output, pid: child.pid, code: child.exitCode, signal: child.signalCode };
}

test("what asks it to stop waits for the program that it becomes, under the same pid", async () => {
  const { output, pid, code } = await stopWhileBusy("holding");
  expect(output).toContain(`second ${pid} {"WORD":"kept","PATH":"/bin"`);
  expect([output.includes("asked to stop"), code]).toEqual([true, 0]);
});

test("without that it would end it", async () => {
  expect((await stopWhileBusy("letting")).signal).toBe("SIGTERM");
});
