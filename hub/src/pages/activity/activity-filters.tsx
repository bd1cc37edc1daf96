/** What the activity is narrowed to: a kind of thing, how it ended, and a word. */
import type { AuditOutcome } from "../../../../src/contract/audit.ts";

export interface ActivityFilter {
  action?: string;
  outcome?: AuditOutcome;
  text?: string;
}

/** By the beginning of the action's name. */
const KINDS = {
  sign: "Signing in and out",
  session: "Sessions",
  pass: "Passphrase and passkeys",
  key: "API keys",
  secret: "Secrets",
  mcp_server: "MCP servers",
  "tool.call": "Tool calls",
  process: "Starting and stopping",
  config: "Settings",
  request: "Refused requests",
  audit: "The log itself",
} as const;

const OUTCOMES = { ok: "Done", refused: "Refused", failed: "Failed" } as const satisfies Record<
  AuditOutcome,
  string
>;

function isOutcome(text: string): text is AuditOutcome {
  return Object.hasOwn(OUTCOMES, text);
}

interface ActivityFiltersProps {
  filter: ActivityFilter;
  onChange(filter: ActivityFilter): void;
}

/** Without the keys that have no value: those would be sent. */
function given(filter: { action: string; outcome: string; text: string }): ActivityFilter {
  return {
    ...(filter.action === "" ? {} : { action: filter.action }),
    ...(isOutcome(filter.outcome) ? { outcome: filter.outcome } : {}),
    ...(filter.text.trim() === "" ? {} : { text: filter.text.trim() }),
  };
}

export function ActivityFilters({ filter, onChange }: ActivityFiltersProps) {
  const [action, outcome, text] = [filter.action ?? "", filter.outcome ?? "", filter.text ?? ""];
  return (
    <search className="grid gap-2 sm:grid-cols-3">
      <select
        aria-label="What"
        className="control"
        value={action}
        onChange={(event) => onChange(given({ action: event.target.value, outcome, text }))}
      >
        <option value="">Everything</option>
        {Object.entries(KINDS).map(([beginning, label]) => (
          <option key={beginning} value={beginning}>
            {label}
          </option>
        ))}
      </select>
      <select
        aria-label="How it ended"
        className="control"
        value={outcome}
        onChange={(event) => onChange(given({ action, outcome: event.target.value, text }))}
      >
        <option value="">However it ended</option>
        {Object.entries(OUTCOMES).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <input
        type="search"
        aria-label="Containing"
        placeholder="Name, tool, address…"
        maxLength={200}
        className="control"
        value={text}
        onChange={(event) => onChange(given({ action, outcome, text: event.target.value }))}
      />
    </search>
  );
}
