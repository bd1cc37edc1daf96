/** How each command is typed: for its help, and for what it refuses. */

const one = (action: string): string =>
  `luna ${action} <id>, as in "luna ${action} agent"; "luna status" shows what there is`;

export const KEYS_USAGE = {
  list: "luna keys list [--json]",
  create:
    "luna keys create <name> [--agents all|a,b] [--mcp all|a,b] [--tools all|'NOTES_*',…] [--read-only] [--expires 90d|2030-01-31] [--rate 100/60s] [--json]",
  rotate: "luna keys rotate <name|id> [--grace 24h] [--json]",
  revoke: "luna keys revoke <name|id>",
};

export const TOOLS_USAGE = {
  list: "luna tools list [--server main|<name>] [--json]",
  run: "luna tools run <TOOL> [name=value …] [--args '{…}' | --args - (standard input)] [--json]",
};

export const EXT_USAGE = {
  new: "luna ext new <name> [--python] [--no-ui] [--no-service]",
  list: "luna ext list [--json]",
  add: "luna ext add <github:user/repo[@ref][:folder] | ./folder | file.zip> [--name <name>] [--disabled] [--trust-scripts] [--yes] [--json]",
  update: "luna ext update <name>… | --all [--yes] [--json]",
  remove: "luna ext remove <name> [--data] [--yes] [--json]",
  enable: "luna ext enable <name> [--json]",
  disable: "luna ext disable <name> [--json]",
  dev: "luna ext dev <name> [--json]",
  check: "luna ext check [<name>|<path>] [--all] [--json]",
  reload: "luna ext reload <name> [--json]",
};

export const SVC_USAGE = {
  list: "luna svc list [--json]",
  show: "luna svc show <name> [--json]",
  install:
    "luna svc install <name|service.json> [field=value …] [--config <file>|-] [--yes] [--json]; passwords are asked for, or come by --config",
  start: "luna svc start <name> [--json]",
  stop: "luna svc stop <name> [--json]",
  restart: "luna svc restart <name> [--json]",
  enable: "luna svc enable <name> [--json]",
  disable: "luna svc disable <name> [--json]",
  uninstall: "luna svc uninstall <name> [--remove-data] [--json]",
  logs: "luna svc logs <name> [-f] [-n 200] [--since 1h] [--grep pattern] [--json]",
};

export const MCP_USAGE = {
  list: "luna mcp list [--json]",
  create: "luna mcp create <name> [--json]",
  rename: "luna mcp rename <name> <new-name> [--json]",
  enable: "luna mcp enable <name> [--json]",
  disable: "luna mcp disable <name> [--json]",
  delete: "luna mcp delete <name> [--json]",
  tools:
    "luna mcp tools <name> [--on TOOL,…|ext:<extension>] [--off TOOL,…|ext:<extension>] [--json]",
  "rotate-key": "luna mcp rotate-key <name> [--grace 24h] [--json]",
  stdio: "luna mcp stdio --hub <name>",
  clients: "luna mcp clients [list | revoke <name|id>] [--json]",
  add: "luna mcp add <name> <url> [--oauth] [--bearer KEY] [--headers 'X-Api-Key=KEY,…'] | luna mcp add <name> [--secrets KEY,…] -- <program> [argument …]; each KEY is one of .env",
  login: "luna mcp login <extension> [<server>]",
  doctor: "luna mcp doctor [claude] [chatgpt] [cursor] [vscode] [--json]",
};

export const QUEUE_USAGE = {
  show: "luna queue show [--json]",
  apply: "luna queue apply [--yes] [--json]",
  discard: "luna queue discard",
  retry: "luna queue retry",
};

export const USAGE = {
  up: "luna up",
  down: "luna down",
  status: "luna status [--watch] [--json]",
  start: one("start"),
  stop: one("stop"),
  restart: one("restart"),
  doctor: "luna doctor [--fix] [--json]",
  logs: "luna logs [names…] [-f] [-n 200] [--since 1h] [--level debug|info|warn|error] [--grep pattern] [--json]",
  audit:
    "luna audit [-f] [-n 50] [--since 1h] [--until 1h] [--action key.create] [--actor name] [--outcome ok|refused|failed] [--text words] [--json]",
  "login-link": "luna login-link",
  passphrase: "luna passphrase [--remove]; it is asked for, or comes by standard input",
  keys: Object.values(KEYS_USAGE).join("\n       "),
  secrets: `luna secrets list [--json]
       luna secrets set <NAME>             the value is asked for, or comes by standard input
       luna secrets unset <NAME>
       luna secrets import <file> [--yes]  shows what it would change, and asks`,
  ext: Object.values(EXT_USAGE).join("\n       "),
  queue: Object.values(QUEUE_USAGE).join("\n       "),
  runs: "luna runs [<id> | last] [-f] [--json]",
  tools: Object.values(TOOLS_USAGE).join("\n       "),
  svc: Object.values(SVC_USAGE).join("\n       "),
  mcp: Object.values(MCP_USAGE).join("\n       "),
  update: "luna update [<version>] [--check] [--yes] [--json]",
  unit: "luna unit [--user | --system]",
  version: "luna version",
  help: "luna help",
};
