// The page in a real Chromium. With VOLTA_URL set it looks at that server (a real volta with at least
// one live host); without, at the mock server beside this file, which adds the states that a real
// server cannot be brought into at will. Ends with one line `N passed, N failed`.
//   VOLTA_URL=http://127.0.0.1:8420   VOLTA_WEB_ROOT=build/web (a built page)   CHROMIUM=/usr/bin/chromium
//   VOLTA_SHOTS=DIR writes screenshots; `dashboard.test.mjs WORD` runs only tests whose name has WORD
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { kAccessKey, startMock } from "./mock_server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const need = createRequire(join(here, "../../web/package.json"));
const { chromium } = need("playwright-core");
const { default: AxeBuilder } = need("@axe-core/playwright");
const { measure } = await import("../../web/size.mjs");

const kReal = process.env.VOLTA_URL ?? null;
const kRoot = process.env.VOLTA_WEB_ROOT ?? join(here, "../../build/web");
const kAll_ms = 900_000;
const kOne_ms = 60_000;
const kHangs = `took longer than ${kOne_ms} ms`;
const kWide = { width: 1360, height: 900 };
const kPhone = { width: 390, height: 844 };

const tests = [];
const test = (name, run, { mockOnly = false } = {}) => tests.push({ name, run, mockOnly });

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

async function until(what, probe, limit_ms = 8_000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

// A page in a context of its own that remembers what went wrong in it.
async function open(browser, url, path, { viewport = kWide, scheme = "light", expected = [] } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const faults = [];
  const tolerated = (text) => expected.some((pattern) => pattern.test(text));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !tolerated(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`thrown: ${error.message}`));
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (to.host !== new URL(url).host && to.protocol !== "data:") faults.push(`request to ${to.host}`);
  });
  await page.goto(url + path);
  return { page, faults, close: () => context.close() };
}

async function clean(opened) {
  await opened.close();
  expect(opened.faults.length === 0, opened.faults.join("; "));
}

const number = async (page, selector) => Number.parseFloat((await page.locator(selector).first().textContent()) ?? "");

// The chart has its axes; whether there is data in its window is another question.
async function plotted(page, panel) {
  await page.locator(`[data-panel=${panel}]`).scrollIntoViewIfNeeded();
  await page.locator(`[data-panel=${panel}] canvas`).waitFor({ timeout: 10_000 });
}

async function drawn(page, panel) {
  await plotted(page, panel);
  await page.locator(`[data-panel=${panel}] .legend .value`).first().waitFor({ timeout: 10_000 });
}

// The answers to questions about the past that the page asks from when `act` begins; what it asked before may be answered meanwhile.
async function historyDuring(page, act, settled_ms = 1_500) {
  const asked = new Set();
  const answers = [];
  const note = (request) => request.url().includes("/api/v1/series?") && asked.add(request);
  const keep = async (response) => {
    if (!asked.has(response.request())) return;
    // What a page that is being left had asked for has no body any more.
    const answer = await response.json().catch(() => null);
    if (answer) answers.push(answer);
  };
  page.on("request", note);
  page.on("response", keep);
  await act();
  await until("the past was asked for", () => answers.length > 0);
  await new Promise((done) => setTimeout(done, settled_ms));
  page.off("request", note);
  page.off("response", keep);
  return answers;
}

async function hostPath(url) {
  const live = async () => (await (await fetch(`${url}/api/v1/hosts`)).json()).items.find(({ state }) => state === "live");
  const host = await until("the server has a live host", live);
  return `/hosts/${encodeURIComponent(host.id)}`;
}

async function audit(page, what) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]).analyze();
  const told = violations.map(({ id, nodes }) => `${id} (${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join(", ")})`);
  expect(told.length === 0, `axe on ${what}: ${told.join("; ")}`);
}

test("first paint shows data soon", async ({ browser, url }) => {
  const opened = await open(browser, url, "/");
  const begun = Date.now();
  await until("watts are shown", async () => (await number(opened.page, "[data-test=watts]")) > 0);
  const paint = await opened.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  console.log(`  first contentful paint ${Math.round(paint)} ms; watts ${Date.now() - begun} ms after load`);
  for (const track of ["cpu", "memory"]) await until(`${track} is shown`, async () => (await number(opened.page, `[data-test=tile-${track}]`)) >= 0);
  await until("the watts have a quality badge", async () => (await opened.page.locator(".hero .badge").count()) > 0);
  const inked = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0);
  await until("the trace is drawn", () => opened.page.locator(".hero canvas").evaluate(inked));
  await clean(opened);
});

