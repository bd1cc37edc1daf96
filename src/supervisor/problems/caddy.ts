/** A Caddy that is not there: without it nobody reaches Luna from outside. */
import { type CaddyPlace, findCaddy, installCommand } from "../../caddy/program.ts";
import type { Finding } from "../problems.ts";

export function caddyProblems(place: CaddyPlace, isRunning: boolean): Finding[] {
  if (findCaddy(place) !== undefined) return [];
  return [
    {
      id: "caddy-missing",
      severity: isRunning ? "warning" : "error",
      title: isRunning
        ? "Caddy's program is gone: it runs on, and cannot be started again"
        : "Caddy is not installed: nobody can reach Luna from outside",
      detail: "Caddy is the web server in front of Luna.",
      fix: `${installCommand(place)}   (or start Luna again: it gets Caddy by itself)`,
    },
  ];
}
