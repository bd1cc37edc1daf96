/** A request that did not succeed, in words for the person at the screen. */

const UNREACHABLE = "Luna does not answer. It may be restarting, or the network is down.";
const UNREADABLE: Record<number, string> = {
  502: "Luna is there, but this part of it does not answer. It may be restarting.",
  503: "Luna is there, but this part of it is not available. It may be restarting.",
  504: "Luna is there, but this part of it takes too long to answer.",
};

export class ApiError extends Error {
  /** The HTTP status; 0 when nobody answered. */
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** What went wrong when there is no answer at all. */
export function unreachable(cause: unknown): ApiError {
  if (cause instanceof DOMException && cause.name === "TimeoutError") {
    return new ApiError(0, "timeout", "Luna takes too long to answer.");
  }
  return new ApiError(0, "unreachable", UNREACHABLE);
}

/** The server's own words (`error.message`), or what its status means when the body is none of Luna's. */
export async function refused(response: Response): Promise<ApiError> {
  const fallback = UNREADABLE[response.status] ?? `Luna answered with status ${response.status}.`;
  const body: unknown = await response.json().catch(() => undefined);
  const error = objectOf(objectOf(body)?.["error"]);
  const code = typeof error?.["code"] === "string" ? error["code"] : "error";
  const message = typeof error?.["message"] === "string" ? error["message"] : fallback;
  return new ApiError(response.status, code, message);
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

/** The message of anything that a query or a mutation failed with. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
