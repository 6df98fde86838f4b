// When a job starts, why it waits, where it stands: said truly on its page, in rows and without script.
import { randomUUID } from 'node:crypto';
import type { Browser } from '@playwright/test';
import { expect, hasScript, idOfPage, job, open, reaches, row, step, submit, test, type Page } from '../fixtures.ts';

const form = (page: Page) => page.locator('main form[action="/jobs"]');
const when = (page: Page) => form(page).locator('details.when-and-how');
const start = (page: Page, choice: string) => form(page).locator(`[name="start"][value="${choice}"]`);
const send = (page: Page) => form(page).locator('button[type="submit"]');
const why = (page: Page) => page.locator('main .job-hero .job-why').first();
const held = (more: object = {}) => ({ steps: 1, step_ms: 0, hold: true, ...more });

async function openWhen(page: Page): Promise<void> {
  if (!(await when(page).evaluate(details => (details as HTMLDetailsElement).open))) await when(page).locator('summary').click();
}

/** After a submit: without script the job's page is open, with script its row is followed. */
async function toJobPage(page: Page): Promise<string> {
  if (hasScript()) await page.locator('main .notice[data-outcome] a').click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  return idOfPage(page);
}

/** Held jobs of a visitor of their own, as many as the server has workers, and more. */
async function flood(browser: Browser, baseURL: string, jobs: number): Promise<{ page: Page; ids: string[] }> {
  const page = await (await browser.newContext({ baseURL })).newPage();
  await page.goto('/');
  const ids: string[] = [];
  for (let n = 0; n < jobs; n++) ids.push((await submit(page, 'rehearsal', held(), { label: `flood ${n}` })).id);
  return { page, ids };
}

/** Lets all of a visitor's held jobs go, so that the next journey finds free workers. */
async function release(page: Page, ids: string[]): Promise<void> {
  for (const id of ids) await page.request.post(`/api/v1/jobs/${id}/cancel`);
}

test('a job deferred to a time says when it starts, and can be cancelled until then @plain', async ({ page }) => {
  await open(page, '/');
  await openWhen(page);
  await expect(form(page).locator('.start-at')).toBeHidden();
  await start(page, 'at').check();
  // Typed on the reader's clock with script (the browser of these tests is in Paris), in UTC without.
  const tomorrow = new Date(Date.now() + 26 * 3600_000);
  const typed = hasScript()
    ? new Date(tomorrow.getTime() + parisOffsetMs(tomorrow)).toISOString().slice(0, 16)
    : tomorrow.toISOString().slice(0, 16);
  await form(page).locator('[name="start_at"]').fill(typed);
  await form(page).locator('[name="label"]').fill('not now');
  await send(page).click();
  const id = await toJobPage(page);
  await reaches(page, id, 'scheduled');
  const asked = (await (await page.request.get(`/api/v1/jobs/${id}`)).json()).run_at;
  expect(asked.slice(0, 16)).toBe(tomorrow.toISOString().slice(0, 16));
  const moment = why(page).locator('time');
  await expect(moment).toHaveAttribute('datetime', asked);
  await expect(moment).toContainText(hasScript() ? typed.slice(11) : `${typed.slice(11)} UTC`);
  await page.locator('main .job-hero').getByRole('button', { name: 'Cancel' }).click();
  await reaches(page, id, 'cancelled');
});

/** How far Paris is ahead of UTC at a moment. */
function parisOffsetMs(at: Date): number {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', {
      timeZone: 'Europe/Paris', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
    }).formatToParts(at).map(part => [part.type, part.value]),
  );
  const there = Date.UTC(+parts.year!, +parts.month! - 1, +parts.day!, +parts.hour!, +parts.minute!);
  return there - Math.floor(at.getTime() / 60_000) * 60_000;
}

test('what is wrong with when and how stands at its field, and what was typed stays @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  await open(page, '/');
  await openWhen(page);
  await start(page, 'at').check();
  await form(page).locator('[name="max_attempts"]').fill('99');
  await send(page).click();
  const summary = page.locator('main .error-summary');
  await expect(summary.locator('a[href="#run_at"]')).toBeVisible();
  await expect(form(page).locator('fieldset.start')).toHaveAttribute('aria-invalid', 'true');
  await expect(start(page, 'at')).toBeChecked();
  await expect(form(page).locator('[name="max_attempts"]')).toHaveValue('99');
  await start(page, 'now').check();
  await send(page).click();
  await expect(summary.locator('a[href="#max_attempts"]')).toBeVisible();
  await expect(form(page).locator('[name="max_attempts"]')).toHaveAttribute('aria-invalid', 'true');
});

