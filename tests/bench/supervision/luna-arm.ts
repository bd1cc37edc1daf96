/** Luna itself, as users have it: the compiled program with all of its parts, and both children as extension services. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processMark } from "../../../src/config/mark.ts";
import { findByVariable } from "../../../src/lib/proc.ts";
import { BINARY, startLuna } from "../../support/start-luna.ts";
import { until } from "../../support/until.ts";
import type { Arm } from "./arm.ts";
import { crasherScript, serverScript } from "./children.ts";

const EXTENSION = "bench";
const SERVER = `${EXTENSION}__service_server`;

async function writeExtension(folder: string): Promise<void> {
  const extension = join(folder, "extensions", EXTENSION);
  const services = {
    server: { script: serverScript(folder), config: { requires_port: true, health_check: "/" } },
    crasher: { script: crasherScript(folder), config: { requires_port: false } },
  };
  for (const [name, { script, config }] of Object.entries(services)) {
    const service = join(extension, "services", name);
    await mkdir(service, { recursive: true });
    await writeFile(join(service, "start.sh"), script);
    await writeFile(join(service, "service_config.json"), JSON.stringify(config));
  }
  await writeFile(join(extension, "config.json"), JSON.stringify({ name: EXTENSION }));
}

export const LUNA: Arm = {
  name: "Luna",
  lacks: async () =>
    (await Bun.file(BINARY).exists()) ? undefined : "the compiled program (bun run build)",
  start: async ({ folder }) => {
    await writeExtension(folder);
    const luna = await startLuna({ home: folder });
    const server = async () => (await luna.state()).services[SERVER];
    const record = await until(async () => {
      const one = await server();
      return one?.status === "running" ? one : undefined;
    });
    const mark = processMark(folder, "supervisor");
    const [supervisor] = findByVariable("LUNA_PROCESS_ID", (one) => one === mark);
    return {
      port: record.port ?? 0,
      pids: supervisor === undefined ? [] : [supervisor.pid],
      forgetKill: async () => {
        const before = await luna.pidOf(SERVER);
        const { ok } = await luna.control(`/services/${SERVER}/restart`, { method: "POST" });
        if (!ok) throw new Error("Luna did not restart the server");
        await until(async () => (await luna.pidOf(SERVER)) !== before);
      },
      stop: async () => {
        await luna.stop();
        await luna.remove();
      },
    };
  },
};
