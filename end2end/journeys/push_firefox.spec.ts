// Push from end to end: a real Firefox, its own push client, our service worker, our server, and a strict push service between them.
// Each test has its own of everything. What a notification says is read off the window that Firefox draws.
import { expect, test as base } from '@playwright/test';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { Firefox } from '../firefox.ts';
import { PushService } from '../push_service.ts';
import { Server } from '../server.ts';

type Delivery = { id: string; state: string; reason?: string; event: string; attempts: number; received_at?: string; shown_at?: string; clicked_at?: string };
type Endpoint = { id: string; state: string; reason?: string };

const WAIT = { timeout: 20_000 };

/** Server, push service, browser, and the visitor who uses them. */
class World {
  readonly service = new PushService();
  readonly server = new Server(['--private-targets', '--push-services', '127.0.0.1']);
  firefox!: Firefox;
  #cookie = '';

  async start(options: Parameters<typeof Firefox.launch>[1] = {}): Promise<this> {
    await this.service.start();
    await this.server.start();
    this.firefox = await Firefox.launch(this.service, options);
    return this;
  }

  async stop(): Promise<void> {
    await this.firefox?.close();
    await this.server.dispose();
    await this.service.stop();
  }

  /** The home page, and from now on the API as its visitor. */
  async home(): Promise<Page> {
    const page = await this.firefox.open(`${this.server.url}/`);
    const cookies = await this.firefox.browser.cookies();
    this.#cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    return page;
  }