test("numbers change live", async ({ browser, url }) => {
  const opened = await open(browser, url, await hostPath(url));
  await drawn(opened.page, "power");
  const text = () => opened.page.locator("[data-panel=cpu] .legend").textContent();
  await drawn(opened.page, "cpu");
  const before = await text();
  await until("the legend changes", async () => (await text()) !== before, 10_000);
  await until("the link is open", async () => (await opened.page.locator("[data-test=link]").textContent()) === "Connected");
  await clean(opened);
});

test("the past comes as finely as the page can draw it", async ({ browser, url }) => {
  const opened = await open(browser, url, "/");
  const { page } = opened;
  const check = (answers, most_ms) => {
    for (const { step_ms } of answers) expect(step_ms <= most_ms, `asked of the past, the server answered in steps of ${step_ms} ms`);
  };
  check(await historyDuring(page, () => page.reload()), 5_000);
  await page.goto(`${url}${await hostPath(url)}?range=5m`);
  await drawn(page, "power");
  // The chart forgets what it heard live: what it shows once paused, the server kept.
  const answers = await historyDuring(page, () => page.locator("[data-test=live]").click());
  check(answers, 5_000);
  const most = Math.max(...answers.flatMap(({ series }) => series.map(({ values }) => values.filter((value) => value !== null).length)));
  expect(most >= 2, `no series has more than ${most} readings in its past`);
  await clean(opened);
});

test("pause stops the clock, live starts it", async ({ browser, url }) => {
  const opened = await open(browser, url, `${await hostPath(url)}?range=5m`);
  const { page } = opened;
  await drawn(page, "power");
  await page.locator("body").click({ position: { x: 5, y: 400 } });
  await page.keyboard.press("Space");
  await until("the URL says paused", () => page.url().includes("paused=1"));
  await drawn(page, "power");
  await until("the history is back", async () => (await page.locator("[data-panel=power]").getAttribute("aria-busy")) === "false" && (await page.locator("[data-panel=power] .legend li").count()) > 0);
  const before = await page.locator("[data-panel=power] .legend").textContent();
  await new Promise((done) => setTimeout(done, 2_500));
  expect((await page.locator("[data-panel=power] .legend").textContent()) === before, "the chart moved while paused");
  await until("the button says paused", async () => (await page.locator("[data-test=live]").textContent()) === "Paused");
  await page.locator("[data-test=live]").click();
  await until("the URL is live", () => !page.url().includes("paused"));
  await clean(opened);
});

test("presets by button and key", async ({ browser, url }) => {
  const opened = await open(browser, url, await hostPath(url));
  const { page } = opened;
  await page.getByRole("button", { name: "1 h", exact: true }).click();
  await until("the URL says 1h", () => page.url().includes("range=1h"));
  await page.locator("body").click({ position: { x: 5, y: 400 } });
  for (const [key, name] of [["1", "5m"], ["7", "24h"], ["8", "2d"], ["m", "30d"], ["y", "1y"], ["Shift+Y", "5y"], ["+", "1y"], ["-", "5y"], ["-", "5y"], ["2", "15m"]]) {
    await page.keyboard.press(key);
    await until(`key ${key} chooses ${name}`, () => page.url().includes(`range=${name}`));
  }
  await page.keyboard.press("?");
  await until("? opens the help", async () => (await page.locator("dialog[open]").count()) === 1);
  await page.keyboard.press("Escape");
  await until("Escape closes the help", async () => (await page.locator("dialog[open]").count()) === 0);
  await clean(opened);
});

const kDay_ms = 86_400_000;

