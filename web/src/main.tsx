// The page's frame: header, banners, the routed page. The host page (and uPlot with it) is loaded
// when it is first needed.
import { signal } from "@preact/signals";
import { render, type ComponentType } from "preact";

import { loginNeeded, logout } from "./api";
import { LinkBanner, linkLost } from "./parts/banners";
import { Icon, Link, Loading, Notice } from "./parts/bits";
import { Kept } from "./parts/kept";
import { HelpDialog, startKeys, toggleHelp } from "./parts/help";
import { liveLink } from "./live";
import { Login, sessionOpen, startSession } from "./pages/login";
import { Overview } from "./pages/overview";
import { route } from "./router";
import { hosts, serverVersion, startFleet } from "./store/fleet";
import { isDark, startTheme, themeVersion, toggleTheme } from "./store/theme";
import "uplot/dist/uPlot.min.css";
import "./style.css";

type HostPageModule = { HostPage: ComponentType<{ id: string }> };
const hostPage = signal<HostPageModule | "failed" | null>(null);

function loadHostPage(): void {
  import("./pages/host").then(
    (module) => (hostPage.value = module),
    () => (hostPage.value = "failed"),
  );
}

function HostRoute({ id }: { id: string }) {
  const module = hostPage.value;
  if (module === "failed") {
    return (
      <Notice icon="warn" title="This part of the page could not be loaded">
        <p>The server may have been updated. Loading the page again brings both in step.</p>
        <button type="button" class="primary" onClick={() => location.reload()}>
          Load again
        </button>
      </Notice>
    );
  }
  if (!module) {
    loadHostPage();
    return <Loading />;
  }
  return <module.HostPage key={id} id={id} />;
}

function Missing() {
  return (
    <Notice icon="warn" title="There is no such page">
      <p>
        <Link href="/">Back to the overview</Link>
      </p>
    </Notice>
  );
}

function LinkMark() {
  const state = liveLink().state.value;
  const text = linkLost.value ? "Disconnected" : state.kind === "open" ? "Connected" : "Connecting";
  return (
    <span class={`link-mark ${linkLost.value ? "lost" : state.kind}`} data-test="link">
      <span class="dot" />
      <span class="text">{text}</span>
    </span>
  );
}

function Header() {
  const at = route.value;
  const name = at.page === "host" ? (hosts.value?.find((host) => host.id === at.id)?.name ?? at.id) : null;
  void themeVersion.value; // the button follows the theme
  const leave = async (): Promise<void> => {
    await logout();
    loginNeeded.value = true;
  };
  return (
    <header class="bar">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <nav aria-label="Main">
        <Link href="/" class="brand" {...(at.page === "overview" ? { "aria-current": "page" as const } : {})}>
          <span class="logo">
            <Icon name="bolt" />
          </span>
          volta
        </Link>
        {name === null ? null : (
          <span class="crumb">
            <span aria-hidden="true">/</span>
            <span class="crumb-name">{name}</span>
          </span>
        )}
      </nav>
      <div class="tools">
        {loginNeeded.value || hosts.value?.length === 0 ? null : <LinkMark />}
        <button type="button" class="ghost" onClick={toggleHelp} aria-label="Keyboard shortcuts">
          <Icon name="keyboard" />
        </button>
        <button type="button" class="ghost" onClick={toggleTheme} aria-label={isDark() ? "Switch to the light theme" : "Switch to the dark theme"} data-test="theme">
          <Icon name={isDark() ? "sun" : "moon"} />
        </button>
        {sessionOpen.value ? (
          <button type="button" class="ghost" onClick={() => void leave()} aria-label="Log out">
            <Icon name="exit" />
          </button>
        ) : null}
      </div>
    </header>
  );
}

function App() {
  const at = route.value;
  return (
    <>
      <Header />
      <main id="main" tabIndex={-1}>
        {loginNeeded.value ? (
          <Login />
        ) : (
          <>
            <LinkBanner />
            {at.page === "overview" ? <Overview /> : at.page === "host" ? <HostRoute id={at.id} /> : <Missing />}
          </>
        )}
      </main>
      <footer>
        <span>volta {serverVersion.value}</span>
        {loginNeeded.value ? null : <Kept />}
        <a href="/metrics">Metrics</a>
      </footer>
      <HelpDialog />
    </>
  );
}

startTheme();
startSession();
startFleet();
startKeys();
if (route.value.page === "host") loadHostPage();
const root = document.getElementById("app");
if (root) render(<App />, root);
