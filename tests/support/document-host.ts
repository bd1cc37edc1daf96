/** A host on the internet where documents of OAuth clients lie: https with a certificate of its own, on this machine. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterConfig } from "../../src/contract/config.ts";
import type { Network } from "../../src/lib/public-request.ts";
import { ClientDocuments } from "../../src/services/auth/oauth/client-documents.ts";

const HOST = "client.example";
export const DOCUMENT_ID = `https://${HOST}/oauth/client.json`;

/** openssl comes with PostgreSQL, which the tests need anyway. */
export function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "luna-certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const { exitCode, stderr } = Bun.spawnSync([
    ...[
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
    ],
    ...["-keyout", key, "-out", cert, "-days", "2", "-subj", `/CN=${HOST}`],
    ...["-addext", `subjectAltName=DNS:${HOST}`],
  ]);
  if (exitCode !== 0) throw new Error(`openssl: ${stderr}`);
  const made = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  rmSync(folder, { recursive: true });
  return made;
}

/** A document as Claude Code, Codex and VS Code have theirs. */
export function clientDocument(more: object = {}): object {
  return {
    client_id: DOCUMENT_ID,
    client_name: "Documented client",
    client_uri: `https://${HOST}`,
    redirect_uris: ["http://127.0.0.1/callback", "http://localhost/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    ...more,
  };
}

/** What fetches documents, in a network that a test makes. */
export function documentsIn(network: Network): ClientDocuments {
  return new ClientDocuments({ network, config: { read: async () => MasterConfig.parse({}) } });
}

export interface DocumentHost {
  network: Network;
  /** What is answered; a document of `clientDocument` otherwise. */
  answer: (request: Request) => Response | Promise<Response>;
  /** Requests that arrived. */
  count(): number;
  stop(): Promise<void>;
}

export function startDocumentHost(): DocumentHost {
  const tls = certificate();
  let asked = 0;
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, tls },
    fetch: (request) => {
      asked += 1;
      return host.answer(request);
    },
  });
  const host: DocumentHost = {
    network: {
      resolve: async () => ["127.0.0.1"],
      isPublic: () => true,
      port: server.port ?? 0,
      ca: tls.cert,
    },
    answer: () => Response.json(clientDocument()),
    count: () => asked,
    stop: async () => server.stop(true),
  };
  return host;
}