test("days and years: presets, steps, zoom and the way back", async ({ browser, url }) => {
  const opened = await open(browser, url, await hostPath(url));
  const { page } = opened;
  await drawn(page, "power");
  for (const [label, name, days] of [["30 d", "30d", 30], ["5 y", "5y", 1825], ["7 d", "7d", 7]]) {
    const answers = await historyDuring(page, () => page.getByRole("button", { name: label, exact: true }).click(), 500);
    await until(`the URL says ${name}`, () => page.url().includes(`range=${name}`));
    for (const { step_ms, timestamps } of answers) {
      expect(step_ms % 60_000 === 0, `${label} came in steps of ${step_ms} ms, which no tier has`);
      expect(timestamps.length <= 1400 && timestamps.at(-1) - timestamps[0] > (days - 1) * 0.99 * kDay_ms, `${label}: ${timestamps.length} steps over ${(timestamps.at(-1) - timestamps[0]) / kDay_ms} days`);
    }
    await until("it is pressed", async () => (await page.getByRole("button", { name: label, exact: true }).getAttribute("aria-pressed")) === "true");
    await plotted(page, "power");
  }
  await page.reload();
  await plotted(page, "power");
  await until("a reload keeps the week", async () => (await page.getByRole("button", { name: "7 d", exact: true }).getAttribute("aria-pressed")) === "true");
  await dragIn(page, "power", 0.5, 0.9);
  await until("the URL has a window", () => page.url().includes("from="));
  expect(Math.abs(span(page) - 2.8 * kDay_ms) < 0.3 * kDay_ms, `two fifths of a week became ${span(page)} ms`);
  await plotted(page, "power");
  await page.locator("[data-test=back]").click();
  await until("Back is the week again", () => !page.url().includes("from=") && page.url().includes("range=7d"));
  await page.keyboard.press("Space");
  await until("a week can be paused", () => page.url().includes("paused=1") && Math.abs(span(page) - 7 * kDay_ms) < 60_000);
  await clean(opened);
});

test("a long window says what it was read from, and since when there is anything", async ({ browser, mock }) => {
  const { url } = await mock("seasoned");
  const opened = await open(browser, url, `${await hostPath(url)}?range=30d`);
  const { page } = opened;
  await drawn(page, "power");
  await until("the tier is told", async () => (await page.locator("[data-test=tier]").textContent()) === "1 h windows");
  await until("least and largest are told with the mean", async () => {
    const box = await page.locator("[data-panel=power] .u-over").boundingBox();
    await page.mouse.move(box.x + box.width * (0.9 + 0.05 * Math.random()), box.y + 40);
    return /W to .*W/.test((await page.locator("[data-panel=power] .tooltip .extremes").first().textContent({ timeout: 1_000 }).catch(() => "")) ?? "");
  });
  await until("the beginning is told", async () => /^Data since /.test((await page.locator("[data-test=begins]").textContent()) ?? ""));
  await page.getByRole("button", { name: "7 d", exact: true }).click();
  await until("a week is all there", async () => (await page.locator("[data-test=tier]").count()) === 1 && (await page.locator("[data-test=begins]").count()) === 0);
  await page.getByRole("button", { name: "15 min", exact: true }).click();
  await until("single readings need no word", async () => (await page.locator(".source").count()) === 0);
  await drawn(page, "power");
  await clean(opened);
}, { mockOnly: true });

async function dragIn(page, panel, from, to) {
  const box = await page.locator(`[data-panel=${panel}] .u-over`).boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y, { steps: 4 });
  await page.mouse.move(box.x + box.width * to, y, { steps: 4 });
  await page.mouse.up();
}

const span = (page) => {
  const query = new URL(page.url()).searchParams;
  return Number(query.get("to")) - Number(query.get("from"));
};

test("drag zooms, again deeper, and back", async ({ browser, url }) => {
  const opened = await open(browser, url, `${await hostPath(url)}?range=5m`);
  const { page } = opened;
  await drawn(page, "power");
  await dragIn(page, "power", 0.25, 0.75);
  await until("the URL has a window", () => page.url().includes("from="));
  expect(Math.abs(span(page) - 150_000) < 15_000, `half of 5 minutes became ${span(page)} ms`);
  const first = page.url();
  // A young server has nothing from back then; the chart must be usable all the same.
  await until("the answer is in", async () => (await page.locator("[data-panel=power]").getAttribute("aria-busy")) === "false");
  await plotted(page, "power");
  await dragIn(page, "power", 0.2, 0.6);
  await until("the window is smaller", () => page.url() !== first && span(page) < 90_000);
  await page.keyboard.press("b");
  await until("b goes one step back", () => page.url() === first);
  await page.locator("[data-test=back]").click();
  await until("Back is live again", () => !page.url().includes("from="));
  await clean(opened);
});

