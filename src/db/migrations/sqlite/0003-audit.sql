-- Who did what. `id` is a UUID of version 7, so rows lie in the order of time; `at` is in milliseconds since 1970,
-- `duration_us` in microseconds, `details` is JSON.

CREATE TABLE luna_audit (
  id TEXT PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  outcome TEXT NOT NULL,
  address TEXT,
  duration_us INTEGER,
  details TEXT
) STRICT, WITHOUT ROWID;

-- Rows are added, and removed from the oldest on; nothing is changed, and nothing is taken out of the middle.

CREATE TRIGGER luna_audit_no_update BEFORE UPDATE ON luna_audit
BEGIN
  SELECT RAISE(ABORT, 'luna_audit is append-only');
END;

CREATE TRIGGER luna_audit_no_replace BEFORE INSERT ON luna_audit
WHEN EXISTS (SELECT 1 FROM luna_audit WHERE id = NEW.id)
BEGIN
  SELECT RAISE(IGNORE);
END;

CREATE TRIGGER luna_audit_oldest_only BEFORE DELETE ON luna_audit
WHEN EXISTS (SELECT 1 FROM luna_audit WHERE id < OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'luna_audit is append-only: only its oldest rows can be removed');
END;
