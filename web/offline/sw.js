// The service worker: keeps the files of one build, so that the page opens without a network. `xtask` writes the build
// and its files above: [address, SHA-256, when], where "now" is what the page needs to start and "later" is kept once
// the page asks for it, or on use.
//
// The page itself is asked of the network first, and only its exact files come from here: their addresses change with
// their content or carry the build, so neither a rebuilt page nor one of two builds open at once gets the other's files.
// Data sets are not kept here: the engine keeps their shards itself, checked, in the browser's file system.
"use strict";

const HOME = new URL("./", self.registration.scope);
const PREFIX = `gemst ${HOME.pathname} `;
const CACHE = `${PREFIX}files ${BUILD}`;
const HASH = "x-sha256";
const at = (file) => new URL(file, HOME).href;
const LIST = new Map(FILES.map(([file, hash, when]) => [at(file), { hash, when }]));
const START = at("./");

const ours = async () => (await caches.keys()).filter((name) => name.startsWith(`${PREFIX}files `));

/** Keeps an answer if it is the whole file of this build: no error, no part, no other build's, no captive portal's. */
async function put(cache, url, { hash }, response) {
  if (response.status !== 200) throw new Error(`the server answers ${response.status} for ${url}`);
  const body = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const sum = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (sum !== hash) throw new Error(`${url} is not the file of build ${BUILD}`);
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  await cache.put(url, new Response(body, { headers: { "content-type": type, [HASH]: hash } }));
}

/** Has a file in the cache: it is there, an earlier build had the same, or the network has it. */
async function keep(cache, url, entry) {
  if (await cache.match(url)) return;
  for (const name of await ours()) {
    const same = await (await caches.open(name)).match(url, { ignoreSearch: true });
    if (same?.headers.get(HASH) === entry.hash) return cache.put(url, same);
  }
  // Revalidated, not loaded again, where the browser has the file from the page's own start.
  await put(cache, url, entry, await fetch(url, { cache: "no-cache" }));
}

/** Removes the files of builds that no open page is of; each page holds a lock that names its build. */
async function tidy() {
  const { held } = await self.navigator.locks.query();
  const tab = `${PREFIX}tab `;
  const open = held.map(({ name }) => name).filter((name) => name.startsWith(tab));
  const builds = new Set(open.map((name) => name.slice(tab.length).split(" ")[0]));
  for (const name of await ours()) {
    if (name !== CACHE && !builds.has(name.slice(`${PREFIX}files `.length))) await caches.delete(name);
  }
}

/** Keeps what the page did not need to start, but for what it has no use for. */
async function keepRest(without) {
  const cache = await caches.open(CACHE);
  for (const [url, entry] of LIST) {
    if (entry.when === "later" && !without.some((part) => url.includes(part))) await keep(cache, url, entry);
  }
}

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      try {
        for (const [url, entry] of LIST) if (entry.when === "now") await keep(cache, url, entry);
      } catch (error) {
        // Half a build is of no use; the browser tries again at the next visit.
        await caches.delete(CACHE);
        throw error;
      }
      // Safe beside a page of an earlier build: its files stay until it is closed.
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      await self.clients.claim();
      await tidy();
      for (const client of await self.clients.matchAll()) client.postMessage({ build: BUILD });
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data?.ask !== "keep") return;
  const answer = (text) => event.source.postMessage({ build: BUILD, ...text });
  event.waitUntil(
    keepRest(event.data.without)
      .then(tidy)
      .then(
        () => answer({ ready: true }),
        (error) => answer({ failed: error.message, full: error.name === "QuotaExceededError" }),
      ),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  // Parts of files are between the page and the server.
  if (request.method !== "GET" || request.headers.has("range")) return;
  const url = new URL(request.url);
  url.hash = "";
  if (url.origin !== HOME.origin || !url.pathname.startsWith(HOME.pathname)) return;
  const plain = url.origin + url.pathname;
  if (request.mode === "navigate") {
    if (plain === START || plain === at("index.html")) event.respondWith(start(request));
    return;
  }
  const known = [url.href, url.search === `?v=${BUILD}` ? plain : url.href].find((one) => LIST.has(one));
  if (known) {
    event.respondWith(file(event, known));
  } else if (url.searchParams.has("v")) {
    // An engine of a page of an earlier build.
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});

async function start(request) {
  try {
    const response = await fetch(request);
    if (response.status < 500) return response;
  } catch {
    // No network: below.
  }
  return (await (await caches.open(CACHE)).match(START)) ?? Response.error();
}

async function file(event, url) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url);
  if (kept) return kept;
  const response = await fetch(event.request);
  // Whether it can be kept does not matter to whoever asked.
  event.waitUntil(put(cache, url, LIST.get(url), response.clone()).catch(() => {}));
  return response;
}
