// The report button for other pages: <script src="https://STATUS/report.js" data-component="playback" defer></script>.
// data-region says where the reader is, when the page around it knows.
// It puts a frame where the script stands, or into data-into="#id", in the language of the page around it (or data-language).
// No cookies, nothing of anybody else.
// Within the status page it works for the token of a form while many report, so that one press is enough there too.
"use strict";
(() => {
  const ZERO_BITS = 14;
  const TITLES = { de: "Ein Problem melden", fr: "Signaler un problème", es: "Avisar de un problema" };

  async function prove(token) {
    const text = new TextEncoder();
    for (let n = 0; n < 10000000; n += 1) {
      const hash = new DataView(await crypto.subtle.digest("SHA-256", text.encode(`${token}:${n}`)));
      if (Math.clz32(hash.getUint32(0)) >= ZERO_BITS) return String(n);
    }
    return "";
  }

  async function work() {
    const form = document.querySelector("form[data-prove]");
    // Without a secure page there is no hashing, and the button is pressed twice as without a script.
    if (form === null || globalThis.crypto?.subtle === undefined) return;
    const proof = document.createElement("input");
    proof.type = "hidden";
    proof.name = "proof";
    proof.value = await prove(form.dataset.prove);
    form.append(proof);
    const chosen = form.querySelector("button.chosen");
    if (chosen !== null) chosen.click();
  }

  function embed(script) {
    const origin = new URL(script.src).origin;
    const frame = document.createElement("iframe");
    const language = script.dataset.language ?? document.documentElement.lang;
    const { component = "", region = "" } = script.dataset;
    const wish = new URLSearchParams({ component, region, language });
    frame.src = `${origin}/report/frame?${wish}`;
    frame.title = script.dataset.title ?? TITLES[language.split("-")[0].toLowerCase()] ?? "Report a problem";
    frame.referrerPolicy = "no-referrer";
    Object.assign(frame.style, { border: "0", width: "100%", minHeight: "20rem" });
    const place = document.querySelector(script.dataset.into ?? "no-such-place");
    if (place !== null) place.append(frame);
    else script.after(frame);
  }

  const script = document.currentScript;
  if (new URL(script.src).origin === location.origin) work();
  else embed(script);
})();
