/** Whether a passphrase is good enough to guard everything: long, and none of those that everybody tries first. */
import { PASSPHRASE_LENGTH_MAX, PASSPHRASE_LENGTH_MIN } from "../../contract/passphrase.ts";

/** Fewer different characters are a pattern, however long. */
const DISTINCT_MIN = 5;
/** As long as a whole row of a keyboard, or the alphabet. */
const RUNS = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890123456789",
  "qwertyuiopasdfghjklzxcvbnm",
  "qwertzuiopasdfghjklyxcvbnm",
  "azertyuiopqsdfghjklmwxcvbn",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
  "1q2w3e4r5t6y7u8i9o0p",
];
/** Two letters are neighbours by chance. */
const RUN_MIN = 3;
/** What the lists of broken passwords begin with, and what this one is for; with digits and signs around they are no better. */
const COMMON =
  /(?:password|passwort|passphrase|passw0rd|p@ssw0rd|qwertyuiop|iloveyou|letmein|welcome|administrator|changeme|trustno1|sunshine|princess|football|baseball|superman|starwars|dragon|monkey|shadow|master|secret|admin|owner|hello|login|luna)/g;
/** What has to be left besides all that is common. */
const UNCOMMON_MIN = 6;

/** The same text however it was typed: keyboards differ in how they compose letters (NIST SP 800-63B, 3.1.1.2). */
export function normalPassphrase(typed: string): string {
  return typed.normalize("NFKC");
}

/** Whether `text` is one piece again and again: "abc1abc1abc1". */
function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

/** How many characters at the beginning of `text` run along one of the runs, in either direction. */
function runLength(text: string): number {
  let length = 0;
  while (length < text.length) {
    const piece = text.slice(0, length + 1);
    const reversed = [...piece].reverse().join("");
    if (!RUNS.some((run) => run.includes(piece) || run.includes(reversed))) break;
    length += 1;
  }
  return length;
}

/** Whether `text` is nothing but runs along the alphabet, the digits or a keyboard. */
function isRun(text: string): boolean {
  let rest = text;
  while (rest !== "") {
    const length = runLength(rest);
    if (length < RUN_MIN) return false;
    rest = rest.slice(length);
  }
  return text !== "";
}

/** Why a passphrase cannot be kept, for the person who chose it; undefined when it can. */
export function passphraseFault(typed: string): string | undefined {
  const text = normalPassphrase(typed);
  const { length } = [...text];
  if (length < PASSPHRASE_LENGTH_MIN) {
    return `it has ${length} characters, it should have ${PASSPHRASE_LENGTH_MIN} or more; a few unrelated words are easy to remember`;
  }
  if (text.length > PASSPHRASE_LENGTH_MAX) {
    return `it is longer than ${PASSPHRASE_LENGTH_MAX} characters`;
  }
  if (/\p{Cc}/u.test(text)) return "it holds a line end or another character that cannot be typed";
  if (text.trim() !== text) return "it begins or ends with a space, which is easily lost";
  const small = text.toLowerCase();
  if (new Set(small).size < DISTINCT_MIN || isRepetition(small)) {
    return "it is one piece again and again; it would be among the first guesses";
  }
  const letters = small.replace(/[^\p{L}\p{N}@]/gu, "");
  if (isRun(letters) || isRun(letters.replace(/\d+$/, ""))) {
    return "it runs along the alphabet or a keyboard; it would be among the first guesses";
  }
  const rest = letters.replaceAll(COMMON, "").replaceAll(/\d+/g, "");
  if (letters.search(COMMON) >= 0 && rest.length < UNCOMMON_MIN) {
    return "it is a common password with little around it; it would be among the first guesses";
  }
  return undefined;
}
