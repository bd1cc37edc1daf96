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

const STEPS = [
  { path: "upload", body: { service_definition: DEFINITION } },
  { path: "box/install", body: { config: { word: "new" } } },
] as const;

/** The supervisor, with no part that it could start, adds a service and installs it; a fact is a path that was answered. */
export function serviceScenario(lanes: Lanes): Scenario<string[]> {
  const offsetOf = (lane: number): number => lanes[lane] ?? 0;
  return {
    durable: [
      REGISTRY,
      ".luna/external_service_routes.json",
      DEFINED,
      "external_services/box/config.json",
    ],
    named: true,
    prepare: layOutQuietHome,
    command: [BINARY, "supervise"],
    environment: (home, lane) => clean(home, offsetOf(lane)),
    drive: async (run) => {
      const address = `http://127.0.0.1:${portsWith(offsetOf(run.lane)).supervisor}`;
      const done: string[] = [];
      if (!(await answers(run, `${address}/health`))) return done;
      for (const { path, body } of STEPS) {
        const answer = await post(`${address}/api/external-services/${path}`, body);
        if (answer === undefined) break;
        // What a killed one had done already is no fault of the next.
        if (!answer.ok && (run.traced || answer.status !== 409)) {
          throw new Error(`${path} was refused: ${await answer.text()}`);
        }
        done.push(path);
      }
      await end(run);
      return done;
    },
    judge: ({ facts: done, killed, after }) => {
      for (const text of [...killed.values(), ...after.values()]) JSON.parse(text ?? "{}");
      const registry = RegistryFile.parse(JSON.parse(killed.get(REGISTRY) ?? "{}"));
      if (done.includes("box/install") && registry["box"]?.installed !== true) {
        throw new Error("An installation that was answered is lost");
      }
      if (done.includes("upload") && killed.get(DEFINED) === undefined) {
        throw new Error("A definition that was answered is lost");
      }
      const again = RegistryFile.parse(JSON.parse(after.get(REGISTRY) ?? "{}"));
      if (again["box"]?.installed !== true) throw new Error("It could not be installed again");
    },
  };
}
