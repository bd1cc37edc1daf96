/** Attacks by what is installed: archives, sources and store entries that want to be elsewhere, or something else. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreView } from "../../src/contract/store.ts";
import { makeTarGz, makeZip, paxRecord, type TarEntry } from "../support/archives.ts";
import { refusal } from "../support/edge.ts";
import { type GithubStandIn, startGithubStandIn } from "../support/github-stand-in.ts";
import { apply, postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const MEBIBYTE = 1024 ** 2;
const ESCAPED = join(tmpdir(), `luna-escaped-${process.pid}`);
const TIMEOUT_MS = 120_000;

let luna: Luna;
let github: GithubStandIn;
let index: Bun.Server<undefined>;
let entries: unknown[] = [];

beforeAll(async () => {
  github = startGithubStandIn();
  index = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: () => Response.json({ repository: "github:shop/store", extensions: entries }),
  });
  luna = await startLuna({
    environment: {
      STORE_URL: `http://127.0.0.1:${index.port}/registry.json`,
      ...github.sourceVariables,
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await github.stop();
  await index.stop(true);
});

function upload(archive: Buffer): Promise<Response> {
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(archive)]), "a.zip");
  return luna.control("/extensions/upload", { method: "POST", body: form });
}

/** Every file of the home but what is written all the time. */
function homeFiles(): string[] {
  const all = readdirSync(luna.home, { recursive: true, encoding: "utf8" });
  const busy = /^logs\/|^\.luna\/(?:audit|luna\.db|state\.json|runs|store\.json)/;
  return all.filter((path) => !busy.test(path)).sort();
}

const NAMES: readonly string[] = [
  ...["../x", "a/../../x", "..", `${ESCAPED}/x`, `/${ESCAPED}/x`, `${"../".repeat(20)}${ESCAPED}`],
  ...["a\\..\\..\\x", "C:\\x", "c:x", "\\\\host\\share", "a/./b", "a//b", "./../x"],
  ...["nul", "a/con.txt", "COM1", "trailing.", "trailing ", "a\nb", "a\u0000.ts", "\u009b2J"],
  ...["x".repeat(300), "é".repeat(200), "d/".repeat(40), Array(99).fill("p".repeat(30)).join("/")],
];
const LINKS: readonly string[] = ["/etc/passwd", "../../../.env", ".", "config.json"];

function corpus(): [what: string, archive: Buffer][] {
  const good = { name: "config.json", content: "{}" };
  const tar = (...more: TarEntry[]) => makeTarGz([good, ...more]);
  const named = NAMES.flatMap((name): [string, Buffer][] => {
    const shown = JSON.stringify(name.slice(0, 24));
    const pax = { name: "p", type: "x", content: paxRecord("path", name) };
    return [
      [`zip ${shown}`, makeZip([good, { name, content: "x" }])],
      [`tar ${shown}`, tar(pax, { name: "p", content: "x" })],
    ];
  });
  const linked = LINKS.flatMap((link): [string, Buffer][] => [
    [`symbolic link ${link}`, tar({ name: "l", type: "2", link }, { name: "l/x", content: "x" })],
    [`hard link ${link}`, tar({ name: "l", type: "1", link }, { name: "l", content: "x" })],
    [`zip link ${link}`, makeZip([good, { name: "l", mode: 0o120777, content: link }])],
  ]);
  const device = ["3", "4", "6"].map((type): [string, Buffer] => [
    `device ${type}`,
    tar({ name: "d", type }),
  ]);
  const twice = [
    ["a", "a"],
    ["A", "a"],
    ["caf\u00e9", "cafe\u0301"],
    ["a", "a/b"],
  ].map((names): [string, Buffer] => [
    `both ${names.join(" and ")}`,
    makeZip([good, ...names.map((name) => ({ name, content: "x" }))]),
  ]);
  const zeros = Buffer.alloc(64 * MEBIBYTE);
  const many = Array.from({ length: 21_000 }, (_, count) => ({ name: `f${count}` }));
  return [
    ...[...named, ...linked, ...device, ...twice],
    ["zip bomb", makeZip([good, { name: "z", content: zeros }])],
    ["tar bomb", tar({ name: "z", content: zeros })],
    ["many in a zip", makeZip([good, ...many])],
    ["many in a tar", makeTarGz([good, ...many])],
    ["other local name", makeZip([good, { name: "a", content: "x", local: { name: "../x" } }])],
    ["encrypted", makeZip([good, { name: "a", content: "x", flags: 0x801 }])],
    ["wrong sum", makeZip([{ ...good, central: { crc: 1 }, local: { crc: 1 } }])],
    [
      "hidden entry",
      makeZip([{ ...good, gap: makeZip([{ name: "h", content: "x" }]) }, many[0] ?? good]),
    ],
    ["cut off", makeZip([good]).subarray(0, -3)],
  ];
}