  async api<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { cookie: this.#cookie, 'idempotency-key': `"${randomUUID()}"` };
    if (body) headers['content-type'] = 'application/json';
    const answer = await fetch(`${this.server.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** A rehearsal that ends when it is told to. */
  async held(label: string): Promise<string> {
    const { id } = await this.api<{ id: string }>('POST', '/jobs', { kind: 'rehearsal', label, input: { steps: 1, step_ms: 0, hold: true } });
    return id;
  }

  async finish(id: string): Promise<void> {
    await this.api('POST', `/jobs/${id}/step`);
  }

  async deliveries(job?: string): Promise<Delivery[]> {
    return (await this.api<{ items: Delivery[] }>('GET', `/deliveries${job ? `?job=${job}` : ''}`)).items;
  }

  async endpoints(): Promise<Endpoint[]> {
    return (await this.api<{ items: Endpoint[] }>('GET', '/push-endpoints')).items;
  }

  /** The one delivery of a job, once it is as expected. */
  async told(job: string, expected: Partial<Record<keyof Delivery, unknown>>): Promise<Delivery> {
    await expect.poll(async () => (await this.deliveries(job))[0], WAIT).toMatchObject(expected);
    return (await this.deliveries(job))[0]!;
  }

  async titles(): Promise<string[]> {
    return (await this.firefox.notifications()).map(shown => shown.title);
  }

  /** Waits for a notification about this label, and gives its title. */
  async shown(label: string): Promise<string> {
    await expect.poll(() => this.titles(), WAIT).toContainEqual(expect.stringContaining(label));
    return (await this.titles()).find(title => title.includes(label))!;
  }

  /** Everything that came before has been dealt with once a test message is on the screen. */
  async settled(): Promise<void> {
    const [endpoint] = await this.endpoints();
    const test = await this.api<Delivery>('POST', `/push-endpoints/${endpoint!.id}/test`);
    await expect.poll(async () => (await this.api<{ delivery: Delivery }>('GET', `/deliveries/${test.id}`)).delivery.shown_at, WAIT).toBeTruthy();
  }
}

const test = base.extend<{ world: World }>({
  world: async ({}, use) => {
    const world = new World();
    await use(await world.start());
    await world.stop();
  },
});

/** Chooses push in the header and turns it on. */
async function choosePush(page: Page): Promise<void> {
  await page.click('.picker > summary');
  await page.click('.picker input[value="push"]');
  await page.waitForSelector('[data-action="turn-on-push"]', { visible: true });
  await page.click('[data-action="turn-on-push"]');
  await page.waitForSelector('[data-testid="channel-status"][data-channel="push"][data-status="told"]');
}

const attribute = (page: Page, selector: string, name: string) =>
  page.$eval(selector, (element, name) => element.getAttribute(name), name);

test('choosing push asks for nothing before its button is pressed, and the channel stays as it was until then', async ({ world }) => {
  const page = await world.home();
  await page.click('.picker > summary');
  await page.click('.picker input[value="push"]');
  await page.waitForSelector('[data-action="turn-on-push"]', { visible: true });
  expect([world.service.standing, await world.endpoints()]).toEqual([0, []]);
  expect(await attribute(page, '[data-testid="channel-status"]', 'data-channel')).toBe('sse');
  await page.click('[data-action="turn-on-push"]');
  await page.waitForSelector('[data-testid="channel-status"][data-channel="push"][data-status="told"]');
  expect(world.service.standing).toBe(1);
  expect(await world.endpoints()).toMatchObject([{ kind: 'web-push', state: 'active', when: 'unseen' }]);
});

test('with every tab closed, the end is shown; a click lands on the finished job, and nothing is missing', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  const job = await world.held('spring list');
  await page.goto(`${world.server.url}/jobs/${job}`);
  await page.waitForSelector(`main [data-job="${job}"][data-state="running"]`);
  await page.close();
  expect(await world.firefox.tabs(world.server.url)).toEqual([]);
  await world.finish(job);

  const title = await world.shown('spring list');
  await world.told(job, { state: 'delivered', event: 'succeeded', attempts: 1, received_at: expect.any(String), shown_at: expect.any(String) });
  expect(world.service.taken).toEqual([100]);
  const [push] = world.service.pushes;
  expect(push).toMatchObject({ status: 201, claims: { aud: world.service.url } });
  expect(push!.ttl).toBeGreaterThan(0);

  expect(await world.firefox.click(title)).toBe(true);
  await expect.poll(async () => (await world.firefox.tabs(world.server.url)).map(tab => tab.url()), WAIT).toEqual([`${world.server.url}/jobs/${job}`]);
  const [landed] = await world.firefox.tabs(world.server.url);
  await landed!.waitForSelector(`html[data-hydrated] main [data-job="${job}"][data-state="succeeded"]`);
  await landed!.waitForSelector('[data-testid="channel-status"][data-channel="push"][data-status="told"]');
  expect(await attribute(landed!, '[data-testid="continuity"]', 'data-gaps')).toBe('0');
  await world.told(job, { clicked_at: expect.any(String) });
});

test('a visible page is told by the worker, shows the end without a notification, and has no gap', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  const job = await world.held('autumn list');
  await page.goto(`${world.server.url}/jobs/${job}`);
  await page.waitForSelector('[data-testid="channel-status"][data-channel="push"][data-status="told"]');
  await page.waitForSelector(`main [data-job="${job}"][data-state="running"]`);
  await page.bringToFront();
  await world.finish(job);
  await page.waitForSelector(`main [data-job="${job}"][data-state="succeeded"]`);
  expect(await attribute(page, '[data-testid="continuity"]', 'data-gaps')).toBe('0');
  const told = await world.told(job, { state: 'delivered', received_at: expect.any(String) });
  await world.settled();
  expect(await world.titles()).not.toContainEqual(expect.stringContaining('autumn list'));
  expect((await world.deliveries(job))[0]).toMatchObject({ id: told.id });
  expect((await world.deliveries(job))[0]!.shown_at).toBeUndefined();
});

test('nothing is pushed of what a visible page has acknowledged over its WebSocket', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  await page.click('.picker input[value="ws"]');
  await page.waitForSelector('[data-testid="channel-status"][data-channel="ws"][data-status="live"]');
  await page.bringToFront();
  const job = await world.held('seen here');
  await page.waitForSelector(`[data-job="${job}"]`);
  const before = world.service.pushes.length;
  await world.finish(job);
  await page.waitForSelector(`[data-job="${job}"][data-state="succeeded"]`);
  await world.told(job, { state: 'unneeded', reason: 'seen', attempts: 0 });
  expect(world.service.pushes.length).toBe(before);
});

test('a subscription that the push service has dropped (410) is gone, says so, and can be turned on again', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  world.service.expireAll();
  const job = await world.held('nobody there');
  await world.finish(job);
  await world.told(job, { state: 'gave-up', reason: 'gone' });
  expect(await world.endpoints()).toMatchObject([{ state: 'gone' }]);
  // The page finds out when it is opened again, and another channel carries on.
  await page.reload();
  await page.waitForSelector('[data-testid="channel-status"]:not([data-channel="push"])[data-status="live"]');
  await page.waitForSelector(`[data-job="${job}"][data-state="succeeded"]`);
  await page.goto(`${world.server.url}/settings`);
  await page.waitForSelector('html[data-hydrated] [data-here="off"] [data-action="turn-on-push"]');
  await page.click('[data-action="turn-on-push"]');
  await page.waitForSelector('[data-here="on"]');
  expect(world.service.standing).toBe(1);
  expect((await world.endpoints()).filter(one => one.state === 'active')).toHaveLength(1);
  await page.close();
  const again = await world.held('there again');
  await world.finish(again);
  await world.shown('there again');
});

test('a push service that knows the browser no more: the worker subscribes anew by itself, in place of the old one', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  const [old] = await world.endpoints();
  await page.close();
  world.service.forgetBrowsers();
  await expect.poll(() => world.service.standing, WAIT).toBe(1);
  await expect.poll(async () => (await world.endpoints()).map(one => one.state), WAIT).toEqual(['active']);
  expect((await world.endpoints())[0]!.id).not.toBe(old!.id);
  const job = await world.held('after the change');
  await world.finish(job);
  await world.shown('after the change');
});

test('new keys of the server: the next page renews the subscription, and is told', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  await world.server.kill();
  const keys = readdirSync(world.server.data).filter(name => name.includes('vapid'));
  expect(keys).not.toEqual([]);
  for (const name of keys) rmSync(join(world.server.data, name));
  await world.server.start();
  await page.reload();
  await page.waitForSelector('[data-testid="channel-status"][data-channel="push"][data-status="told"]');
  await page.close();
  const job = await world.held('with new keys');
  await world.finish(job);
  await world.shown('with new keys');
  expect(world.service.pushes.at(-1)).toMatchObject({ status: 201 });
});

test('what comes while the browser is away is kept and shown when it is back, one message a job; what is too old is dropped', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  const [endpoint] = await world.endpoints();
  await world.api('PATCH', `/push-endpoints/${endpoint!.id}`, { events: ['started', 'succeeded'] });
  await page.close();
  await world.firefox.offline(true);
  await expect.poll(() => world.service.connected, WAIT).toBe(false);

  const old = await world.held('too old');
  await world.told(old, { event: 'started', state: 'delivered' });
  expect(world.service.waiting).toBe(1);
  world.service.later(world.service.pushes.at(-1)!.ttl + 1);
  expect(world.service.waiting).toBe(0);

  const job = await world.held('kept for later');
  await world.told(job, { event: 'started', state: 'delivered' });
  await world.finish(job);
  await world.told(job, { event: 'succeeded', state: 'delivered' });
  const topics = world.service.pushes.slice(-2).map(push => push.topic);
  expect(topics[0]).toBeTruthy();
  expect(topics[1]).toBe(topics[0]);
  expect(world.service.waiting).toBe(1);

  await world.firefox.offline(false);
  await world.shown('kept for later');
  await world.settled();
  const titles = await world.titles();
  expect(titles.filter(title => title.includes('kept for later'))).toHaveLength(1);
  expect(titles).not.toContainEqual(expect.stringContaining('too old'));
  const [succeeded, started] = await world.deliveries(job);
  expect([succeeded!.event, !!succeeded!.shown_at, started!.event, !!started!.shown_at]).toEqual(['succeeded', true, 'started', false]);
});

test('a push service that asks for a pause or fails is tried again, and the log says so', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  await page.close();
  world.service.failNext({ status: 429, headers: { 'retry-after': '1' } });
  const job = await world.held('second try');
  await world.finish(job);
  await world.told(job, { state: 'retrying', reason: 'too-many-requests', attempts: 1 });
  await world.shown('second try');
  const told = await world.told(job, { state: 'delivered', attempts: 2 });
  const report = await world.api<{ log: { outcome: string; status: number }[] }>('GET', `/deliveries/${told.id}`);
  expect(report.log.map(one => [one.status, one.outcome])).toEqual([[429, 'too-many-requests'], [201, 'ok']]);
});

test('a message that comes twice is shown once', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  await page.close();
  const job = await world.held('only once');
  await world.finish(job);
  const title = await world.shown('only once');
  await world.told(job, { shown_at: expect.any(String) });
  await world.firefox.click(title);
  await expect.poll(() => world.titles(), WAIT).toEqual([]);
  for (const tab of await world.firefox.tabs(world.server.url)) await tab.close();
  world.service.again();
  await expect.poll(() => world.service.taken.length, WAIT).toBe(2);
  await world.settled();
  expect(await world.titles()).not.toContainEqual(expect.stringContaining('only once'));
});

test('a notification speaks the language of its owner', async ({ world }) => {
  const page = await world.home();
  await choosePush(page);
  await page.close();
  await world.api('PUT', '/notification-settings', { quiet: null, fallback_after_s: 120, lang: 'fr' });
  const job = await world.held('liste');
  await world.finish(job);
  expect(await world.shown('liste')).toContain('«');
});

base('a browser that may not notify gets a sentence and an alternative, and the channel stays', async () => {
  const world = new World();
  try {
    await world.start({ permission: 'denied' });
    const page = await world.home();
    await page.click('.picker > summary');
    await page.click('.picker input[value="push"]');
    await page.waitForSelector('[data-action="turn-on-push"]', { visible: true });
    await page.click('[data-action="turn-on-push"]');
    await page.waitForSelector('.picker [data-hindrance="denied"]', { visible: true });
    expect(await attribute(page, '[data-testid="channel-status"]', 'data-channel')).toBe('sse');
    expect(await page.$eval('.picker input[value="sse"]', input => (input as HTMLInputElement).checked)).toBe(true);
    expect(world.service.standing).toBe(0);
  } finally {
    await world.stop();
  }
});
