/** One run of changes by a supervisor that starts no parts: killed at a chosen system call, then started again. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { portsWith } from "../../src/config/ports.ts";
import { RegistryFile } from "../../src/contract/external-service.ts";
import { RunView } from "../../src/contract/run.ts";
import { readTextIfThere } from "../../src/lib/files.ts";
import { sendSignal } from "../../src/lib/proc.ts";
import { makeZip } from "../support/archives.ts";
import { hashOf, writeTree } from "../support/runs-harness.ts";
import { BINARY, freeOffset } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { POCKET, versionFiles } from "../support/versions.ts";
import { clean, layOutQuietHome, TOKEN } from "./scenarios.ts";
import { startTraced, tracedPid } from "./strace.ts";

export const KINDS = ["install", "update", "delete", "settings", "service"] as const;
export type Kind = (typeof KINDS)[number];

const OLD = versionFiles("1.0.0", { toolsOnly: true });
const NEW = versionFiles("2.0.0", { toolsOnly: true, more: { "more/notes.txt": "new" } });
/** A service whose own command leaves something: what was done of an installation is to be seen. */
const BOX = {
  ...{ name: "box", display_name: "Box", description: "Does nothing", category: "test" },
  config_form: [{ name: "word", label: "Word" }],
  commands: {
    install: "echo installed > external_services/box/data/made.txt",
    ...{ start: ":", stop: ":", uninstall: ":", health_check: "echo well" },
  },
  health_check_expected: "well",
  ui: { port: 1, slug: "box" },
};
/** How long a run may take that fails at each turn. */
const RUN_TIMEOUT_MS = 30_000;
/** A supervisor that cannot write goes on trying: then it is looked at what it has done so far. */
const STUCK_MS = 1_500;

function operationOf(kind: Kind, source: string): Record<string, unknown> {
  switch (kind) {
    case "install":
    case "update":
      return { type: kind, target: POCKET, source };
    case "delete":
      return { type: kind, target: POCKET };
    case "settings":
      return { type: kind, target: POCKET, config: { color: "new" } };
    case "service":
      return {
        ...{ type: "install_external_service", name: BOX.name },
        ...{ definition: BOX, config: { word: "new" } },
      };
  }
}

const Uploaded = z.looseObject({ source: z.string() });
const Begun = z.looseObject({ run_id: z.string() });
const Listed = z.looseObject({ runs: z.array(RunView) });

function controlOf(offset: number) {
  const base = `http://127.0.0.1:${portsWith(offset).supervisor}`;
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(base + path, {
      ...init,
      headers: { Authorization: `Bearer ${TOKEN}`, ...init.headers },
      signal: AbortSignal.timeout(RUN_TIMEOUT_MS),
    });
  const post = (path: string, body: unknown): Promise<Response> =>
    ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  return { ask, post };
}

async function upload({ ask }: ReturnType<typeof controlOf>): Promise<string> {
  const form = new FormData();
  const entries = Object.entries(NEW).map(([name, content]) => ({ name, content }));
  form.append("file", new File([new Uint8Array(makeZip(entries))], "new.zip"));
  const answer = await ask("/extensions/upload", { method: "POST", body: form });
  return Uploaded.parse(await answer.json()).source;
}

/** Settles with what `work` gives, or undefined once the program has ended. */
function unlessEnded<T>(ended: Promise<unknown>, work: Promise<T>): Promise<T | undefined> {
  return Promise.race([work.catch(() => undefined), ended.then(() => undefined)]);
}

/** Begins the run; settles with its id when it is over, the program has ended, or nothing moves any more. */
async function drive(kind: Kind, offset: number, ended: Promise<unknown>) {
  const control = controlOf(offset);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const isUp = async () => isOver || (await control.ask("/health")).ok;
  await until(isUp, { timeoutMs: RUN_TIMEOUT_MS, what: "the supervisor" });
  const isFetched = kind === "install" || kind === "update";
  const source = !isFetched ? "x" : await unlessEnded(ended, upload(control));
  if (source === undefined) return;
  const body = { operations: [operationOf(kind, source)] };
  const answer = await unlessEnded(ended, control.post("/queue/apply", body));
  const begun = Begun.safeParse(await answer?.json());
  if (!begun.success) return;
  const began = performance.now();
  const isDone = async (): Promise<boolean> => {
    if (isOver || performance.now() - began > STUCK_MS) return true;
    const view = RunView.parse(await (await control.ask(`/runs/${begun.data.run_id}`)).json());
    return view.ended_at !== null;
  };
  await until(isDone, { timeoutMs: RUN_TIMEOUT_MS, what: "the end of the run" });
}

/** After a start without faults: the runs are over. */
async function finish(offset: number): Promise<RunView | undefined> {
  const control = controlOf(offset);
  return until(
    async () => {
      const { runs } = Listed.parse(await (await control.ask("/runs")).json());
      const [last] = runs;
      if (runs.some(({ ended_at }) => ended_at === null)) return undefined;
      return { last };
    },
    { timeoutMs: RUN_TIMEOUT_MS, what: "the runs to be over" },
  ).then(({ last }) => last);
}

export async function prepare(home: string, kind: Kind): Promise<void> {
  await layOutQuietHome(home);
  const isThere = kind !== "install";
  if (isThere) {
    await writeTree(join(home, "extensions", POCKET), { ...OLD, "data/kept.txt": "mine" });
  }
  const entry = { enabled: true, source: "upload:old.zip", config: { color: "old" } };
  const extensions = isThere ? { [POCKET]: entry } : {};
  await writeFile(join(home, ".luna/master_config.json"), JSON.stringify({ extensions }));
}

