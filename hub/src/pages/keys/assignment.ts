/** A line of a `.env` file that was pasted where only a name, or only a value, belongs. */

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/s;
const QUOTED = /^(["'])(.*)\1$/s;

/** Its two halves; undefined for anything else. */
export function splitAssignment(text: string): { name: string; value: string } | undefined {
  const match = ASSIGNMENT.exec(text);
  if (match?.[1] === undefined) return undefined;
  const value = (match[2] ?? "").trim();
  return { name: match[1].toUpperCase(), value: QUOTED.exec(value)?.[2] ?? value };
}
