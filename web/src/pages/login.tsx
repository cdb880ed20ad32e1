// Where the server asks for its access key. The key goes to the server once and becomes a cookie that
// scripts cannot read; the page keeps nothing.
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { getSession, login, loginNeeded } from "../api";
import { liveLink } from "../live";
import { Command, Icon } from "../parts/bits";

// Whether this page is logged in (as opposed to a server that asks for nothing).
export const sessionOpen = signal(false);

async function refresh(): Promise<void> {
  const answer = await getSession();
  if (!answer.ok) return;
  sessionOpen.value = answer.data.login_required && answer.data.role !== "none";
  if (answer.data.login_required && answer.data.role === "none") loginNeeded.value = true;
}

export function startSession(): void {
  void refresh();
  liveLink().state.subscribe((state) => {
    if (state.kind === "login") loginNeeded.value = true;
  });
}

export function Login() {
  const key = useSignal("");
  const problem = useSignal("");
  const busy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Log in · volta";
    field.current?.focus();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    const answer = await login(key.value.trim());
    busy.value = false;
    if (!answer.ok) {
      problem.value = answer.problem.status === 401 || answer.problem.status === 403 ? "That is not the access key of this server." : answer.problem.title;
      field.current?.select();
      return;
    }
    loginNeeded.value = false;
    liveLink().retry();
    void refresh();
  };
  return (
    <form class="card login" onSubmit={(event) => void submit(event)}>
      <span class="round">
        <Icon name="lock" />
      </span>
      <h1>Log in to volta</h1>
      <label for="access-key">Access key</label>
      <input id="access-key" ref={field} type="password" autocomplete="current-password" required value={key.value} aria-invalid={problem.value !== ""} aria-describedby="login-problem" onInput={(event) => (key.value = event.currentTarget.value)} />
      <p id="login-problem" class="problem" role="alert">
        {problem.value}
      </p>
      <button type="submit" class="primary" disabled={busy.value || key.value === ""}>
        {busy.value ? "Checking" : "Log in"}
      </button>
      <p class="muted">volta wrote its key at first start into <code>access-key</code> in its data directory. Of a server with the usual one, this prints it on that machine:</p>
      <Command text="volta server --show-access-key" />
    </form>
  );
}
