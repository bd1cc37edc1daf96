-- Who may sign in, who is signed in, and the one-time links to do it with.
-- Times are milliseconds since 1970. Tokens are kept as SHA-256 (hex) only.

CREATE TABLE luna_users (
  id TEXT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);

CREATE TABLE luna_sessions (
  token_hash TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL REFERENCES luna_users (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX luna_sessions_user_id ON luna_sessions (user_id);
CREATE INDEX luna_sessions_expires_at ON luna_sessions (expires_at);

CREATE TABLE luna_login_links (
  token_hash TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL REFERENCES luna_users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

CREATE INDEX luna_login_links_user_id ON luna_login_links (user_id);
CREATE INDEX luna_login_links_expires_at ON luna_login_links (expires_at);
