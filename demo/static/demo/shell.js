// @ts-check
/** What every page has: theme, menu, shortcuts, dialogs, and the other tabs of this browser. */

import { live } from "realtime/live.js";
import { SIGNED_OUT } from "realtime/http.js";
import "realtime/connection-status.js";
import "realtime/drafts.js";
import "realtime/session-banner.js";
import "demo/local-times.js";

const A_YEAR = 31_536_000;
const CHORD = 1_500;
const { userId, signIn } = document.body.dataset;
const tabs = new BroadcastChannel("demo");

/**
 * @template {Element} E
 * @param {string} selector
 * @returns {E[]}
 */
const all = (selector) => [...document.querySelectorAll(selector)].map((e) => /** @type {E} */ (e));

// Every module has run by then, so that nothing that is pressed is lost.
addEventListener("DOMContentLoaded", () => (document.documentElement.dataset.ready = ""));

// --- Theme -------------------------------------------------------------------------------------

/** @param {string} theme */
function showTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  /** @type {HTMLInputElement[]} */ (all("[name=theme]")).forEach((i) =>
    i.checked = i.value === theme
  );
}

document.querySelector("[data-theme-switch]")?.addEventListener("change", ({ target }) => {
  const theme = /** @type {HTMLInputElement} */ (target).value;
  document.cookie = `theme=${theme}; path=/; max-age=${A_YEAR}; samesite=lax`;
  showTheme(theme);
  tabs.postMessage({ type: "theme", theme });
});

// --- Signing out and in, here and in other tabs ------------------------------------------------

function showSignedOut() {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("#signed-out"));
  if (!dialog || dialog.open) return;
  const link = /** @type {HTMLAnchorElement} */ (dialog.querySelector("[data-sign-in-link]"));
  link.href = `${signIn}?${new URLSearchParams({ next: location.pathname + location.search })}`;
  dialog.showModal();
}

tabs.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (data.type === "theme") showTheme(data.theme);
  if (data.type === "signed_out" && userId) {
    live.close();
    showSignedOut();
  }
  // The token of this page is of the session before; what was typed is kept for this tab.
  const waiting = document.querySelector("#signed-out[open]");
  if (data.type === "signed_in" && (waiting || data.userId !== userId)) location.reload();
};
if (userId) tabs.postMessage({ type: "signed_in", userId });
document.querySelector("[data-sign-out]")?.addEventListener("submit", () => {
  tabs.postMessage({ type: "signed_out" });
});
addEventListener(SIGNED_OUT, showSignedOut);
if (userId) {
  live.watch(({ reason }) => {
    if (reason === "signed_out" || reason === "revoked") showSignedOut();
    if (reason === "other_user") location.reload();
  });
}

// --- Menus, dialogs and forms ------------------------------------------------------------------

document.addEventListener("click", ({ target }) => {
  const element = /** @type {Element} */ (target);
  for (const menu of all("details.menu[open]")) {
    if (!menu.contains(element)) menu.removeAttribute("open");
  }
  const open = element.closest?.("[data-open]")?.getAttribute("data-open");
  if (open) openDialog(open);
});

/** @param {string} id */
function openDialog(id) {
  all("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById(id));
  if (dialog && !dialog.open) dialog.showModal();
}

const here = document.querySelector("header nav [aria-current]"); // on a narrow page the others scroll
here?.scrollIntoView({ block: "nearest", inline: "center" });

for (const select of /** @type {HTMLSelectElement[]} */ (all("[data-submit]"))) {
  select.addEventListener("change", () => select.form?.requestSubmit());
}

// --- Keyboard ----------------------------------------------------------------------------------

const KEYS_OFF = "keys-off";
const keysSwitch = /** @type {HTMLInputElement | null} */ (
  document.querySelector("[data-keys-switch]")
);
if (keysSwitch) {
  keysSwitch.checked = !localStorage.getItem(KEYS_OFF);
  keysSwitch.addEventListener("change", () => {
    if (keysSwitch.checked) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
  });
}

let chordAt = 0;

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    menu?.removeAttribute("open");
    /** @type {HTMLElement | null | undefined} */ (menu?.querySelector("summary"))?.focus();
  }
  const typing = /** @type {Element} */ (target).closest?.("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(KEYS_OFF)) {
    return;
  }
  const chord = Date.now() - chordAt < CHORD;
  chordAt = 0;
  if (chord) {
    const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    return /** @type {HTMLElement | null} */ (link)?.click();
  }
  if (key === "g") chordAt = Date.now();
  else if (key === "?") openDialog("help");
  else if (key === "/") {
    const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-slash]"));
    if (!place) return;
    event.preventDefault();
    place.focus();
  }
});
