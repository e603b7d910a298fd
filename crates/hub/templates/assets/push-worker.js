// Shows what a push service brings, also while no page is open. It asks nobody but the page that it came from.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const post = (path) => fetch(path, { method: "POST", redirect: "manual" });

const show = async (message) => {
  if (message.confirm) {
    // Whoever can read this message is the browser that asked for it.
    await post(`${message.subscription}/confirm`);
  }
  await self.registration.showNotification(message.title, {
    body: message.body,
    tag: message.tag,
    timestamp: Date.parse(message.at) || Date.now(),
    icon: "/favicon.svg",
    data: message,
    actions: [{ action: "leave", title: message.leave }],
  });
};

const leave = async (message) => {
  await post(`${message.subscription}/unsubscribe`);
  const subscription = await self.registration.pushManager.getSubscription();
  if (subscription !== null) {
    await subscription.unsubscribe();
  }
};

self.addEventListener("push", (event) => {
  event.waitUntil(show(event.data.json()));
});

self.addEventListener("notificationclick", (event) => {
  const message = event.notification.data;
  event.notification.close();
  event.waitUntil(event.action === "leave" ? leave(message) : self.clients.openWindow(message.url));
});
