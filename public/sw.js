// The service worker: what is left of the interface when no page is open.
//
// It takes the messages that the server pushes (domain/src/push/message.rs), catches up from the log, and shows a notification unless a
// person is looking at one of our pages. It keeps this browser's subscription alive when its push service or the server changes keys,
// and it shows a page of its own when the server cannot be reached. It caches that page and nothing else: never an owner's HTML.
// Pages ask it to subscribe (app/src/channels/push_browser.rs), so that there is one way to do it, with and without a page.
// Invariants: a message is shown at most once, whatever came twice; what happens here never depends on a page.
'use strict';

const CACHE = 'meanwhile-offline-1';
const OFFLINE = '/offline.html';
const OFFLINE_FILES = [OFFLINE, '/offline.css', '/icon.svg'];
/** Chromium's `subscribe` never answers when it cannot reach its push service. */
const SUBSCRIBE_WITHIN_MS = 15_000;
/** A request that takes longer is given up: the notification must not wait for it. */
const ANSWER_WITHIN_MS = 5_000;
/** Pages of the log that are read before a notification. */
const PAGES = 20;
/** Messages remembered as shown. */
const REMEMBERED = 200;

const WORDS = {
  en: { open: 'Open', retry: 'Retry', news: 'There is news of your jobs.' },
  fr: { open: 'Ouvrir', retry: 'Relancer', news: 'Il y a du nouveau pour vos travaux.' },
};

self.addEventListener('install', event => {
  event.waitUntil(caches.open(CACHE).then(cache => cache.addAll(OFFLINE_FILES.map(path => new Request(path, { cache: 'reload' })))));
  self.skipWaiting();
});

self.addEventListener('activate', event => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

// Only pages: a file, an upload and the API go their own way, so that nothing of any size runs through here.
self.addEventListener('fetch', event => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (path === '/offline.css' || path === '/icon.svg') {
    event.respondWith(fetch(request).catch(async () => (await caches.match(path)) ?? Response.error()));
    return;
  }
  if (request.mode !== 'navigate' || request.method !== 'GET' || path.startsWith('/api/')) return;
  event.respondWith(fetch(request).catch(async () => (await caches.match(OFFLINE)) ?? Response.error()));
});

self.addEventListener('push', event => event.waitUntil(inTurn(() => told(event.data))));
self.addEventListener('notificationclick', event => event.waitUntil(clicked(event)));
self.addEventListener('pushsubscriptionchange', event => event.waitUntil(subscribe()));

// What a page asks: `{ask: 'subscribe', label}`, `{ask: 'unsubscribe'}`, `{ask: 'standing'}`; answered on the port that comes along.
self.addEventListener('message', event => {
  const [port] = event.ports;
  const asked = { subscribe: () => subscribe(event.data.label), unsubscribe, standing }[event.data?.ask];
  if (!port || !asked) return;
  event.waitUntil(asked().then(
    answer => port.postMessage(answer),
    error => port.postMessage({ error: error.code ?? 'failed', detail: String(error.message ?? error) }),
  ));
});

// Two messages at once would read and write the same cursor.
let turn = Promise.resolve();
function inTurn(work) {
  turn = turn.then(work, work);
  return turn;
}

/** A message has come. */
async function told(data) {
  let message;
  try {
    message = data.json();
  } catch {
    // No message, or one of another version: a browser wants to see a notification for each push.
    message = { type: 'unknown', title: 'Meanwhile', body: (WORDS[language()]).news, lang: language(), url: '/', items: [] };
  }
  const shownBefore = message.id && (await get('shown', [])).includes(message.id);
  report(message.id, 'received');
  const job = message.items?.length === 1 ? message.items[0].job : undefined;
  const [, now] = await Promise.all([catchUp(message.cursor), job && read(`/api/v1/jobs/${job}`)]);
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const one of windows) one.postMessage({ told: message.type, cursor: message.cursor ?? null });
  // Who looks at the page is told there. A test is to be seen.
  const looking = message.type !== 'test' && windows.some(one => one.visibilityState === 'visible');
  if (shownBefore || looking) return;
  const words = WORDS[message.lang] ?? WORDS.en;
  const actions = [{ action: 'open', title: words.open }];
  if (now?.state === 'failed') actions.push({ action: 'retry', title: words.retry });
  await self.registration.showNotification(message.title, {
    body: message.body,
    lang: message.lang,
    tag: job ? `job-${job}` : message.type === 'digest' ? 'digest' : message.id ?? 'meanwhile',
    // A job that is told of again makes itself heard again, in the place of what it said before.
    renotify: true,
    icon: '/icon-192.png',
    badge: '/icon-192.png',
    timestamp: Date.parse(message.at) || Date.now(),
    data: { id: message.id, url: message.url, job },
    actions,
  });
  if (message.id) {
    await put('shown', [...(await get('shown', [])), message.id].slice(-REMEMBERED));
    await report(message.id, 'shown');
  }
}

/** Reads the log from where this browser stood up to `cursor`, so that what a notification says is what the log says. */
async function catchUp(cursor) {
  if (!cursor) return;
  let after = await get('cursor', null);
  for (let page = 0; after && page < PAGES; page += 1) {
    const events = await read(`/api/v1/events?after=${encodeURIComponent(after)}&limit=500&once=true`);
    if (!events) {
      after = null;
      break;
    }
    after = events.next_cursor;
    if (!events.more) break;
  }
  // Without a position of its own, or with one that cannot be continued, the message's is where it goes on.
  await put('cursor', after ?? cursor);
}

