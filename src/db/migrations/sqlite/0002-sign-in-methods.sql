-- The owner's passphrase and passkeys, the GitHub accounts that names stand for, and what sessions were made with.
-- Times are milliseconds since 1970.

CREATE TABLE luna_passphrases (
  user_id TEXT PRIMARY KEY NOT NULL REFERENCES luna_users (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE luna_passkeys (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL REFERENCES luna_users (id) ON DELETE CASCADE,
  rp_id TEXT NOT NULL,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL,
  counter INTEGER NOT NULL,
  transports TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX luna_passkeys_user_id ON luna_passkeys (user_id);

CREATE TABLE luna_github_accounts (
  login TEXT PRIMARY KEY NOT NULL,
  github_id INTEGER NOT NULL UNIQUE,
  username TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_sign_in_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE luna_sessions ADD COLUMN address TEXT;
ALTER TABLE luna_sessions ADD COLUMN browser TEXT;
ALTER TABLE luna_sessions ADD COLUMN passkey_id TEXT;
ALTER TABLE luna_sessions ADD COLUMN github_id INTEGER REFERENCES luna_github_accounts (github_id) ON DELETE CASCADE;

CREATE INDEX luna_sessions_github_id ON luna_sessions (github_id);
