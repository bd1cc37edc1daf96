/** Lines of a stream whose other side is foreign code: bounded, however it is cut into pieces. */

/** Each whole line without its end; undefined, and nothing more, once a line is longer than `bytesMax`. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const [first = "", ...more] = decoder.decode(piece, { stream: true }).split("\n");
    const lines = [rest + first, ...more];
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.length > bytesMax) return yield undefined;
      yield line;
    }
    if (rest.length > bytesMax) return yield undefined;
  }
}
