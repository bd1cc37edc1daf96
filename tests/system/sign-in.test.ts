/** Who may pass on the compiled Luna: the classes of the edge, the one-time link, and a session that lasts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Me } from "../../src/contract/auth.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 30_000;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna();
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
});

const tokenOf = (link: string): string => link.split("#t=")[1] ?? "";

function useLink(token: string, origin = luna.url): Promise<Response> {
  return fetch(`${luna.url}/auth/link`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: origin },
    body: JSON.stringify({ token }),
  });
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(luna.url + path, { headers, redirect: "manual" });
}

test("without a session a browser goes to the sign-in page, and all else is JSON", async () => {
  const page = await get("/tools?q=1", { Accept: "text/html", "Sec-Fetch-Mode": "navigate" });
  expect(page.status).toBe(302);
  expect(page.headers.get("Location")).toBe("/login?returnTo=%2Ftools%3Fq%3D1");
  for (const path of [
    "/api/supervisor/overview",
    "/api/agent/v1/models",
    "/api/external-services/x",
  ]) {
    const response = await get(path, { Accept: "text/html" });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
  }
  for (const path of ["/api/nothing", "/.well-known/openid-configuration"]) {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "not_found" } });
  }
  expect((await get("/login", { Accept: "text/html" })).status).toBe(200);
  expect((await get("/healthz")).status).toBe(200);
});

test("the printed link signs in once, and every link only from the Hub's own page", async () => {
  const token = tokenOf(luna.link);
  expect((await useLink(token, "https://evil.example")).status).toBe(403);
  const [first, second] = await Promise.all([useLink(token), useLink(token)]);
  expect([first.status, second.status].sort()).toEqual([200, 401]);
  expect((await useLink("wrong")).status).toBe(401);
});

test(
  "a session survives the restart of every process",
  async () => {
    const cookie = await luna.signIn();
    const before = Me.parse(await (await get("/auth/me", { Cookie: cookie })).json());
    expect(await luna.stop()).toBe(0);
    const again = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
    luna = again;
    expect(Me.parse(await (await get("/auth/me", { Cookie: cookie })).json())).toEqual(before);
    expect((await get("/api/supervisor/overview", { Cookie: cookie })).status).toBe(200);
    const out = await fetch(`${luna.url}/auth/logout`, {
      method: "POST",
      headers: { Cookie: cookie, Origin: luna.url },
    });
    expect(out.status).toBe(200);
    expect((await get("/auth/me", { Cookie: cookie })).status).toBe(401);
    expect((await get("/api/supervisor/overview", { Cookie: cookie })).status).toBe(401);
  },
  TIMEOUT_MS,
);

test("a page of another site changes nothing, though the browser sends the cookie along", async () => {
  const cookie = await luna.signIn();
  const restart = (headers: Record<string, string>) =>
    fetch(`${luna.url}/api/supervisor/services/hub/restart`, {
      method: "POST",
      headers: { Cookie: cookie, ...headers },
    });
  expect((await restart({ Origin: "https://evil.example" })).status).toBe(403);
  expect((await restart({ "Sec-Fetch-Site": "cross-site" })).status).toBe(403);
  expect((await restart({})).status).toBe(403);
  expect((await restart({ Origin: luna.url })).status).toBe(200);
});
