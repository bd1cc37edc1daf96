/** The tools of the starter extension "notes": a private notebook that needs no key and no network. */
import { defineTool, type ToolContext, z } from "luna";
import { type Found, type Note, NoteStore } from "./note_store.ts";

const TITLE_LENGTH_MAX = 200;
const BODY_LENGTH_MAX = 20_000;
const QUERY_LENGTH_MAX = 200;
const PAGE_SIZE = 20;
const PAGE_SIZE_MAX = 50;
/** Together the bodies of one answer stay below this; what is beyond is cut to an excerpt. */
const BODIES_LENGTH_MAX = 100_000;
const EXCERPT_LENGTH = 500;

export const SYSTEM_PROMPT = `The NOTES tools keep the user's own notes. Search before you answer a question about something the user may have written down, and before you create a note that may exist already. Every note has an "id": use the id that a tool has returned, never one you made up. Before you delete a note, be sure that the user wants that.`;

const stores = new Map<string, NoteStore>();

function storeIn(context: ToolContext): NoteStore {
  const folder = context.data_dir;
  const store = stores.get(folder) ?? new NoteStore(folder);
  stores.set(folder, store);
  return store;
}

/** An answer that fits into one result: the first notes whole, later ones as excerpts if they are long. */
function pageOf({ total, notes }: Found, offset: number) {
  let room = BODIES_LENGTH_MAX;
  const shown = notes.map((note) => {
    room -= note.body.length;
    if (room >= 0 || note.body.length <= EXCERPT_LENGTH) return note;
    return { ...note, body: note.body.slice(0, EXCERPT_LENGTH).toWellFormed(), body_is_cut: true };
  });
  const next = offset + notes.length;
  return { total, notes: shown, next_offset: next < total ? next : null };
}

const missing = (id: number): [boolean, string] => [
  false,
  `There is no note ${id}; NOTES_GET_all and NOTES_GET_search tell the ids`,
];

const id = z.int().positive().describe("The note's id, from another NOTES tool");
const title = z.string().trim().min(1).max(TITLE_LENGTH_MAX);
const body = z.string().max(BODY_LENGTH_MAX);
const page = {
  limit: z.int().min(1).max(PAGE_SIZE_MAX).default(PAGE_SIZE).describe("At most so many notes"),
  offset: z.int().min(0).default(0).describe("Skip so many; next_offset of the last answer"),
};

const EXAMPLE: Note = {
  id: 7,
  title: "Wi-Fi of the cabin",
  body: "Network: birch",
  created_at: "2026-03-01T09:30:00.000Z",
  updated_at: "2026-03-01T09:30:00.000Z",
};
const EXAMPLE_PAGE = { total: 1, notes: [EXAMPLE], next_offset: null };

export const TOOLS = [
  defineTool({
    name: "NOTES_GET_all",
    description:
      "Lists the user's notes with title and body, the one changed last first. A body that is cut says so (body_is_cut); ask for it alone with limit 1 and its offset.",
    input: z.object(page),
    annotations: { title: "List notes", readOnlyHint: true, openWorldHint: false },
    example: { prompt: "What did I note lately?", args: { limit: 5 }, response: EXAMPLE_PAGE },
    run: ({ limit, offset }, context) => pageOf(storeIn(context).all({ limit, offset }), offset),
  }),
  defineTool({
    name: "NOTES_GET_search",
    description:
      "Finds the notes that contain all the given words in title or body, best match first. The beginning of a word is enough.",
    input: z.object({
      query: z.string().trim().min(1).max(QUERY_LENGTH_MAX).describe("Words to look for"),
      ...page,
    }),
    annotations: { title: "Search notes", readOnlyHint: true, openWorldHint: false },
    example: {
      prompt: "What was the Wi-Fi of the cabin?",
      args: { query: "wi-fi cabin" },
      response: EXAMPLE_PAGE,
    },
    run: ({ query, limit, offset }, context) =>
      pageOf(storeIn(context).search(query, { limit, offset }), offset),
  }),
  defineTool({
    name: "NOTES_UPDATE_create",
    description: "Writes a new note and returns it with its id.",
    input: z.object({
      title: title.describe("A short title"),
      body: body.default("").describe("The note itself; Markdown is fine"),
    }),
    annotations: {
      title: "Create a note",
      readOnlyHint: false,
      destructiveHint: false,
      openWorldHint: false,
    },
    example: {
      prompt: "Note that the cabin's Wi-Fi is called birch",
      args: { title: "Wi-Fi of the cabin", body: "Network: birch" },
      response: EXAMPLE,
    },
    run: (note, context) => storeIn(context).create(note),
  }),
  defineTool({
    name: "NOTES_UPDATE_update",
    description:
      "Changes the title, the body, or both of a note; what is not given stays. The new body replaces the old one.",
    input: z.object({
      id,
      title: title.optional().describe("The new title"),
      body: body.optional().describe("The new body"),
    }),
    annotations: {
      title: "Change a note",
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
    example: {
      prompt: "Call that note Cabin",
      args: { id: 7, title: "Cabin" },
      response: { ...EXAMPLE, title: "Cabin" },
    },
    run: ({ id, ...change }, context) => {
      if (change.title === undefined && change.body === undefined) {
        return [false, "Nothing to change: give a title, a body, or both"];
      }
      return storeIn(context).update(id, change) ?? missing(id);
    },
  }),
  defineTool({
    name: "NOTES_UPDATE_delete",
    description: "Deletes one note for good.",
    input: z.object({ id }),
    annotations: {
      title: "Delete a note",
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
    example: {
      prompt: "Delete the note about the cabin",
      args: { id: 7 },
      response: { deleted: 7 },
    },
    run: ({ id }, context) => (storeIn(context).delete(id) ? { deleted: id } : missing(id)),
  }),
];
