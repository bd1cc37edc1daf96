/** The connector doctor over HTTP. */
import { Hono } from "hono";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import type { ConnectorDoctor } from "../../connector/doctor.ts";
import { DoctorClient, McpDoctorReport, McpDoctorRequest } from "../../contract/mcp-doctor.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";

export interface McpDoctorDeps {
  connectorDoctor: Pick<ConnectorDoctor, "examine">;
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

const EXAMINE = answers(
  "Play MCP clients against the public address; says what fails, and whose fault it is",
  McpDoctorReport,
);

export function mcpDoctorRoutes({ connectorDoctor, audit, callerOf }: McpDoctorDeps) {
  return new Hono().post("/", EXAMINE, valid("json", McpDoctorRequest), async (context) => {
    const { clients = DoctorClient.options } = context.req.valid("json");
    const what = { ...callerOf(context.req), action: "mcp.doctor", details: { clients } };
    return context.json(await audited(audit, what, () => connectorDoctor.examine(clients)));
  });
}
