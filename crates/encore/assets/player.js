// Encore's player, in four parts: asking the server, playing, showing, and wiring it all up.
// It expects trouble: every request is tried again, a broken or stalled stream is taken up where it stopped,
// and what the listener missed is measured and shown.
"use strict";

const $ = (selector) => document.querySelector(selector);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

/* ---- Asking the server ------------------------------------------------------------------------------------- */

const REQUEST_TIMEOUT_MS = 6000;
const RETRY_AFTER_MS = [300, 800, 1600, 3200];
const TROUBLE = [500, 502, 503, 504];

class ApiError extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered ${status}.`);
    this.status = status;
  }
}

// One request, tried up to five times. A write carries a key, so that trying again cannot do it twice.
async function ask(method, path, body) {
  const headers = { "idempotency-key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  if (body) headers["content-type"] = "application/json";
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      servedBy(answer.headers);
      const json = answer.status === 204 ? null : await answer.json();
      if (!answer.ok) throw new ApiError(answer.status, json);
      if (attempt > 0) toast("Back again.");
      return json;
    } catch (error) {
      const final = error instanceof ApiError && !TROUBLE.includes(error.status);
      if (final || attempt === RETRY_AFTER_MS.length) throw error;
      troubled();
      if (attempt > 0) toast("Encore is having trouble. Trying again…");
      await pause(RETRY_AFTER_MS[attempt] * (0.7 + 0.6 * Math.random()));
    }
  }
}

// Asks, and tells the listener if it did not work; the caller then gets null.
async function tryTo(what, ...request) {
  try {
    return await ask(...request);
  } catch (error) {
    if (error.status === 401) showWelcome();
    else toast(`Could not ${what}. ${error instanceof ApiError ? error.message : "Nobody answers."}`);
    return null;
  }
}

/* ---- Playing ----------------------------------------------------------------------------------------------- */

const TICK_MS = 100;
const STALL_MS = 3000; // silent for this long: the connection is given up and a new one made
const GRACE_MS = 1000; // starting and seeking may take this long before it counts as silence
const PREFETCH_S = 30; // the next song is fetched when the current one is loaded, or has this long to go

const deck = {
  active: $("#audio-a"), spare: $("#audio-b"),
  queue: [], index: -1,
  wanted: false, // the listener wants music now
  silence: 0, // seconds without music although it was wanted
  graceUntil: 0, quietFor: 0, lastTime: 0, lastTick: performance.now(),
  retries: 0, recovering: false,

  get song() { return this.queue[this.index]; },
  get following() { return this.queue[this.index + 1]; },

  play(songs, index) {
    [this.queue, this.index] = [songs.slice(), index];
    this.start(0);
  },
  start(position) {
    this.wanted = true;
    this.grace();
    if (this.spare.dataset.id === this.song.id && position === 0) {
      [this.active, this.spare] = [this.spare, this.active];
      this.clear(this.spare);
    } else {
      this.clear(this.spare);
      this.load(this.active, this.song, position);
    }
    this.recovering = false;
    this.lastTime = this.active.currentTime;
    this.sound();
    showSong();
  },
  load(audio, song, position) {
    audio.dataset.id = song.id;
    audio.src = song.media.url;
    if (position > 0) audio.addEventListener("loadedmetadata", () => (audio.currentTime = position), { once: true });
  },
  clear(audio) {
    audio.pause();
    delete audio.dataset.id;
    audio.removeAttribute("src");
    audio.load(); // lets go of its connection
  },
  sound() {
    this.active.play().catch((error) => {
      if (error.name === "NotAllowedError") { this.wanted = false; showState(); }
    });
    showState();
  },
  toggle() {
    if (!this.song) return playFirst();
    this.wanted = !this.wanted;
    this.grace();
    if (!this.wanted) this.active.pause();
    else if (this.active.error || !this.active.src) this.start(this.position());
    else this.sound();
    showState();
  },
  next() {
    if (this.following) { this.index++; this.start(0); }
    else if (this.song) { this.wanted = false; this.active.pause(); this.active.currentTime = 0; showState(); }
  },
  previous() {
    if (!this.song) return;
    if (this.active.currentTime > 3 || this.index === 0) return this.seek(0);
    this.index--;
    this.start(0);
  },
  seek(position) {
    this.grace();
    this.active.currentTime = position;
    this.lastTime = position;
    if (this.wanted) this.sound();
  },
  position() { return this.active.currentTime || this.lastTime; },
  grace() { this.graceUntil = performance.now() + GRACE_MS; },

  // Seconds that can be played without another byte.
  ahead() {
    const { buffered, currentTime } = this.active;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime + 0.2 && currentTime < buffered.end(i)) return buffered.end(i) - currentTime;
    }
    return 0;
  },

  // The stream broke or stalled: take it up at the same place, sooner at first, later if it keeps failing.
  async recover() {
    if (this.recovering || !this.song) return;
    this.recovering = true;
    troubled();
    const [song, position] = [this.song, this.position()];
    if (this.retries > 1) toast("The music stopped. Reconnecting…");
    await pause(Math.min(250 * 2 ** this.retries++, 4000));
    if (!this.recovering || this.song !== song) return;
    this.recovering = false;
    this.quietFor = 0;
    this.clear(this.active);
    this.load(this.active, song, position);
    this.lastTime = position;
    if (this.wanted) this.sound();
  },

  tick() {
    const now = performance.now();
    const [passed, time] = [now - this.lastTick, this.active.currentTime];
    const moved = time !== this.lastTime && !this.active.paused;
    [this.lastTick, this.lastTime] = [now, time || this.lastTime];
    if (moved || !this.wanted) {
      if (moved && this.quietFor === 0) this.retries = 0;
      this.quietFor = 0;
    } else {
      this.quietFor += passed;
      if (now > this.graceUntil) this.silence += passed / 1000;
      if (this.quietFor > STALL_MS) this.recover();
    }
    this.prefetch();
    showMeters();
  },
  prefetch() {
    const next = this.following;
    if (!next || !this.wanted || this.spare.dataset.id === next.id) return;
    const left = this.active.duration - this.active.currentTime;
    if (left < PREFETCH_S || this.ahead() >= left - 0.5) this.load(this.spare, next, 0);
  },
};

for (const audio of [deck.active, deck.spare]) {
  audio.addEventListener("ended", () => audio === deck.active && finished(audio));
  audio.addEventListener("error", () => {
    if (audio === deck.active && audio.dataset.id) deck.recover();
    else if (audio.dataset.id) deck.clear(audio); // fetched again when needed
  });
}

// A stream that was cut looks like a song that ended early: then it has not ended.
function finished(audio) {
  const missing = deck.song.duration_s - audio.currentTime;
  if (missing > 1.5) deck.recover();
  else deck.next();
}

/* ---- Showing ----------------------------------------------------------------------------------------------- */

const library = { tracks: new Map(), albums: [], playlists: [], user: "" };

// Makes an element; text is always text, never markup.
function el(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  for (const [name, value] of Object.entries(props.attrs ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child != null));
  return element;
}
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}
const cover = (src, size) => el("img", { src, alt: "", loading: "lazy", width: size, height: size });
const iconButton = (name, label, onclick) => el("button", { className: "icon", onclick, attrs: { "aria-label": label, title: label } }, icon(name));

let toastTimer = 0;
function toast(text) {
  $("#toast").textContent = text;
  $("#toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("#toast").classList.remove("shown"), 3500);
}
function servedBy(headers) {
  const [replica, region, version] = ["replica", "region", "version"].map((name) => headers.get(`x-encore-${name}`));
  if (!replica) return;
  $("#served b").textContent = replica;
  $("#served .more").textContent = `in ${region}, version ${version}`;
  $("#served").classList.remove("trouble");
}
const troubled = () => $("#served").classList.add("trouble");

function trackRow(songs, index, extra) {
  const song = songs[index];
  const play = el("button", { className: "play", onclick: () => deck.play(songs, index), attrs: { title: `Play ${song.title}` } },
    el("b", { textContent: song.title }), el("span", { className: "muted", textContent: song.artist }));
  const row = el("li", { className: "track" }, el("span", { className: "number", textContent: index + 1 }), cover(song.cover, 46), play,
    el("span", { className: "muted from", textContent: song.album }), el("time", { textContent: clock(song.duration_s) }),
    extra ?? iconButton("plus", `Add ${song.title} to a playlist`, () => addToPlaylist(song)));
  row.dataset.id = song.id;
  return row;
}
const trackList = (songs, extra) => el("ol", { className: "tracks" }, ...songs.map((_, index) => trackRow(songs, index, extra?.(index))));
const empty = (text) => el("p", { className: "empty", textContent: text });
const minutes = (songs) => `${songs.length} ${songs.length === 1 ? "song" : "songs"}, ${Math.round(songs.reduce((sum, song) => sum + song.duration_s, 0) / 60)} min`;
const playButton = (songs) => el("button", { className: "primary", disabled: !songs.length, onclick: () => deck.play(songs, 0) }, icon("play"), "Play");

function hero(picture, title, about, ...actions) {
  return el("div", { className: "hero" }, picture, el("div", {}, el("h1", { textContent: title }), el("p", { className: "muted", textContent: about }), el("div", { className: "actions" }, ...actions)));
}
function mosaic(songs) {
  const covers = [...new Set(songs.map((song) => song.cover))];
  const shown = covers.length >= 4 ? covers.slice(0, 4) : covers.slice(0, 1);
  return el("div", { className: shown.length < 4 ? "mosaic one" : "mosaic" }, ...shown.map((src) => cover(src, 208)));
}
function greeting() {
  const hour = new Date().getHours();
  return hour < 5 ? "Still up?" : hour < 12 ? "Good morning" : hour < 18 ? "Good afternoon" : "Good evening";
}
function albumCard(album) {
  return el("div", { className: "album" },
    el("a", { href: `#/album/${album.id}` }, cover(album.cover, 240), el("b", { textContent: album.title })),
    el("span", { className: "muted", textContent: album.artist }),
    iconButton("play", `Play ${album.title}`, () => deck.play(album.tracks, 0)));
}

