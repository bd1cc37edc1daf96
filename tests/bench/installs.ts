/** How long a new extension takes from its zip to a tool that somebody calls who was connected before. */
import { connectListener, deleteStarter, installStarter } from "../support/starter.ts";
import type { Subject } from "./subject.ts";

/** Installs and deletes the starter so many times, through Caddy; milliseconds from each upload to the tool's answer. */
export async function measureInstalls({ luna, mcp }: Subject, count: number): Promise<number[]> {
  const { url, headers = {} } = mcp(luna.url);
  const client = await connectListener(
    url,
    (headers["Authorization"] ?? "").replace("Bearer ", ""),
  );
  const times: number[] = [];
  try {
    for (let install = 0; install < count; install += 1) {
      times.push(await installStarter(luna, client));
      await deleteStarter(luna, client);
    }
  } finally {
    await client.close();
  }
  return times;
}
