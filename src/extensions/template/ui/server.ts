/** The UI of "sample", at /ext/sample/: Luna takes that prefix off, so the page links relatively. */
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2]),
  routes: {
    "/": () => new Response(Bun.file("index.html")),
    "/page.js": () => new Response(Bun.file("page.js")),
    "/now": () => Response.json({ now: new Date().toISOString() }),
  },
  fetch: () => new Response("There is no such page", { status: 404 }),
});
