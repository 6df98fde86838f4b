// Being told when nobody looks: Settings, webhooks and their log, what a browser without push is told, the offline page, installability.
// Push itself, end to end, is in push_firefox.spec.ts.
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, open, pill, prefer, submit, test as base, type Page } from '../fixtures.ts';
import { Server } from '../server.ts';

/** A program that is told, and answers as the test says. */
class Receiver {
  status = 200;
  readonly got: { headers: Record<string, unknown>; body: string }[] = [];
  #http: HttpServer = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => (body += chunk));
    request.on('end', () => {
      this.got.push({ headers: request.headers, body });
      response.writeHead(this.status).end(this.status < 300 ? '' : 'the shop is closed');
    });
  });

  async start(): Promise<this> {
    await new Promise<void>(resolve => this.#http.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/hook`;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise(resolve => this.#http.close(resolve));
  }
}

const test = base.extend<{ receiver: Receiver }, { telling: Server }>({
  telling: [
    async ({}, use) => {
      const server = await new Server(['--private-targets']).start();
      await use(server);
      await server.dispose();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ telling }, use) => use(telling.url),
  receiver: async ({}, use) => {
    const receiver = await new Receiver().start();
    await use(receiver);
    await receiver.stop();
  },
});

/** Adds a webhook by the form of the Settings page. */
async function addWebhook(page: Page, url: string, label: string): Promise<void> {
  await open(page, '/settings');
  await page.locator('main [name="url"]').fill(url);
  await page.locator('main #webhook-label').fill(label);
  await page.locator('main [data-action="add-webhook"]').click();
  await expect(page.locator('main [data-copyable="secret"]')).toContainText('whsec_');
}

const endpoint = (page: Page, label: string) => page.locator('main article.endpoint', { hasText: label });
const lines = (page: Page) => page.locator('main table.deliveries tbody tr');

/** Waits until a line of the log is in a state, with script by itself, without by loading again. */
async function stands(page: Page, state: string): Promise<void> {
  await expect(async () => {
    if (base.info().project.use.javaScriptEnabled === false) await page.reload();
    await expect(lines(page).first()).toHaveAttribute('data-state', state, { timeout: 3_000 });
  }).toPass({ timeout: 30_000 });
}

test('the log explains a failing webhook from its first try to the one that is sent again @plain', async ({ page, receiver }) => {
  receiver.status = 500;
  await addWebhook(page, receiver.url, 'shop system');
  const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0 }, { label: 'for the shop' });
  await reachesByApi(page, id, 'succeeded');
  await open(page, `/jobs/${id}`);
  await stands(page, 'retrying');
  await expect(lines(page).first()).toContainText('500');
  await lines(page).first().locator('[data-label] a[href^="/settings/deliveries/"]').click();
  await expect(page.locator('main .attempt-list li').first()).toHaveAttribute('data-outcome', 'server-error');
  await expect(page.locator('main .attempt-list li').first()).toContainText('the shop is closed');
  await expect(page.locator('main [data-copyable="request"]')).toContainText('webhook-signature: v1,');
  await page.locator('main [data-action="cancel"]').click();
  await expect(page.locator('main [data-delivery]')).toHaveAttribute('data-state', 'cancelled');
  receiver.status = 200;
  await page.locator('main [data-action="resend"]').click();
  await expect(async () => {
    if (base.info().project.use.javaScriptEnabled === false) await page.reload();
    await expect(page.locator('main [data-delivery]')).toHaveAttribute('data-state', 'delivered', { timeout: 3_000 });
  }).toPass({ timeout: 30_000 });
  await page.reload();
  await expect(page.locator('main .attempt-list li').last()).toHaveAttribute('data-outcome', 'ok');
  const ids = new Set(receiver.got.map(request => request.headers['webhook-id']));
  expect(ids.size, 'the same id at every attempt').toBe(1);
});

async function reachesByApi(page: Page, id: string, state: string): Promise<void> {
  await expect.poll(async () => (await (await page.request.get(`/api/v1/jobs/${id}`)).json()).state).toBe(state);
}

