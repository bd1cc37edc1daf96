/** Opens the database of the settings in its argument and closes it: one of several processes that start at once. */
import { openDatabase } from "../../src/db/open.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";

const settings: DatabaseSettings = JSON.parse(process.argv[2] ?? "");
const database = await openDatabase(settings);
await database.close();
