/** The service "api" of "sample", at /api/sample/api/ without that prefix; Luna asks /healthz whether it is well. */
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2]),
  routes: {
    "/healthz": () => Response.json({ status: "ok" }),
    "/": () => Response.json({ service: "api", extension: "sample" }),
  },
  fetch: () => Response.json({ error: "There is no such path" }, { status: 404 }),
});
