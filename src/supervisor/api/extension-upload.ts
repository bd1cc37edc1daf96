/** Uploads of extensions over HTTP: an archive is looked into at once, so that a bad one is refused where it is given. */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { ExtensionUpload } from "../../contract/source.ts";
import { answers, withFacts } from "../../lib/route-facts.ts";
import { receiveFile } from "../../lib/uploaded-file.ts";
import { lookInto } from "../../sources/contents.ts";
import { UPLOAD_BYTES_MAX, type Uploads } from "../../sources/uploads.ts";

export interface ExtensionUploadDeps {
  uploads: Pick<Uploads, "keep" | "remove" | "scratch">;
  callerOf: CallerOf;
  audit: Pick<AuditTrail, "record">;
}

const UPLOAD = answers(
  "Upload an extension's archive; the answer's source installs it",
  ExtensionUpload,
);
const FIELD = "file";
/** What the client calls it is only told back. */
const FILENAME_LENGTH_MAX = 200;

/** For the document alone: the body is read as it comes. */
const TAKES_FILE = withFacts(
  createMiddleware<object>(async (_context, next) => {
    await next();
  }),
  { input: { target: "form", schema: z.object({ [FIELD]: z.file().max(UPLOAD_BYTES_MAX) }) } },
);

function shownName(filename: string): string {
  return filename.replace(/\p{C}/gu, "").slice(0, FILENAME_LENGTH_MAX) || "the upload";
}

export function extensionUploadRoutes({ uploads, callerOf, audit }: ExtensionUploadDeps) {
  const take = async (file: {
    filename: string;
    pieces: AsyncIterable<Uint8Array>;
  }): Promise<ExtensionUpload> => {
    const filename = shownName(file.filename);
    const upload = await uploads.keep(file.pieces);
    try {
      const contents = await lookInto(upload, { label: filename, scratch: uploads.scratch() });
      const { file: temp_filename, bytes, sha256 } = upload;
      return {
        ...{ temp_filename, filename, status: "uploaded", bytes, sha256, contents },
        message: `${contents.name ?? filename} ${contents.version} can be installed`,
        source: `upload:${temp_filename}`,
      };
    } catch (error) {
      await uploads.remove(upload.file);
      throw error;
    }
  };
  return new Hono().post("/upload", UPLOAD, TAKES_FILE, async (context) => {
    const receive = () =>
      receiveFile(context.req.raw, { field: FIELD, bytesMax: UPLOAD_BYTES_MAX, take });
    const what = { ...callerOf(context.req), action: "extension.upload" };
    return context.json(await audited(audit, what, receive));
  });
}