test(
  "S20, CVE-2026-56876, CVE-2026-76845, CVE-2026-53486 of archives: each bad one is refused whole, and nothing of it is anywhere",
  async () => {
    expect((await upload(makeZip([{ name: "tools/a_tools.ts" }]))).status).toBe(200);
    const before = homeFiles();
    const wrong: string[] = [];
    const all = corpus();
    expect(all.length).toBeGreaterThan(70);
    for (const [what, archive] of all) {
      const { status, code } = await refusal(await upload(archive));
      if (status !== 422 || code !== "bad_archive") wrong.push(`${what}: ${status} ${code}`);
    }
    expect(wrong).toEqual([]);
    expect(homeFiles()).toEqual(before);
    expect(existsSync(ESCAPED)).toBe(false);
  },
  TIMEOUT_MS,
);

test(
  "S20 of repositories: a bad one changes nothing",
  async () => {
    const { source } = github.repositories.repository({
      ...{ owner: "user", name: "bad" },
      files: { "config.json": "{}", "../../../../../../x": "x" },
    });
    const before = homeFiles();
    const run = await apply(luna, [{ type: "install", target: "bad", source }]);
    expect(run.units).toMatchObject([
      { state: "failed", reason: expect.stringContaining("leads out of the archive") },
    ]);
    expect(homeFiles()).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "S11 of raw paths: no target and no source leads out of its folder",
  async () => {
    const outside = join(luna.home, "precious");
    await mkdir(outside);
    await writeFile(join(outside, "x.zip"), makeZip([{ name: "config.json", content: "{}" }]));
    const before = homeFiles();
    for (const target of [
      "..",
      ".",
      "",
      "/etc",
      "../precious",
      "a/b",
      "a\\b",
      "-rf",
      "auth",
      "A",
    ]) {
      for (const operation of [
        { type: "delete", target, remove_data: true },
        { type: "install", target, source: "bundled:notes" },
      ]) {
        const answer = await postJson(luna, "/queue/apply", { operations: [operation] });
        expect([target, answer.status]).toEqual([target, 422]);
      }
    }
    for (const source of [
      ...[
        "upload:../../precious/x.zip",
        `upload:${outside}/x.zip`,
        "upload:x.zip",
        "bundled:../notes",
      ],
      ...[
        "github:../x",
        "github:--upload-pack=x/y",
        "github:a/b@--upload-pack=x",
        "github:a/b:../..",
      ],
      ...[
        "github:a/b@../../x",
        "github:a/b/../c",
        "https://evil.example/x.zip",
        "file:///etc/passwd",
      ],
      ...["github:a/b;touch x", "github:a/$(id)", "git@github.com:a/b", "github:a/b@x\ny"],
    ]) {
      const run = await apply(luna, [{ type: "install", target: "evil", source }]).catch(
        () => undefined,
      );
      expect([source, run?.state ?? "failed"]).toEqual([source, "failed"]);
    }
    expect(homeFiles()).toEqual(before);
    expect(github.repositories.requests.some(({ path }) => path.includes(".."))).toBe(false);
  },
  TIMEOUT_MS,
);

test(
  "S17 of the store: Luna fetches it, entries name no way in, and other files than their checksum says are refused",
  async () => {
    const { source } = github.repositories.repository({
      ...{ owner: "shop", name: "store" },
      files: {
        "good/tools/a_tools.ts": "export const TOOLS = [];",
        "other/config.json": '{"name":"other"}',
      },
    });
    const entry = { type: "embedded", name: "x" };
    entries = [
      { ...entry, id: "good", path: "good" },
      { ...entry, id: "other", path: "other", sha256: "0".repeat(64) },
      { ...entry, id: "out", path: "../../x" },
      { ...entry, id: "up", type: "external", source: "upload:x.zip" },
      { ...entry, id: "web", type: "external", source: "https://evil.example/x.zip" },
      {
        ...entry,
        id: "here",
        type: "external",
        source: "local",
        preview_url: "javascript:alert(1)",
      },
    ];
    const view = await until(async () => {
      const told = StoreView.parse(await (await luna.control("/store")).json());
      return told.origin === "fetched" ? told : undefined;
    });
    const sources = Object.fromEntries(
      view.extensions.map(({ id, install_source }) => [id, install_source]),
    );
    expect(sources).toEqual({
      ...{ notes: "bundled:notes", good: `${source}:good`, other: `${source}:other` },
      ...{ out: null, up: null, web: null, here: null },
    });
    expect(JSON.stringify(view)).not.toContain("javascript:");
    const refused = await apply(luna, [
      { type: "install", target: "other", source: sources["other"] },
    ]);
    expect(refused.units).toMatchObject([
      { state: "failed", reason: expect.stringContaining("should be 0000") },
    ]);
    expect(existsSync(join(luna.paths.extensions, "other"))).toBe(false);
    const good = await apply(luna, [{ type: "install", target: "good", source: sources["good"] }]);
    expect(good.units).toMatchObject([{ state: "done" }]);
    const config = JSON.parse(readFileSync(luna.paths.masterConfig, "utf8"));
    expect(config.extensions.good.resolved).toMatch(/^[0-9a-f]{40}$/);
  },
  TIMEOUT_MS,
);
