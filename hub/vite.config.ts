/** Builds the Hub into hub/dist: hashed files only, nothing inline, for browsers of the last two years. */
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: ["chrome123", "firefox121", "safari17.5"],
    // The content security policy forbids what Vite would put inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: ["index.html", "framed-app.html"].map(
        (page) => new URL(page, import.meta.url).pathname,
      ),
    },
  },
});