const views = {
  home() {
    const songs = [...library.tracks.values()];
    return [el("h1", { textContent: greeting() }), el("div", { className: "albums" }, ...library.albums.map(albumCard)),
      el("h2", { textContent: "All songs" }), trackList(songs)];
  },
  album(id) {
    const album = library.albums.find((album) => album.id === id);
    if (!album) return [empty("There is no such album.")];
    return [hero(cover(album.cover, 208), album.title, `${album.artist}. ${minutes(album.tracks)}`, playButton(album.tracks)), trackList(album.tracks)];
  },
  async playlist(id) {
    const playlist = await tryTo("load this playlist", "GET", `/api/playlists/${id}`);
    if (!playlist) return [empty("This playlist could not be loaded.")];
    const songs = playlist.tracks;
    const remove = (index) => iconButton("minus", `Remove ${songs[index].title}`, () => savePlaylist(playlist, songs.filter((_, i) => i !== index)));
    return [hero(mosaic(songs), playlist.name, minutes(songs), playButton(songs),
      el("button", { className: "quiet", textContent: "Rename", onclick: () => renamePlaylist(playlist) }),
      el("button", { className: "quiet", textContent: "Delete", onclick: () => deletePlaylist(playlist) })),
    songs.length ? trackList(songs, remove) : empty("Nothing in here yet. Add songs with the plus beside them.")];
  },
  async search(query) {
    const found = await tryTo("search", "GET", `/api/search?q=${encodeURIComponent(query)}`);
    return [el("h1", { textContent: `“${query}”` }), el("h2", { textContent: "Songs" }),
      found?.tracks.length ? trackList(found.tracks) : empty("Nothing found. Try an artist, an album, or part of a title.")];
  },
  queue() {
    return [el("h1", { textContent: "Queue" }), el("p", { className: "muted", textContent: deck.queue.length ? minutes(deck.queue) : "" }),
      el("h2", { textContent: "Playing and next" }), deck.queue.length ? trackList(deck.queue) : empty("Nothing queued. Play an album or a playlist.")];
  },
};

