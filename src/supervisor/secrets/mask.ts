/** A value as a page may show it: enough to tell two of them apart, nothing to guess the rest by. */

const DOTS = "••••••••";
const HINT_LENGTH = 4;
/** Of a shorter value four characters would be too much. */
const HINTED_LENGTH_MIN = 16;
/** People choose these, so their ends can be guessed from. */
const PASSWORD = /PASS|PWD|_PIN$|^PIN$|PHRASE/;
/** An end in other characters would be no use to tell it by. */
const READABLE = /^[\x21-\x7e]{4}$/;

/** Always as many dots, whatever the length; nothing for an empty value. */
export function maskOf(name: string, value: string): string {
  if (value === "") return "";
  const hint = value.slice(-HINT_LENGTH);
  const isHinted = value.length >= HINTED_LENGTH_MIN && !PASSWORD.test(name) && READABLE.test(hint);
  return isHinted ? DOTS + hint : DOTS;
}
