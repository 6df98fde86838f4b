// The operator signs in, finds what failed, retries all of it at a measured pace, watches that, and stops it half-way.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from '@playwright/test';
import { expect, hasScript, idOfPage, job, open, reaches, settled, submit, test, type Page } from '../fixtures.ts';
import type { Server } from '../server.ts';

const line = (page: Page, id: string) => page.locator(`main tr[data-job="${id}"]`);

async function signIn(page: Page, server: Server): Promise<void> {
  await page.getByLabel('Operator’s token').fill(readFileSync(join(server.data, 'operator.token'), 'utf8').trim());
  await page.locator('main').getByRole('button', { name: 'Sign in' }).click();
}

/** A visitor with failed jobs under a label of their own. */
async function failing(browser: Browser, baseURL: string, jobs: number): Promise<{ visitor: Page; label: string; ids: string[] }> {
  const visitor = await (await browser.newContext({ baseURL })).newPage();
  await visitor.goto('/');
  const label = `fails ${randomUUID().slice(0, 8)}`;
  const ids: string[] = [];
  for (let n = 0; n < jobs; n++) {
    const input = { steps: 1, step_ms: 0, fail_at: 1, failure: 'permanent' };
    ids.push((await submit(visitor, 'rehearsal', input, { label })).id);
  }
  for (const id of ids) await expect.poll(async () => (await job(visitor, id)).state).toBe('failed');
  return { visitor, label, ids };
}

test('without the token there is only the form for signing in, and a wrong one is told so @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 401/);
  await page.goto('/');
  await page.getByRole('contentinfo').getByRole('link', { name: 'Operations' }).click();
  await expect(page).toHaveURL(/\/operations\/sign-in\?next=/);
  await expect(page.locator('main')).toContainText('operator.token');
  await expect(page.locator('main table')).toHaveCount(0);
  await page.getByLabel('Operator’s token').fill('not the token at all');
  await page.locator('main').getByRole('button', { name: 'Sign in' }).click();
  await expect(page.locator('main').getByRole('alert')).toContainText('That is not the operator’s token.');
  await expect(page.getByLabel('Operator’s token')).toHaveValue('');
});

test('failed jobs are found by a filter, all retried, watched, and stopped half-way @plain', async ({ page, browser, baseURL, server }) => {
  const { visitor, label, ids } = await failing(browser, baseURL!, 6);
  await page.goto('/operations?state=failed');
  await signIn(page, server);
  await expect(page).toHaveURL(/\/operations\?state=failed$/);
  await settled(page);
  await page.locator('#f-kind').selectOption('rehearsal');
  await page.getByLabel('Label, kind or id').fill(label);
  await page.getByRole('search').getByRole('button', { name: 'Show' }).click();
  await expect(page.locator('main tr[data-job]')).toHaveCount(ids.length);
  await expect(line(page, ids[0]!)).toHaveAttribute('data-state', 'failed');
  await expect(line(page, ids[0]!).locator('[data-code="rehearsed-permanent"]')).toBeVisible();

  await page.locator('main a[data-all="retry"]').click();
  await expect(page.locator('main .count')).toHaveAttribute('data-matched', String(ids.length));
  await settled(page);
  await page.getByLabel('At most a second').fill('1');
  await page.locator('main button[data-confirm="retry"]').click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  await settled(page);
  const bulk = idOfPage(page);
  await expect.poll(async () => ((await job(page, bulk)) as { progress?: { done: number } }).progress?.done ?? 0).toBeGreaterThan(1);
  if (hasScript()) await expect(page.locator('main .job-hero .progress-text')).toContainText(`of ${ids.length} jobs`);
  await page.locator('main .job-hero').getByRole('button', { name: 'Cancel' }).click();
  await reaches(page, bulk, 'cancelled');
  // What was done stays, and the rest was not touched.
  const attempts = await Promise.all(ids.map(async id => (await job(visitor, id)).attempt));
  const retried = attempts.filter(attempt => attempt > 1).length;
  expect(retried).toBeGreaterThan(0);
  expect(retried).toBeLessThan(ids.length);
  await visitor.context().close();
});

test('one job and those ticked are retried and cancelled from the list @plain', async ({ page, browser, baseURL, server }) => {
  const { visitor, label, ids } = await failing(browser, baseURL!, 3);
  const held = await submit(visitor, 'rehearsal', { steps: 1, step_ms: 0, hold: true }, { label });
  await expect.poll(async () => (await job(visitor, held.id)).state).toBe('running');
  await page.goto(`/operations?q=${encodeURIComponent(label)}`);
  await signIn(page, server);
  await settled(page);
  await expect(line(page, held.id).locator('[data-worker]')).toContainText('lease renewed');
  await line(page, held.id).getByRole('button', { name: 'Cancel' }).click();
  await expect(page.locator('main').getByRole('status').first()).toContainText('1 job cancelled or asked to stop.');
  await expect.poll(async () => (await job(visitor, held.id)).state).toBe('cancelled');
  await settled(page);
  for (const id of ids.slice(0, 2)) await line(page, id).getByRole('checkbox').check();
  await page.locator('main button[data-ticked="retry"]').click();
  await expect(page.locator('main').getByRole('status').first()).toContainText('2 jobs opened again.');
  for (const id of ids.slice(0, 2)) await expect.poll(async () => (await job(visitor, id)).attempt).toBe(2);
  expect((await job(visitor, ids[2]!)).attempt).toBe(1);

  await line(page, ids[2]!).getByRole('link').first().click();
  await expect(page).toHaveURL(new RegExp(`/operations/jobs/${ids[2]}`));
  await expect(page.locator('main .timeline [data-type="failed"]')).toBeVisible();
  await expect(page.locator('main .job-hero [data-code="rehearsed-permanent"]')).toBeVisible();
  await visitor.context().close();
});

test('the list keeps itself fresh, and ticks and focus stay', async ({ page, browser, baseURL, server }) => {
  const { visitor, label, ids } = await failing(browser, baseURL!, 2);
  await page.goto(`/operations?q=${encodeURIComponent(label)}`);
  await signIn(page, server);
  await settled(page);
  await line(page, ids[0]!).getByRole('checkbox').check();
  const button = line(page, ids[1]!).getByRole('button', { name: 'Retry' });
  await button.focus();
  const { id } = await submit(visitor, 'rehearsal', { steps: 1, step_ms: 0, hold: true }, { label });
  await expect(line(page, id)).toHaveAttribute('data-state', 'running');
  await expect(line(page, ids[0]!).getByRole('checkbox')).toBeChecked();
  await expect(button).toBeFocused();
  await visitor.request.post(`/api/v1/jobs/${id}/cancel`);
  await expect(line(page, id)).toHaveAttribute('data-state', 'cancelled');
  await expect(button).toBeFocused();
  await visitor.context().close();
  await open(page, '/operations');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/sign-in/);
  await expect(page.locator('main').getByRole('status')).toContainText('You are signed out.');
});
