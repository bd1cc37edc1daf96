/** `luna unit`: prints a systemd unit file for the Luna of this home (systemd.service(5), systemd.exec(5)). */
import { readFileSync, statSync } from "node:fs";
import { commandLine, type Environment } from "../config/environment.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { USAGE } from "./usage.ts";

/** More than Luna's own stop may take, which ends what does not listen after 8 s. */
const STOP_TIMEOUT_S = 20;
/** Luna itself brings back a supervisor that hangs within this time; systemd is the last resort. */
const WATCHDOG_S = 60;

type Scope = "user" | "system";

function scopeOf(args: string[]): Scope {
  const flag = { type: "boolean" } as const;
  const { values } = readArguments(args, {
    usage: USAGE.unit,
    options: { user: flag, system: flag },
  });
  if (values.user && values.system) {
    throw new InvalidInputError(`Cannot print a unit for both: use ${USAGE.unit}`);
  }
  if (values.user) return "user";
  if (values.system) return "system";
  return process.getuid?.() === 0 ? "system" : "user";
}

/** A path as a setting's whole value: systemd takes it as it is, but for its specifiers. */
function plain(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a unit file cannot hold.
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    throw new InvalidInputError(
      `Cannot print a unit for ${JSON.stringify(path)}: a path in it must not hold control characters`,
    );
  }
  return path.replaceAll("%", "%%");
}

/** One word among several. */
function quoted(word: string): string {
  return `"${plain(word).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** One word of a command, where `$` would begin a variable. */
function commandWord(word: string): string {
  return quoted(word).replaceAll("$", "$$$$");
}

/** Whose the home is: by name where the machine's own list has one. */
function ownerOf(home: string): string {
  const uid = String(statSync(home).uid);
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  return users.map((line) => line.split(":")).find((fields) => fields[2] === uid)?.[0] ?? uid;
}

/** What only the system's manager can do for a service. */
function systemSettings(home: string): string[] {
  return [
    `User=${ownerOf(home)}`,
    "# The ports 80 and 443, for a domain of your own; nothing else of root's.",
    "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    "# All but the home is read-only. An extension that writes elsewhere needs another ReadWritePaths=.",
    "ProtectSystem=strict",
    `ReadWritePaths=${quoted(home)}`,
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
  ];
}

function settingsOf(environment: Environment): string[] {
  const { command, env } = commandLine(environment);
  return [
    "Type=notify",
    `WorkingDirectory=${plain(environment.home)}`,
    ...Object.entries(env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    `ExecStart=${[...command, "up"].map(commandWord).join(" ")}`,
    "# Luna restarts its own parts. systemd starts it again only when luna up itself fails (exit code 1),",
    "# is killed or hangs; after Ctrl-C, SIGTERM or luna down it ends with 0 and stays down.",
    "Restart=on-failure",
    "RestartSec=2",
    `WatchdogSec=${WATCHDOG_S}`,
    "# luna up is told to stop and stops the rest in order; what is left after that is killed.",
    "KillMode=mixed",
    `TimeoutStopSec=${STOP_TIMEOUT_S}`,
    "# Luna limits and restarts each part by itself.",
    "Delegate=yes",
    "OOMPolicy=continue",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
  ];
}

const INSTALL: Record<Scope, string> = {
  user: `# luna unit --user > ~/.config/systemd/user/luna.service
# systemctl --user daemon-reload && systemctl --user enable --now luna
# loginctl enable-linger   (Luna then runs from boot on, without you being signed in)`,
  system: `# luna unit --system | sudo tee /etc/systemd/system/luna.service
# sudo systemctl daemon-reload && sudo systemctl enable --now luna`,
};

/** The unit's text. */
export function unitFile(environment: Environment, scope: Scope): string {
  const isSystem = scope === "system";
  return `${[
    INSTALL[scope],
    "",
    "[Unit]",
    `Description=Luna (${plain(environment.home)})`,
    ...(isSystem ? ["Wants=network-online.target", "After=network-online.target"] : []),
    "StartLimitIntervalSec=300",
    "StartLimitBurst=5",
    "",
    "[Service]",
    ...settingsOf(environment),
    ...(isSystem ? systemSettings(environment.home) : []),
    "",
    "[Install]",
    `WantedBy=${isSystem ? "multi-user.target" : "default.target"}`,
  ].join("\n")}\n`;
}

export async function unit(environment: Environment, args: string[]): Promise<number> {
  process.stdout.write(unitFile(environment, scopeOf(args)));
  return 0;
}
