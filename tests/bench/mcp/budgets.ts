/** What Luna promises about MCP calls, as numbers that a run can miss. */
import type { Budget } from "../budgets.ts";

export const MODERN_COST: Budget = {
  promise:
    "a call on the new wire, login and tool host included, next to the SDK's own example (CPU)",
  limit: 0.8,
  unit: "times",
};
export const THOUSAND_TOOLS: Budget = {
  promise: "a call with a thousand tools, next to one with one (CPU)",
  limit: 1.1,
  unit: "times",
};
export const FASTMCP_COST: Budget = {
  promise: "a call on the new wire, login and tool host included, next to FastMCP 4 (CPU)",
  limit: 1 / 8,
  unit: "times",
};
export const MODERN_RATE: Budget = {
  promise: "4,000 calls a second on the new wire at 16 connections: the time for each",
  limit: 1 / 4,
  unit: "ms",
};
export const SESSION_RATE: Budget = {
  promise: "3,000 calls a second in a session at 16 connections: the time for each",
  limit: 1 / 3,
  unit: "ms",
};
export const MODERN_P99: Budget = {
  promise: "calls on the new wire at 16 connections (p99)",
  limit: 15,
  unit: "ms",
};
export const SESSION_P99: Budget = {
  promise: "calls in a session at 16 connections (p99)",
  limit: 15,
  unit: "ms",
};
export const GROWTH: Budget = {
  promise: "memory of the MCP service after twice as many calls or sessions",
  limit: 1.05,
  unit: "times",
};