async function clicked(event) {
  const { notification, action } = event;
  const { id, url, job } = notification.data ?? {};
  notification.close();
  // A browser lets a click open a window for a moment only, so that comes first.
  const opened = open(url);
  report(id, 'clicked');
  if (action === 'retry' && job) await post(`/api/v1/jobs/${job}/retry`, {});
  await opened;
}

/** Brings a window of ours to the page, or opens one. */
async function open(path) {
  const target = new URL(path ?? '/', self.location.origin);
  // A message leads nowhere else.
  const url = target.origin === self.location.origin ? target.href : self.location.origin;
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const there = windows.find(one => one.url === url);
  if (there) return there.focus();
  const [any] = windows;
  if (any) {
    try {
      await any.focus();
      if (await any.navigate(url)) return undefined;
    } catch {
      // Not ours to lead (loaded before this worker was there): a window of its own, then.
    }
  }
  return self.clients.openWindow(url);
}

/** Subscribes with the server's present key, and tells the server; takes the place of what was there. */
async function subscribe(label) {
  const offer = await need('/api/v1/push');
  const key = bytes(offer.web_push_key);
  let known = await self.registration.pushManager.getSubscription();
  const before = await get('endpoint', null);
  // The server has other keys than it had, or the push service told it that this subscription is no more: it takes nothing any more.
  const dead = known && (!same(known.options.applicationServerKey, key) || (before && (await isGone(before))));
  if (dead) {
    await known.unsubscribe();
    known = null;
  }
  const subscription = known ?? (await within(
    SUBSCRIBE_WITHIN_MS,
    self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }),
  ).catch(error => {
    throw coded(error.name === 'NotAllowedError' ? 'denied' : 'no-push-service', error.message);
  }));
  const { endpoint, keys } = subscription.toJSON();
  const request = { endpoint, keys, label: label ?? ownName(), ...(before && !known ? { replaces: before } : {}) };
  const added = await tell('/api/v1/push-subscriptions', request);
  await put('endpoint', added.id);
  if (!(await get('cursor', null))) await put('cursor', (await read('/api/v1/jobs?limit=1'))?.cursor ?? null);
  return { endpoint: added.id };
}

async function unsubscribe() {
  const id = await get('endpoint', null);
  const subscription = await self.registration.pushManager.getSubscription();
  await subscription?.unsubscribe();
  if (id) await answered(fetch(`/api/v1/push-endpoints/${id}`, { method: 'DELETE', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
  await put('endpoint', null);
  return { endpoint: null };
}

/** The endpoint of this browser, if the server still sends to it; a subscription with another key of the server's is renewed. */
async function standing() {
  const id = await get('endpoint', null);
  const subscription = await self.registration.pushManager.getSubscription();
  if (!subscription) return { endpoint: null };
  const [offer, gone] = await Promise.all([need('/api/v1/push'), id ? isGone(id) : true]);
  if (!gone && !same(subscription.options.applicationServerKey, bytes(offer.web_push_key))) return subscribe();
  return { endpoint: gone ? null : id };
}

/** Whether the server sends nothing to this endpoint any more, because it is no more. */
async function isGone(id) {
  const answer = await fetch(`/api/v1/push-endpoints/${id}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch(() => undefined);
  if (!answer) throw coded('unreachable', 'push-endpoints');
  return answer.status === 404 || (answer.ok && (await answer.json()).state === 'gone');
}

/** Tells the server what became of a message; it matters to the delivery log and to the next link of the chain. */
async function report(id, step) {
  if (id) await post(`/api/v1/deliveries/${id}/report`, { step });
}

/** The JSON of a resource, or nothing. */
async function read(path) {
  try {
    const answer = await fetch(path, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
}

async function need(path) {
  const found = await read(path);
  if (!found) throw coded('unreachable', path);
  return found;
}

async function post(path, body) {
  try {
    return await fetch(path, jsonPost(body));
  } catch {
    return undefined;
  }
}

async function tell(path, body) {
  const answer = await answered(fetch(path, jsonPost(body)));
  return answer.json();
}

function jsonPost(body) {
  return {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  };
}

/** The answer, if it is one of success; what is gone already is no failure. */
async function answered(request) {
  let answer;
  try {
    answer = await request;
  } catch (error) {
    throw coded('unreachable', error.message);
  }
  if (answer.ok || answer.status === 404) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw coded(problem.code ?? 'refused', problem.detail ?? String(answer.status));
}

function within(ms, promise) {
  return Promise.race([promise, new Promise((_, fail) => setTimeout(() => fail(coded('no-push-service', 'no answer')), ms))]);
}

function coded(code, message) {
  return Object.assign(new Error(message), { code });
}

function language() {
  return self.navigator.language?.startsWith('fr') ? 'fr' : 'en';
}

/** What the owner will know this browser by among others. */
function ownName() {
  const agent = self.navigator.userAgent;
  const find = (names, otherwise) => (names.find(([mark]) => agent.includes(mark)) ?? [, otherwise])[1];
  const browser = find([['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']], 'Browser');
  const system = find([['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux']], '');
  return [browser, system].filter(Boolean).join(' · ');
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), one => one.charCodeAt(0));
}

function same(left, right) {
  const known = new Uint8Array(left ?? []);
  return known.length === right.length && known.every((byte, at) => byte === right[at]);
}

// What outlives this worker: `cursor` (read up to here), `shown` (ids), `endpoint` (this browser's, at the server).

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('meanwhile', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('worker');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function transact(mode, act) {
  const base = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = base.transaction('worker', mode);
      const request = act(transaction.objectStore('worker'));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    base.close();
  }
}

async function get(name, otherwise) {
  return (await transact('readonly', store => store.get(name))) ?? otherwise;
}

function put(name, value) {
  return transact('readwrite', store => store.put(value, name));
}
