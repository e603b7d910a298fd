// Keeps the console live: fetches the page's fragment when the hub says that something changed, and works it into
// the page in place, so that scroll, focus and half-written words stay. Buttons then need no new page. Optional.
"use strict";
(() => {
  const main = document.querySelector("main[data-fragment]");
  const notice = document.getElementById("notice");
  const lost = document.getElementById("lost");
  if (main === null) return;

  // Nodes are matched by their place and name; what the user is typing or has opened is left alone.
  function merge(from, to) {
    const old = [...from.childNodes];
    const fresh = [...to.childNodes];
    fresh.forEach((node, i) => {
      if (i >= old.length) from.append(node);
      else mergeNode(old[i], node);
    });
    old.slice(fresh.length).forEach((node) => node.remove());
  }

  function mergeNode(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
    } else if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    } else if (!old.matches("textarea")) {
      mergeAttributes(old, fresh);
      merge(old, fresh);
    }
  }

  function mergeAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      const opened = name === "open" && old.matches("details");
      if (!fresh.hasAttribute(name) && !opened) old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }

  function say(text) {
    notice.textContent = text;
    notice.hidden = text === "";
  }

  let fetching = false;
  let again = false;
  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      do {
        again = false;
        const answer = await fetch(main.dataset.fragment);
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        merge(main, page.body);
        const summary = document.getElementById("summary");
        if (summary !== null) document.title = summary.dataset.title;
      } while (again);
    } finally {
      fetching = false;
    }
  }

  function listen() {
    const events = new EventSource("/events");
    const answered = (yes) => {
      lost.hidden = yes;
    };
    const renew = () => {
      if (document.visibilityState === "visible") refresh().then(() => answered(true), () => answered(false));
    };
    events.addEventListener("open", renew);
    events.addEventListener("changed", renew);
    events.addEventListener("error", () => answered(false));
    document.addEventListener("visibilitychange", renew);
  }

  async function press(form, button) {
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
    button?.setAttribute("aria-busy", "true");
    const answer = await fetch(action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    button?.removeAttribute("aria-busy");
    if (answer.ok) {
      form.reset();
      say("");
    } else {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      say(page.getElementById("why")?.textContent ?? `That was not done: status ${answer.status}.`);
    }
    await refresh();
  }

  main.addEventListener("submit", (event) => {
    event.preventDefault();
    press(event.target, event.submitter).catch(() => say("The hub does not answer; nothing was done."));
  });
  listen();
})();
