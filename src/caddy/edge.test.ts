/** What Caddy is started with, and what happens when the program cannot check a file. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathsOf } from "../config/paths.ts";
import { caddyCommand, caddyEnvironment, writeCaddyfile } from "./edge.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-caddy-"));
  await mkdir(join(home, ".luna"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const base = { PATH: "/usr/bin:/bin", HOME: "/home/someone", LUNA_HOME: "/srv/luna" };

test("Caddy runs the generated file, with three tokens and folders of Luna's own", () => {
  const paths = pathsOf("/srv/luna");
  expect(caddyCommand(paths, "/usr/bin/caddy").join(" ")).toBe(
    "/usr/bin/caddy run --config /srv/luna/.luna/Caddyfile --adapter caddyfile",
  );
  const credentials = {
    supervisorToken: "a",
    agentKey: "never",
    edgeToken: "b",
    authToken: "c",
    mcpToken: "d",
    toolHostToken: "e",
    tokenCheck: "f",
  };
  expect(caddyEnvironment({ base, paths, credentials })).toEqual({
    PATH: "/usr/bin:/bin",
    LUNA_HOME: "/srv/luna",
    HOME: "/srv/luna/.luna/caddy",
    XDG_DATA_HOME: "/srv/luna/.luna/caddy",
    XDG_CONFIG_HOME: "/srv/luna/.luna/caddy",
    SUPERVISOR_API_TOKEN: "a",
    LUNA_EDGE_TOKEN: "b",
    LUNA_AUTH_TOKEN: "c",
  });
});

/** A stand-in for the program that finds every file valid in which there is no "wrong". */
async function checker(): Promise<string> {
  const program = join(home, "caddy");
  await writeFile(
    program,
    '#!/bin/sh\nif grep -q wrong "$3"; then echo "line 3 is wrong" >&2; exit 1; fi\n',
  );
  await chmod(program, 0o755);
  return program;
}

test("a file takes its place only when Caddy finds it valid, and only when it is another", async () => {
  const place = { paths: pathsOf(home), program: await checker(), base };
  expect(await writeCaddyfile("good", place)).toBe(true);
  expect(await writeCaddyfile("good", place)).toBe(false);
  await expect(writeCaddyfile("wrong", place)).rejects.toThrow("line 3 is wrong");
  expect(await readFile(place.paths.caddyfile, "utf8")).toBe("good");
  expect(await writeCaddyfile("better", place)).toBe(true);
  expect((await readdir(place.paths.luna)).sort()).toEqual(["Caddyfile", "caddy"]);
});

test("a program that is gone is said, and the last good file stays", async () => {
  const place = { paths: pathsOf(home), program: join(home, "gone"), base };
  const before = await readFile(place.paths.caddyfile, "utf8");
  await expect(writeCaddyfile("new", place)).rejects.toThrow("Cannot use the new Caddyfile");
  expect(await readFile(place.paths.caddyfile, "utf8")).toBe(before);
});
