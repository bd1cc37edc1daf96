/** Where a request came from, as the edge tells it. */

const ADDRESS_LENGTH_MAX = 64;

/** The last hop of X-Forwarded-For is the edge's own word, those before it are the client's; null on loopback. */
export function clientAddress(request: {
  header(name: string): string | undefined;
}): string | null {
  const last = request.header("X-Forwarded-For")?.split(",").at(-1)?.trim();
  return last ? last.slice(0, ADDRESS_LENGTH_MAX) : null;
}
