/** The exact steps that connect each client which signs in by itself: one address, and no key. */
import { type Client, isPublicHttps, shellQuoted } from "./clients.ts";

const NAME = "luna";
const pretty = (value: unknown): string => JSON.stringify(value, null, 2);
const YES = "Your browser opens, and Luna asks you whether it may.";

/** The main MCP server's address. */
function mainServerUrl(publicUrl: string): string {
  return `${publicUrl}/api/mcp`;
}

export function signInClientsFor(publicUrl: string): readonly Client[] {
  const url = mainServerUrl(publicUrl);
  return [claudeCode(url), claude(url), chatGpt(url), cursor(url), vsCode(url), others(url)];
}

function claudeCode(url: string): Client {
  const command = `claude mcp add --transport http --scope user ${NAME} ${shellQuoted(url)}`;
  return {
    id: "sign-in-claude-code",
    label: "Claude Code",
    steps: [
      { text: "Run this in a terminal.", code: { text: command, what: "command" } },
      { text: `In Claude Code, type /mcp, choose ${NAME} and Authenticate. ${YES}` },
    ],
  };
}

/** Its makers' servers connect, also for Claude Desktop and the phone. */
function fromTheCloud(url: string, what: string): string | undefined {
  if (isPublicHttps(url)) return undefined;
  return `${what} connects from the internet, over https. This Luna is at ${new URL(url).origin}, where it cannot reach it.`;
}

function claude(url: string): Client {
  const obstacle = fromTheCloud(url, "Claude (claude.ai, Claude Desktop and the phone)");
  return {
    ...{ id: "sign-in-claude", label: "claude.ai, Claude Desktop" },
    ...(obstacle === undefined ? {} : { obstacle }),
    steps: [
      {
        text: "In Claude, open Settings, Connectors, Add custom connector. Put in this address and leave the rest empty:",
        code: { text: url, what: "address" },
      },
      { text: `Press Connect. ${YES}` },
    ],
  };
}

function chatGpt(url: string): Client {
  const obstacle = fromTheCloud(url, "ChatGPT");
  return {
    ...{ id: "sign-in-chatgpt", label: "ChatGPT" },
    ...(obstacle === undefined ? {} : { obstacle }),
    steps: [
      {
        text: "In ChatGPT, open Settings, Apps, Advanced settings, and switch on Developer mode. Then create an app with OAuth and this address:",
        code: { text: url, what: "address" },
      },
      { text: `Connect it. ${YES}` },
    ],
  };
}

function cursor(url: string): Client {
  const config = encodeURIComponent(btoa(JSON.stringify({ url })));
  const link = `cursor://anysphere.cursor-deeplink/mcp/install?name=${NAME}&config=${config}`;
  return {
    id: "sign-in-cursor",
    label: "Cursor",
    steps: [
      {
        text: "Open Cursor with everything filled in:",
        link: { href: link, label: "Add to Cursor" },
      },
      {
        text: "Or by hand: put this into ~/.cursor/mcp.json. If it has “mcpServers” already, add only the inner part.",
        code: { text: pretty({ mcpServers: { [NAME]: { url } } }), what: "configuration" },
      },
      { text: `In Cursor's settings under MCP, press Connect. ${YES}` },
    ],
  };
}

function vsCode(url: string): Client {
  const server = { type: "http", url };
  const install = JSON.stringify({ name: NAME, ...server });
  return {
    id: "sign-in-vs-code",
    label: "VS Code",
    steps: [
      {
        text: "Open VS Code with everything filled in:",
        link: {
          href: `vscode:mcp/install?${encodeURIComponent(install)}`,
          label: "Add to VS Code",
        },
      },
      {
        text: "Or for one workspace, in its file .vscode/mcp.json:",
        code: { text: pretty({ servers: { [NAME]: server } }), what: "configuration" },
      },
      { text: `Start the server there. ${YES}` },
    ],
  };
}

function others(url: string): Client {
  return {
    id: "sign-in-other",
    label: "Others",
    steps: [
      {
        text: "The transport is “Streamable HTTP”, the sign-in is OAuth, and the client finds everything else at this address:",
        code: { text: url, what: "address" },
      },
      {
        text: "A client that only starts commands can use mcp-remote:",
        code: { text: `npx mcp-remote ${shellQuoted(url)}`, what: "command" },
      },
    ],
  };
}
