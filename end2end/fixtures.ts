// What every journey starts from: a server for the worker, pages whose console stays clean, and words for the common steps.
// Journeys wait on data attributes, never on time.
import { randomUUID } from 'node:crypto';
import { test as base, expect, type Locator, type Page } from '@playwright/test';
import { Server } from './server.ts';

export { expect, type Locator, type Page };

export type Job = { id: string; state: string; jseq: number; attempt: number; cursor: string; origin: string | null };

export type Watch = {
  /** From now on an error on this page's console fails the test. */
  (page: Page): void;
  /** An error that belongs to the journey, e.g. a refused connection. */
  tolerate(pattern: RegExp): void;
};

export const test = base.extend<{ watch: Watch }, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await new Server().start();
      await use(server);
      await server.dispose();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  watch: async ({}, use) => {
    const errors: string[] = [];
    const tolerated: RegExp[] = [];
    const watch = (page: Page) => {
      page.on('pageerror', error => errors.push(`page error: ${error.stack ?? error}`));
      page.on('console', message => {
        if (message.type() === 'error') errors.push(`console: ${message.text()} (${message.location().url})`);
      });
    };
    await use(Object.assign(watch, { tolerate: (pattern: RegExp) => void tolerated.push(pattern) }));
    expect(errors.filter(error => !tolerated.some(pattern => pattern.test(error)))).toEqual([]);
  },
  page: async ({ page, watch }, use) => {
    watch(page);
    await use(page);
  },
});

/** Opens a page, and waits for its script when it has one. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await settled(page);
}

/** Waits until the page's script has taken over; at once without JavaScript. */
export async function settled(page: Page): Promise<void> {
  if (hasScript()) await expect(page.locator('html')).toHaveAttribute('data-hydrated');
}

/** Whether this project runs the page's script. */
export function hasScript(): boolean {
  return test.info().project.use.javaScriptEnabled !== false;
}

/** Submits over the API as the page's visitor. */
export async function submit(page: Page, kind: string, input: object, more: object = {}): Promise<Job> {
  const answer = await page.request.post('/api/v1/jobs', {
    data: { kind, input, ...more },
    headers: { 'Idempotency-Key': `"${randomUUID()}"` },
  });
  expect([200, 202], await answer.text()).toContain(answer.status());
  return answer.json();
}

/** The job as the API has it now. */
export async function job(page: Page, id: string): Promise<Job> {
  const answer = await page.request.get(`/api/v1/jobs/${id}`);
  expect(answer.status()).toBe(200);
  return answer.json();
}

/** Lets a held rehearsal take its next step. */
export async function step(page: Page, id: string): Promise<void> {
  const answer = await page.request.post(`/api/v1/jobs/${id}/step`);
  expect(answer.ok(), await answer.text()).toBe(true);
}

/** The row or card of a job. */
export function row(page: Page, id: string): Locator {
  return page.locator(`main [data-job="${id}"]`).first();
}

/** Waits for a state, with script by live events, without by loading again. */
export async function reaches(page: Page, id: string, state: string): Promise<void> {
  if (hasScript()) {
    await expect(row(page, id)).toHaveAttribute('data-state', state, { timeout: 30_000 });
    return;
  }
  await expect(async () => {
    await page.reload();
    await expect(row(page, id)).toHaveAttribute('data-state', state, { timeout: 100 });
  }).toPass({ timeout: 30_000 });
}

/** The position of a job on the page. */
export async function seq(page: Page, id: string): Promise<number> {
  return Number(await row(page, id).getAttribute('data-seq'));
}

/** Waits until the page has seen event `least` of the job, or a later one. */
export async function sees(page: Page, id: string, least: number): Promise<void> {
  await expect.poll(() => seq(page, id), { timeout: 30_000 }).toBeGreaterThanOrEqual(least);
}

/** Lets it step, and waits until the page shows that. The rehearsal reports partials, so each step is an event. */
export async function stepAndSee(page: Page, id: string): Promise<void> {
  const before = await seq(page, id);
  await step(page, id);
  await sees(page, id, before + 1);
}

/** The badge that tells from sequence numbers whether anything was missed. */
export function badge(page: Page): Locator {
  return page.getByTestId('continuity').first();
}

/** Nothing missed. */
export async function withoutGaps(page: Page): Promise<void> {
  await expect(badge(page)).toHaveAttribute('data-gaps', '0');
}

/** The pill that tells how events come. */
export function pill(page: Page): Locator {
  return page.getByTestId('channel-status').first();
}

export type Channel = 'poll' | 'sse' | 'ws';

/** The choice that a visitor's cookie keeps. */
export async function prefer(page: Page, cookies: Record<string, string>): Promise<void> {
  const url = test.info().project.use.baseURL ?? (await baseOf(page));
  await page.context().addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, url })));
}

async function baseOf(page: Page): Promise<string> {
  const answer = await page.request.get('/healthz');
  return new URL(answer.url()).origin;
}

/** Uses the channel from the page on, polling each second. */
export async function preferChannel(page: Page, channel: Channel): Promise<void> {
  await prefer(page, { channel: channel === 'poll' ? 'poll:1' : channel });
}

/** The job id of the page that is open. */
export function idOfPage(page: Page): string {
  const found = /\/jobs\/([0-9a-f-]{36})/.exec(page.url());
  if (!found) throw new Error(`${page.url()} is no job's page`);
  return found[1]!;
}
