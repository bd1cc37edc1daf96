/** `luna ext list|enable|disable|remove`, `luna runs` and `luna queue` on the compiled Luna. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ExtensionList } from "../../src/contract/extension.ts";
import { RunEvent, RunView } from "../../src/contract/run.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(60_000);

const Runs = z.object({ runs: z.array(RunView) });
let luna: Luna;
beforeAll(async () => {
  luna = await startLuna();
  expect((await luna.run("ext", "new", "demo")).code).toBe(0);
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

async function demo() {
  const { stdout } = await luna.run("ext", "list", "--json");
  return ExtensionList.parse(JSON.parse(stdout)).extensions.find(({ name }) => name === "demo");
}
const greet = () => luna.run("tools", "run", "DEMO_GET_greeting", "name=Ada");

test("extensions are listed with their parts and state", async () => {
  const { code, stdout } = await luna.run("ext", "list");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^demo +0\.1\.0 +on +2 tools, UI, api +local$/m);
});

test("one is switched off and on again, step by step, without a question", async () => {
  const off = await luna.run("ext", "disable", "demo");
  expect([off.code, off.stderr]).toEqual([0, ""]);
  expect(off.stdout).toContain("effect    ends: demo_ui");
  expect(off.stdout).toMatch(/^demo +is done$/m);
  expect(await demo()).toMatchObject({ enabled: false });
  expect((await greet()).code).toBe(1);
  const on = await luna.run("ext", "enable", "demo", "--json");
  expect(on.code).toBe(0);
  const [preview, ...events] = on.stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(preview).toMatchObject({ preview: { units: [{ operation: { target: "demo" } }] } });
  expect(events.map((event) => RunEvent.parse(event)).at(-1)).toMatchObject({
    ...{ event: "end", state: "done" },
  });
  expect(await demo()).toMatchObject({ enabled: true });
  expect((await greet()).code).toBe(0);
});

test("nothing is removed without being told to; then its data is kept, unless that is to go too", async () => {
  await luna.run("tools", "run", "DEMO_UPDATE_phrase", "phrase=Ahoy");
  const folder = join(luna.paths.extensions, "demo");
  const asked = await luna.run("ext", "remove", "demo");
  expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("add --yes")]);
  expect(existsSync(folder)).toBe(true);
  const unknown = await luna.run("ext", "remove", "dmeo", "--yes");
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('mean "demo"?')]);
  const done = await luna.run("ext", "remove", "demo", "--yes");
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect(await demo()).toBeUndefined();
  expect(existsSync(join(folder, "tools"))).toBe(false);
});

test("what was done is to be seen afterwards, as a list and step by step", async () => {
  const { runs } = Runs.parse(JSON.parse((await luna.run("runs", "--json")).stdout));
  expect(runs.map(({ state, units }) => [state, units[0]?.operation.type])).toEqual([
    ["done", "delete"],
    ["done", "enable"],
    ["done", "disable"],
  ]);
  const id = runs[0]?.id ?? "";
  for (const word of [id, id.slice(-8), "last"]) {
    const shown = await luna.run("runs", word);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(/^demo +is done$/m)]);
  }
  const followed = await luna.run("runs", id, "-f", "--json");
  expect(followed.stdout).toContain('"event":"end"');
  const none = await luna.run("runs", "nothing");
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("Cannot find the run")]);
});

test("a saved queue is shown with what it would do, forgotten, or applied", async () => {
  expect((await luna.run("queue", "show")).stdout).toBe("No changes wait.\n");
  const save = () =>
    luna.control("/queue/save", {
      ...{ method: "POST", headers: { "Content-Type": "application/json" } },
      body: JSON.stringify({ operations: [{ type: "disable", target: "notes" }] }),
    });
  expect((await save()).status).toBe(200);
  expect((await luna.run("queue", "show")).stdout).toContain("disable notes");
  expect((await luna.run("queue", "discard")).stdout).toContain("forgotten");
  expect((await luna.run("queue", "show")).stdout).toBe("No changes wait.\n");
  await save();
  expect((await luna.run("queue", "apply")).code).toBe(1);
  expect((await luna.run("queue", "apply", "--yes")).code).toBe(0);
  expect((await luna.run("tools", "list")).stdout).not.toContain("NOTES_GET_all");
});
