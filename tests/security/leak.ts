/** What no answer may hold, whoever asks: secrets, traces of the code, places of the machine. */

import type { WireAnswer } from "../support/raw-http.ts";
import type { Luna } from "../support/start-luna.ts";

/** `at fetch (file:///$bunfs/root/luna.js:12:3)`, `/srv/app/main.ts:12:3`. */
const TRACE = /\bat .{0,200}:\d+:\d+|\$bunfs|\.[cm]?[jt]s:\d+|node_modules/;

interface Holder {
  luna: Pick<Luna, "home" | "credentials">;
  session: string;
  serverKey: string;
}

/** Names the secrets that an answer gives away; nothing when all is well. */
export function secretsIn(
  { head, body }: WireAnswer,
  { luna, session, serverKey }: Holder,
): string[] {
  const text = `${head}\n${body}`;
  const secrets = { ...luna.credentials, session, serverKey };
  return Object.entries(secrets).flatMap(([name, secret]) => (text.includes(secret) ? [name] : []));
}

/** The same with whatever tells of the machine: for refusals, and for answers to strangers. */
export function leaksIn(answer: WireAnswer, holder: Holder): string[] {
  const text = `${answer.head}\n${answer.body}`;
  return [
    ...secretsIn(answer, holder),
    ...(text.includes(holder.luna.home) ? ["the home's path"] : []),
    ...(TRACE.test(text) ? [`a trace of code: ${TRACE.exec(text)?.[0]}`] : []),
  ];
}
