/** `POST /mcp-doctor`: what MCP clients meet on their way to this Luna, found by going it. */
import { z } from "zod";

export const DoctorClient = z.enum(["claude", "chatgpt", "cursor", "vscode"]);
export type DoctorClient = z.infer<typeof DoctorClient>;

/** In the order in which a client takes them. */
export const DoctorStep = z.enum([
  "reach",
  "challenge",
  "resource",
  "server",
  "register",
  "sign_in",
  "token",
  "header",
  "call",
]);
export type DoctorStep = z.infer<typeof DoctorStep>;

/** Whose it is to put right: Luna's, the name service's or network's, what stands in front of Luna, or the client's. */
const Whose = z.enum(["luna", "network", "in_front", "client"]);

export const StepFinding = z.object({
  step: DoctorStep,
  status: z.enum(["ok", "warn", "fail"]),
  /** A sentence: what was found. */
  title: z.string(),
  whose: Whose.nullable(),
  /** What to do about it; "" when there is nothing to do. */
  fix: z.string(),
});
export type StepFinding = z.infer<typeof StepFinding>;

export const McpDoctorReport = z.object({
  /** The public address that was asked. */
  url: z.string(),
  healthy: z.boolean(),
  clients: z.array(
    z.object({ client: DoctorClient, label: z.string(), findings: z.array(StepFinding) }),
  ),
});
export type McpDoctorReport = z.infer<typeof McpDoctorReport>;

/** Which clients; all of them otherwise. */
export const McpDoctorRequest = z.strictObject({
  clients: z.array(DoctorClient).min(1).max(DoctorClient.options.length).optional(),
});
