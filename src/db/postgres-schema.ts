/** The tables as Postgres has them; sqlite-schema.ts is its twin, and a test holds the two together. */
import { bigint, pgTable, text } from "drizzle-orm/pg-core";
import type { AuditEvent } from "../contract/audit.ts";
import type { Me } from "../contract/auth.ts";
import type { OAuthClientAuth, OAuthClientKind } from "../contract/oauth.ts";

/** Milliseconds since 1970. */
const time = () => bigint({ mode: "number" });

const users = pgTable("luna_users", {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  created_at: time().notNull(),
});

const github_accounts = pgTable("luna_github_accounts", {
  login: text().primaryKey(),
  github_id: bigint({ mode: "number" }).notNull().unique(),
  username: text().notNull(),
  created_at: time().notNull(),
  last_sign_in_at: time().notNull(),
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
  address: text(),
  browser: text(),
  passkey_id: text(),
  github_id: bigint({ mode: "number" }).references(() => github_accounts.github_id, {
    onDelete: "cascade",
  }),
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

const passphrases = pgTable("luna_passphrases", {
  user_id: text()
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  hash: text().notNull(),
  changed_at: time().notNull(),
});

const passkeys = pgTable("luna_passkeys", {
  id: text().primaryKey(),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  rp_id: text().notNull(),
  name: text().notNull(),
  public_key: text().notNull(),
  counter: bigint({ mode: "number" }).notNull(),
  transports: text().notNull(),
  created_at: time().notNull(),
  last_used_at: time(),
});

const audit = pgTable("luna_audit", {
  id: text().primaryKey(),
  at: time().notNull(),
  actor_kind: text().$type<AuditEvent["actor"]["kind"]>().notNull(),
  actor_name: text().notNull(),
  action: text().notNull(),
  target: text(),
  outcome: text().$type<AuditEvent["outcome"]>().notNull(),
  address: text(),
  duration_us: bigint({ mode: "number" }),
  details: text(),
});

const oauth_clients = pgTable("luna_oauth_clients", {
  id: text().primaryKey(),
  kind: text().$type<OAuthClientKind>().notNull(),
  name: text().notNull(),
  client_uri: text(),
  redirect_uris: text().notNull(),
  grant_types: text(),
  auth_method: text().$type<OAuthClientAuth>().notNull(),
  secret_hash: text(),
  created_at: time().notNull(),
  last_used_at: time(),
  fresh_until: time(),
});

const oauth_grants = pgTable("luna_oauth_grants", {
  id: text().primaryKey(),
  client_id: text()
    .notNull()
    .references(() => oauth_clients.id, { onDelete: "cascade" }),
  user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  method: text().$type<Me["method"]>().notNull(),
  github_id: bigint({ mode: "number" }).references(() => github_accounts.github_id, {
    onDelete: "cascade",
  }),
  redirect_uri: text().notNull(),
  scope: text().notNull(),
  resource: text(),
  created_at: time().notNull(),
  last_used_at: time(),
  expires_at: time().notNull(),
});

const oauth_tokens = pgTable("luna_oauth_tokens", {
  token_hash: text().primaryKey(),
  grant_id: text()
    .notNull()
    .references(() => oauth_grants.id, { onDelete: "cascade" }),
  kind: text().$type<"code" | "access" | "refresh">().notNull(),
  scope: text().notNull(),
  challenge: text(),
  created_at: time().notNull(),
  expires_at: time().notNull(),
  used_at: time(),
});

export const postgresTables = {
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
