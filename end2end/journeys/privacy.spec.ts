// What is kept of a visitor, and how it goes.
import { expect, job, open, row, submit, test } from '../fixtures.ts';

test('who has everything deleted starts with nothing, and others keep theirs @plain', async ({ page, browser }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 1, hold: true });
  const other = await (await browser.newContext()).newPage();
  await other.goto(new URL('/', page.url()).href);
  const theirs = await submit(other, 'rehearsal', { steps: 1, hold: true });

  await open(page, '/');
  await expect(row(page, id)).toBeVisible();
  await page.getByRole('link', { name: 'Your data' }).click();
  await expect(page).toHaveURL(/\/privacy/);
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: /delete everything/i }).click();

  await expect.poll(async () => (await page.request.get(`/api/v1/jobs/${id}`)).status()).toBe(404);
  await open(page, '/');
  await expect(page.locator('main [data-job]')).toHaveCount(0);
  expect((await job(other, theirs.id)).id).toBe(theirs.id);
  await other.context().close();
});
