/** Uploads and the store of the compiled Luna, through the real Caddy: what is good comes in, what is bad leaves nothing. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { AvailableUpdates, ExtensionUpload } from "../../src/contract/source.ts";
import { StoreView } from "../../src/contract/store.ts";
import { makeTarGz, makeZip } from "../support/archives.ts";
import { refusal } from "../support/edge.ts";
import { rateLimited } from "../support/github-repositories.ts";
import { type GithubStandIn, startGithubStandIn } from "../support/github-stand-in.ts";
import { apply } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const MEBIBYTE = 1024 ** 2;
/** What the supervisor may take more than before, however large what comes is. */
const GROWTH_KB_MAX = 80 * 1024;
const UPLOAD_PATH = "/api/supervisor/extensions/upload";

let luna: Luna;
let session: string;
let page: string;
let github: GithubStandIn;
let index: Bun.Server<undefined>;
let indexAnswer = () => Response.json({ repository: "github:o/store", extensions: [] });

beforeAll(async () => {
  github = startGithubStandIn();
  index = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => indexAnswer() });
  luna = await startLuna({
    environment: {
      ...github.sourceVariables,
      STORE_URL: `http://127.0.0.1:${index.port}/registry.json`,
    },
  });
  session = await luna.signIn();
  page = await luna.pageToken(session);
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await index.stop(true);
  await github.stop();
});

function formOf(archive: Uint8Array, filename: string): FormData {
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(archive)]), filename);
  return form;
}

function upload(archive: Uint8Array, headers: Record<string, string> = {}, filename = "one.zip") {
  return fetch(`${luna.url}${UPLOAD_PATH}`, {
    method: "POST",
    headers: { Cookie: session, Origin: luna.url, [PAGE_HEADER]: page, ...headers },
    body: formOf(archive, filename),
  });
}

const supervisorPid = async () => (await luna.state()).supervisor.pid;

/** The most that the process ever had, in KiB. */
function peakOf(pid: number): number {
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(peak);
}

const notes = async () => {
  const folder = join(import.meta.dir, "../../extensions/notes");
  const names = ["config.json", "tools/notes_tools.ts", "tools/note_store.ts"];
  return Promise.all(
    names.map(async (name) => ({
      name: `notes-main/${name}`,
      content: await Bun.file(join(folder, name)).text(),
    })),
  );
};

