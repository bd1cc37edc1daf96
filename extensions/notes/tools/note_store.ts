/** Notes in one SQLite file, with a full-text index that triggers keep in step. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { z } from "zod";

const BUSY_TIMEOUT_MS = 5_000;
const TERMS_MAX = 16;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS notes_by_change ON notes (updated_at DESC, id DESC);
  CREATE VIRTUAL TABLE IF NOT EXISTS notes_text USING fts5 (
    title, body, content = 'notes', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
  );
  CREATE TRIGGER IF NOT EXISTS notes_created AFTER INSERT ON notes BEGIN
    INSERT INTO notes_text (rowid, title, body) VALUES (new.id, new.title, new.body);
  END;
  CREATE TRIGGER IF NOT EXISTS notes_deleted AFTER DELETE ON notes BEGIN
    INSERT INTO notes_text (notes_text, rowid, title, body)
    VALUES ('delete', old.id, old.title, old.body);
  END;
  CREATE TRIGGER IF NOT EXISTS notes_updated AFTER UPDATE ON notes BEGIN
    INSERT INTO notes_text (notes_text, rowid, title, body)
    VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO notes_text (rowid, title, body) VALUES (new.id, new.title, new.body);
  END;
`;

const Note = z.object({
  id: z.int(),
  title: z.string(),
  body: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});
export type Note = z.infer<typeof Note>;

const Notes = z.array(Note);
const Count = z.object({ total: z.int() });

interface Page {
  limit: number;
  offset: number;
}

export interface Found {
  /** All that match, whatever the page. */
  total: number;
  notes: Note[];
}

/** Every word as a quoted prefix, so that no character of the text is query syntax. */
function matchExpression(query: string): string {
  const words = query.match(/[\p{L}\p{N}]+/gu) ?? [];
  return words
    .slice(0, TERMS_MAX)
    .map((word) => `"${word}"*`)
    .join(" ");
}

export class NoteStore {
  readonly #database: Database;

  constructor(folder: string) {
    this.#database = new Database(join(folder, "notes.db"), { create: true, strict: true });
    // Before all else: switching to WAL needs a lock that another process may hold.
    this.#database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("PRAGMA synchronous = FULL");
    this.#database.run(SCHEMA);
  }

  /** The note changed last comes first. */
  all({ limit, offset }: Page): Found {
    const { total } = Count.parse(
      this.#database.query("SELECT count(*) AS total FROM notes").get(),
    );
    const rows = this.#database
      .query("SELECT * FROM notes ORDER BY updated_at DESC, id DESC LIMIT $limit OFFSET $offset")
      .all({ limit, offset });
    return { total, notes: Notes.parse(rows) };
  }

  /** Notes with all the words, best first; where no word begins so, notes with the text anywhere. */
  search(query: string, page: Page): Found {
    const match = matchExpression(query);
    const found = match === "" ? undefined : this.#byWords(match, page);
    return found !== undefined && found.total > 0 ? found : this.#byText(query, page);
  }

  create({ title, body }: { title: string; body: string }): Note {
    const now = new Date().toISOString();
    const row = this.#database
      .query(
        "INSERT INTO notes (title, body, created_at, updated_at) VALUES ($title, $body, $now, $now) RETURNING *",
      )
      .get({ title, body, now });
    return Note.parse(row);
  }

  /** Changes what is given and leaves the rest; undefined when there is no such note. */
  update(id: number, change: { title?: string | undefined; body?: string | undefined }) {
    const { title = null, body = null } = change;
    const row = this.#database
      .query(
        "UPDATE notes SET title = ifnull($title, title), body = ifnull($body, body), updated_at = $now WHERE id = $id RETURNING *",
      )
      .get({ id, title, body, now: new Date().toISOString() });
    return row === null ? undefined : Note.parse(row);
  }

  /** False when there is no such note. */
  delete(id: number): boolean {
    return (
      this.#database.query("DELETE FROM notes WHERE id = $id RETURNING id").get({ id }) !== null
    );
  }

  close(): void {
    this.#database.close();
  }

  #byWords(match: string, { limit, offset }: Page): Found {
    const counted = this.#database
      .query("SELECT count(*) AS total FROM notes_text WHERE notes_text MATCH $match")
      .get({ match });
    const rows = this.#database
      .query(
        "SELECT notes.* FROM notes_text JOIN notes ON notes.id = notes_text.rowid WHERE notes_text MATCH $match ORDER BY notes_text.rank, notes.id DESC LIMIT $limit OFFSET $offset",
      )
      .all({ match, limit, offset });
    return { total: Count.parse(counted).total, notes: Notes.parse(rows) };
  }

  /** Finds the inside of words too, and languages that write no spaces. */
  #byText(query: string, { limit, offset }: Page): Found {
    const pattern = `%${query.replace(/[\\%_]/g, "\\$&")}%`;
    const where = "WHERE title LIKE $pattern ESCAPE '\\' OR body LIKE $pattern ESCAPE '\\'";
    const counted = this.#database
      .query(`SELECT count(*) AS total FROM notes ${where}`)
      .get({ pattern });
    const rows = this.#database
      .query(
        `SELECT * FROM notes ${where} ORDER BY updated_at DESC, id DESC LIMIT $limit OFFSET $offset`,
      )
      .all({ pattern, limit, offset });
    return { total: Count.parse(counted).total, notes: Notes.parse(rows) };
  }
}
