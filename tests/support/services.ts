/** Calls the API of external services, and the definition of one that needs no Docker. */
import { resolve } from "node:path";
import { ServiceView } from "../../src/contract/external-service.ts";
import type { Luna } from "./start-luna.ts";
import { until } from "./until.ts";

const PAGE = resolve(import.meta.dir, "../fixtures/services/page.ts");
const RUN = `"${process.execPath}" --no-env-file "${PAGE}" {{port}}`;

/** A service that runs as a process of this machine, with a page. */
export function pageDefinition(name: string, port: number): Record<string, unknown> {
  return {
    ...{ name, display_name: "Page", description: "A page", category: "test" },
    config_form: [
      { name: "port", label: "Port", type: "number", default: port },
      { name: "message", label: "Message", default: "hello" },
      { name: "secret", label: "Secret", type: "password" },
    ],
    commands: {
      install:
        "printf 'the secret is %s\\n' {{secret}}; mkdir -p {{data_dir}}; touch {{data_dir}}/kept",
      start: `MESSAGE={{message}} SECRET_WORD={{secret}} ${RUN} &`,
      stop: "echo stopping {{service_name}}",
      uninstall: "echo uninstalling",
      health_check: `${RUN} check`,
      enable_startup: "test ! -e {{data_dir}}/no",
      disable_startup: "test ! -e {{data_dir}}/no",
    },
    health_check_expected: "all is well",
    provides_vars: ["PAGE_URL", "PAGE_SECRET"],
    post_install_env: { PAGE_URL: "http://127.0.0.1:{{port}}", PAGE_SECRET: "{{secret}}" },
    ui: { port_field: "port", slug: name },
  };
}

type Answer = { status: number; body: Record<string, unknown> };

/** POSTs to `/api/external-services/<path>` on the control API's own port. */
export async function callServices(luna: Luna, path: string, body?: unknown): Promise<Answer> {
  const answer = await luna.control(`/api/external-services/${path}`, {
    method: "POST",
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

export async function viewService(luna: Luna, name: string): Promise<ServiceView> {
  return ServiceView.parse(await (await luna.control(`/api/external-services/${name}`)).json());
}

export function untilStatus(luna: Luna, name: string, status: string, timeoutMs = 10_000) {
  return until(async () => (await viewService(luna, name)).registry_entry?.status === status, {
    timeoutMs,
    what: `${name} to be ${status}`,
  });
}
