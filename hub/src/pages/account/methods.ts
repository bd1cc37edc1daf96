/** What the ways to sign in are called in a sentence. */
import type { SignInMethodName } from "../../../../src/contract/auth.ts";

export const METHODS: Record<SignInMethodName, string> = {
  link: "a one-time link",
  passphrase: "the passphrase",
  passkey: "a passkey",
  github: "GitHub",
};

/** What a change of the account has ended besides: "", "One other session ended." */
export function endedText(ended: number): string {
  if (ended === 0) return "";
  return ended === 1 ? "One other session ended." : `${ended} other sessions ended.`;
}
