// The state of the service as a line on other pages: <script src="https://STATUS/embed.js" defer></script>.
// It shows nothing while all is well. data-always shows it then too; data-into="#id" says where, else on top of the page.
"use strict";
(() => {
  const EVERY_MS = 60000;
  const COLOURS = {
    none: ["#e3f3ea", "#14532f"],
    maintenance: ["#e3edfb", "#14427c"],
    minor: ["#fdf0d5", "#5f3c00"],
    major: ["#fdf0d5", "#5f3c00"],
    critical: ["#fde7e5", "#8a1d17"],
  };
  const DARK = {
    none: ["#14301f", "#8be0b4"],
    maintenance: ["#14233c", "#a9caff"],
    minor: ["#352707", "#f7cf86"],
    major: ["#352707", "#f7cf86"],
    critical: ["#3c1614", "#ffb0a9"],
  };
  const script = document.currentScript;
  const origin = new URL(script.src).origin;
  const always = "always" in script.dataset;
  const line = document.createElement("div");
  const link = document.createElement("a");
  const more = document.createElement("span");
  line.setAttribute("role", "status");
  line.append(link, more);

  function show(summary) {
    const { indicator, description } = summary.status;
    const palette = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : COLOURS;
    const [ground, ink] = palette[indicator] ?? palette.minor;
    Object.assign(line.style, {
      display: indicator === "none" && !always ? "none" : "block",
      background: ground, color: ink, padding: ".6rem 1rem", font: "1rem/1.4 system-ui, sans-serif",
    });
    Object.assign(link.style, { color: "inherit", fontWeight: "600" });
    link.href = summary.page.url;
    link.textContent = description;
    const what = [...summary.incidents, ...summary.scheduled_maintenances.filter((it) => it.status === "in_progress")];
    more.textContent = what.length === 0 ? "" : " " + what[0].name;
  }

  async function turn() {
    try {
      const answer = await fetch(origin + "/api/v2/summary.json");
      if (answer.ok) show(await answer.json());
    } catch {
      // The status page may be away; what it said last stays.
    }
    setTimeout(turn, EVERY_MS);
  }

  const place = document.querySelector(script.dataset.into ?? "body") ?? document.body;
  place.prepend(line);
  line.style.display = "none";
  turn();
})();