/** The tree without what belongs to its user or is written by whoever sets it up. */
const treeOf = (home: string) =>
  hashOf(join(home, "extensions", POCKET), ["data", "config.json", "tools/tool_config.json"]);

async function expectedHashes(): Promise<{ old: string; new: string }> {
  const home = await mkdtemp(join(tmpdir(), "luna-hash-"));
  await writeTree(join(home, "old/extensions", POCKET), OLD);
  await writeTree(join(home, "new/extensions", POCKET), NEW);
  const hashes = { old: await treeOf(join(home, "old")), new: await treeOf(join(home, "new")) };
  await rm(home, { recursive: true });
  return hashes;
}

/** What is wrong with the service, which is to be there with all that belongs to it, or not to count as installed. */
async function serviceFaults(home: string, isDone: boolean): Promise<string[]> {
  const registry = await readTextIfThere(join(home, ".luna/external_services.json"));
  const isInstalled = RegistryFile.parse(JSON.parse(registry ?? "{}"))["box"]?.installed === true;
  const folder = join(home, "external_services/box");
  const settings = await readTextIfThere(join(folder, "config.json"));
  const made = await readTextIfThere(join(folder, "data/made.txt"));
  const isWhole = JSON.parse(settings ?? "{}").word === "new" && made === "installed\n";
  return [
    ...(isInstalled === isDone ? [] : [`the service is installed: ${isInstalled}`]),
    ...(isDone && !isWhole ? [`the service has ${settings}, ${made}`] : []),
  ];
}

/** What is wrong with a home after the next start, in words. */
export async function faultsOf(
  home: string,
  kind: Kind,
  view: RunView | undefined,
): Promise<string[]> {
  const hashes = await expectedHashes();
  const before = kind === "install" ? "absent" : hashes.old;
  const after = {
    ...{ install: hashes.new, update: hashes.new, delete: "absent" },
    ...{ settings: hashes.old, service: hashes.old },
  };
  const tree = await treeOf(home);
  const config = JSON.parse(await readFile(join(home, ".luna/master_config.json"), "utf8"));
  const entry = config.extensions[POCKET];
  const isDone = view?.units[0]?.state === "done";
  const faults: string[] = [];
  const expected = isDone ? after[kind] : before;
  if (tree !== expected) faults.push(`the run says ${view?.state}, the tree is another one`);
  const hasEntry = tree !== "absent";
  if ((entry !== undefined) !== hasEntry) faults.push(`its entry is ${JSON.stringify(entry)}`);
  if (kind === "settings" && entry?.config.color !== (isDone ? "new" : "old")) {
    faults.push(`its settings are ${JSON.stringify(entry?.config)}, the run is ${view?.state}`);
  }
  if (kind === "service") faults.push(...(await serviceFaults(home, isDone)));
  const data = [`extensions/${POCKET}/data`, `.luna/kept_data/${POCKET}`];
  const kept = await Promise.all(
    data.map((folder) => readFile(join(home, folder, "kept.txt"), "utf8").catch(() => "")),
  );
  if (kind !== "install" && !kept.includes("mine")) faults.push("its data is lost");
  const staging = (await readdir(join(home, ".luna/runs")).catch(() => [])).filter(
    (name) => !name.endsWith(".jsonl"),
  );
  if (staging.length > 0) faults.push(`staging was left: ${staging}`);
  const left = (await readdir(home, { recursive: true })).filter((file) => /\.tmp$/.test(file));
  if (left.length > 0) faults.push(`left were ${left}`);
  return faults;
}

/**
 * Does the run with the fault, then starts again without it.
 * @throws Error when what is left then is neither wholly old nor wholly new, or the run does not say which
 */
export async function runWithFault(
  kind: Kind,
  fault: { inject: string; calls: readonly string[] } | undefined,
): Promise<{ met: boolean; state: string }> {
  const home = await mkdtemp(join(tmpdir(), "luna-update-"));
  const offset = freeOffset();
  try {
    await prepare(home, kind);
    const log = `${home}.strace`;
    const traced = startTraced({
      ...{ command: [BINARY, "supervise"], environment: clean(home, offset), cwd: home, log },
      calls: fault?.calls ?? ["fdatasync"],
      ...(fault === undefined ? {} : { inject: fault.inject }),
    });
    await drive(kind, offset, traced.exited);
    const pid = await tracedPid(traced.pid);
    if (pid !== undefined) sendSignal(pid, "SIGKILL");
    await traced.exited;
    const text = await readFile(log, "utf8");
    await rm(log, { force: true });
    const met = /\(INJECTED\)/.test(text) || /killed by SIGKILL/.test(text);
    let view: RunView | undefined;
    const again = Bun.spawn([BINARY, "supervise"], {
      ...{ cwd: home, env: clean(home, offset) },
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      view = await finish(offset);
    } finally {
      // What it is writing at this moment has a temporary name.
      again.kill("SIGTERM");
      await again.exited;
    }
    const faults = await faultsOf(home, kind, view);
    if (faults.length > 0) throw new Error(`${kind}: ${faults.join("; ")}`);
    return { met, state: view?.units[0]?.state ?? "never began" };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