let showing = 0;
async function show() {
  const [name, argument] = location.hash.replace(/^#\/?/, "").split("/");
  const turn = ++showing;
  const content = await (views[name] ?? views.home)(decodeURIComponent(argument ?? ""));
  if (turn !== showing) return; // something else was asked for in the meantime
  $("#view").replaceChildren(...content);
  $("#stage").scrollTop = 0;
  for (const place of document.querySelectorAll("#side .place[href]")) {
    if (place.getAttribute("href") === (location.hash || "#/")) place.setAttribute("aria-current", "page");
    else place.removeAttribute("aria-current");
  }
  markCurrent();
}
function showPlaylists() {
  $("#playlists").replaceChildren(...library.playlists.map(({ id, name }) =>
    el("a", { className: "place", href: `#/playlist/${id}` }, icon("list"), el("span", { textContent: name }))));
}
function showSong() {
  const { title, artist, album, cover: src } = deck.song;
  $("#now-title").textContent = title;
  $("#now-artist").textContent = artist;
  $("#now-cover").src = src;
  document.title = `${title} by ${artist}`;
  if ("mediaSession" in navigator) navigator.mediaSession.metadata = new MediaMetadata({ title, artist, album, artwork: [{ src }] });
  markCurrent();
}
function markCurrent() {
  for (const row of document.querySelectorAll(".track")) {
    const current = row.dataset.id === deck.song?.id;
    const number = row.querySelector(".number");
    row.classList.toggle("current", current);
    if (current && !number.dataset.place) {
      number.dataset.place = number.textContent;
      number.replaceChildren(el("span", { className: "beat" }, el("i"), el("i"), el("i")));
    } else if (!current && number.dataset.place) {
      number.textContent = number.dataset.place;
      delete number.dataset.place;
    }
  }
}
function showState() {
  document.body.classList.toggle("sounding", deck.wanted);
  $("#toggle use").setAttribute("href", deck.wanted ? "#i-pause" : "#i-play");
  $("#toggle").setAttribute("aria-label", deck.wanted ? "Pause (space)" : "Play (space)");
}
function showMeters() {
  const [position, ahead, total] = [deck.position(), deck.ahead(), deck.song?.duration_s ?? 0];
  const seek = $("#seek");
  if (!seek.matches(":active")) [seek.max, seek.value] = [total, position];
  seek.setAttribute("aria-valuetext", `${clock(position)} of ${clock(total)}`);
  seek.style.setProperty("--played", `${total ? (100 * seek.value) / total : 0}%`);
  seek.style.setProperty("--loaded", `${total ? (100 * (position + ahead)) / total : 0}%`);
  $("#elapsed").textContent = clock(position);
  $("#total").textContent = clock(total);
  $("#buffer").value = ahead;
  $("#buffer-text").textContent = `${Math.floor(ahead)} s`;
  $("#silence-text").textContent = `${deck.silence.toFixed(1)} s`;
  $("#silence").className = deck.silence < 0.25 ? "good" : "bad";
}

/* ---- Wiring it up ------------------------------------------------------------------------------------------ */

// Asks for a name, or to choose one of several; answers null when cancelled.
function dialog(title, { name, choices = [], action = "Save" }) {
  const box = $("#ask");
  const input = box.querySelector("input");
  box.querySelector("h2").textContent = title;
  box.querySelector(".choices").replaceChildren(...choices.map(({ label, value }) =>
    el("button", { className: "place", value, formNoValidate: true }, icon("list"), el("span", { textContent: label }))));
  [input.value, input.hidden, input.required] = [name ?? "", name == null, name != null];
  box.querySelector(".primary").textContent = action;
  box.querySelector(".primary").hidden = name == null && choices.length > 0;
  box.returnValue = "";
  box.showModal();
  return new Promise((answer) => box.addEventListener("close", () => answer(box.returnValue === "ok" ? input.value.trim() || "yes" : box.returnValue || null), { once: true }));
}

async function loadPlaylists() {
  library.playlists = (await tryTo("load your playlists", "GET", "/api/playlists"))?.playlists ?? library.playlists;
  showPlaylists();
}
async function newPlaylist(songs = []) {
  const name = await dialog("New playlist", { name: "", action: "Create" });
  if (!name) return;
  const made = await tryTo("create the playlist", "POST", "/api/playlists", { name, tracks: songs.map((song) => song.id) });
  if (!made) return;
  await loadPlaylists();
  location.hash = `#/playlist/${made.id}`;
}
async function addToPlaylist(song) {
  const choices = [...library.playlists.map(({ id, name }) => ({ label: name, value: id })), { label: "New playlist…", value: "new" }];
  const chosen = await dialog(`Add “${song.title}” to`, { choices });
  if (chosen === "new") return newPlaylist([song]);
  const playlist = chosen && (await tryTo("load the playlist", "GET", `/api/playlists/${chosen}`));
  if (playlist && (await savePlaylist(playlist, [...playlist.tracks, song]))) toast(`Added to ${playlist.name}.`);
}
async function savePlaylist(playlist, songs, name = playlist.name) {
  const saved = await tryTo("save the playlist", "PUT", `/api/playlists/${playlist.id}`, { name, tracks: songs.map((song) => song.id) });
  if (!saved) return false;
  await loadPlaylists();
  if (location.hash === `#/playlist/${playlist.id}`) show();
  return true;
}
async function renamePlaylist(playlist) {
  const name = await dialog("Rename playlist", { name: playlist.name });
  if (name) await savePlaylist(playlist, playlist.tracks, name);
}
async function deletePlaylist(playlist) {
  if (!(await dialog(`Delete “${playlist.name}”?`, { action: "Delete" }))) return;
  if (!(await tryTo("delete the playlist", "DELETE", `/api/playlists/${playlist.id}`))) return;
  await loadPlaylists();
  location.hash = "#/";
}
const playFirst = () => library.tracks.size && deck.play([...library.tracks.values()], 0);

function showWelcome() {
  deck.wanted = false;
  deck.active.pause();
  $("#app").hidden = true;
  $("#welcome").hidden = false;
  $("#login input").focus();
}
async function enter(user) {
  library.user = user;
  const [albums] = await Promise.all([tryTo("load the music", "GET", "/api/albums"), loadPlaylists()]);
  library.albums = albums?.albums ?? [];
  library.tracks = new Map(library.albums.flatMap((album) => album.tracks).map((song) => [song.id, song]));
  $("#user").textContent = user;
  $("#welcome").hidden = true;
  $("#app").hidden = false;
  show();
}

$("#login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const verb = event.submitter?.value === "signup" ? "signup" : "login";
  const { user, password } = event.target.elements;
  $("#login-error").textContent = "";
  try {
    const session = await ask("POST", `/api/${verb}`, { user: user.value.trim(), password: password.value });
    password.value = "";
    await enter(session.user);
  } catch (error) {
    $("#login-error").textContent = error instanceof ApiError ? error.message : "Nobody answers. Please try again.";
  }
});
$("#logout").addEventListener("click", async () => { await tryTo("log out", "POST", "/api/logout"); showWelcome(); });
$("#new-playlist").addEventListener("click", () => newPlaylist());
$("#toggle").addEventListener("click", () => deck.toggle());
$("#next").addEventListener("click", () => deck.next());
$("#previous").addEventListener("click", () => deck.previous());
$("#seek").addEventListener("change", (event) => deck.seek(Number(event.target.value)));

