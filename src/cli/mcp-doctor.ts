/** `luna mcp doctor`: goes the way of each MCP client to this Luna, and says in words where it ends. */
import type { Environment } from "../config/environment.ts";
import { DoctorClient, McpDoctorReport, type StepFinding } from "../contract/mcp-doctor.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { MCP_USAGE } from "./usage.ts";

const HEALTHY = 0;
const ILL = 3;
/** Each of some dozens of requests may come to nothing only after its own time. */
const EXAMINE_TIMEOUT_MS = 5 * 60_000;
const STEP_WIDTH = 10;
const INDENT = "      ";
const WORDS: Record<StepFinding["status"], string> = { ok: "ok", warn: "!!", fail: "XX" };
const WHOSE: Record<NonNullable<StepFinding["whose"]>, string> = {
  luna: "It is Luna's own fault.",
  network: "It is the network's fault.",
  in_front: "It is the fault of what stands in front of Luna.",
  client: "It is how this client works.",
};

function textOf({ step, status, title, whose, fix }: StepFinding): string {
  const name = step.replace("_", "-").padEnd(STEP_WIDTH);
  const lines = [...(whose === null ? [] : [WHOSE[whose]]), ...(fix === "" ? [] : [fix])];
  return [`  ${WORDS[status]}  ${name}  ${title}`, ...lines.map((line) => INDENT + line)].join(
    "\n",
  );
}

function clientsIn(words: readonly string[]): DoctorClient[] {
  return words.map((word) => {
    const client = DoctorClient.safeParse(word).data;
    if (client !== undefined) return client;
    throw new InvalidInputError(
      `Cannot play the MCP client "${word}": there are ${DoctorClient.options.join(", ")}\nUsage: ${MCP_USAGE.doctor}`,
    );
  });
}

export async function mcpDoctor(environment: Environment, args: string[]): Promise<number> {
  const options = { json: { type: "boolean", default: false } } as const;
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.doctor, options },
    words: { min: 0, max: DoctorClient.options.length },
  });
  const clients = clientsIn(positionals);
  const control = await Control.of(environment);
  const report = await control.ask("/mcp-doctor", McpDoctorReport, {
    ...{ method: "POST", body: clients.length === 0 ? {} : { clients } },
    timeoutMs: EXAMINE_TIMEOUT_MS,
  });
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else {
    const parts = report.clients.map(({ label, findings }) =>
      [`${label} to ${report.url}/api/mcp`, ...findings.map(textOf)].join("\n"),
    );
    process.stdout.write(`${parts.join("\n\n")}\n`);
  }
  return report.healthy ? HEALTHY : ILL;
}
