/** A stream of events whose client learns at once that it is open: its head is sent with the first byte. */

const COMMENT = new TextEncoder().encode(": open\n\n");

/**
 * The same answer, with a comment before its first event.
 * @param onEnd called when the stream is over, however it ends
 */
export function beginsAtOnce(answer: Response, onEnd: () => void): Response {
  const reader = answer.body?.getReader();
  if (reader === undefined) {
    onEnd();
    return answer;
  }
  const read = async () => {
    try {
      return await reader.read();
    } catch (error) {
      onEnd();
      throw error;
    }
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(COMMENT),
    pull: async (controller) => {
      const { done, value } = await read();
      if (!done) {
        controller.enqueue(value);
        return;
      }
      onEnd();
      controller.close();
    },
    cancel: (reason) => {
      onEnd();
      return reader.cancel(reason);
    },
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}
