/** Fetching from a stand-in of GitHub, from uploads and from Luna's own program: good ways, and all that goes wrong. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeZip } from "../../tests/support/archives.ts";
import { rateLimited, type StoodInRepository } from "../../tests/support/github-repositories.ts";
import { type GithubStandIn, startGithubStandIn } from "../../tests/support/github-stand-in.ts";
import { LunaError } from "../lib/errors.ts";
import { type GithubBounds, GithubRepositories } from "./github.ts";
import { Sources } from "./sources.ts";
import { Uploads } from "./uploads.ts";

const FILES = {
  "README.md": "# several",
  "ext/one/config.json": '{"name":"one"}',
  "ext/one/tools/one_tools.ts": "export const TOOLS = [];\n",
  "ext/one/ui/start.sh": "#!/bin/sh\n",
  "ext/two/config.json": '{"name":"two"}',
};
const BOUNDS: Partial<GithubBounds> = {
  answer: { answer_ms: 300, silence_ms: 300, total_ms: 2_000 },
  archive: { answer_ms: 300, silence_ms: 300, total_ms: 2_000 },
  waits_ms: [1, 1],
};
const NOW = Date.parse("2026-11-26T06:00:00Z");

let folder: string;
let github: GithubStandIn;
let repository: StoodInRepository;
let token: string | undefined;
let checksum: string | undefined;
let uploads: Uploads;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-sources-"));
  github = startGithubStandIn();
  repository = github.repositories.repository({
    ...{ owner: "user", name: "repo" },
    refs: { main: FILES, "v1.0.0": { "config.json": "{}" }, "feature/x": { a: "1" } },
  });
  token = undefined;
  checksum = undefined;
  uploads = new Uploads({ folder: join(folder, "uploads") });
});
afterEach(async () => {
  await github.stop();
  await rm(folder, { recursive: true });
});

function sources(bounds: Partial<GithubBounds> = {}): Sources {
  return new Sources({
    github: new GithubRepositories({
      api: async () => ({ apiUrl: github.apiUrl, token }),
      bounds: { ...BOUNDS, ...bounds },
      clock: () => NOW,
    }),
    uploads,
    bundled: async () => ({ "notes/config.json": "{}", "notes/tools/t.ts": "x" }),
    checksumOf: async () => checksum,
  });
}

const into = () => join(folder, "new");
const fetchInto = (source: string, bounds?: Partial<GithubBounds>) =>
  sources(bounds).fetch(source, { into: into() });

async function tree(): Promise<string[]> {
  const entries = await readdir(into(), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(into().length + 1))
    .sort();
}

/** What the refusal says, after it was made sure that nothing is left of the attempt. */
async function refusal(work: Promise<unknown>): Promise<LunaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LunaError);
  expect((await readdir(folder)).filter((name) => name !== "uploads")).toEqual([]);
  return error as LunaError;
}

