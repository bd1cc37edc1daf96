/** The tables as SQLite has them; postgres-schema.ts is its twin, and a test holds the two together. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Me } from "../contract/auth.ts";

const users = sqliteTable("luna_users", {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  created_at: integer().notNull(),
});

const sessions = sqliteTable("luna_sessions", {
  token_hash: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  method: text().$type<Me["method"]>().notNull(),
  created_at: integer().notNull(),
  last_seen_at: integer().notNull(),
  expires_at: integer().notNull(),
});

const login_links = sqliteTable("luna_login_links", {
  token_hash: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  created_at: integer().notNull(),
  expires_at: integer().notNull(),
  used_at: integer(),
});

export const sqliteTables = { users, sessions, login_links };
