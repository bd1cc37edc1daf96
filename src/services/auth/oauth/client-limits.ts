/** How often programs without a session may ask: they cost a look into the database, and registering costs a row. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { clientAddress } from "../../../lib/client-address.ts";
import { type Rate, RateLimiter } from "../../../lib/rate-limit.ts";
import { tooMany } from "../too-many.ts";
import { networkOf } from "../visitor.ts";

/** Claude's and ChatGPT's servers are one address for all that they connect. */
const ASKING: Rate = { burst: 120, intervalMs: 250 };
const REGISTERING: Rate = { burst: 20, intervalMs: 30_000 };
const REGISTERING_ALL: Rate = { burst: 100, intervalMs: 10_000 };
const NETWORKS_MAX = 10_000;
const EVERYBODY = "everybody";
/** Requests that did not come through the edge are counted together. */
const NO_ADDRESS = "local";

const networkAsking = ({ req }: Context): string => networkOf(clientAddress(req) ?? NO_ADDRESS);

export class ClientLimits {
  readonly #asking: RateLimiter;
  readonly #registering: RateLimiter;
  readonly #all: RateLimiter;

  constructor(clock: () => number) {
    this.#asking = new RateLimiter({ clock, namesMax: NETWORKS_MAX });
    this.#registering = new RateLimiter({ clock, namesMax: NETWORKS_MAX });
    this.#all = new RateLimiter({ clock, namesMax: 1 });
  }

  /** Of tokens and of revocations. */
  asking() {
    return createMiddleware(async (context, next) => {
      const { waitMs } = this.#asking.take(networkAsking(context), ASKING);
      if (waitMs > 0) throw tooMany("answer: this address has asked too often", waitMs);
      await next();
    });
  }

  registering() {
    return createMiddleware(async (context, next) => {
      const network = networkAsking(context);
      const waitMs = Math.max(
        this.#registering.waitMs(network, REGISTERING),
        this.#all.waitMs(EVERYBODY, REGISTERING_ALL),
      );
      if (waitMs > 0) throw tooMany("register a client now: too many have", waitMs);
      this.#registering.take(network, REGISTERING);
      this.#all.take(EVERYBODY, REGISTERING_ALL);
      await next();
    });
  }
}