describe("a repository", () => {
  test("as a whole, by its default branch", async () => {
    const fetched = await fetchInto("github:user/repo#update-2");
    expect(fetched).toMatchObject({
      ...{ source: "github:user/repo", resolved: repository.commit(), files: 5 },
      bytes: Object.values(FILES).join("").length,
    });
    expect(await tree()).toEqual(Object.keys(FILES).sort());
    expect(await readdir(folder)).toEqual(["new"]);
  });

  test("a folder of it, at a tag or a branch or a commit", async () => {
    const one = await fetchInto("github:user/repo@main:ext/one/");
    expect(one.source).toBe("github:user/repo@main:ext/one");
    expect(await tree()).toEqual(["config.json", "tools/one_tools.ts", "ui/start.sh"]);
    expect((await stat(join(into(), "ui/start.sh"))).mode & 0o777).toBe(0o755);
    await rm(into(), { recursive: true });
    const commit = repository.commit("v1.0.0");
    for (const ref of ["v1.0.0", commit]) {
      const { resolved } = await fetchInto(`github:user/repo@${ref}`);
      expect(resolved).toBe(commit);
      expect(await tree()).toEqual(["config.json"]);
      await rm(into(), { recursive: true });
    }
    await fetchInto("github:user/repo@feature/x");
    expect(await tree()).toEqual(["a"]);
  });

  test("tells how far it is", async () => {
    const seen: number[] = [];
    const onProgress = ({ bytes }: { bytes: number }) => void seen.push(bytes);
    await sources().fetch("github:user/repo", { into: into(), onProgress });
    expect(seen.at(-1)).toBeGreaterThan(100);
  });

  test("what it is at is asked once in ten minutes, and a push shows", async () => {
    const one = sources();
    const before = { resolved: repository.commit() };
    expect(await one.latest("github:user/repo:ext/one")).toEqual(before);
    expect(await one.latest("github:user/repo:ext/two")).toEqual(before);
    expect(github.repositories.requests.length).toBe(1);
    const pushed = repository.push({ "config.json": "{}" });
    expect(await sources().latest("github:user/repo")).toEqual({ resolved: pushed });
    expect(await one.latest("local")).toBeUndefined();
    expect(await one.latest("upload:a.zip")).toBeUndefined();
  });

  test("a private one needs the token, which no other host is given", async () => {
    github.repositories.repository({
      ...{ owner: "user", name: "private", files: FILES, token: "ghp_secret" },
    });
    const without = await refusal(fetchInto("github:user/private"));
    expect([without.status, without.message]).toEqual([
      404,
      'Cannot fetch "github:user/private": there is no such repository, or it is private: then set GITHUB_TOKEN',
    ]);
    token = "ghp_other";
    expect((await refusal(fetchInto("github:user/private"))).message).toContain(
      "GITHUB_TOKEN may not read it",
    );
    token = "ghp_secret";
    await fetchInto("github:user/private");
    const given = github.repositories.requests
      .filter(({ headers }) => headers.get("Authorization")?.includes("ghp_secret") === true)
      .map(({ endpoint }) => endpoint);
    expect(given).toEqual(["commits", "tarball"]);
    expect(github.repositories.requests.at(-1)?.endpoint).toBe("archive");
  });
});

