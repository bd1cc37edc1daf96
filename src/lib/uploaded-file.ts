/** The one file of a `multipart/form-data` request, piece by piece: the body is never in memory as a whole (RFC 7578). */
import { Readable } from "node:stream";
import busboy from "@fastify/busboy";
import { InvalidInputError, messageOf } from "./errors.ts";

const PARTS_MAX = 8;
const FIELD_BYTES_MAX = 1_024;
const HEADERS_MAX = 20;

interface ReceiveOptions<Done> {
  /** The name of the file's field. */
  field: string;
  /** The most that is let through of the file; more ends it with an error. */
  bytesMax: number;
  /** Takes the file as it comes; `filename` is whatever the client says. */
  take(file: { filename: string; pieces: AsyncIterable<Uint8Array> }): Promise<Done>;
}

function invalid(why: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError(`Cannot take the upload: ${why}`, { cause });
}

/** @throws InvalidInputError when the body is no form, has no such file, or ends too early · whatever `take` throws */
export async function receiveFile<Done>(
  request: Request,
  { field, bytesMax, take }: ReceiveOptions<Done>,
): Promise<Done> {
  const type = request.headers.get("Content-Type") ?? "";
  if (!/^multipart\/form-data\s*;/i.test(type) || request.body === null) {
    throw invalid(`the body should be multipart/form-data with a file in its field "${field}"`);
  }
  const form = parserFor(type, bytesMax);
  // One stream, of which the two libraries' types know different methods.
  const body = Readable.fromWeb(request.body as never);
  const { promise, resolve, reject } = Promise.withResolvers<Done>();
  let open: Readable | undefined;
  let taking: Promise<void> | undefined;
  /** The first reason counts; whoever reads the file learns of it, and lets go. */
  const fail = (error: Error): void => {
    reject(error);
    open?.destroy(error);
  };
  form.on("file", (name, file, filename) => {
    // What nobody listens to would end the process.
    file.on("error", () => undefined);
    // A stream that nobody reads would hold up the rest.
    if (name !== field || taking !== undefined) return void file.resume();
    open = file;
    file.on("limit", () => {
      const text = `Cannot take the upload: it is over ${bytesMax} bytes`;
      fail(new InvalidInputError(text, { code: "too_large" }));
    });
    taking = take({ filename, pieces: file }).then(resolve, reject);
  });
  form.on("finish", () => {
    if (taking === undefined) fail(invalid(`there is no file in its field "${field}"`));
  });
  form.on("error", (error) => fail(invalid("it is damaged or cut off", error)));
  body.on("error", (error) => fail(invalid(`it broke off (${messageOf(error)})`, error)));
  body.on("close", () => {
    if (!body.readableEnded) fail(invalid("it broke off"));
  });
  body.pipe(form);
  try {
    return await promise;
  } finally {
    body.unpipe(form);
    body.destroy();
    await taking;
  }
}

function parserFor(type: string, bytesMax: number) {
  const limits = {
    ...{ files: 1, fileSize: bytesMax, fields: PARTS_MAX, parts: PARTS_MAX },
    ...{ fieldSize: FIELD_BYTES_MAX, headerPairs: HEADERS_MAX },
  };
  try {
    return busboy({ headers: { "content-type": type }, limits });
  } catch (cause) {
    throw invalid("its Content-Type has no boundary", cause);
  }
}
