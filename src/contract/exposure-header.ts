/** What auth tells Caddy of a request for an extension, besides who asks and where to. */

/** `-` as ever; `open` or `key`, each with `;cors` where other sites' pages may read the answer; `preflight`. */
export const EXPOSURE_HEADER = "X-Luna-Exposure";

/** In which Caddy hands auth the client's own `Authorization`. */
export const PRESENTED_HEADER = "X-Luna-Presented";
