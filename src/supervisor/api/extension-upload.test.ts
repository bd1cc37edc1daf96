/** Uploads over a real HTTP server: good archives, bad ones, and forms that are none. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { makeTarGz, makeZip } from "../../../tests/support/archives.ts";
import { until } from "../../../tests/support/until.ts";
import type { AuditRecord } from "../../contract/audit.ts";
import { ErrorBody } from "../../contract/error.ts";
import { ExtensionUpload } from "../../contract/source.ts";
import { onError } from "../../lib/app.ts";
import { createLogger } from "../../lib/log.ts";
import { UPLOAD_BYTES_MAX, Uploads } from "../../sources/uploads.ts";
import { extensionUploadRoutes } from "./extension-upload.ts";

const MANIFEST = { name: "sample", version: "2.1.0", required_secrets: ["SAMPLE_KEY"] };
const FILES = [
  { name: "config.json", content: JSON.stringify(MANIFEST) },
  { name: "tools/sample_tools.ts", content: "export const TOOLS = [];" },
  { name: "tools/old_tools.py", content: "TOOLS = []" },
  { name: "tools/helper.ts", content: "" },
  { name: "ui/start.sh", content: "#!/bin/sh" },
  { name: "services/web/start.sh", content: "#!/bin/sh" },
  { name: "services/none/readme", content: "" },
];
const AUDITED = { actor: { kind: "owner", name: "owner" }, address: null } as const;

/** The beginning of a form with a file. */
const HEAD = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n';

let folder: string;
let server: Bun.Server<undefined>;
let records: AuditRecord[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-upload-"));
  records = [];
  const app = new Hono().onError(onError(createLogger("test", [], () => undefined))).route(
    "/extensions",
    extensionUploadRoutes({
      uploads: new Uploads({ folder: join(folder, "uploads") }),
      callerOf: () => AUDITED,
      audit: { record: (record) => void records.push(record) },
    }),
  );
  server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0, development: false },
    maxRequestBodySize: UPLOAD_BYTES_MAX * 2,
    fetch: app.fetch,
  });
});
afterEach(async () => {
  await server.stop(true);
  await rm(folder, { recursive: true });
});

const kept = () => readdir(join(folder, "uploads")).catch(() => []);

function post(body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  const url = `http://127.0.0.1:${server.port}/extensions/upload`;
  return fetch(url, { method: "POST", body, headers });
}

function upload(archive: Buffer, { field = "file", filename = "sample.zip" } = {}) {
  const form = new FormData();
  form.append("comment", "before");
  form.append(field, new Blob([new Uint8Array(archive)]), filename);
  form.append("after", "x");
  return post(form);
}

async function refusal(answering: Promise<Response>): Promise<[number, string, string]> {
  const answer = await answering;
  const { error } = ErrorBody.parse(await answer.json());
  expect(await kept()).toEqual([]);
  return [answer.status, error.code, error.message];
}

test("tells what is inside, and keeps it under a name of its own", async () => {
  for (const [archive, filename] of [
    [makeZip(FILES), "sample.zip"],
    [makeTarGz(FILES.map((one) => ({ ...one, name: `sample-main/${one.name}` }))), "s.tgz"],
  ] as const) {
    const answer = await upload(archive, { filename });
    const told = ExtensionUpload.parse(await answer.json());
    expect(told).toMatchObject({
      ...{ filename, status: "uploaded", bytes: archive.byteLength },
      source: `upload:${told.temp_filename}`,
      sha256: new Bun.CryptoHasher("sha256").update(archive).digest("hex"),
      contents: {
        ...{ name: "sample", version: "2.1.0", description: null, files: 7, has_ui: true },
        tool_files: ["tools/old_tools.py", "tools/sample_tools.ts"],
        ...{ services: ["web"], required_secrets: ["SAMPLE_KEY"] },
      },
    });
    expect(await kept()).toContain(told.temp_filename);
    expect(records.at(-1)).toMatchObject({ action: "extension.upload", outcome: "ok" });
  }
});

