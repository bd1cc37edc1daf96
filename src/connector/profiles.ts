/** What the four most used MCP clients say of themselves when they connect; data alone. */
import type { DoctorClient } from "../contract/mcp-doctor.ts";

export interface ClientProfile {
  label: string;
  /** Whether its requests come from its maker's servers, which reach only what is public. */
  isInCloud: boolean;
  userAgent: string;
  /** Where it takes the owner's answer. */
  redirect_uris: readonly [string, ...string[]];
  /** The revision of the protocol that it begins with. */
  protocol: string;
  /** How it is connected where nothing public is needed. */
  otherwise: string;
}

/**
 * Redirect addresses as their makers and those who integrate them publish them: Claude's and Cursor's for instance in
 * docs.zuora.com, "Redirect URIs by MCP client"; ChatGPT's in developers.openai.com, "Authentication" (one for each
 * connector); VS Code's in code.visualstudio.com, "MCP authorization".
 */
export const PROFILES: Readonly<Record<DoctorClient, ClientProfile>> = {
  claude: {
    label: "Claude",
    isInCloud: true,
    userAgent: "Claude-User",
    redirect_uris: ["https://claude.ai/api/mcp/auth_callback"],
    protocol: "2025-11-25",
    otherwise: "Claude Code and Claude Desktop on this computer can use a named server",
  },
  chatgpt: {
    label: "ChatGPT",
    isInCloud: true,
    userAgent: "openai-mcp/1.0.0",
    redirect_uris: ["https://chatgpt.com/connector/oauth/luna-mcp-doctor"],
    protocol: "2025-06-18",
    otherwise: "there is no other way for ChatGPT",
  },
  cursor: {
    label: "Cursor",
    isInCloud: false,
    userAgent: "Cursor",
    redirect_uris: ["cursor://anysphere.cursor-mcp/oauth/callback"],
    protocol: "2025-06-18",
    otherwise: "",
  },
  vscode: {
    label: "VS Code",
    isInCloud: false,
    userAgent: "Visual Studio Code",
    redirect_uris: ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
    protocol: "2025-11-25",
    otherwise: "",
  },
};
