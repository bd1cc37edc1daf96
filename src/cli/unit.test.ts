/** The unit file: what it says, and that systemd itself understands it. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../config/environment.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { unit, unitFile } from "./unit.ts";

const folder = mkdtempSync(join(tmpdir(), "luna-unit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function homeNamed(name: string): string {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  return home;
}

const environmentOf = (home: string) =>
  readEnvironment({ LUNA_HOME: home, LUNA_PORT_OFFSET: "1000", PATH: "/usr/bin:/bin" });

test("names the home, its variables and what systemd has to know", () => {
  const home = homeNamed("plain");
  const text = unitFile(environmentOf(home), "system");
  for (const line of [
    "Type=notify",
    `WorkingDirectory=${home}`,
    `Environment="LUNA_HOME=${home}"`,
    'Environment="LUNA_PORT_OFFSET=1000"',
    "Restart=on-failure",
    "KillMode=mixed",
    "Delegate=yes",
    `ReadWritePaths="${home}"`,
    "WantedBy=multi-user.target",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(text).toMatch(/^ExecStart=".+" "up"$/m);
  // Bun's compiler makes code at run time.
  expect(text).not.toContain("MemoryDenyWriteExecute");
});

test("a user's unit asks nothing that only root can give", () => {
  const text = unitFile(environmentOf(homeNamed("plain")), "user");
  expect(text).not.toMatch(/^(?:User|AmbientCapabilities|ProtectSystem)=/m);
  expect(text.split("\n")).toContain("WantedBy=default.target");
});

const verify = Bun.which("systemd-analyze") ?? "";

test.skipIf(verify === "")("systemd understands it, whatever the home is called", () => {
  const home = homeNamed(`a 100% "strange" $HOME \\ name ; # é`);
  for (const scope of ["system", "user"] as const) {
    const path = join(folder, `luna-${scope}.service`);
    writeFileSync(path, unitFile(environmentOf(home), scope));
    const { exitCode, stdout, stderr } = Bun.spawnSync([verify, `--${scope}`, "verify", path], {
      env: { PATH: "/usr/bin:/bin", HOME: folder, XDG_RUNTIME_DIR: folder },
    });
    expect({ exitCode, said: `${stdout}${stderr}` }).toEqual({ exitCode: 0, said: "" });
  }
});

test("what no unit can hold, and unknown options, are refused", async () => {
  const environment = environmentOf(homeNamed("line\nbreak"));
  expect(() => unitFile(environment, "user")).toThrow(InvalidInputError);
  await expect(unit(environment, ["--both"])).rejects.toThrow("luna unit [--user | --system]");
  await expect(unit(environment, ["--user", "--system"])).rejects.toThrow(InvalidInputError);
});
