/** The disk is full in the middle of a service's installation: it counts as installed or it does not, and the next try works. */
import { expect, test } from "bun:test";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { RegistryFile } from "../../src/contract/external-service.ts";
import { RunView } from "../../src/contract/run.ts";
import { postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { mountSmallDisk } from "./small-disk.ts";

const TIMEOUT_MS = 60_000;
const DISK_MB = 24;
const FILLER = "external_services/box/data/filler";

/** While there is a file "full" in Luna's home, its installation takes all the room that the disk has. */
const BOX = {
  ...{ name: "box", display_name: "Box", description: "Takes room", category: "test" },
  commands: {
    install: `if [ -e full ]; then cat /dev/zero > ${FILLER}; fi`,
    ...{ start: ":", stop: ":", uninstall: ":", health_check: "echo well" },
  },
  health_check_expected: "well",
  config_form: [{ name: "word", label: "Word" }],
};

async function begin(luna: Luna): Promise<string> {
  const operation = { type: "install_external_service", name: "box", definition: BOX };
  const answer = await postJson(luna, "/queue/apply", {
    operations: [{ ...operation, config: { word: "new" } }],
  });
  expect(answer.status).toBe(202);
  return (await answer.json()).run_id;
}

const viewOf = async (luna: Luna, run: string): Promise<RunView> =>
  RunView.parse(await (await luna.control(`/runs/${run}`)).json());

const untilEnded = (luna: Luna, run: string) =>
  until(async () => (await viewOf(luna, run)).ended_at !== null, {
    ...{ timeoutMs: 30_000, what: "the end of the run" },
  });

const disk = mountSmallDisk(DISK_MB);
if (disk === undefined) {
  process.stderr.write("This user may not mount: no disk can be filled in the middle of a run.\n");
} else {
  test(
    "fault 4: a service whose installation fills the disk is not installed, and is once there is room",
    async () => {
      const home = join(disk.path, "home");
      await mkdir(home);
      const luna = await startLuna({ home });
      try {
        await Bun.write(join(home, "full"), "");
        const first = await begin(luna);
        await until(async () => (await Bun.file(join(home, FILLER)).stat()).size > 0);
        // Nobody makes room before Luna has tried to write down what became of it.
        await until(async () => (await luna.run("logs", "--json")).stdout.includes("ENOSPC"), {
          ...{ timeoutMs: 20_000, what: "word of the full disk" },
        });
        expect((await fetch(`${luna.url}/healthz`)).status).toBe(200);
        await rm(join(home, "full"));
        await rm(join(home, FILLER));
        await untilEnded(luna, first);
        expect(await viewOf(luna, first)).toMatchObject({ units: [{ state: "failed" }] });
        const registry = async () =>
          RegistryFile.parse(JSON.parse(await readFile(luna.paths.serviceRegistry, "utf8")));
        expect((await registry())["box"]?.installed).not.toBe(true);
        const again = await begin(luna);
        await untilEnded(luna, again);
        expect(await viewOf(luna, again)).toMatchObject({ units: [{ state: "done" }] });
        expect((await registry())["box"]?.installed).toBe(true);
      } finally {
        await luna.stop();
        await luna.remove();
        disk.remove();
      }
    },
    TIMEOUT_MS,
  );
}
