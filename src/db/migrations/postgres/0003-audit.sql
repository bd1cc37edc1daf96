-- Who did what. `id` is a UUID of version 7, so rows lie in the order of time; `at` is in milliseconds since 1970,
-- `duration_us` in microseconds, `details` is JSON.

CREATE TABLE luna_audit (
  id TEXT PRIMARY KEY NOT NULL,
  at BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  outcome TEXT NOT NULL,
  address TEXT,
  duration_us BIGINT,
  details TEXT
);

-- Rows are added, and removed from the oldest on; nothing is changed, and nothing is taken out of the middle.

CREATE FUNCTION luna_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'luna_audit is append-only';
END;
$$;

CREATE FUNCTION luna_audit_oldest_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM luna_audit WHERE id < (SELECT max(id) FROM removed)) THEN
    RAISE EXCEPTION 'luna_audit is append-only: only its oldest rows can be removed';
  END IF;
  RETURN NULL;
END;
$$;

CREATE TRIGGER luna_audit_no_update BEFORE UPDATE OR TRUNCATE ON luna_audit
FOR EACH STATEMENT EXECUTE FUNCTION luna_audit_refuse();

CREATE TRIGGER luna_audit_oldest_only AFTER DELETE ON luna_audit
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION luna_audit_oldest_only();
