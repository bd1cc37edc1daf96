/** The exact steps that connect each MCP client to a named server of this Luna. */

/** What the steps are made from. */
export interface ServerAccess {
  /** The named server. */
  name: string;
  /** Its public address. */
  url: string;
  /** Known only right after it was made. */
  apiKey: string | undefined;
  /** How this Luna's command line is run, for a client that starts Luna's bridge itself. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface Step {
  text: string;
  code?: { text: string; what: string };
  /** Opens the client itself. */
  link?: { href: string; label: string };
}

export interface Client {
  id: string;
  label: string;
  /** Why this client cannot be connected to this server; its steps are empty then. */
  obstacle?: string;
  steps: readonly Step[];
}

const KEY_PLACEHOLDER = "YOUR_KEY";
const KEY_INPUT = "luna-key";

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

export function clientsFor(access: ServerAccess): readonly Client[] {
  return [
    claudeCode(access),
    claudeDesktop(access),
    cursor(access),
    vsCode(access),
    cloudClients(access),
    otherClients(access),
    curl(access),
  ];
}

/** The name that clients show: "luna-work". */
const clientName = ({ name }: ServerAccess): string => `luna-${name}`;
const bearer = ({ apiKey }: ServerAccess): string => `Bearer ${apiKey ?? KEY_PLACEHOLDER}`;

/** One word to a POSIX shell, whatever is in it. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function claudeCode(access: ServerAccess): Client {
  const header = shellQuoted(`Authorization: ${bearer(access)}`);
  const name = clientName(access);
  return {
    id: "claude-code",
    label: "Claude Code",
    steps: [
      {
        text: "Run this in a terminal. With “--scope user” it is there in all your projects.",
        code: {
          text: `claude mcp add --transport http --scope user ${name} ${shellQuoted(access.url)} --header ${header}`,
          what: "command",
        },
      },
      { text: "Check it:", code: { text: `claude mcp get ${name}`, what: "command" } },
    ],
  };
}

/** Claude Desktop starts commands only, so Luna itself is the bridge; it needs no key on its own computer. */
function claudeDesktop(access: ServerAccess): Client {
  const [command = "luna", ...first] = access.command;
  const server = {
    command,
    args: [...first, "mcp", "stdio", "--hub", access.name],
    ...(Object.keys(access.env).length === 0 ? {} : { env: access.env }),
  };
  return {
    id: "claude-desktop",
    label: "Claude Desktop",
    steps: [
      {
        text: "This works on the computer where Luna runs. In Claude Desktop, open Settings, Developer, Edit Config. That shows the file claude_desktop_config.json.",
      },
      {
        text: "Put this into the file. If it has “mcpServers” already, add only the inner part.",
        code: {
          text: pretty({ mcpServers: { [clientName(access)]: server } }),
          what: "configuration",
        },
      },
      { text: "Quit Claude Desktop and start it again." },
    ],
  };
}

function cursor(access: ServerAccess): Client {
  const server = { url: access.url, headers: { Authorization: bearer(access) } };
  const config = encodeURIComponent(btoa(JSON.stringify(server)));
  const file: Step = {
    text: "Put this into ~/.cursor/mcp.json. If it has “mcpServers” already, add only the inner part.",
    code: { text: pretty({ mcpServers: { [clientName(access)]: server } }), what: "configuration" },
  };
  const link: Step = {
    text: "Open Cursor with everything filled in:",
    link: {
      href: `cursor://anysphere.cursor-deeplink/mcp/install?name=${clientName(access)}&config=${config}`,
      label: "Add to Cursor",
    },
  };
  // A link with a placeholder would add a server that cannot answer.
  if (access.apiKey === undefined) return { id: "cursor", label: "Cursor", steps: [file] };
  const otherwise = { ...file, text: `Or by hand: ${file.text.replace("Put", "put")}` };
  return { id: "cursor", label: "Cursor", steps: [link, otherwise] };
}

/** VS Code asks for the key itself and keeps it in its secret storage. */
function vsCode(access: ServerAccess): Client {
  const name = clientName(access);
  const headers = { Authorization: `Bearer \${input:${KEY_INPUT}}` };
  const server = { type: "http", url: access.url, headers };
  const inputs = [
    {
      id: KEY_INPUT,
      type: "promptString",
      description: `Key of the MCP server ${access.name} of Luna`,
      password: true,
    },
  ];
  const install = JSON.stringify({ name, ...server, inputs });
  return {
    id: "vs-code",
    label: "VS Code",
    steps: [
      {
        text: "Open VS Code with everything filled in. It asks for the key once and keeps it in its own secret storage:",
        link: {
          href: `vscode:mcp/install?${encodeURIComponent(install)}`,
          label: "Add to VS Code",
        },
      },
      {
        text: "Or in a terminal:",
        code: { text: `code --add-mcp ${shellQuoted(install)}`, what: "command" },
      },
      {
        text: "Or for one workspace, in its file .vscode/mcp.json:",
        code: { text: pretty({ inputs, servers: { [name]: server } }), what: "configuration" },
      },
    ],
  };
}

/** Whether a service on the internet could reach `url` over TLS. */
export function isPublicHttps(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const isPrivate =
    /^(localhost|.*\.(localhost|local|internal|lan)|127\..*|10\..*|192\.168\..*|169\.254\..*|172\.(1[6-9]|2\d|3[01])\..*|\[.*\])$/.test(
      hostname,
    );
  return protocol === "https:" && !isPrivate;
}

/** They connect from their makers' servers, and sign in with OAuth alone. */
function cloudClients(access: ServerAccess): Client {
  const obstacle = isPublicHttps(access.url)
    ? "claude.ai and ChatGPT sign in with OAuth and take no key, and a server with a key offers no OAuth. They connect as said above, under “Sign in, without a key”."
    : `claude.ai and ChatGPT connect from the internet, over https. This Luna is at ${URL.canParse(access.url) ? new URL(access.url).origin : access.url}, where they cannot reach it. Claude Code and Claude Desktop, on your own computer, can.`;
  return { id: "cloud", label: "claude.ai, ChatGPT", obstacle, steps: [] };
}

function otherClients(access: ServerAccess): Client {
  return {
    id: "other",
    label: "Others",
    steps: [
      {
        text: "The transport is “Streamable HTTP”, at this address:",
        code: { text: access.url, what: "address" },
      },
      {
        text: "With this header (or the key alone in the header “X-API-Key”):",
        code: { text: `Authorization: ${bearer(access)}`, what: "header" },
      },
    ],
  };
}

function curl(access: ServerAccess): Client {
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const lines = [
    `curl ${shellQuoted(access.url)}`,
    `-H ${shellQuoted(`Authorization: ${bearer(access)}`)}`,
    "-H 'Content-Type: application/json'",
    "-H 'Accept: application/json, text/event-stream'",
    `-d ${shellQuoted(request)}`,
  ];
  return {
    id: "curl",
    label: "curl",
    steps: [
      {
        text: "This lists the tools, to see that address and key are right:",
        code: { text: lines.join(" \\\n  "), what: "command" },
      },
    ],
  };
}