test("the client's name for it is no path", async () => {
  for (const filename of [
    "../../evil.zip",
    "/etc/evil.zip",
    "..",
    "a\u0007.zip",
    "x".repeat(999),
  ]) {
    const told = ExtensionUpload.parse(await (await upload(makeZip(FILES), { filename })).json());
    expect(told.temp_filename).toMatch(/^[0-9a-f-]{36}\.zip$/);
    expect(told.filename.length).toBeLessThan(201);
  }
  expect(await readdir(folder)).toEqual(["uploads"]);
});

test("what is no good is refused at once, and nothing of it stays", async () => {
  const slip = makeZip([...FILES, { name: "../x", content: "x" }]);
  expect(await refusal(upload(slip))).toEqual([
    422,
    "bad_archive",
    'Cannot unpack "sample.zip": the name "../x" leads out of the archive',
  ]);
  expect((await refusal(upload(Buffer.from("MZ an executable"))))[1]).toBe("bad_archive");
  expect((await refusal(upload(Buffer.alloc(0))))[1]).toBe("bad_archive");
  const stranger = makeZip([
    { name: "a/index.html", content: "x" },
    { name: "b", content: "" },
  ]);
  expect((await refusal(upload(stranger)))[2]).toContain("no extension: at its top should be");
  const empty = makeZip([{ name: "config.json", content: "{}" }]);
  expect((await refusal(upload(empty)))[2]).toContain(
    "neither tools/ nor mcp_servers nor ui/start.sh",
  );
  const broken = makeZip([{ name: "config.json", content: '{"name": 5}' }]);
  expect((await refusal(upload(broken))).slice(1)).toEqual([
    "bad_extension",
    expect.stringMatching(/^Cannot use "sample.zip": Cannot read "config.json": name/),
  ]);
  expect(records.map(({ outcome }) => outcome)).toEqual(Array(6).fill("failed"));
});

test("a body that is no such form", async () => {
  const boundary = { "Content-Type": "multipart/form-data; boundary=x" };
  for (const answering of [
    () => post(JSON.stringify({ file: "x" }), { "Content-Type": "application/json" }),
    () => post("x", { "Content-Type": "multipart/form-data" }),
    () => post("nothing of it", boundary),
    () => post(`${HEAD}PK`, boundary),
    () => post("--x\r\n", boundary),
    () => upload(makeZip(FILES), { field: "archive" }),
    () => fetch(`http://127.0.0.1:${server.port}/extensions/upload`, { method: "POST" }),
  ]) {
    const [status, , message] = await refusal(answering());
    expect([status, message]).toEqual([422, expect.stringContaining("Cannot take the upload")]);
  }
});

test("too much is refused while it comes", async () => {
  const piece = randomBytes(1024 ** 2);
  piece.set([0x50, 0x4b]);
  const endless = () => {
    let sent = 0;
    return new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from(HEAD)),
      pull: (controller) => {
        sent += 1;
        if (sent > 66) return controller.close();
        controller.enqueue(piece);
      },
    });
  };
  const headers = { "Content-Type": "multipart/form-data; boundary=x" };
  expect((await refusal(post(endless(), headers))).slice(0, 2)).toEqual([422, "too_large"]);
});

test("an upload that breaks off leaves nothing", async () => {
  const socket = connect(server.port ?? 0, "127.0.0.1");
  socket.write(
    "POST /extensions/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n" +
      "Content-Type: multipart/form-data; boundary=x\r\n\r\n" +
      `${HEAD}PK and more`,
  );
  await until(async () => (await kept()).length === 1, { what: "the upload to begin" });
  socket.destroy();
  await until(async () => (await kept()).length === 0, { what: "its rest to go" });
  expect(records).toMatchObject([{ outcome: "failed" }]);
});
