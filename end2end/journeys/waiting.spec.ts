// A job that waits for the outside says for what, holds no worker, and goes on with the answer. With script and without.
import { expect, idOfPage, job, open, reaches, row, submit, test, withoutGaps, hasScript } from '../fixtures.ts';

test('a rehearsal waits for its call-back and goes on with what its owner answers @plain', async ({ page }) => {
  await open(page, '/');
  await page.locator('[name="input.steps"]').fill('3');
  await page.locator('[name="input.step_ms"]').fill('0');
  await page.locator('details').filter({ has: page.locator('[name="input.wait_at"]') }).locator('summary').click();
  await page.locator('[name="input.wait_at"]').fill('2');
  await page.locator('main form').filter({ has: page.locator('[name="input.steps"]') }).locator('button[type="submit"]').click();
  if (hasScript()) await page.locator('main [data-job] a').first().click();
  await expect(page).toHaveURL(/\/jobs\//);
  const id = idOfPage(page);
  await reaches(page, id, 'waiting');
  await expect(page.locator('main .job-why')).toContainText('step 2');
  await page.locator('main [name="answer"]').fill('seven');
  await page.locator('main [data-action="callback"]').click();
  await reaches(page, id, 'succeeded');
  await expect(page.locator('main .result')).toContainText('seven');
  await expect(page.locator('main [data-action="callback"]')).toHaveCount(0);
  expect((await job(page, id)).attempt).toBe(1);
  // One attempt in two parts; its time is that since it first started, not that of the last part.
  const attempts = page.locator('main table.attempts tbody');
  await expect(attempts).toHaveCount(1);
  await expect(attempts.locator('tr')).toHaveCount(2);
  await expect(attempts.locator('tr').last()).toContainText('part 2 of 2');
  const { first_started_at, started_at, finished_at } = await job(page, id);
  expect(Date.parse(started_at)).toBeGreaterThan(Date.parse(first_started_at));
  const ms = Date.parse(finished_at) - Date.parse(first_started_at);
  const time = page.locator('main .job-hero [data-part="time"]');
  await expect(time).toContainText(ms < 100 ? `took ${ms} ms` : ms < 10_000 ? `took ${Math.floor(ms / 1000)}` : 'took ');
  await expect(page.locator('main .job-hero [data-part="at-work"]')).toContainText('at work');
  if (hasScript()) await withoutGaps(page);
});

test('a third party answers by the address that the job told, once @plain', async ({ page, request }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 2, step_ms: 0, wait_at: 1 });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'waiting');
  const log = await (await page.request.get(`/api/v1/jobs/${id}/events`)).json();
  const url: string = log.items.find((event: any) => event.data.callback_url).data.callback_url;
  expect((await request.post(url, { data: { price: 7 } })).status()).toBe(204);
  expect((await request.post(url, { data: { price: 8 } })).status()).toBe(404);
  await reaches(page, id, 'succeeded');
  await expect(page.locator('main .result')).toContainText('7');
});

test('an answer that never comes is a failure in words, with a next step @plain', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 2, step_ms: 0, wait_at: 1, wait_s: 1 });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'failed');
  const card = page.locator('main .failure-card');
  await expect(card).toHaveAttribute('data-code', 'callback-timeout');
  await expect(card.locator('.why')).not.toBeEmpty();
  await card.locator('[data-action="retry"]').first().click();
  await reaches(page, id, 'waiting');
  await page.locator('main [data-action="cancel"]').first().click();
  await reaches(page, id, 'cancelled');
  await expect(row(page, id)).toHaveAttribute('data-state', 'cancelled');
});