test('a webhook is added, tested, changed, paused and removed; its secret is shown once @plain', async ({ page, receiver }) => {
  await addWebhook(page, receiver.url, 'stock');
  await open(page, '/settings');
  await expect(page.locator('main [data-copyable="secret"]')).toHaveCount(0);
  const card = endpoint(page, 'stock');
  await expect(card).toHaveAttribute('data-state', 'active');
  await expect(page.locator('main [data-step="always"]')).toContainText('stock');

  await card.locator('button[value="test"]').click();
  await expect(page.locator('main [data-said]')).toBeVisible();
  await stands(page, 'delivered');
  expect(JSON.parse(receiver.got[0]!.body)).toMatchObject({ type: 'test' });

  await card.locator('summary').first().click();
  await card.locator('[name="label"]').fill('stock keeping');
  await card.locator('[name="event"][value="started"]').check();
  await card.locator('[name="when"]').selectOption('fallback');
  await card.locator('button[value="save"]').click();
  await expect(endpoint(page, 'stock keeping')).toBeVisible();
  await expect(page.locator('main [data-step="fallback"]')).toContainText('stock keeping');
  await endpoint(page, 'stock keeping').locator('summary').first().click();
  await expect(endpoint(page, 'stock keeping').locator('[name="event"][value="started"]')).toBeChecked();

  await endpoint(page, 'stock keeping').locator('button[value="pause"]').click();
  await expect(endpoint(page, 'stock keeping')).toHaveAttribute('data-state', 'paused');
  await endpoint(page, 'stock keeping').locator('button[value="resume"]').click();
  await expect(endpoint(page, 'stock keeping')).toHaveAttribute('data-state', 'active');
  await endpoint(page, 'stock keeping').locator('button[value="remove"]').click();
  await expect(endpoint(page, 'stock keeping')).toHaveCount(0);
});

test('a signature is verified, also with the secret before the last; one that was changed is not @plain', async ({ page, receiver, watch }) => {
  watch.tolerate(/status of 422/);
  await addWebhook(page, receiver.url, 'signed');
  await open(page, '/settings');
  await endpoint(page, 'signed').locator('button[value="test"]').click();
  await expect.poll(() => receiver.got.length).toBe(1);
  const { headers, body } = receiver.got[0]!;
  const check = async (text: string) => {
    await open(page, '/settings');
    const card = endpoint(page, 'signed');
    await card.locator('details', { has: page.locator('[value="verify"]') }).locator('summary').click();
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) await card.locator(`[name="${name}"]`).fill(String(headers[name]));
    await card.locator('[name="body"]').fill(text);
    await card.locator('button[value="verify"]').click();
  };
  await check(body);
  await expect(page.locator('main [data-said][data-tone="good"]')).toBeVisible();
  await check(body.replace('test', 'text'));
  await expect(endpoint(page, 'signed').locator('[role="alert"]')).toBeVisible();
});

test('a webhook that may not be is refused in words, with what was typed @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  await open(page, '/settings');
  await page.locator('main [name="url"]').fill('ftp://example.org/hook');
  await page.locator('main [data-action="add-webhook"]').click();
  await expect(page.locator('main [role="alert"]')).toBeVisible();
  await expect(page.locator('main [name="url"]')).toHaveValue('ftp://example.org/hook');
});

test('quiet times, the last resort and the language are kept @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  await open(page, '/settings');
  await expect(page.locator('main [data-no-mail-server]')).toBeVisible();
  await page.locator('main [name="quiet"]').check();
  await page.locator('main [name="from"]').fill('21:30');
  await page.locator('main [name="zone"]').fill('Mars/Base');
  await page.locator('main [name="fallback_after_s"]').fill('300');
  await page.locator('main #notification-lang').selectOption('fr');
  await page.locator('main [data-action="save-times"]').click();
  await expect(page.locator('main [role="alert"]')).toBeVisible();
  await expect(page.locator('main [name="from"]')).toHaveValue('21:30');
  await page.locator('main [name="zone"]').fill('Europe/Paris');
  await page.locator('main [data-action="save-times"]').click();
  await expect(page.locator('main [data-said]')).toBeVisible();
  const kept = await (await page.request.get('/api/v1/notification-settings')).json();
  expect(kept).toEqual({ quiet: { from: '21:30', to: '07:00', zone: 'Europe/Paris' }, fallback_after_s: 300, lang: 'fr' });
});

