/** The files that change when an external service is added and installed. */
import { portsWith } from "../../src/config/ports.ts";
import { RegistryFile } from "../../src/contract/external-service.ts";
import { BINARY } from "../support/start-luna.ts";
import type { Scenario } from "./crash-points.ts";
import { answers, clean, end, type Lanes, layOutQuietHome, post } from "./scenarios.ts";

const DEFINITION = {
  ...{ name: "box", display_name: "Box", description: "Does nothing", category: "test" },
  config_form: [{ name: "word", label: "Word" }],
  commands: { install: ":", start: ":", stop: ":", uninstall: ":", health_check: "echo well" },
  health_check_expected: "well",
  ui: { port: 1, slug: "box" },
};
const REGISTRY = ".luna/external_services.json";
const DEFINED = "external_services/box/service.json";

interface Step {
  name: "uploaded" | "installed";
  path: string;
  body: unknown;
}

const OF_SERVICE: readonly Step[] = [
  {
    name: "uploaded",
    path: "/api/external-services/upload",
    body: { service_definition: DEFINITION },
  },
  {
    name: "installed",
    path: "/api/external-services/box/install",
    body: { config: { word: "new" } },
  },
];

/** What was answered. */
type Done = Step["name"][];

type Changing = Pick<Scenario<Done>, "durable" | "judge"> & { steps: readonly Step[] };

/** The supervisor, with no part that it could start, does some steps. */
function changing(lanes: Lanes, { steps, durable, judge }: Changing): Scenario<Done> {
  const offsetOf = (lane: number): number => lanes[lane] ?? 0;
  return {
    durable,
    prepare: async (home) => {
      await layOutQuietHome(home);
    },
    command: [BINARY, "supervise"],
    environment: (home, lane) => clean(home, offsetOf(lane)),
    drive: async (run) => {
      const address = `http://127.0.0.1:${portsWith(offsetOf(run.lane)).supervisor}`;
      const done: Done = [];
      if (!(await answers(run, `${address}/health`))) return done;
      for (const { name, path, body } of steps) {
        const answer = await post(address + path, body);
        if (answer === undefined) break;
        // What a killed one had done already is no fault of the next.
        if (!answer.ok && (run.traced || answer.status !== 409)) {
          throw new Error(`${name} was refused: ${await answer.text()}`);
        }
        done.push(name);
      }
      await end(run);
      return done;
    },
    judge: async (outcome) => {
      for (const [file, text] of [...outcome.killed, ...outcome.after]) {
        if (text === undefined) continue;
        const value: unknown = JSON.parse(text);
        if (typeof value !== "object" || value === null) throw new Error(`${file} holds ${text}`);
      }
      await judge(outcome);
    },
  };
}

/** An external service is added and installed. */
export function serviceScenario(lanes: Lanes): Scenario<Done> {
  return changing(lanes, {
    steps: OF_SERVICE,
    durable: [
      REGISTRY,
      ".luna/external_service_routes.json",
      DEFINED,
      "external_services/box/config.json",
    ],
    judge: ({ facts: done, killed, after }) => {
      const registry = RegistryFile.parse(JSON.parse(killed.get(REGISTRY) ?? "{}"));
      if (done.includes("installed") && registry["box"]?.installed !== true) {
        throw new Error("An installation that was answered is lost");
      }
      if (done.includes("uploaded") && killed.get(DEFINED) === undefined) {
        throw new Error("A definition that was answered is lost");
      }
      const again = RegistryFile.parse(JSON.parse(after.get(REGISTRY) ?? "{}"));
      if (again["box"]?.installed !== true) throw new Error("It could not be installed again");
    },
  });
}
