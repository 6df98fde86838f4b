// Failures say what happened and offer the next step; a cancel says what it came to. With script and without.
import { expect, hasScript, idOfPage, job, open, reaches, submit, test, withoutGaps } from '../fixtures.ts';

test('a failed job says what and why, and goes on from where it was when retried @plain', async ({ page }) => {
  await open(page, '/');
  // A panic on every attempt that the job has; the retry's attempt is one more.
  const { id } = await submit(
    page, 'rehearsal', { steps: 3, step_ms: 0, fail_at: 2, failure: 'panic', fail_attempts: 1 }, { max_attempts: 1 },
  );
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'failed');
  const card = page.locator('main .failure-card');
  await expect(card.locator('.what')).not.toBeEmpty();
  await expect(card.locator('.why')).not.toBeEmpty();
  await expect(card.locator('.done-so-far')).toContainText('1');
  await card.locator('[data-action="retry"]').first().click();
  await reaches(page, id, 'succeeded');
  await expect(card).toHaveCount(0);
  expect((await job(page, id)).attempt).toBe(2);
});

test('a transient failure is tried again without being asked @plain', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 2, step_ms: 0, fail_at: 1, failure: 'transient', fail_attempts: 1 });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'succeeded');
  expect((await job(page, id)).attempt).toBe(2);
  await expect(page.locator('main .attempts tbody tr')).toHaveCount(2);
});

test('edit and retry makes a new job from the failed one @plain', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 2, step_ms: 0, fail_at: 2, failure: 'permanent' });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'failed');
  await page.locator(`main a[href="/jobs/${id}?edit=1"]`).click();
  const failAt = page.locator('[name="input.fail_at"]');
  await expect(failAt).toHaveValue('2');
  await failAt.fill('');
  await page.locator('main form').filter({ has: failAt }).locator('button[type="submit"]').click();
  await expect(page).not.toHaveURL(new RegExp(id));
  const next = idOfPage(page);
  await reaches(page, next, 'succeeded');
  expect((await job(page, next)).origin).toBe(id);
  expect((await job(page, id)).state).toBe('failed');
});

test('a cancel stops a running job and says so @plain', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 5, step_ms: 0, hold: true });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'running');
  await page.locator('main [data-action="cancel"]').first().click();
  await reaches(page, id, 'cancelled');
  expect((await job(page, id)).state).toBe('cancelled');
  if (hasScript()) await withoutGaps(page);
});

test('a cancel that comes too late says that', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0 });
  await expect.poll(async () => (await job(page, id)).state).toBe('succeeded');
  const answer = await page.request.post(`/api/v1/jobs/${id}/cancel`);
  expect(await answer.json()).toEqual({ outcome: 'too-late' });
});
