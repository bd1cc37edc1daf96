/** Uploads and the store of the compiled Luna, through the real Caddy: what is good comes in, what is bad leaves nothing. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { ExtensionUpload } from "../../src/contract/source.ts";
import { StoreView } from "../../src/contract/store.ts";
import { makeTarGz, makeZip, type TarEntry, type ZipEntry } from "../support/archives.ts";
import { refusal } from "../support/edge.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const MEBIBYTE = 1024 ** 2;
/** What the supervisor may take more than before, however large what comes is. */
const GROWTH_KB_MAX = 80 * 1024;
const UPLOAD_PATH = "/api/supervisor/extensions/upload";

let luna: Luna;
let session: string;
let page: string;
let index: Bun.Server<undefined>;
let indexAnswer = () => Response.json({ repository: "github:o/store", extensions: [] });

beforeAll(async () => {
  index = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => indexAnswer() });
  luna = await startLuna({
    environment: { STORE_URL: `http://127.0.0.1:${index.port}/registry.json` },
  });
  session = await luna.signIn();
  page = await luna.pageToken(session);
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await index.stop(true);
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

/** Every file of the home but what is written all the time. */
function homeFiles(): string[] {
  const all = readdirSync(luna.home, { recursive: true, encoding: "utf8" });
  return all.filter((path) => !/^logs\/|^\.luna\/(?:audit|luna\.db|state\.json)/.test(path)).sort();
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
    const text = Buffer.from(`${noise.toString("hex", 0, 2_000)}\n`.repeat(50_000));
    const large = [...(await notes()), { name: "notes-main/text", content: text }];
    expect((await upload(makeTarGz(large))).status).toBe(422); // Over 100 times its size.
    const many = [1, 2, 3].map((count) => ({ name: `notes-main/${count}`, content: noise }));
    const tooMuch = await upload(makeZip([...(await notes()), ...many.slice(0, 2)])).catch(
      () => undefined,
    );
    // Who sends on regardless may not hear the answer.
    if (tooMuch !== undefined) expect(tooMuch.status).toBe(413);
    expect(await supervisorPid()).toBe(pid);
    expect(peakOf(pid) - before).toBeLessThan(GROWTH_KB_MAX);
  }, 60_000);

  const corpus: [what: string, archive: Buffer][] = [
    ...["../x", "/tmp/luna-evil", "a\\..\\x", "C:x", "nul", "a\u0000", "x".repeat(300)].flatMap(
      (name): [string, Buffer][] => {
        const file = { name, content: "x" };
        return [
          [`zip ${JSON.stringify(name.slice(0, 20))}`, makeZip([file])],
          [`tar ${JSON.stringify(name.slice(0, 20))}`, makeTarGz([{ ...file, name: `./${name}` }])],
        ];
      },
    ),
    ...["1", "2", "3", "6"].map((type): [string, Buffer] => {
      const entry: TarEntry = { name: "tools/l", type, link: "/etc/passwd" };
      return [`tar of type ${type}`, makeTarGz([entry, { name: "config.json", content: "{}" }])];
    }),
    ["zip with a link", makeZip([{ name: "l", content: "/etc", mode: 0o120777 }])],
    [
      "names of one spelling",
      makeZip(["a", "A"].map((name): ZipEntry => ({ name, content: "x" }))),
    ],
    ["a bomb", makeZip([{ name: "a", content: Buffer.alloc(100 * MEBIBYTE) }])],
    ["too many", makeZip(Array.from({ length: 20_001 }, (_, n) => ({ name: `f${n}` })))],
    ["cut off", makeZip([{ name: "a", content: "x" }]).subarray(0, 40)],
    ["no archive", Buffer.from("MZ\u0090")],
  ];
  test("of a bad archive is refused, and leaves nothing", async () => {
    const before = homeFiles();
    const answers: string[] = [];
    for (const [what, archive] of corpus) {
      const { status, code } = await refusal(await upload(archive));
      if (status !== 422 || code !== "bad_archive") answers.push(`${what}: ${status} ${code}`);
    }
    // In a tar's own header, the NUL ends the name, and what is left is a file.
    expect(answers).toEqual(['tar "a\\u0000": 422 bad_extension']);
    expect(homeFiles()).toEqual(before);
    expect(await Bun.file("/tmp/luna-evil").exists()).toBe(false);
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