test("a link restores host, range and window", async ({ browser, url }) => {
  const to = Math.floor(Date.now() / 1000) * 1000 - 20_000;
  const opened = await open(browser, url, `${await hostPath(url)}?range=1h&from=${to - 60_000}&to=${to}&paused=1`);
  const { page } = opened;
  await until("the window is told", async () => /1 min/.test((await page.locator("[data-test=window]").textContent()) ?? ""));
  await until("it is paused", async () => (await page.locator("[data-test=live]").textContent()) === "Paused");
  await until("1 h is chosen", async () => (await page.getByRole("button", { name: "1 h", exact: true }).getAttribute("aria-pressed")) === "true");
  await page.reload();
  expect(page.url().includes(`to=${to}`), "the reload lost the window");
  await page.locator("[data-test=custom]").click();
  await page.getByLabel("To", { exact: true }).fill("2020-01-01T00:00:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await until("a wrong window is refused", async () => /after the start/.test((await page.locator(".custom .problem").textContent()) ?? ""));
  await clean(opened);
});

test("the keyboard alone gets from the table to a host", async ({ browser, url }) => {
  const opened = await open(browser, url, "/");
  const { page } = opened;
  await page.locator("tbody tr").first().waitFor();
  await page.getByRole("button", { name: "Power" }).focus();
  await page.keyboard.press("Enter");
  await until("Enter sorts", async () => (await page.locator("th[aria-sort=descending]").count()) === 1);
  await page.locator("tbody th a").first().focus();
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect(outline !== "none", "the focus is not visible");
  await page.keyboard.press("Enter");
  await until("the host page is open", () => page.url().includes("/hosts/"));
  await drawn(page, "power");
  await page.goBack();
  await until("the browser's back leads back", async () => new URL(page.url()).pathname === "/" && (await page.locator("tbody tr").count()) > 0);
  await clean(opened);
});

test("how long readings stay is told at the foot of each page", async ({ browser, url }) => {
  for (const path of ["/", await hostPath(url)]) {
    const opened = await open(browser, url, path);
    const kept = opened.page.locator("footer [data-test=kept]");
    await kept.waitFor({ timeout: 8_000 });
    const text = (await kept.textContent()) ?? "";
    expect(/^Kept: samples (\d+ \w+|for ever), 1 min windows .+, 1 h windows .+/.test(text), `the foot says ${text}`);
    await clean(opened);
  }
});

test("one crosshair over all charts, with a tooltip on one", async ({ browser, url }) => {
  const opened = await open(browser, url, `${await hostPath(url)}?range=5m`);
  const { page } = opened;
  await drawn(page, "cpu");
  await drawn(page, "power");
  const box = await page.locator("[data-panel=power] .u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40);
  await page.mouse.move(box.x + box.width * 0.9 + 2, box.y + 42);
  await until("both charts tell the time", async () => (await page.locator("[data-panel=power] time").count()) + (await page.locator("[data-panel=cpu] time").count()) === 2);
  await until("there is exactly one tooltip", async () => (await page.locator(".tooltip").count()) === 1);
  await clean(opened);
});

test("an unknown host and an unknown page say so", async ({ browser, url }) => {
  const opened = await open(browser, url, "/hosts/no-such-host", { expected: [/404/] });
  await opened.page.getByRole("heading", { name: "Unknown host" }).waitFor({ timeout: 8_000 });
  // A real server may refuse such a path itself, so this is the page's answer once it is loaded.
  await opened.page.evaluate(() => {
    history.pushState({}, "", "/no/such/page");
    dispatchEvent(new PopStateEvent("popstate"));
  });
  await opened.page.getByRole("heading", { name: "There is no such page" }).waitFor({ timeout: 8_000 });
  await clean(opened);
});

for (const [what, viewport, scheme] of [["light", kWide, "light"], ["dark", kWide, "dark"], ["390 px", kPhone, "light"], ["390 px dark", kPhone, "dark"]]) {
  test(`axe finds nothing: ${what}`, async ({ browser, url }) => {
    for (const path of ["/", `${await hostPath(url)}?range=5m`, `${await hostPath(url)}?range=30d`]) {
      const opened = await open(browser, url, path, { viewport, scheme });
      const { page } = opened;
      await until("data is there", async () => (await number(page, "[data-test=watts]")) > 0);
      if (path !== "/") await drawn(page, "power");
      await audit(page, `${path} ${what}`);
      const spill = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(spill <= 0, `${path} is ${spill} px wider than the screen`);
      if (process.env.VOLTA_SHOTS) await page.screenshot({ path: join(process.env.VOLTA_SHOTS, `${path === "/" ? "overview" : path.endsWith("30d") ? "month" : "host"}-${what.replaceAll(" ", "-")}.png`), fullPage: true });
      await clean(opened);
    }
  });
}

test("the theme is switched and kept", async ({ browser, url }) => {
  const opened = await open(browser, url, "/");
  const { page } = opened;
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await background();
  await page.locator("[data-test=theme]").click();
  await until("the theme changes", async () => (await background()) !== before);
  const dark = await background();
  await page.reload();
  await until("the theme is kept", async () => (await background()) === dark);
  await clean(opened);
});

test("a young history fills the window, which grows until somebody chooses one", async ({ browser, mock }) => {
  const { url } = await mock("fresh");
  const opened = await open(browser, url, "/");
  const { page } = opened;
  const host = await hostPath(url);
  const range = async () => (await page.locator("[data-test=range]").textContent()) ?? "";
  await until("the overview shows half a minute", async () => (await range()) === "Last 30 seconds");
  await until("the overview's window grows", async () => (await range()) === "Last minute", 15_000);
  await page.goto(url + host);
  await drawn(page, "power");
  await until("nobody chose a window", async () => (await page.locator("[data-test=auto]").getAttribute("aria-pressed")) === "true");
  await until("the window fits the history", async () => /\((1|2) min\)/.test((await page.locator("[data-test=auto]").textContent()) ?? ""));
  await page.goto(`${url}${host}?range=1h`);
  await drawn(page, "power");
  await until("the link's window is kept", async () => (await page.getByRole("button", { name: "1 h", exact: true }).getAttribute("aria-pressed")) === "true");
  expect((await page.locator("[data-test=auto]").getAttribute("aria-pressed")) === "false", "two windows are chosen at once");
  await page.keyboard.press("0");
  await until("0 lets the page choose", () => !page.url().includes("range="));
  await clean(opened);
}, { mockOnly: true });

test("a window without data keeps its axes and says so", async ({ browser, mock }) => {
  const { url } = await mock("fresh");
  const to = Date.now() - 3_600_000;
  const opened = await open(browser, url, `${await hostPath(url)}?from=${to - 60_000}&to=${to}`);
  const { page } = opened;
  await page.locator("[data-panel=power]").getByText("No data in this window").waitFor({ timeout: 8_000 });
  await plotted(page, "power");
  await audit(page, "no data");
  await dragIn(page, "power", 0.25, 0.75);
  await until("it can be zoomed", () => span(page) < 45_000);
  await clean(opened);
}, { mockOnly: true });

test("disconnected is seen, and mends by itself", async ({ browser, mock }) => {
  const server = await mock("laptop");
  const opened = await open(browser, server.url, "/hosts/h-laptop?range=5m", { expected: [/WebSocket|ERR_CONNECTION|Failed to load/] });
  const { page } = opened;
  await drawn(page, "power");
  await server.stop();
  await page.locator("[data-test=countdown]").waitFor({ timeout: 8_000 });
  await until("the charts look stale", async () => (await page.locator(".charts.stale").count()) === 1);
  await audit(page, "disconnected");
  const again = await startMock({ port: server.port, scene: "laptop", root: kRoot });
  await until("it is connected again", async () => (await page.locator("[data-test=link]").textContent()) === "Connected", 40_000);
  await until("the banner is gone", async () => (await page.locator("[data-test=countdown]").count()) === 0);
  await clean(opened);
  await again.stop();
}, { mockOnly: true });

test("login: wrong key, right key, log out", async ({ browser, mock }) => {
  const server = await mock("login");
  const opened = await open(browser, server.url, "/", { expected: [/401|WebSocket/] });
  const { page } = opened;
  const field = page.getByLabel("Access key");
  await field.waitFor();
  await audit(page, "login");
  await field.fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await until("a wrong key is refused", async () => /not the access key/.test((await page.locator("#login-problem").textContent()) ?? ""));
  await field.fill(kAccessKey);
  await page.getByRole("button", { name: "Log in" }).click();
  await until("watts are shown", async () => (await number(page, "[data-test=watts]")) > 0);
  await until("the stream is open", async () => (await page.locator("[data-test=link]").textContent()) === "Connected");
  await page.getByRole("button", { name: "Log out" }).click();
  await field.waitFor();
  await clean(opened);
}, { mockOnly: true });

test("a hostile host name stays text", async ({ browser, mock }) => {
  const server = await mock("hostile");
  for (const path of ["/", "/hosts/h-laptop"]) {
    const opened = await open(browser, server.url, path);
    await until("data is there", async () => (await number(opened.page, "[data-test=watts]")) > 0);
    await until("the name is shown as it is", async () => ((await opened.page.locator("main").textContent()) ?? "").includes("<img src=x"));
    expect((await opened.page.evaluate(() => window.pwned)) === undefined, "the name ran as script");
    await until("the page's own remedy is there", async () => (await opened.page.getByText("sudo chmod a+r").count()) > 0);
    expect(!((await opened.page.locator("body").textContent()) ?? "").includes("evil.example"), "the host's own command is shown");
    await clean(opened);
  }
}, { mockOnly: true });

test("no hosts yet shows how to add one; an estimate shows how to measure", async ({ browser, mock }) => {
  const empty = await open(browser, (await mock("empty")).url, "/");
  await empty.page.getByText("volta host add NAME").waitFor();
  await audit(empty.page, "no hosts");
  await clean(empty);
  const estimate = await open(browser, (await mock("estimate")).url, "/");
  await estimate.page.getByText("sudo chmod a+r").waitFor();
  // The host list knows the quality; its bound comes with the first live reading, a moment later.
  await until("the estimate shows its bound", async () => (await estimate.page.locator(".hero .badge.estimated").first().textContent())?.includes("±25 %"));
  // Wherever it stands: power and energy, above the table, in it, and on the host's own page.
  const badges = (where) => estimate.page.locator(`${where} .badge.estimated`).count();
  await until("the first page labels every estimate", async () => (await badges(".hero")) === 2 && (await badges(".hosts tbody tr")) === 2);
  await estimate.page.locator(".hosts tbody th a").click();
  await until("the host's page labels every estimate", async () => (await badges(".head")) === 2);
  await clean(estimate);
}, { mockOnly: true });

test("the page stays within its sizes", async () => {
  if (!existsSync(join(kRoot, "assets"))) return console.log("  not built here: sizes are not measured");
  const sizes = measure(kRoot);
  console.log(`  gzipped: first page ${sizes.first} of ${sizes.limits.first}, all scripts ${sizes.all} of ${sizes.limits.all}, styles ${sizes.css} of ${sizes.limits.css} bytes`);
  expect(sizes.ok, "too big");
});

// What the promise answers, or kHangs if it takes longer.
async function within(promise, limit_ms) {
  let timer;
  const late = new Promise((done) => (timer = setTimeout(() => done(kHangs), limit_ms)));
  const answer = await Promise.race([promise.catch((error) => error.message), late]);
  clearTimeout(timer);
  return answer;
}

// Null: passed; kHangs: never ended; else what is wrong.
async function attempt(run) {
  return within(
    run().then(() => null),
    kOne_ms,
  );
}

async function main() {
  if (!kReal && !existsSync(join(kRoot, "index.html"))) throw new Error(`no built page in ${kRoot}: npm run build -- --outDir ${kRoot}`);
  const profile = mkdtempSync(join(tmpdir(), "volta-web-"));
  const launch = () =>
    chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", `--disk-cache-dir=${profile}`],
    });
  let browser = await launch();
  const mocks = [];
  const mock = async (scene) => {
    const running = await startMock({ scene, root: kRoot });
    mocks.push(running);
    return running;
  };
  const url = kReal ?? (await mock("fleet")).url;
  let passed = 0;
  let failed = 0;
  for (const { name, run, mockOnly } of tests) {
    if ((mockOnly && kReal) || (process.argv[2] && !name.includes(process.argv[2]))) continue;
    let verdict = await attempt(() => run({ browser, url: url.replace(/\/$/, ""), mock }));
    if (verdict === kHangs) {
      // A browser that has stopped answering says nothing about the page: once more, in a new one. What hangs twice has failed.
      console.log(`  ${name}: no answer within ${kOne_ms} ms; again in a new browser`);
      await within(browser.close(), 10_000);
      browser = await launch();
      verdict = await attempt(() => run({ browser, url: url.replace(/\/$/, ""), mock }));
    }
    if (verdict === null) passed += 1;
    else failed += 1;
    console.log(verdict === null ? `ok    ${name}` : `FAIL  ${name}\n      ${verdict}`);
  }
  await within(browser.close(), 10_000);
  for (const running of mocks) await within(running.stop(), 1_000);
  rmSync(profile, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

setTimeout(() => {
  console.log("0 passed, 1 failed (the whole took too long)");
  process.exit(1);
}, kAll_ms).unref();
await main();
