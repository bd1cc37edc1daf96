/** The files of an extension into which Luna writes what its owner has set (specification 6.2). */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { portsWith } from "../../src/config/ports.ts";
import { BINARY } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import type { Scenario } from "./crash-points.ts";
import { answers, clean, end, type Lanes, layOutQuietHome, requireOneOf } from "./scenarios.ts";

const SETTINGS = {
  extensions: { one: { enabled: true, source: "local", config: { word: "new" } } },
  tool_configs: { ONE: { enabled_in_mcp: true } },
};
const OLD: Readonly<Record<string, string>> = {
  "extensions/one/config.json": JSON.stringify({ word: "old", mine: "kept" }),
  "extensions/one/tools/tool_config.json": JSON.stringify({ ONE: { enabled_in_mcp: false } }),
};
const FILES = Object.keys(OLD);

/** The supervisor, with no part that it could start, brings both files to what is set. */
export function syncScenario(lanes: Lanes): Scenario<void> {
  const offsetOf = (lane: number): number => lanes[lane] ?? 0;
  return {
    durable: FILES,
    named: true,
    prepare: async (home) => {
      await layOutQuietHome(home);
      await writeFile(join(home, ".luna/master_config.json"), JSON.stringify(SETTINGS));
      for (const [file, text] of Object.entries(OLD)) {
        await mkdir(dirname(join(home, file)), { recursive: true });
        await writeFile(join(home, file), text);
      }
    },
    command: [BINARY, "supervise"],
    environment: (home, lane) => clean(home, offsetOf(lane)),
    drive: async (run) => {
      let ended = false;
      void run.exited.then(() => {
        ended = true;
      });
      const address = `http://127.0.0.1:${portsWith(offsetOf(run.lane)).supervisor}`;
      if (!(await answers(run, `${address}/health`))) return;
      const isNew = async (file: string): Promise<boolean> =>
        (await readFile(join(run.home, file), "utf8")) !== OLD[file];
      const areNew = async () => (await Promise.all(FILES.map(isNew))).every(Boolean);
      await until(async () => ended || (await areNew()), { what: "what is set to be written" });
      await end(run);
    },
    judge: (outcome) => {
      for (const file of FILES) requireOneOf(file, outcome);
      const [manifest = "", tools = ""] = FILES.map((file) => outcome.after.get(file));
      const { word, mine } = JSON.parse(manifest);
      if (word !== "new" || mine !== "kept") throw new Error(`The manifest is ${manifest}`);
      if (JSON.parse(tools).ONE.enabled_in_mcp !== true) throw new Error(`The tools are ${tools}`);
    },
  };
}
