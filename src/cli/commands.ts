/** The commands of `luna`, each loaded only when it is the one that runs. */
import { VERSION } from "../config/version.ts";
import { didYouMean } from "../lib/did-you-mean.ts";
import { readArguments, type Verb } from "./arguments.ts";
import { USAGE } from "./usage.ts";

interface Command {
  name: string;
  aliases?: readonly string[];
  /** What it does, for `luna help`; undefined for what Luna calls itself. */
  summary?: string;
  usage?: string;
  load(): Promise<Verb>;
}

export const COMMANDS: readonly Command[] = [
  {
    name: "up",
    usage: USAGE.up,
    summary: "Start Luna in the foreground; Ctrl-C stops it",
    load: async () => (await import("./up.ts")).up,
  },
  {
    name: "down",
    usage: USAGE.down,
    summary: "Stop the Luna of this home, and leave nothing",
    load: async () => (await import("./down.ts")).down,
  },
  {
    name: "status",
    usage: USAGE.status,
    summary: "Show what runs (--watch, --json); exit code 0 healthy, 3 degraded, 4 not running",
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "start",
    usage: USAGE.start,
    summary: "start <id>: start one of what `luna status` shows",
    load: async () => (await import("./one-service.ts")).start,
  },
  {
    name: "stop",
    usage: USAGE.stop,
    summary: "stop <id>: stop it until you start it, or Luna anew",
    load: async () => (await import("./one-service.ts")).stop,
  },
  {
    name: "restart",
    usage: USAGE.restart,
    summary: "restart <id>: stop it and start it again",
    load: async () => (await import("./one-service.ts")).restart,
  },
  {
    name: "doctor",
    usage: USAGE.doctor,
    summary: "Look for what is wrong and say what fixes it (--fix, --json); exit code 0 or 3",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "logs",
    usage: USAGE.logs,
    summary:
      "Show what the parts write: logs [names…] -f --since 1h --level warn --grep re --json -n 200",
    load: async () => (await import("./logs.ts")).logs,
  },
  {
    name: "audit",
    usage: USAGE.audit,
    summary:
      "Show who did what: audit -f --since 1h --action key --actor owner --outcome refused --json",
    load: async () => (await import("./audit.ts")).audit,
  },
  {
    name: "login-link",
    usage: USAGE["login-link"],
    summary: "Make another one-time sign-in link",
    load: async () => (await import("./login-link.ts")).loginLink,
  },
  {
    name: "passphrase",
    usage: USAGE.passphrase,
    summary: "Set the owner's passphrase, also a forgotten one (--remove takes it away)",
    load: async () => (await import("./passphrase.ts")).passphrase,
  },
  {
    name: "keys",
    usage: USAGE.keys,
    summary: "keys list | create <name> | rotate <name> | revoke <name>: API keys and their scopes",
    load: async () => (await import("./keys.ts")).keys,
  },
  {
    name: "secrets",
    usage: USAGE.secrets,
    summary: "secrets list | set <NAME> | unset <NAME> | import <file>: the keys of .env",
    load: async () => (await import("./secrets.ts")).secrets,
  },
  {
    name: "ext",
    usage: USAGE.ext,
    summary: "ext list | add | update | remove | enable | disable | new | dev | check | reload",
    load: async () => (await import("./ext.ts")).ext,
  },
  {
    name: "queue",
    usage: USAGE.queue,
    summary: "queue show | apply | discard | retry: the changes that wait",
    load: async () => (await import("./queue.ts")).queue,
  },
  {
    name: "runs",
    usage: USAGE.runs,
    summary: "runs [<id>] [-f]: what was changed when, and how far the one under way is",
    load: async () => (await import("./runs.ts")).runs,
  },
  {
    name: "tools",
    usage: USAGE.tools,
    summary: "tools list | run <TOOL>: the tools there are, and running one by hand",
    load: async () => (await import("./tools.ts")).tools,
  },
  {
    name: "svc",
    usage: USAGE.svc,
    summary: "svc list | show | install | start | stop | uninstall | …: external services",
    load: async () => (await import("./svc.ts")).svc,
  },
  {
    name: "mcp",
    usage: USAGE.mcp,
    summary:
      "mcp list | create | rename | tools | rotate-key | …: named MCP servers; clients: who has signed in; stdio: a bridge",
    load: async () => (await import("./mcp.ts")).mcp,
  },
  {
    name: "update",
    usage: USAGE.update,
    summary: "Bring in a newer Luna, which is taken back when it does not work (--check)",
    load: async () => (await import("./update.ts")).update,
  },
  {
    name: "unit",
    usage: USAGE.unit,
    summary: "Print a systemd unit that runs this Luna (--user, --system)",
    load: async () => (await import("./unit.ts")).unit,
  },
  {
    name: "version",
    usage: USAGE.version,
    aliases: ["--version", "-v"],
    summary: "Print the version",
    load: async () => async (_environment, args) => {
      readArguments(args, { usage: USAGE.version, options: {} });
      process.stdout.write(`${VERSION}\n`);
      return 0;
    },
  },
  {
    name: "help",
    usage: USAGE.help,
    aliases: ["--help", "-h"],
    summary: "Print this",
    load: async () => async (_environment, args) => {
      readArguments(args, { usage: USAGE.help, options: {} });
      process.stdout.write(HELP);
      return 0;
    },
  },
  { name: "self-test", load: async () => (await import("./self-test.ts")).selfTest },
  { name: "supervise", load: async () => (await import("./supervise.ts")).supervise },
  { name: "service", load: async () => (await import("./service.ts")).service },
  { name: "tool-host", load: async () => (await import("./tool-host.ts")).toolHost },
];

const NAME_WIDTH = 12;

/** What `luna <command> --help` prints. */
export function helpOf({ name, summary = "Luna calls this itself", usage }: Command): string {
  return `luna ${name}: ${summary}\n${usage === undefined ? "" : `\nUsage: ${usage}\n`}`;
}

const HELP: string = [
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

/** What is said of a command that there is not. */
export function noSuchCommand(name: string): string {
  const names = COMMANDS.flatMap((one) => (one.summary === undefined ? [] : [one.name]));
  const meant = didYouMean(name, names);
  return `Cannot run "luna ${name}": there is no such command.${meant}\n\n${HELP}`;
}
