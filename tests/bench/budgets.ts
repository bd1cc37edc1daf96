/** What Luna promises about time and memory, as numbers that a run can miss. */

export interface Budget {
  promise: string;
  /** What stays under it keeps the promise. */
  limit: number;
  unit: "ms" | "MB" | "times";
}

export const READY: Budget = {
  promise: "luna up to all parts ready, new home and old one",
  limit: 1_500,
  unit: "ms",
};
export const CORE_MEMORY: Budget = {
  promise: "memory of all core processes without Caddy (PSS)",
  limit: 220,
  unit: "MB",
};
export const CHAT_ADDED: Budget = {
  promise: "the agent API, through Caddy, adds to a chat without tools (p50)",
  limit: 5,
  unit: "ms",
};
export const TOOL_HOST_ADDED: Budget = {
  promise: "a warm tool host adds to the same function in process (p50)",
  limit: 1,
  unit: "ms",
};
export const FIRST_TOKEN: Budget = {
  promise: "the first token, through Caddy, comes after the model sent it (p50)",
  limit: 10,
  unit: "ms",
};

export const VERIFY_ADDED: Budget = {
  promise: "asking auth, through Caddy, adds to a page (p50)",
  limit: 0.5,
  unit: "ms",
};
export const FLOOD_SLOWS: Budget = {
  promise: "2,000 attempts a second to sign in make a signed-in person's requests longer (p50)",
  limit: 2,
  unit: "times",
};

export const CALLABLE: Budget = {
  promise: "a zip uploaded to its tool called by a client that was connected before",
  limit: 2_000,
  unit: "ms",
};

export interface Verdict extends Budget {
  value: number;
  kept: boolean;
}

/** A value that is no number keeps nothing. */
export function judge(budget: Budget, value: number): Verdict {
  return { ...budget, value, kept: value < budget.limit };
}
