// first_paint.mjs [VOLTA] [RUNS]: from the spawn of `volta local` with an empty data directory to the overview's first chart
// with data in it, in Chromium. Prints p50 and max. Chromium already runs, since its own start is not volta's; a small
// script in the page looks at the chart's pixels after each frame, and the clock is this process's.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const { chromium } = createRequire(join(here, "../../web/package.json"))("playwright-core");

const kVolta = resolve(process.argv[2] ?? join(here, "../../build/release/volta"));
const kRuns = Number(process.argv[3] ?? 10);
const kPromise_ms = 1_500;
const kLimit_ms = 30_000;

function freePort() {
  return new Promise((done) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

// Runs in the page from its first moment. A line or an area has the colour of power; axes and their text are grey.
function watchChart() {
  const look = () => {
    const canvas = document.querySelector(".hero canvas");
    if (canvas && canvas.width > 0 && canvas.height > 0) {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) {
        const spread = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
        if (data[i + 3] > 100 && spread > 60) {
          // The frame that shows it begins here and is on the screen when the next one begins.
          requestAnimationFrame(() => console.debug("painted", performance.timeOrigin + performance.now()));
          return;
        }
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

function ready(child) {
  return new Promise((done, refuse) => {
    let log = "";
    child.stderr.on("data", (text) => {
      log += text;
      if (/volta local ready/.test(log)) done();
    });
    child.on("exit", () => refuse(new Error(`volta ended:\n${log}`)));
  });
}

async function once(browser) {
  const folder = mkdtempSync(join(tmpdir(), "volta-paint-"));
  const port = await freePort();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(watchChart);
  const painted = page.waitForEvent("console", { predicate: (message) => message.text().startsWith("painted"), timeout: kLimit_ms });
  const begun = Date.now();
  const child = spawn(kVolta, ["local", "--listen", `127.0.0.1:${port}`, "--data", join(folder, "data")], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((done) => child.on("exit", done));
  try {
    await ready(child);
    const ready_ms = Date.now() - begun;
    await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: "commit" });
    const at = Number((await painted).text().split(" ")[1]);
    return { ready_ms, paint_ms: Math.round(at - begun) };
  } finally {
    await context.close();
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"] });
const warm = await browser.newPage();
await warm.goto("about:blank");
const runs = [];
for (let i = 0; i < kRuns; i += 1) {
  runs.push(await once(browser));
  console.log(`run ${i + 1}: ready line ${runs.at(-1).ready_ms} ms, chart with data ${runs.at(-1).paint_ms} ms`);
}
await browser.close();
const summary = (key) => {
  const sorted = runs.map((run) => run[key]).sort((a, b) => a - b);
  return { p50: sorted[Math.floor((sorted.length - 1) / 2)], max: sorted.at(-1) };
};
const up = summary("ready_ms");
const paint = summary("paint_ms");
console.log(`process start to ready line: p50 ${up.p50} ms, max ${up.max} ms`);
console.log(`process start to first chart with data: p50 ${paint.p50} ms, max ${paint.max} ms of ${kRuns} runs, each with an empty data directory; promised: ${kPromise_ms} ms. Chromium was running already: its own start is not in these figures.`);
process.exit(paint.max <= kPromise_ms ? 0 : 1);
