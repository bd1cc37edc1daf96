/** A stream of events whose client learns at once that it is open: its head is sent with the first byte. */

const COMMENT = new TextEncoder().encode(": open\n\n");

/** The same answer, with a comment before its first event. */
export function beginsAtOnce(answer: Response): Response {
  const reader = answer.body?.getReader();
  if (reader === undefined) return answer;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(COMMENT),
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}
