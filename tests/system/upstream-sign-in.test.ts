/** A Luna that is a client of another one: signed in there by its owner's browser, tools called with tokens that nobody can read. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { allowInBrowser } from "../support/luna-oauth.ts";
import { apply } from "../support/runs.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

let luna: Luna;
/** The one that is signed in at. */
let other: Luna;
let session: string;
beforeAll(async () => {
  [luna, other] = await Promise.all([startLuna(), startLuna()]);
  session = await other.signIn();
});
afterAll(async () => {
  await Promise.all([luna.stop(), other.stop()]);
  const left = [...luna.processes(), ...other.processes()];
  await Promise.all([luna.remove(), other.remove()]);
  expect(left).toEqual([]);
});

const Executed = z.object({ success: z.boolean(), result: z.unknown() });
async function run(tool: string) {
  const answer = await luna.control(`/tools/execute/${tool}`, { method: "POST", body: "{}" });
  return answer.ok
    ? Executed.parse(await answer.json())
    : { success: false, result: answer.status };
}

type Paste = (address: URL) => Promise<void>;

/** Runs `luna mcp login`, with a browser that `browse` is, which may also paste where it ended. */
async function login(browse: (address: string, paste: Paste) => Promise<void>) {
  const child = Bun.spawn([BINARY, "mcp", "login", "far"], {
    ...{ env: luna.environment, stdin: "pipe", stdout: "pipe", stderr: "pipe" },
  });
  let output = "";
  const reading = (async () => {
    for await (const piece of child.stdout) output += new TextDecoder().decode(piece);
  })();
  const address = await until(() => /^ {2}(http\S+)$/m.exec(output)?.[1], { what: "the address" });
  await browse(address, async ({ href }) => {
    child.stdin.write(`${href}\n`);
    await child.stdin.flush();
  });
  const [code, errors] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  await reading;
  return { code, output, errors };
}

const tokensFile = () => join(luna.paths.luna, "upstreams/far.json");
const FAR = "FAR_NOTES_GET_all";

test("before its owner has signed Luna in, it is told what to do", async () => {
  const added = await luna.run("mcp", "add", "far", `${other.url}/api/mcp`, "--oauth");
  expect([added.code, added.stdout]).toEqual([1, expect.stringContaining("luna mcp login far")]);
  expect(await run(FAR)).toMatchObject({ success: false });
});

test("the owner allows it in their browser, and its tools are Luna's", async () => {
  const { code, output, errors } = await login(async (address) => {
    const back = await allowInBrowser(other, session, address);
    expect(await (await fetch(back)).text()).toContain("you can close this page");
  });
  expect([code, errors, output]).toEqual([0, "", expect.stringContaining(`+ ${FAR}`)]);
  expect(await run(FAR)).toMatchObject({ success: true });
  expect((await other.run("mcp", "clients")).stdout).toContain("Luna");
});

test("what was given is encrypted, for this machine's owner alone, and outlasts a restart", async () => {
  const text = await readFile(tokensFile(), "utf8");
  expect(text).not.toContain("luna-at-");
  expect(Buffer.from(JSON.parse(text).servers.far, "base64").toString("latin1")).not.toContain(
    "luna-",
  );
  expect((await stat(tokensFile())).mode & 0o777).toBe(0o600);
  await luna.stop();
  luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
  expect(await run(FAR)).toMatchObject({ success: true });
});

test("with another address in the manifest nobody gets the tokens", async () => {
  const seen: (string | null)[] = [];
  const stranger = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: ({ headers }) => {
      seen.push(headers.get("Authorization"));
      return new Response("no", { status: 401 });
    },
  });
  const path = join(luna.paths.extensions, "far/config.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  const good = JSON.stringify(manifest);
  manifest.mcp_servers.far.url = `http://127.0.0.1:${stranger.port}/mcp`;
  await writeFile(path, JSON.stringify(manifest));
  await luna.run("ext", "reload", "far");
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.every((header) => header === null)).toBe(true);
  await stranger.stop(true);
  await writeFile(path, good);
  await luna.run("ext", "reload", "far");
  expect(await run(FAR)).toMatchObject({ success: true });
});

test("when the other owner ends it, it is told; signed in again by a pasted address, it goes on", async () => {
  await other.run("mcp", "clients", "revoke", "Luna");
  await until(async () => !(await run(FAR)).success, { what: "the end of it" });
  const { code, errors } = await login(async (address, paste) =>
    paste(await allowInBrowser(other, session, address)),
  );
  expect([code, errors]).toEqual([0, ""]);
  await until(async () => (await run(FAR)).success, { what: "the tool" });
});

test("with its extension the tokens go", async () => {
  const view = await apply(luna, [{ type: "delete", target: "far" }]);
  expect(view.state).toBe("done");
  expect(existsSync(tokensFile())).toBe(false);
  await luna.run("mcp", "add", "far", `${other.url}/api/mcp`, "--oauth");
  expect(await run(FAR)).toMatchObject({ success: false });
});

test("what cannot be signed in at is refused in words", async () => {
  for (const [args, why] of [
    [["notes"], "none of its mcp_servers"],
    [["far", "nowhere"], "say at which server: far"],
    [["nothing-there"], "Cannot"],
  ] as const) {
    const refused = await luna.run("mcp", "login", ...args);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(why)]);
  }
});
