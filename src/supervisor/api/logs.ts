/** Lines of logs by page; as they are written they come over the live socket. */
import { Hono } from "hono";
import { LogPage, LogQuery } from "../../contract/logs.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { LogQueries } from "../log-queries.ts";

export interface LogsDeps {
  logQueries: Pick<LogQueries, "page">;
}

export function logsRoutes({ logQueries }: LogsDeps) {
  return new Hono().get(
    "/",
    answers("Lines of logs, by page", LogPage),
    valid("query", LogQuery),
    async (context) =>
      context.json(await logQueries.page(context.req.valid("query"), context.req.raw.signal)),
  );
}
