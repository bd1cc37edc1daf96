/** Takes events into the database until it is killed: `<spool> <database>`. */
import { EventLog } from "../../src/audit/event-log.ts";
import { Ingest } from "../../src/audit/ingest.ts";
import { openDatabase } from "../../src/db/open.ts";
import { createLogger } from "../../src/lib/log.ts";

const [folder = "", path = ""] = process.argv.slice(2);
const events = new EventLog(await openDatabase({ dialect: "sqlite", path }));
const ingest = new Ingest({ folder, events, log: createLogger("test") });
process.stdout.write("it begins\n");
for (;;) {
  await ingest.drain();
  await Bun.sleep(1);
}
