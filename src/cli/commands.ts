/** The commands of `luna`, each loaded only when it is the one that runs. */
import type { Environment } from "../config/environment.ts";
import { VERSION } from "../config/version.ts";
import { readArguments } from "./arguments.ts";

/** Runs the command; settles with its exit code, which is not taken before it ends by itself. */
type Run = (environment: Environment, args: string[]) => Promise<number>;

interface Command {
  name: string;
  aliases?: readonly string[];
  /** What it does, for `luna help`; undefined for what Luna calls itself. */
  summary?: string;
  load(): Promise<Run>;
}

export const COMMANDS: readonly Command[] = [
  {
    name: "up",
    summary: "Start Luna in the foreground; Ctrl-C stops it",
    load: async () => (await import("./up.ts")).up,
  },
  {
    name: "down",
    summary: "Stop the Luna of this home, and leave nothing",
    load: async () => (await import("./down.ts")).down,
  },
  {
    name: "status",
    summary: "Show what runs (--watch, --json); exit code 0 healthy, 3 degraded, 4 not running",
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "start",
    summary: "start <id>: start one of what `luna status` shows",
    load: async () => (await import("./one-service.ts")).start,
  },
  {
    name: "stop",
    summary: "stop <id>: stop it until you start it, or Luna anew",
    load: async () => (await import("./one-service.ts")).stop,
  },
  {
    name: "restart",
    summary: "restart <id>: stop it and start it again",
    load: async () => (await import("./one-service.ts")).restart,
  },
  {
    name: "doctor",
    summary: "Look for what is wrong and say what fixes it (--fix, --json); exit code 0 or 3",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "logs",
    summary:
      "Show what the parts write: logs [names…] -f --since 1h --level warn --grep re --json -n 200",
    load: async () => (await import("./logs.ts")).logs,
  },
  {
    name: "audit",
    summary:
      "Show who did what: audit -f --since 1h --action key --actor owner --outcome refused --json",
    load: async () => (await import("./audit.ts")).audit,
  },
  {
    name: "login-link",
    summary: "Make another one-time sign-in link",
    load: async () => (await import("./login-link.ts")).loginLink,
  },
  {
    name: "passphrase",
    summary: "Set the owner's passphrase, also a forgotten one (--remove takes it away)",
    load: async () => (await import("./passphrase.ts")).passphrase,
  },
  {
    name: "keys",
    summary: "keys list | create <name> | rotate <name> | revoke <name>: API keys and their scopes",
    load: async () => (await import("./keys.ts")).keys,
  },
  {
    name: "secrets",
    summary: "secrets list | set <NAME> | unset <NAME> | import <file>: the keys of .env",
    load: async () => (await import("./secrets.ts")).secrets,
  },
  {
    name: "mcp",
    summary: "mcp stdio --hub <name>: bridge a named MCP server to stdio",
    load: async () => (await import("./mcp.ts")).mcp,
  },
  {
    name: "unit",
    summary: "Print a systemd unit that runs this Luna (--user, --system)",
    load: async () => (await import("./unit.ts")).unit,
  },
  {
    name: "version",
    aliases: ["--version", "-v"],
    summary: "Print the version",
    load: async () => async (_environment, args) => {
      readArguments(args, { usage: "luna version", options: {} });
      process.stdout.write(`${VERSION}\n`);
      return 0;
    },
  },
  {
    name: "help",
    aliases: ["--help", "-h"],
    summary: "Print this",
    load: async () => async (_environment, args) => {
      readArguments(args, { usage: "luna help", options: {} });
      process.stdout.write(HELP);
      return 0;
    },
  },
  { name: "supervise", load: async () => (await import("./supervise.ts")).supervise },
  { name: "service", load: async () => (await import("./service.ts")).service },
  { name: "tool-host", load: async () => (await import("./tool-host.ts")).toolHost },
];

const NAME_WIDTH = 12;

/** What `luna <command> --help` prints. */
export function helpOf({ name, summary = "Luna calls this itself" }: Command): string {
  return `luna ${name}: ${summary}\n`;
}

export const HELP: string = [
  `Luna ${VERSION}: a private, self-hosted hub for AI tools and apps`,
  "",
  "Usage: luna <command>",
  "",
  ...COMMANDS.flatMap(({ name, summary }) =>
    summary === undefined ? [] : [`  ${name.padEnd(NAME_WIDTH)}${summary}`],
  ),
  "",
  "LUNA_HOME         the folder of Luna's data (default: that of the program)",
  "LUNA_PORT_OFFSET  a number added to every port, to run a second Luna",
  "",
].join("\n");