describe("an upload", () => {
  test.each([
    ["zip", makeZip],
    ["tar.gz", makeTarGz],
  ])("of the starter as a %s", async (ending, make) => {
    const archive = make(await notes());
    const answer = await upload(archive, {}, `notes.${ending}`);
    expect(answer.status).toBe(200);
    const told = ExtensionUpload.parse(await answer.json());
    expect(told.contents).toMatchObject({
      name: "notes",
      files: 3,
      tool_files: ["tools/notes_tools.ts"],
    });
    const path = join(luna.paths.uploads, told.temp_filename);
    expect(statSync(path).size).toBe(archive.byteLength);
    expect(statSync(luna.paths.uploads).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("needs a session and a page of Luna's own", async () => {
    const archive = makeZip(await notes());
    expect(await refusal(await upload(archive, { Cookie: "" }))).toMatchObject({ status: 401 });
    expect(await refusal(await upload(archive, { [PAGE_HEADER]: "" }))).toMatchObject({
      status: 403,
    });
    const foreign = { Origin: "https://evil.example" };
    expect(await refusal(await upload(archive, foreign))).toMatchObject({ status: 403 });
  });

  test("of 60 MB passes, one of 70 MB does not; memory holds neither", async () => {
    const pid = await supervisorPid();
    const before = peakOf(pid);
    const noise = randomBytes(60 * MEBIBYTE);
    const files = [...(await notes()), { name: "notes-main/noise", content: noise, method: 0 }];
    const answer = await upload(makeZip(files));
    expect([answer.status, answer.status === 200 ? "" : await answer.text()]).toEqual([200, ""]);
    const told = ExtensionUpload.parse(await answer.json());
    expect(told.bytes).toBeGreaterThan(60 * MEBIBYTE);
    const zeros = { name: "notes-main/zeros", content: Buffer.alloc(40 * MEBIBYTE) };
    const large = [...(await notes()), zeros];
    expect((await upload(makeZip(large))).status).toBe(422); // Over 100 times its size.
    const more = { name: "notes-main/more", content: noise.subarray(0, 10 * MEBIBYTE), method: 0 };
    const tooMuch = await upload(makeZip([...files, more])).catch(() => undefined);
    // Who sends on regardless may not hear the answer.
    if (tooMuch !== undefined) expect(tooMuch.status).toBe(413);
    expect(await supervisorPid()).toBe(pid);
    expect(peakOf(pid) - before).toBeLessThan(GROWTH_KB_MAX);
  }, 60_000);
});

describe("a repository at GitHub", () => {
  const version = (answer: string) => ({
    "README.md": "# several extensions",
    "ext/hello/config.json": '{"name":"hello","version":"1.0.0"}',
    "ext/hello/tools/hello_tools.ts": `import { defineTool, z } from "luna";
export const TOOLS = [defineTool({
  name: "HELLO_GET_answer", description: "Says which version this is",
  example: { prompt: "Say hello", args: {}, response: "${answer}" },
  input: z.object({}), run: () => "${answer}",
})];`,
  });
  const call = async () => {
    const answer = await luna.control("/tools/execute/HELLO_GET_answer", {
      ...{ method: "POST", headers: { "Content-Type": "application/json" } },
      body: JSON.stringify({ arguments: {} }),
    });
    return JSON.stringify(await answer.json());
  };
  const updates = async () =>
    AvailableUpdates.parse(await (await luna.control("/extensions/updates")).json()).updates;

  test("is installed, updated from, and left alone when it cannot be had", async () => {
    const repository = github.repositories.repository({
      ...{ owner: "user", name: "several", files: version("first") },
    });
    const source = `${repository.source}:ext/hello`;
    const first = repository.commit();
    const installed = await apply(luna, [{ type: "install", target: "hello", source }]);
    expect(installed.units).toMatchObject([{ state: "done" }]);
    expect(readdirSync(join(luna.paths.extensions, "hello")).sort()).toEqual([
      "config.json",
      "tools",
    ]);
    expect(await call()).toContain("first");

    const second = repository.push(version("second"));
    // The first look; the answer counts for ten minutes.
    expect(await updates()).toMatchObject({
      hello: { source, installed: first, latest: second, is_available: true, error: null },
      notes: { source: "local", latest: null, is_available: false },
    });
    github.repositories.fail("commits", rateLimited(Math.ceil(Date.now() / 1000) + 600));
    const limited = await apply(luna, [{ type: "update", target: "hello" }]);
    expect(limited.units).toMatchObject([
      { state: "failed", reason: expect.stringContaining("GitHub takes no more requests until") },
    ]);
    expect(await call()).toContain("first");
    github.repositories.fail("archive", { breakOffAfter: 300 });
    const cut = await apply(luna, [{ type: "update", target: "hello" }]);
    expect(cut.units).toMatchObject([
      { state: "failed", reason: expect.stringContaining("cut off") },
    ]);
    expect(await call()).toContain("first");

    const updated = await apply(luna, [{ type: "update", target: "hello" }]);
    expect(updated.units).toMatchObject([{ state: "done" }]);
    expect(await call()).toContain("second");
    expect(await updates()).toMatchObject({ hello: { installed: second, is_available: false } });
  }, 60_000);
});

describe("the store", () => {
  const store = async () => {
    const answer = await fetch(`${luna.url}/api/supervisor/store`, {
      headers: { Cookie: session },
    });
    return StoreView.parse(await answer.json());
  };

  test("shows what is in the program, and what was fetched once it is there", async () => {
    indexAnswer = () =>
      Response.json({
        repository: "github:o/store",
        extensions: [{ id: "todo", name: "Todo", type: "embedded", path: "todo" }],
      });
    const fetched = await until(async () => {
      const view = await store();
      return view.origin === "fetched" ? view : undefined;
    });
    expect(fetched.extensions.map(({ install_source }) => install_source)).toContain(
      "bundled:notes",
    );
    expect(fetched).toMatchObject({ error: null, age_s: expect.any(Number) });
    expect(statSync(luna.paths.store).mode & 0o777).toBe(0o600);
  });
});