test('of one job nothing is told when its page says so @plain', async ({ page, receiver }) => {
  await addWebhook(page, receiver.url, 'all of it');
  const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0, hold: true });
  await open(page, `/jobs/${id}`);
  await page.locator('main .job-told > summary').click();
  await page.locator('main [name="told"][value="nothing"]').check();
  await page.locator('main [data-action="save-told"]').click();
  await expect.poll(async () => (await (await page.request.get(`/api/v1/jobs/${id}/notifications`)).json()).events).toEqual([]);
  await page.request.post(`/api/v1/jobs/${id}/step`);
  await reachesByApi(page, id, 'succeeded');
  const log = await (await page.request.get(`/api/v1/deliveries?job=${id}`)).json();
  expect(log.items).toEqual([]);
});

test('push without script is not on offer, and says why @only-without-script', async ({ page }) => {
  await open(page, '/');
  await page.locator('.picker > summary').click();
  await expect(page.locator('.picker input[value="push"]')).toBeDisabled();
  await expect(page.locator('.picker label', { has: page.locator('input[value="push"]') })).toContainText('script');
});

test('a browser without push, and one that refuses, get a sentence and an alternative; the channel stays', async ({ page, context }) => {
  for (const [hindrance, prepare] of [
    ['unsupported', () => page.addInitScript(() => delete (window as { PushManager?: unknown }).PushManager)],
    ['denied', async () => {}],
  ] as const) {
    await prepare();
    if (hindrance === 'denied') await context.clearPermissions();
    const shown = hindrance === 'denied' ? await context.newPage() : page;
    if (hindrance === 'denied') await shown.addInitScript(() => Object.defineProperty(Notification, 'permission', { get: () => 'denied' }));
    await open(shown, '/');
    await pill(shown).click();
    await shown.locator('.picker input[value="push"]').check();
    await shown.locator('[data-action="turn-on-push"]').click();
    await expect(shown.locator(`.picker [data-hindrance="${hindrance}"]`)).toBeVisible();
    await expect(shown.locator('.picker input[value="sse"]')).toBeChecked();
    await expect(pill(shown)).toHaveAttribute('data-channel', 'sse');
  }
});

test('a push service that does not answer is given up after a while, in words', async ({ page, context }) => {
  await context.grantPermissions(['notifications']);
  await open(page, '/');
  await pill(page).click();
  await page.locator('.picker input[value="push"]').check();
  await page.locator('[data-action="turn-on-push"]').click();
  await expect(page.locator('.picker [data-hindrance="no-push-service"]')).toBeVisible({ timeout: 30_000 });
  await expect(pill(page)).toHaveAttribute('data-channel', 'sse');
});

test('the action on a failed job’s notification retries it, and opens its page', async ({ page, context }) => {
  await context.grantPermissions(['notifications']);
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 2, step_ms: 0, fail_at: 1, failure: 'permanent' });
  await reachesByApi(page, id, 'failed');
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  const shown = await worker.evaluate(async job => {
    const scope = self as unknown as ServiceWorkerGlobalScope & { told(data: unknown): Promise<void> };
    const message = { id: null, type: 'test', at: new Date().toISOString(), title: 'It failed', body: '', lang: 'en', url: `/jobs/${job}`, items: [{ job }] };
    await scope.told({ json: () => message });
    const [notification] = await scope.registration.getNotifications();
    return { title: notification!.title, actions: (notification as unknown as { actions: { action: string }[] }).actions.map(one => one.action) };
  }, id);
  expect(shown).toEqual({ title: 'It failed', actions: ['open', 'retry'] });
  await worker.evaluate(async () => {
    const scope = self as unknown as ServiceWorkerGlobalScope;
    const [notification] = await scope.registration.getNotifications();
    scope.dispatchEvent(new (scope as any).NotificationEvent('notificationclick', { notification, action: 'retry' }));
  });
  await expect.poll(async () => (await (await page.request.get(`/api/v1/jobs/${id}`)).json()).jseq).toBeGreaterThan(4);
  const log = await (await page.request.get(`/api/v1/jobs/${id}/events`)).json();
  expect(log.items.map((event: { type: string }) => event.type)).toContain('reopened');
});

