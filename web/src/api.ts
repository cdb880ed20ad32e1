// Every request to the server goes through here. Answers are a union: data, or the problem as the
// server told it (RFC 9457), or what the network did. Nothing throws.
import { signal } from "@preact/signals";

export interface Problem {
  status: number; // 0: no answer
  code: string;
  title: string;
  detail: string;
}
export type Answer<T> = { ok: true; data: T } | { ok: false; problem: Problem };

export type Labels = Record<string, string>;
export type Quality = "measured" | "derived" | "estimated";
export type HostState = "live" | "late" | "offline" | "disabled";

export interface Host {
  id: string;
  name: string;
  state: HostState;
  last_seen: string | null;
  created?: string; // since when the server knows it
  agent_version: string | null;
  clock_offset_ms: number | null;
  facts: Record<string, unknown> | null;
  power_watts: number | null;
  power_quality: Quality | null;
  plaintext?: boolean;
}

export interface Latest {
  host: string;
  ts: number;
  items: { name: string; labels: Labels; value: number | null; rate: number | null; unit: string; quality?: string }[];
}

export interface SeriesAnswer {
  start: number | string;
  end: number | string;
  step_ms: number;
  tier: string;
  timestamps: number[];
  series: { labels: Labels; values: (number | null)[] }[];
}

export interface EnergyAnswer {
  joules: number | null;
  kwh: number | null;
  quality: Quality | null;
}

export interface Session {
  role: "viewer" | "operator" | "admin" | "none";
  login_required: boolean;
}

// True once the server has asked for a login; the page then shows nothing else.
export const loginNeeded = signal(false);
// The server's clock as its answers tell it. Browsers with a wrong clock are not rare, and a window
// that ends "now" must end where the server's data ends. The Date header has whole seconds, so a
// small difference means nothing.
let serverAhead_ms = 0;
const kClockSlack_ms = 5_000;

export function serverNow(): number {
  return Date.now() + serverAhead_ms;
}

function learnClock(response: Response): void {
  const told = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(told)) return;
  const ahead = told - Date.now();
  serverAhead_ms = Math.abs(ahead) > kClockSlack_ms ? ahead : 0;
}

const kTimeout_ms = 15_000;

async function request<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") Object.assign(headers, { "X-Volta-Request": "1", "content-type": "application/json" });
  const init: RequestInit = { method, credentials: "same-origin", signal: AbortSignal.timeout(kTimeout_ms), headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    return failure(0, late ? "timeout" : "unreachable", late ? "The server took too long to answer" : "The server does not answer", "");
  }
  learnClock(response);
  if (response.status === 401 && path !== "/api/v1/session") loginNeeded.value = true;
  return read<T>(response);
}

function failure(status: number, code: string, title: string, detail: string): { ok: false; problem: Problem } {
  return { ok: false, problem: { status, code, title, detail } };
}

async function read<T>(response: Response): Promise<Answer<T>> {
  let parsed: unknown = null;
  try {
    const text = await response.text();
    parsed = text === "" ? null : JSON.parse(text);
  } catch {
    return failure(response.status, "bad_answer", "The server's answer was not understood", `HTTP ${response.status}`);
  }
  if (response.ok) return { ok: true, data: parsed as T };
  const problem = (parsed ?? {}) as Partial<Problem>;
  return failure(response.status, problem.code ?? "error", problem.title ?? `HTTP ${response.status}`, problem.detail ?? "");
}

function query(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== undefined) search.set(key, String(value));
  return search.toString();
}

const kMostHostPages = 100;

// All hosts, page after page.
export async function getHosts(): Promise<Answer<Host[]>> {
  const hosts: Host[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < kMostHostPages; page += 1) {
    const search = query({ cursor });
    const answer = await request<{ items: Host[]; next_cursor: string | null }>("GET", `/api/v1/hosts${search ? `?${search}` : ""}`);
    if (!answer.ok) return answer;
    hosts.push(...answer.data.items);
    if (!answer.data.next_cursor) break;
    cursor = answer.data.next_cursor;
  }
  return { ok: true, data: hosts };
}

export function getLatest(host: string): Promise<Answer<Latest>> {
  return request("GET", `/api/v1/latest?${query({ host })}`);
}

// Counters come as rates per second. `labels` must each be equal. A bare number would be seconds to the server, as
// Prometheus has it; the page counts in milliseconds and says so.
export function getSeries(host: string, name: string, start: number, end: number, step_ms: number, labels: Labels = {}, agg?: string): Promise<Answer<SeriesAnswer>> {
  const matchers = Object.fromEntries(Object.entries(labels).map(([key, value]) => [`label.${key}`, value]));
  return request("GET", `/api/v1/series?${query({ host, name, ...matchers, start, end, step: `${step_ms}ms`, agg })}`);
}

export function getEnergy(host: string, start: number, end: number): Promise<Answer<EnergyAnswer>> {
  return request("GET", `/api/v1/energy?${query({ host, start, end })}`);
}

export function getSession(): Promise<Answer<Session>> {
  return request("GET", "/api/v1/session");
}

export function login(access_key: string): Promise<Answer<unknown>> {
  return request("POST", "/api/v1/session", { access_key });
}

export function logout(): Promise<Answer<unknown>> {
  return request("DELETE", "/api/v1/session");
}

export function getCapabilities(): Promise<Answer<Record<string, unknown>>> {
  return request("GET", "/api/v1/system/capabilities");
}

export function getVersion(): Promise<Answer<{ version?: string }>> {
  return request("GET", "/api/v1/system/version");
}
