/** What an uploaded `.env` would change: decided from its text and the variables there are, and shown without values. */
import { createHmac } from "node:crypto";
import { type EnvFault, envAssignments, envFaults } from "../../config/env-text.ts";
import { refusalOf } from "../../config/known-keys.ts";
import type { EnvUpload } from "../../contract/secrets.ts";
import { InvalidInputError } from "../../lib/errors.ts";

/** A file with so many lines to object to is something else altogether. */
const REFUSED_MAX = 50;

const REASONS: Record<EnvFault["what"], string> = {
  not_text: "it is not text",
  no_assignment: "it is no NAME=value",
  unended_quote: "its value begins a quote that does not end there",
  withheld: "it changes how programs run, so Luna gives it to none",
};

type Shown = Pick<EnvUpload, "preview" | "added" | "changed" | "unchanged" | "refused">;

interface Plan extends Shown {
  changes: Record<string, string>;
}

/**
 * @throws InvalidInputError for a file that is something else
 * @param key signs the preview, so that it tells nothing of the values that it stands for
 */
export function planUpload(
  text: string,
  present: Readonly<Record<string, string>>,
  key: string,
): Plan {
  const faults = envFaults(text, REFUSED_MAX);
  if (faults.length >= REFUSED_MAX) {
    throw new InvalidInputError(
      `Cannot read the uploaded file: ${REFUSED_MAX} or more of its lines are no NAME=value, so it is no .env file`,
    );
  }
  const refused: EnvUpload["refused"] = faults.map(({ line, name, what }) => ({
    line,
    name: name ?? null,
    reason: REASONS[what],
  }));
  const isFaulty = new Set(faults.map(({ name }) => name));
  const plan: Pick<Shown, "added" | "changed" | "unchanged"> = {
    added: [],
    changed: [],
    unchanged: [],
  };
  const changes: Record<string, string> = {};
  for (const { name, value, line } of envAssignments(text)) {
    if (isFaulty.has(name)) continue;
    const reason = refusalOf(name, value);
    if (reason !== undefined) {
      if (refused.length < REFUSED_MAX) refused.push({ line, name, reason });
      continue;
    }
    const before = present[name];
    const kind = before === value ? "unchanged" : before ? "changed" : "added";
    plan[kind].push(name);
    if (kind !== "unchanged") changes[name] = value;
  }
  refused.sort((one, other) => one.line - other.line);
  const before = Object.keys(changes).map((name) => present[name] ?? null);
  const preview = createHmac("sha256", key)
    .update(JSON.stringify([text, Object.entries(changes), before]))
    .digest("base64url");
  return { ...plan, refused, preview, changes };
}
