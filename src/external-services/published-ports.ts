/** Keeps the ports that Docker publishes on this machine: it would open them to the network, past sign-in and firewall. */

const STARTS_CONTAINER = /\b(?:docker|podman)\b[^\n;|&]*\b(?:run|create)\b/;
const PORT = String.raw`(?:\d+(?:-\d+)?|\{\{\s*\w+\s*\}\}|\{port\})`;
/** `-p 8080:80`, also `--publish={{port}}:80/tcp`, without an address before it. */
const PUBLISHED = new RegExp(
  String.raw`(\s(?:-p|--publish)(?:\s+|=)?["']?)(${PORT}:${PORT}(?![:\d]))`,
  "g",
);

/** What one should know of a command before it runs, as sentences. */
const RISKS: readonly [pattern: RegExp, note: string][] = [
  [
    /\s(?:-p|--publish)(?:\s+|=)?["']?(?:0\.0\.0\.0|\[::\]):/,
    "publishes a port on every network of this machine, past Luna's sign-in",
  ],
  [
    /--net(?:work)?[=\s]+["']?host\b/,
    "uses the network of this machine itself, so its ports are open to other machines",
  ],
  [/--privileged\b/, "gives its container full control of this machine"],
  [/docker\.sock\b/, "gives its container control of Docker, and with it of this machine"],
  [/\s(?:-v|--volume)(?:\s+|=)?["']?\/:/, "gives its container the whole disk"],
  [/(?:^|[\s;&|])sudo\s/, "asks for the rights of root, which fails where sudo wants a password"],
  [/\|\s*(?:sudo\s+)?(?:ba)?sh\b/, "runs what it fetches from elsewhere"],
];

/** The command with `127.0.0.1:` before each published port that has no address. */
export function publishedLocally(command: string): string {
  if (!STARTS_CONTAINER.test(command)) return command;
  return command.replace(
    PUBLISHED,
    (_, option: string, ports: string) => `${option}127.0.0.1:${ports}`,
  );
}

export function risksOf(command: string): string[] {
  const found = RISKS.filter(([pattern]) => pattern.test(command)).map(([, note]) => note);
  const isOpen = STARTS_CONTAINER.test(command) && publishedLocally(command) !== command;
  const [, open = ""] = RISKS[0] ?? [];
  return isOpen ? [open, ...found] : found;
}
