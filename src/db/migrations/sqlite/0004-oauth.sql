-- MCP clients that sign in with OAuth, what the owner has allowed them, and the codes and tokens they have for it.
-- Times are milliseconds since 1970. Secrets, codes and tokens are kept as SHA-256 (hex) only; lists are JSON.

CREATE TABLE luna_oauth_clients (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  client_uri TEXT,
  redirect_uris TEXT NOT NULL,
  grant_types TEXT,
  auth_method TEXT NOT NULL,
  secret_hash TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  fresh_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE luna_oauth_grants (
  id TEXT PRIMARY KEY NOT NULL,
  client_id TEXT NOT NULL REFERENCES luna_oauth_clients (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES luna_users (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  github_id INTEGER REFERENCES luna_github_accounts (github_id) ON DELETE CASCADE,
  redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL,
  resource TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX luna_oauth_grants_client_id ON luna_oauth_grants (client_id);
CREATE INDEX luna_oauth_grants_github_id ON luna_oauth_grants (github_id);
CREATE INDEX luna_oauth_grants_expires_at ON luna_oauth_grants (expires_at);

CREATE TABLE luna_oauth_tokens (
  token_hash TEXT PRIMARY KEY NOT NULL,
  grant_id TEXT NOT NULL REFERENCES luna_oauth_grants (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  scope TEXT NOT NULL,
  challenge TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX luna_oauth_tokens_grant_id ON luna_oauth_tokens (grant_id);
CREATE INDEX luna_oauth_tokens_expires_at ON luna_oauth_tokens (expires_at);
