/** What no answer may hold, whoever asks: secrets, traces of the code, places of the machine. */

import type { WireAnswer } from "../support/raw-http.ts";
import type { Luna } from "../support/start-luna.ts";

/** `at fetch (file:///$bunfs/root/luna.js:12:3)`, `/srv/app/main.ts:12:3`. */
const TRACE = /\bat .{0,200}:\d+:\d+|\$bunfs|\.[cm]?[jt]s:\d+|node_modules/;

/** Names what of `luna` the answer gives away; nothing when all is well. */
export function leaksIn(
  { head, body }: Pick<WireAnswer, "head" | "body">,
  luna: Pick<Luna, "home" | "credentials">,
  more: Readonly<Record<string, string>> = {},
): string[] {
  const text = `${head}\n${body}`;
  const secrets = { ...luna.credentials, ...more };
  return [
    ...Object.entries(secrets).flatMap(([name, secret]) => (text.includes(secret) ? [name] : [])),
    ...(text.includes(luna.home) ? ["the home's path"] : []),
    ...(TRACE.test(text) ? [`a trace of code: ${TRACE.exec(text)?.[0]}`] : []),
  ];
}
