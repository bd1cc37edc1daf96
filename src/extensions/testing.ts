/** The module "luna/test" that tests of extensions import: calls a tool as its host would, with nothing running. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { ToolResult } from "../contract/tool.ts";
import type { ToolContext } from "./context.ts";
import { loadTool } from "./load-definition.ts";
import { normaliseResult } from "./result.ts";

/** What a test may set of what the tool is given; the data folder is else an empty one of its own. */
export type TestContext = Partial<ToolContext>;

const silent = (): void => undefined;

const nobody = (): Promise<never> =>
  Promise.reject(new Error("There is nobody to ask in a test: give callTool() a context"));

const folders: string[] = [];
// An exit handler of the process is not called by `bun test`.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "luna-test-"));
  folders.push(folder);
  return folder;
}

/** A context for a tool. Its data folder, unless one is given, is an empty one that goes with the test file. */
export function testContext(given: TestContext = {}): ToolContext {
  let folder = given.data_dir;
  return {
    extension: "test",
    signal: new AbortController().signal,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    ...{ can: () => false, progress: silent, tell: silent, changed: silent, hang_up: silent },
    ...{ elicit: nobody, elicit_url: nobody, sample: nobody, roots: nobody },
    ...given,
    get data_dir(): string {
      folder ??= temporaryFolder();
      return folder;
    },
  };
}

const Named = z.looseObject({ name: z.string() });

/**
 * Calls the tool `name` out of `TOOLS`: checks the arguments, runs it, and unpacks what it returns.
 * A failure of the tool is a result with `success: false`, as its callers see it.
 */
export async function callTool(
  tools: readonly unknown[],
  name: string,
  args: Record<string, unknown> = {},
  context: ToolContext = testContext(),
): Promise<ToolResult> {
  const entry = tools.find((one) =>
    typeof one === "function" ? one.name === name : Named.safeParse(one).data?.name === name,
  );
  if (entry === undefined) throw new Error(`There is no tool "${name}" in TOOLS`);
  const { callable } = await loadTool(entry);
  const checked = await callable.check(args);
  if ("wrong" in checked) return { success: false, payload: checked.wrong };
  try {
    return normaliseResult(await callable.run(checked.value, context));
  } catch (error) {
    return { success: false, payload: error instanceof Error ? error.message : String(error) };
  }
}
