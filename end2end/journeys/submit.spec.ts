// Submit, carry on, be told: from the form to the result, with script and without.
import { badge, expect, hasScript, idOfPage, job, open, reaches, step, submit, test, type Page } from '../fixtures.ts';

const field = (page: Page, name: string) => page.locator(`main [name="input.${name}"]`);
const send = (page: Page) => page.locator('main form[action="/jobs"] button[type="submit"]');
const rows = (page: Page) => page.locator('main .job-list [data-job]');

/** After a submit: without script the job's page is open, with script its row is followed. */
async function toJobPage(page: Page): Promise<string> {
  if (hasScript()) await rows(page).first().locator('a').first().click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  return idOfPage(page);
}

test('a rehearsal goes from the form to its result @plain', async ({ page }) => {
  await open(page, '/');
  await field(page, 'steps').fill('3');
  await field(page, 'step_ms').fill('20');
  await page.locator('main [name="label"]').fill('spring list');
  await send(page).click();
  const id = await toJobPage(page);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('spring list');
  await reaches(page, id, 'succeeded');
  await expect(page.locator('main .result')).toContainText('3');
});

test('a submit shows at once, before the server has answered', async ({ page }) => {
  await open(page, '/');
  let answer = () => {};
  const held = new Promise<void>(resolve => (answer = resolve));
  await page.route('**/api/v1/jobs', async route => {
    await held;
    await route.continue();
  });
  await field(page, 'steps').fill('1');
  await send(page).click();
  await expect(page.locator('main .job-row[data-state="sending"]')).toHaveCount(1);
  answer();
  await expect(rows(page)).toHaveCount(1);
  await expect(page.locator('main .job-row[data-state="sending"]')).toHaveCount(0);
});

test('what happens while the page of a job is being read is on it', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', { steps: 1, step_ms: 0, partials: true, hold: true });
  await reaches(page, id, 'running');
  let answer = () => {};
  const held = new Promise<void>(resolve => (answer = resolve));
  // Read last, when the log and the attempts have been.
  await page.route(`**/api/v1/jobs/${id}/notifications`, async route => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest(`**/api/v1/jobs/${id}/notifications`);
  await rows(page).first().locator('a').first().click();
  await asked;
  await step(page, id);
  await expect.poll(async () => (await job(page, id)).state).toBe('succeeded');
  await expect(badge(page)).toContainText(`…${(await job(page, id)).jseq}`);
  answer();
  await expect(page.locator('main .job-hero')).toHaveAttribute('data-state', 'succeeded');
  await expect(page.locator('main .timeline')).toContainText('Done.');
  await expect(page.locator('main section:has(#partials-heading)')).toBeVisible();
  await expect(page.locator('main table.attempts tbody tr')).toHaveCount(1);
  await expect(page.locator('main table.attempts tbody tr')).toContainText('Succeeded');
});

test('who wants to wait gets the answer with the submit @plain', async ({ page }) => {
  await open(page, '/');
  await field(page, 'steps').fill('1');
  await field(page, 'step_ms').fill('20');
  await page.locator('main [name="wait"]:not([value="0"])').first().check();
  await send(page).click();
  const id = await toJobPage(page);
  await expect(page.locator(`main [data-job="${id}"]`).first()).toHaveAttribute('data-state', 'succeeded');
});

test('a double click on submit gives one job', async ({ page }) => {
  await open(page, '/');
  await field(page, 'steps').fill('1');
  await send(page).dblclick();
  await expect(rows(page).first()).toHaveAttribute('data-state', 'succeeded');
  await expect(rows(page)).toHaveCount(1);
  const list = await (await page.request.get('/api/v1/jobs')).json();
  expect(list.items).toHaveLength(1);
});

test('a wrong input is told where it is, and what was typed stays @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  await open(page, '/');
  await field(page, 'steps').fill('10001');
  await page.locator('main [name="label"]').fill('kept');
  await send(page).click();
  const summary = page.locator('main .error-summary');
  await expect(summary).toHaveAttribute('role', 'alert');
  await expect(field(page, 'steps')).toHaveAttribute('aria-invalid', 'true');
  await expect(field(page, 'steps')).toHaveValue('10001');
  await expect(page.locator('main [name="label"]')).toHaveValue('kept');
  await summary.getByRole('link').first().click();
  await expect(page).toHaveURL(/#input-steps$/);
  expect((await (await page.request.get('/api/v1/jobs')).json()).items).toEqual([]);

  await field(page, 'steps').fill('1');
  await send(page).click();
  await toJobPage(page);
});

test('two visitors do not see each other @plain', async ({ page, browser, watch, baseURL }) => {
  await open(page, '/');
  await field(page, 'steps').fill('1');
  await send(page).click();
  const id = await toJobPage(page);

  const other = await browser.newContext({ baseURL, javaScriptEnabled: hasScript() });
  const theirs = await other.newPage();
  watch(theirs);
  watch.tolerate(/status of 404/);
  await open(theirs, '/');
  await expect(rows(theirs)).toHaveCount(0);
  expect((await theirs.request.get(`/api/v1/jobs/${id}`)).status()).toBe(404);
  expect((await theirs.goto(`/jobs/${id}`))!.status()).toBe(404);
  await other.close();
});
