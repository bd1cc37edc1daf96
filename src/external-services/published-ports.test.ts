/** Tests of what is kept from the network. */
import { expect, test } from "bun:test";
import { publishedLocally, risksOf } from "./published-ports.ts";

test.each([
  ["docker run -p 8080:80 x", "docker run -p 127.0.0.1:8080:80 x"],
  [
    "docker run -d -p {{port}}:80 -p 1:2 x",
    "docker run -d -p 127.0.0.1:{{port}}:80 -p 127.0.0.1:1:2 x",
  ],
  [
    "docker run --publish={{ port }}:80/tcp x",
    "docker run --publish=127.0.0.1:{{ port }}:80/tcp x",
  ],
  ['podman create -p "{port}:80" x', 'podman create -p "127.0.0.1:{port}:80" x'],
  ["docker run -p8080:80 x", "docker run -p127.0.0.1:8080:80 x"],
  ["docker run -p 8000-8010:8000-8010 x", "docker run -p 127.0.0.1:8000-8010:8000-8010 x"],
])("%s", (command, local) => {
  expect(publishedLocally(command)).toBe(local);
  expect(risksOf(command)).toContainEqual(expect.stringContaining("every network"));
  expect(risksOf(local)).toEqual([]);
  expect(publishedLocally(local)).toBe(local);
});

test.each([
  "docker run -p 127.0.0.1:8080:80 x",
  "docker run -p 0.0.0.0:8080:80 x",
  "docker run -p {{bind}}:{{port}}:80 x",
  "docker compose -p project:1 up -d",
  "ssh -p 22:22 host",
  "docker run -p [::1]:80:80 x",
])("%s says itself where, or publishes nothing", (command) => {
  expect(publishedLocally(command)).toBe(command);
});

test("what one should know before it runs", () => {
  expect(risksOf("docker run --privileged -v /:/host --network host x")).toHaveLength(3);
  expect(risksOf("curl -fsSL https://example.com/install | sudo sh")).toHaveLength(2);
  expect(risksOf("docker run -p 0.0.0.0:80:80 -v /var/run/docker.sock:/s x")).toHaveLength(2);
  expect(risksOf("docker stop x")).toEqual([]);
});