describe("what goes wrong at GitHub", () => {
  test("no such repository, branch or folder; a wrong token", async () => {
    const { status, message } = await refusal(fetchInto("github:user/none"));
    expect([status, message]).toEqual([404, expect.stringContaining("no such repository")]);
    const ref = await refusal(fetchInto("github:user/repo@none"));
    expect([ref.status, ref.message]).toEqual([
      404,
      'Cannot fetch "github:user/repo@none": there is no branch, tag or commit "none"',
    ]);
    const path = await refusal(fetchInto("github:user/repo:ext/three"));
    expect(path.message).toContain('no folder "ext/three"; at its top there is "README.md", "ext"');
    token = "wrong";
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain(
      "not take GITHUB_TOKEN",
    );
  });

  test("too many requests: says until when, and does not ask again", async () => {
    github.repositories.fail("commits", rateLimited(NOW / 1000 + 750));
    const limited = await refusal(fetchInto("github:user/repo"));
    expect(limited.message).toBe(
      'Cannot fetch "github:user/repo": GitHub takes no more requests until 06:12 UTC, in 13 min; with a GITHUB_TOKEN it takes many more',
    );
    expect([limited.status, limited.code, limited.headers["Retry-After"]]).toEqual([
      ...[429, "rate_limited", "750"],
    ]);
    expect(github.repositories.requests.length).toBe(1);
    github.repositories.fail("tarball", { status: 429, headers: { "Retry-After": "30" } });
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain("06:00 UTC, in 1 min");
    github.repositories.fail("commits", { status: 403, body: '{"message":"blocked\\u001b[2J"}' });
    const blocked = await refusal(fetchInto("github:user/repo"));
    expect([blocked.status, blocked.message]).toEqual([
      502,
      'Cannot fetch "github:user/repo": GitHub answered 403 ("blocked [2J")',
    ]);
  });

  test("a server that is down for a moment is asked again, one that stays down is not for ever", async () => {
    for (const endpoint of ["commits", "tarball", "archive"] as const) {
      github.repositories.fail(endpoint, { status: 502 });
      github.repositories.fail(endpoint, { hang: true });
      await fetchInto("github:user/repo");
      await rm(into(), { recursive: true });
      github.repositories.fail(endpoint, { status: 503, body: "<html>down" }, 3);
      expect((await refusal(fetchInto("github:user/repo"))).message).toContain("answered 503");
    }
  });

  test("nobody answers", async () => {
    await github.stop();
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain("Cannot reach");
  });

  test("an archive that is cut off, falls silent, is too large, or is none", async () => {
    github.repositories.fail("archive", { breakOffAfter: 200 });
    const cut = await refusal(fetchInto("github:user/repo"));
    expect([cut.code, cut.message]).toEqual(["bad_archive", expect.stringContaining("cut off")]);
    github.repositories.fail("archive", { silentAfter: 200 }, 3);
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain("nothing came for");
    github.repositories.fail("archive", { status: 200, body: "<html>", type: "text/html" });
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain("sent text/html");
    github.repositories.fail("commits", { status: 200, body: "<html>" });
    expect((await refusal(fetchInto("github:user/repo"))).message).toContain("not GitHub's API");
    const large = await refusal(fetchInto("github:user/repo", { archive_bytes_max: 100 }));
    expect(large.message).toContain("its archive is over");
  });

  test("a redirect that leads astray", async () => {
    const redirect = (Location: string) => ({ status: 302, headers: { Location } });
    for (const where of [
      "http://example.com/x",
      "file:///etc/passwd",
      "ftp://x/y",
      "https://u:p@x/",
      "",
    ]) {
      github.repositories.fail("tarball", redirect(where));
      const { message } = await refusal(fetchInto("github:user/repo"));
      expect(message).toContain("not https://");
    }
  });

  test("a broken-off fetch leaves nothing", async () => {
    const controller = new AbortController();
    github.repositories.fail("archive", { silentAfter: 200 });
    const fetching = sources({ archive: { answer_ms: 9e3, silence_ms: 9e3, total_ms: 9e3 } }).fetch(
      "github:user/repo",
      {
        into: into(),
        signal: controller.signal,
        onProgress: () => controller.abort(new Error("enough")),
      },
    );
    await expect(fetching).rejects.toThrow("enough");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("other sources", () => {
  const zip = makeZip([
    { name: "notes/config.json", content: "{}" },
    { name: "notes/a", content: "1" },
  ]);
  async function* pieces() {
    yield zip.subarray(0, 1);
    yield zip.subarray(1);
  }

  test("an upload", async () => {
    const { file, sha256, bytes } = await uploads.keep(pieces());
    expect(file).toMatch(/^[0-9a-f-]{36}\.zip$/);
    expect(bytes).toBe(zip.byteLength);
    const fetched = await fetchInto(`upload:${file}`);
    expect(fetched).toMatchObject({ source: `upload:${file}`, resolved: `sha256:${sha256}` });
    expect(await tree()).toEqual(["a", "config.json"]);
    expect((await stat(join(folder, "uploads"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "uploads", file))).mode & 0o777).toBe(0o600);
    await uploads.remove(file);
    await rm(into(), { recursive: true });
    expect((await refusal(fetchInto(`upload:${file}`))).message).toContain("upload it again");
  });

  test("old uploads and too many of them go", async () => {
    let now = Date.now();
    const old = new Uploads({ folder: join(folder, "uploads"), clock: () => now });
    const files: string[] = [];
    for (let count = 0; count < 22; count += 1) files.push((await old.keep(pieces())).file);
    expect((await readdir(join(folder, "uploads"))).sort()).toEqual(files.slice(2));
    await writeFile(join(folder, "uploads", "x.99999999.abcdef01.tmp"), "x");
    now += 8 * 24 * 3_600_000;
    await old.sweep();
    expect(await readdir(join(folder, "uploads"))).toEqual([]);
  });

  test("a starter of Luna's own", async () => {
    const fetched = await fetchInto("bundled:notes");
    expect(await tree()).toEqual(["config.json", "tools/t.ts"]);
    expect(await readFile(join(into(), "config.json"), "utf8")).toBe("{}");
    expect(await sources().latest("bundled:notes")).toEqual({ resolved: fetched.resolved });
    await rm(into(), { recursive: true });
    expect((await refusal(fetchInto("bundled:none"))).message).toContain("there are notes");
  });

  test("what is none", async () => {
    expect((await refusal(fetchInto("local"))).message).toContain("where they are");
    expect((await refusal(fetchInto("https://x"))).message).toContain("github:user/repo");
    expect((await refusal(fetchInto("upload:../../etc/passwd"))).status).toBe(422);
  });

  test("other files than somebody gave the checksum of", async () => {
    const { tree_sha256 } = await fetchInto("github:user/repo");
    await rm(into(), { recursive: true });
    checksum = tree_sha256;
    await fetchInto("github:user/repo");
    await rm(into(), { recursive: true });
    checksum = "0".repeat(64);
    expect((await refusal(fetchInto("github:user/repo"))).code).toBe("checksum_mismatch");
  });
});
