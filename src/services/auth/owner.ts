/** The owner of this Luna: one user row, to which every way of signing in belongs. */
import type { Database } from "../../db/database.ts";

/** A fixed id: two processes that start at once make the same row, and no query is needed to find it. */
export const OWNER_ID = "owner";

/** Makes the owner's row when it is not there yet. */
export async function ensureOwner(database: Database, now: number): Promise<void> {
  await database.queries
    .insert(database.tables.users)
    .values({ id: OWNER_ID, username: "owner", created_at: now })
    .onConflictDoNothing();
}
