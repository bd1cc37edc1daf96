/** The name of an extension, as it was typed. */
import { ThingName } from "../../contract/names.ts";
import { InvalidInputError } from "../../lib/errors.ts";

/** @throws InvalidInputError that says what a name may be */
export function readExtensionName(word: string): string {
  const name = ThingName.safeParse(word);
  if (name.success) return name.data;
  throw new InvalidInputError(
    `Cannot use "${word}" as the name of an extension: it ${name.error.issues[0]?.message}`,
  );
}
