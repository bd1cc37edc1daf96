/** Records events as fast as it can until it is killed, and tells after each one that it was recorded: `<folder> <name>`. */
import { AuditTrail } from "../../src/audit/trail.ts";
import { createLogger } from "../../src/lib/log.ts";

const SEGMENT_BYTES = 10_000;
const [folder = "", name = ""] = process.argv.slice(2);
const log = createLogger("test");
const trail = new AuditTrail({ folder, process: "test", segmentBytes: SEGMENT_BYTES, log });

for (let i = 0; ; i += 1) {
  trail.record({
    actor: { kind: "local", name },
    action: "tool.call",
    target: `${i}`,
    outcome: "ok",
  });
  process.stdout.write(`${i}\n`);
  if (i % 20 === 0) await Bun.sleep(1);
}