let typing = 0;
$("#search").addEventListener("input", (event) => {
  clearTimeout(typing);
  const query = event.target.value.trim();
  typing = setTimeout(() => (location.hash = query ? `#/search/${encodeURIComponent(query)}` : "#/"), 250);
});
$("#search").addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range]), dialog *") || event.ctrlKey || event.metaKey || event.altKey) return;
  const onControl = event.target.matches("button, a, input");
  const actions = { n: () => deck.next(), p: () => deck.previous(), "/": () => $("#search input").focus() };
  if (!onControl) {
    actions[" "] = () => deck.toggle();
    actions.ArrowLeft = () => deck.song && deck.seek(Math.max(0, deck.position() - 5));
    actions.ArrowRight = () => deck.song && deck.seek(Math.min(deck.song.duration_s - 1, deck.position() + 5));
  }
  const action = actions[event.key];
  if (!action || $("#app").hidden) return;
  event.preventDefault();
  action();
});

if ("mediaSession" in navigator) {
  for (const [name, action] of [["play", () => deck.toggle()], ["pause", () => deck.toggle()], ["nexttrack", () => deck.next()], ["previoustrack", () => deck.previous()]]) {
    navigator.mediaSession.setActionHandler(name, action);
  }
}
addEventListener("hashchange", show);
setInterval(() => deck.tick(), TICK_MS);

ask("GET", "/api/me").then(({ user }) => enter(user), showWelcome);
