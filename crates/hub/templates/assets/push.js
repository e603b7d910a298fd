// Subscribes this browser to news of the status page, and ends that again. The page works without it.
"use strict";
(() => {
  const form = document.getElementById("push");
  const said = document.getElementById("push-said");
  const begin = form.elements.begin;
  const end = form.elements.end;
  const say = (text) => { said.textContent = text; };

  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !window.isSecureContext) {
    say(form.dataset.incapable);
    return;
  }

  const key = () => {
    const text = form.dataset.key.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  };

  const fields = (subscription) => {
    const { endpoint, keys } = subscription.toJSON();
    const language = form.elements.language.value;
    return new URLSearchParams({ channel: "push", address: endpoint, p256dh: keys.p256dh, auth: keys.auth, language });
  };

  const show = (subscription) => {
    begin.hidden = subscription !== null;
    end.hidden = subscription === null;
    form.hidden = false;
  };

  const subscribe = async (worker) => {
    if (await Notification.requestPermission() !== "granted") {
      say(form.dataset.denied);
      return;
    }
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key() });
    const wish = fields(subscription);
    const boxes = [...form.querySelectorAll("input[name=component]")];
    const chosen = boxes.filter((box) => box.checked);
    if (chosen.length < boxes.length) {
      chosen.forEach((box) => wish.append("component", box.value));
    }
    const answer = await fetch("/subscribe", { method: "POST", body: wish });
    if (!answer.ok) {
      await subscription.unsubscribe();
      throw new Error(answer.status === 429 ? form.dataset.many : form.dataset.failed);
    }
    show(subscription);
    say(form.dataset.begun);
  };

  const leave = async (worker) => {
    const subscription = await worker.pushManager.getSubscription();
    if (subscription !== null) {
      await fetch("/subscribe/leave", { method: "POST", body: fields(subscription) });
      await subscription.unsubscribe();
    }
    show(null);
    say(form.dataset.ended);
  };

  const press = (button, work) => button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      say(error.message || form.dataset.failed);
    }
    button.disabled = false;
  });

  navigator.serviceWorker.register("/push-worker.js").then(async () => {
    const worker = await navigator.serviceWorker.ready;
    press(begin, () => subscribe(worker));
    press(end, () => leave(worker));
    show(await worker.pushManager.getSubscription());
  }).catch((error) => say(`${form.dataset.incapable} (${error.message})`));
})();
