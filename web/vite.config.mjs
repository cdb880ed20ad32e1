// Builds the page that the server embeds: hashed names under assets/, one style sheet, no inline
// script (the content security policy allows none), the host page apart from the first one.
import { defineConfig } from "vite";

const server = process.env.VOLTA_URL ?? "http://127.0.0.1:8420";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    emptyOutDir: true,
  },
  server: { proxy: { "/api": { target: server, ws: true, changeOrigin: true } } },
  test: { include: ["src/**/*.test.ts"] },
});
