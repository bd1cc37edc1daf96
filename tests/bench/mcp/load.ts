/** Calls over connections that stay open, many at once. */
import { postText, RawConnection } from "../raw-connection.ts";

const TIMEOUT_MS = 30_000;

/** In each body, the place of its id: two requests of a session may not have the same. */
export const ID = 10_000_000;
let lastId = ID;

/** One request, the same each time but for its id. */
export interface Call {
  port: number;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** With `ID` where its id belongs. */
  body: string;
  /** Must be in each answer, or nothing was measured. */
  proof: string;
}

interface Load {
  connections: number;
  calls: number;
}

/** Milliseconds of each of `calls` calls, `connections` of which are under way at once. */
export async function load(call: Call, { connections, calls }: Load): Promise<number[]> {
  const [before = "", after = ""] = postText(call).split(String(ID));
  const ms: number[] = [];
  let left = calls;
  const work = async (connection: RawConnection): Promise<void> => {
    while (left > 0) {
      left -= 1;
      lastId += 1;
      const began = performance.now();
      const text = await connection.ask(before + lastId + after);
      ms.push(performance.now() - began);
      if (!text.startsWith("HTTP/1.1 200") || !text.includes(call.proof)) {
        throw new Error(`${call.path} answered something else: ${text}`);
      }
    }
  };
  const open = await Promise.all(
    Array.from({ length: connections }, () => RawConnection.open(call.port)),
  );
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("The calls take too long")), TIMEOUT_MS);
  try {
    await Promise.race([Promise.all(open.map(work)), late.promise]);
  } finally {
    clearTimeout(timer);
    for (const connection of open) connection.close();
  }
  return ms;
}
