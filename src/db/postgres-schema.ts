/** The tables as Postgres has them; sqlite-schema.ts is its twin, and a test holds the two together. */
import { bigint, pgTable, text } from "drizzle-orm/pg-core";
import type { Me } from "../contract/auth.ts";

/** Milliseconds since 1970. */
const time = () => bigint({ mode: "number" });

const users = pgTable("luna_users", {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  created_at: time().notNull(),
});

const sessions = pgTable("luna_sessions", {
  token_hash: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  method: text().$type<Me["method"]>().notNull(),
  created_at: time().notNull(),
  last_seen_at: time().notNull(),
  expires_at: time().notNull(),
});

const login_links = pgTable("luna_login_links", {
  token_hash: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  created_at: time().notNull(),
  expires_at: time().notNull(),
  used_at: time(),
});

export const postgresTables = { users, sessions, login_links };
