// Refreshes the status page while it is looked at, and says how old it is when nobody answers. Optional.
"use strict";
(() => {
  const EVERY_MS = 15000;
  const OLD_AFTER_S = 60;

  const drawn = () => document.querySelector("[data-drawn]");
  const busy = () => {
    const at = document.activeElement;
    return at !== null && at.matches("select, input, textarea, button");
  };

  async function refresh() {
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    if (main === null || busy()) return;
    document.title = page.title;
    const unfolded = [...document.querySelectorAll("main details")].map((group) => group.open);
    main.querySelectorAll("details").forEach((group, place) => { group.open ||= unfolded[place] ?? false; });
    document.querySelector("main").replaceChildren(...main.childNodes);
  }

  // "5 minutes", "7 days": in the page's language, and in the largest unit that is full.
  function inWords(seconds) {
    const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
    const [unit, size] = units.find(([, size]) => seconds >= size) ?? ["second", 1];
    const format = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" });
    return format.format(Math.floor(seconds / size));
  }

  function tellAge() {
    const stamp = drawn();
    if (stamp === null) return;
    const age = Math.round((Date.now() - Date.parse(stamp.dataset.drawn)) / 1000);
    stamp.hidden = age < OLD_AFTER_S;
    stamp.textContent = stamp.dataset.old.replace("{0}", inWords(age));
  }

  async function turn() {
    if (drawn() !== null && document.visibilityState === "visible") {
      await refresh().catch(() => {});
    }
    tellAge();
    setTimeout(turn, EVERY_MS);
  }
  setTimeout(turn, EVERY_MS);
  tellAge();
})();
