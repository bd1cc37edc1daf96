/** The tables as SQLite has them; postgres-schema.ts is its twin, and a test holds the two together. */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AuditEvent } from "../contract/audit.ts";
import type { Me } from "../contract/auth.ts";
import type { OAuthClientAuth, OAuthClientKind } from "../contract/oauth.ts";

const users = sqliteTable("luna_users", {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  created_at: integer().notNull(),
});

const github_accounts = sqliteTable("luna_github_accounts", {
  login: text().primaryKey(),
  github_id: integer().notNull().unique(),
  username: text().notNull(),
  created_at: integer().notNull(),
  last_sign_in_at: integer().notNull(),
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
  address: text(),
  browser: text(),
  passkey_id: text(),
  github_id: integer().references(() => github_accounts.github_id, { onDelete: "cascade" }),
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

const passphrases = sqliteTable("luna_passphrases", {
  user_id: text()
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  hash: text().notNull(),
  changed_at: integer().notNull(),
});

const passkeys = sqliteTable("luna_passkeys", {
  id: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  rp_id: text().notNull(),
  name: text().notNull(),
  public_key: text().notNull(),
  counter: integer().notNull(),
  transports: text().notNull(),
  created_at: integer().notNull(),
  last_used_at: integer(),
});

const audit = sqliteTable("luna_audit", {
  id: text().primaryKey(),
  at: integer().notNull(),
  actor_kind: text().$type<AuditEvent["actor"]["kind"]>().notNull(),
  actor_name: text().notNull(),
  action: text().notNull(),
  target: text(),
  outcome: text().$type<AuditEvent["outcome"]>().notNull(),
  address: text(),
  duration_us: integer(),
  details: text(),
});

const oauth_clients = sqliteTable("luna_oauth_clients", {
  id: text().primaryKey(),
  kind: text().$type<OAuthClientKind>().notNull(),
  name: text().notNull(),
  client_uri: text(),
  redirect_uris: text().notNull(),
  grant_types: text(),
  auth_method: text().$type<OAuthClientAuth>().notNull(),
  secret_hash: text(),
  created_at: integer().notNull(),
  last_used_at: integer(),
  fresh_until: integer(),
});

const oauth_grants = sqliteTable("luna_oauth_grants", {
  id: text().primaryKey(),
  client_id: text()
    .notNull()
    .references(() => oauth_clients.id, { onDelete: "cascade" }),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  method: text().$type<Me["method"]>().notNull(),
  github_id: integer().references(() => github_accounts.github_id, { onDelete: "cascade" }),
  redirect_uri: text().notNull(),
  scope: text().notNull(),
  resource: text(),
  created_at: integer().notNull(),
  last_used_at: integer(),
  expires_at: integer().notNull(),
});

const oauth_tokens = sqliteTable("luna_oauth_tokens", {
  token_hash: text().primaryKey(),
  grant_id: text()
    .notNull()
    .references(() => oauth_grants.id, { onDelete: "cascade" }),
  kind: text().$type<"code" | "access" | "refresh">().notNull(),
  scope: text().notNull(),
  challenge: text(),
  created_at: integer().notNull(),
  expires_at: integer().notNull(),
  used_at: integer(),
});

export const sqliteTables = {
  users,
  github_accounts,
  sessions,
  login_links,
  passphrases,
  passkeys,
  audit,
  oauth_clients,
  oauth_grants,
  oauth_tokens,
};
