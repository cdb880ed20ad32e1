// Prints the gzipped sizes of a built page and fails past the limits that users were promised:
// first page <= 45 KB of JavaScript, all JavaScript <= 90 KB, style sheet <= 8 KB.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const KB = 1000;
const limits = { first: 45 * KB, all: 90 * KB, css: 8 * KB };

// The scripts that index.html itself names, and what those import statically.
function firstPageScripts(dir, names) {
  const seen = new Set();
  const visit = (name) => {
    if (seen.has(name) || !names.includes(name)) return;
    seen.add(name);
    const text = readFileSync(join(dir, "assets", name), "utf8");
    for (const match of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) visit(match[1]);
  };
  const html = readFileSync(join(dir, "index.html"), "utf8");
  for (const match of html.matchAll(/assets\/([\w.-]+\.js)/g)) visit(match[1]);
  return seen;
}

export function measure(dir) {
  const names = readdirSync(join(dir, "assets"));
  const scripts = names.filter((name) => name.endsWith(".js"));
  const first = firstPageScripts(dir, scripts);
  const sizes = { first: 0, all: 0, css: 0, files: [] };
  for (const name of names.sort()) {
    const bytes = gzipSync(readFileSync(join(dir, "assets", name)), { level: 9 }).length;
    sizes.files.push({ name, bytes, first: first.has(name) });
    if (name.endsWith(".js")) sizes.all += bytes;
    if (first.has(name)) sizes.first += bytes;
    if (name.endsWith(".css")) sizes.css += bytes;
  }
  sizes.ok = Object.entries(limits).every(([key, most]) => sizes[key] <= most) && sizes.first > 0;
  return { ...sizes, limits };
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split("/").pop())) {
  const sizes = measure(process.argv[2] ?? "dist");
  for (const file of sizes.files) console.log(`${file.bytes}\t${file.first ? "first" : ""}\t${file.name}`);
  for (const key of Object.keys(limits)) console.log(`${key}: ${sizes[key]} of ${limits[key]} bytes gzipped`);
  process.exit(sizes.ok ? 0 : 1);
}