test('it can be installed: manifest, icons in their sizes, and a worker that is asked for anew each time', async ({ page }) => {
  await open(page, '/');
  const manifest = await (await page.request.get('/manifest.webmanifest')).json();
  expect(manifest).toMatchObject({ id: '/', scope: '/', start_url: '/', display: 'standalone' });
  for (const { src, sizes } of manifest.icons.filter((icon: { type: string }) => icon.type === 'image/png')) {
    const size = await page.evaluate(async src => {
      const image = new Image();
      image.src = src;
      await image.decode();
      return `${image.naturalWidth}x${image.naturalHeight}`;
    }, src as string);
    expect(size, src).toBe(sizes);
  }
  expect(manifest.icons.map((icon: { purpose: string }) => icon.purpose)).toContain('maskable');
  const worker = await page.request.get('/sw.js');
  expect(worker.headers()).toMatchObject({ 'cache-control': 'no-cache', 'content-security-policy': "default-src 'none'; connect-src 'self'" });
  expect(worker.headers()['content-type']).toContain('javascript');
});

const SCREENS = join(import.meta.dirname, '..', 'test-results', 'screens');

for (const theme of ['light', 'dark']) {
  test(`Settings, a delivery and a job that is told are accessible and fit, ${theme}`, async ({ page, receiver }) => {
    receiver.status = 500;
    await page.emulateMedia({ colorScheme: theme as 'light' | 'dark', reducedMotion: 'reduce' });
    await prefer(page, { theme });
    await addWebhook(page, receiver.url, 'shop system');
    const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0 }, { label: 'spring list' });
    await open(page, `/jobs/${id}`);
    await stands(page, 'retrying');
    const { items } = await (await page.request.get('/api/v1/deliveries')).json();
    mkdirSync(SCREENS, { recursive: true });
    for (const [name, path] of [['job-told', `/jobs/${id}`], ['settings', '/settings'], ['delivery', `/settings/deliveries/${items[0].id}`]] as const) {
      await open(page, path);
      for (const details of await page.locator('main details').all()) await details.evaluate(one => one.setAttribute('open', ''));
      for (const [width, size] of Object.entries({ desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } })) {
        await page.setViewportSize(size);
        await page.screenshot({ path: join(SCREENS, `${name}-${theme}-${width}.png`), fullPage: true });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, `${name} is wider than the window at ${size.width}`).toBeLessThanOrEqual(0);
        const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
        expect(found.violations.map(one => `${name} ${one.id}: ${one.nodes.map(node => node.target).join(', ')}`)).toEqual([]);
      }
    }
  });
}

base('a page that cannot be had shows the offline page, and nothing of its owner; it comes back when the server does', async ({ page, watch }) => {
  watch.tolerate(/ERR_CONNECTION_REFUSED|Failed to fetch|Failed to load resource/);
  const server = await new Server().start();
  try {
    await page.goto(`${server.url}/`);
    await expect(page.locator('html')).toHaveAttribute('data-hydrated');
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      if (!navigator.serviceWorker.controller) await new Promise(resolve => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    });
    await server.kill();
    await page.goto(`${server.url}/settings`);
    await expect(page.locator('[data-offline]')).toBeVisible();
    await expect(page.locator('[data-offline] h1')).toBeVisible();
    expect(await page.evaluate(() => getComputedStyle(document.body).display), 'its own style is there').toBe('grid');
    const kept = await page.evaluate(async () => {
      const found: string[] = [];
      for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
      return found.sort();
    });
    expect(kept).toEqual(['/icon.svg', '/offline.css', '/offline.html']);
    await server.start();
    await page.locator('[data-offline] a').first().click();
    await expect(page.locator('main h1')).toBeVisible();
    await expect(page.locator('[data-offline]')).toHaveCount(0);
  } finally {
    await server.dispose();
  }
});
