/** What all that one turn of the event loop answers has to look up only once. */

/**
 * `look`, which is asked again for another argument, and in the next turn: a request that comes after a change, comes
 * with a later turn than any look before it.
 */
export function onceATurn<Argument, Found>(
  look: (argument: Argument) => Found,
): (argument: Argument) => Found {
  let known: { argument: Argument; found: Found } | undefined;
  let isScheduled = false;
  return (argument) => {
    if (known !== undefined && known.argument === argument) return known.found;
    known = { argument, found: look(argument) };
    if (!isScheduled) {
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        known = undefined;
      });
    }
    return known.found;
  };
}