test('a job that must start soon, and cannot, has expired, with a way on', async ({ page, browser, baseURL }) => {
  const others = await flood(browser, baseURL!, 20);
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 1 }, { start_within_s: 1, run_at: 'idle' });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'failed');
  await expect(page.locator('main .failure-card')).toHaveAttribute('data-code', 'not-started-in-time');
  await expect(page.locator('main .failure-card').getByRole('button', { name: 'Retry' })).toBeVisible();
  await release(others.page, others.ids);
  await others.page.context().close();
});

for (const channel of ['poll:1', 'sse', 'ws']) {
  test(`the place in line moves on the page, by ${channel}`, async ({ page, browser, baseURL, context }) => {
    await context.addCookies([{ name: 'channel', value: channel, url: baseURL! }]);
    const others = await flood(browser, baseURL!, 12);
    await open(page, '/');
    const mine = [];
    for (let n = 0; n < 12; n++) mine.push((await submit(page, 'rehearsal', held(), { label: `mine ${n}` })).id);
    const last = mine.at(-1)!;
    await open(page, `/jobs/${last}`);
    const place = page.locator('main .job-hero .job-place');
    await expect(place).toContainText('in line');
    const position = async () => Number(await place.getAttribute('data-position'));
    const before = await position();
    expect(before).toBeGreaterThan(0);
    // Room is made by others of which this job's log tells nothing.
    await release(page, mine.slice(0, -1));
    await expect.poll(position).toBeLessThan(before);
    await expect(page.getByTestId('continuity').first()).toHaveAttribute('data-gaps', '0');
    await release(others.page, others.ids);
    await reaches(page, last, 'running');
    await step(page, last);
    await reaches(page, last, 'succeeded');
    await others.page.context().close();
  });
}

test('high priority goes first among my own jobs', async ({ page, browser, baseURL }) => {
  const others = await flood(browser, baseURL!, 20);
  await open(page, '/');
  const [low, normal] = [
    await submit(page, 'rehearsal', held(), { priority: -10, label: 'can wait' }),
    await submit(page, 'rehearsal', held(), { label: 'usual' }),
  ];
  await open(page, '/');
  await openWhen(page);
  await form(page).locator('[name="priority"]').selectOption('10');
  await form(page).locator('[name="input.hold"]').check();
  await form(page).locator('[name="input.steps"]').fill('1');
  await send(page).click();
  const high = await toJobPage(page);
  const place = async (id: string) => (await (await page.request.get(`/api/v1/jobs/${id}`)).json()).queue.position;
  expect(await place(high)).toBeLessThan(await place(normal.id));
  expect(await place(normal.id)).toBeLessThan(await place(low.id));
  await expect(page.locator('main [data-priority="10"]')).toContainText('high');
  await release(others.page, others.ids);
  await release(page, [low.id, normal.id, high]);
  await others.page.context().close();
});

test('a flood of one visitor does not hold up the one job of another, whose page says why it waits', async ({ page, browser, baseURL }) => {
  const others = await flood(browser, baseURL!, 40);
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0 }, { label: 'just one' });
  await open(page, `/jobs/${id}`);
  await expect(row(page, id)).toHaveAttribute('data-state', 'queued');
  await expect(why(page)).not.toBeEmpty();
  // Two visitors take turns: of two workers that become free one is this job's, although dozens came before it.
  await release(others.page, others.ids.slice(0, 2));
  await reaches(page, id, 'succeeded');
  const waiting = await Promise.all(others.ids.map(other => job(others.page, other)));
  expect(waiting.filter(other => other.state === 'queued').length).toBeGreaterThan(20);
  await release(others.page, others.ids);
  await others.page.context().close();
});

test('why a job waits is said without script too @only-without-script', async ({ page, browser, baseURL }) => {
  const others = await flood(browser, baseURL!, 20);
  await page.goto('/');
  const answer = await page.request.post('/api/v1/jobs', {
    data: { kind: 'rehearsal', input: held() },
    headers: { 'Idempotency-Key': `"${randomUUID()}"` },
  });
  const { id } = await answer.json();
  await page.goto(`/jobs/${id}`);
  await expect(why(page)).not.toBeEmpty();
  await expect(page.locator('main .job-hero .job-place')).toContainText('in line');
  await page.request.post(`/api/v1/jobs/${id}/cancel`);
  await release(others.page, others.ids);
  await others.page.context().close();
});
