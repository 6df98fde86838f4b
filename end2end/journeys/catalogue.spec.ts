// The catalogue while it is being changed: fresh, editable, and honest about conflicts. An import here reads its file from a pipe, so that
// it runs for exactly as long as the journey holds the other end; nothing waits on time.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from '../server.ts';
import { expect, hasScript, open, pill, preferChannel, settled, submit, test, type Channel, type Job, type Locator, type Page } from '../fixtures.ts';

const CHANNELS: Channel[] = ['poll', 'sse', 'ws'];
const HEADER = 'Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price';

/** A bowl at a price, with a lamp of two variants beside it. */
function rows(run: string, price: string, title = 'Bowl'): string {
  return [
    `${run}-bowl,${title} ${run},Atelier,Title,Default Title,B-1,${price}`,
    `${run}-lamp,Lamp ${run},Atelier,Colour,White,L-1,80.00`,
    `${run}-lamp,,,,Black,L-2,85.00`,
  ].map(line => `${line}\n`).join('');
}

async function upload(page: Page, text: string): Promise<string> {
  const answer = await page.request.post('/api/v1/uploads?name=products.csv', { data: text, headers: { 'Content-Type': 'text/csv' } });
  expect(answer.status()).toBe(201);
  return (await answer.json()).id;
}

async function ended(page: Page, id: string): Promise<void> {
  const answer = await page.request.get(`/api/v1/jobs/${id}?wait=30`);
  expect((await answer.json()).state).toBe('succeeded');
}

async function importNow(page: Page, text: string): Promise<void> {
  const { id } = await submit(page, 'catalogue-import', { upload: await upload(page, `${HEADER}\n${text}`) });
  await ended(page, id);
}

/** An import that runs until it is let go. */
async function heldImport(page: Page, server: Server): Promise<Job & { letGo(text: string): Promise<void> }> {
  const id = await upload(page, `${HEADER}\n`);
  const path = join(server.data, 'uploads', id);
  rmSync(path);
  execFileSync('mkfifo', [path]);
  const job = await submit(page, 'catalogue-import', { upload: id });
  const letGo = async (text: string) => {
    // Opens only once the import has: what is written into a pipe that nobody reads is lost with its last writer.
    let pipe: number | undefined;
    await expect(() => {
      pipe = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    }).toPass({ timeout: 15_000 });
    writeSync(pipe!, `${HEADER}\n${text}`);
    closeSync(pipe!);
    await ended(page, job.id);
  };
  return Object.assign(job, { letGo });
}

async function product(page: Page, handle: string): Promise<{ title: string; etag: string; variants: { price: string }[] }> {
  return (await page.request.get(`/api/v1/products/${handle}`)).json();
}

async function edit(page: Page, handle: string, change: object): Promise<void> {
  const { etag } = await product(page, handle);
  const answer = await page.request.patch(`/api/v1/products/${handle}`, { data: change, headers: { 'If-Match': etag } });
  expect(answer.status(), await answer.text()).toBe(200);
}

const only = (price: string) => ({ variants: [{ options: [['Title', 'Default Title']], price }] });
const fresh = () => `e2e-${randomUUID().slice(0, 8)}`;
const row = (page: Page, handle: string): Locator => page.locator(`main tr[data-handle="${handle}"]`);
const editor = (page: Page, handle: string): Locator => page.locator(`main form[data-editor="${handle}"]`);
const price = (form: Locator): Locator => form.locator('[name="variants.0.price"]');
const save = (form: Locator): Locator => form.locator('button[type="submit"]');

/** Opens the editor of a product, in its row where there is script, else on its page. */
async function edits(page: Page, handle: string): Promise<Locator> {
  await row(page, handle).locator('[data-action="edit"]').click();
  const form = editor(page, handle);
  await expect(form).toBeVisible();
  return form;
}

async function is(page: Page, channel: Channel): Promise<void> {
  await expect(pill(page)).toHaveAttribute('data-channel', channel);
  await expect(pill(page)).toHaveAttribute('data-status', /^(live|polling)$/);
}

for (const channel of CHANNELS) {
  test(`a window shows that the catalogue is being changed, then the new state, and keeps a half-typed edit, by ${channel}`, async ({ page, browser, server, watch, baseURL }) => {
    const run = fresh();
    await importNow(page, rows(run, '12.50'));
    const other = await (await browser.newContext({ baseURL, locale: 'en-GB' })).newPage();
    watch(other);
    watch.tolerate(/status of (412|422)/);
    await preferChannel(other, channel);
    await open(other, `/catalogue?q=${run}`);
    await is(other, channel);
    const freshness = other.locator('main .freshness');
    await expect(freshness).toHaveAttribute('data-changing', '0');

    const form = await edits(other, `${run}-bowl`);
    await price(form).fill('11.50');
    await price(form).press('End');
    await expect(form).toHaveAttribute('data-state', 'dirty');

    const job = await heldImport(page, server);
    await expect(freshness).toHaveAttribute('data-changing', '1');
    await expect(freshness.locator('[data-being-changed]')).toContainText('import');
    await expect(freshness.locator(`[data-job="${job.id}"]`), 'another visitor’s job is only counted').toHaveCount(0);
    await edit(page, `${run}-lamp`, { title: `Desk lamp ${run}` });
    await expect(row(other, `${run}-lamp`)).toContainText(`Desk lamp ${run}`);
    await expect(row(other, `${run}-lamp`).locator('[data-changed-by]')).toHaveAttribute('data-changed-by', 'edit');

    await job.letGo(rows(run, '13.00', 'Big bowl'));
    await expect(freshness).toHaveAttribute('data-changing', '0');
    await expect(freshness.locator('[data-being-changed]')).toHaveCount(0);
    await expect(row(other, `${run}-bowl`)).toContainText(`Big bowl ${run}`);
    await expect(row(other, `${run}-bowl`)).toContainText('13.00');

    // What was typed is there, with the focus in it; what was not touched follows; the conflict is told before anything is sent.
    await expect(price(form)).toHaveValue('11.50');
    await expect(price(form)).toBeFocused();
    await expect(form.locator('[name="title"]')).toHaveValue(`Big bowl ${run}`);
    await expect(form).toHaveAttribute('data-state', 'conflict');
    await expect(form.locator('[data-conflict="variants.0.price"]')).toContainText(/changed meanwhile by an import.*now 13\.00, you have 11\.50/i);

    // Saving tells it again, and sends nothing.
    await price(form).press('Enter');
    await expect(form.locator('.error-summary')).toContainText(/choose/);
    expect((await product(page, `${run}-bowl`)).variants[0]!.price).toBe('13.00');
    await form.locator('[data-conflict] [value="mine"]').click();
    await expect(form).toHaveAttribute('data-state', 'dirty');
    await price(form).press('Enter');
    await expect(form).toHaveCount(0);
    await expect(row(other, `${run}-bowl`)).toContainText('11.50');
    const saved = await product(page, `${run}-bowl`);
    expect([saved.title, saved.variants[0]!.price]).toEqual([`Big bowl ${run}`, '11.50']);
    await other.context().close();
  });
}

test('one’s own import is shown with its progress and a link', async ({ page, server }) => {
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await open(page, `/catalogue?q=${run}`);
  const job = await heldImport(page, server);
  const own = page.locator(`main .freshness [data-job="${job.id}"]`);
  await expect(own.locator('a')).toHaveAttribute('href', `/jobs/${job.id}`);
  await job.letGo(rows(run, '12.50'));
  await expect(own).toHaveCount(0);
});

test('of two editors the second is told by its save, and may take theirs @plain', async ({ page, browser, baseURL, watch }) => {
  watch.tolerate(/status of (412|422)/);
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  // The page cannot read the product again: this is about what the save says.
  await page.route(/\/api\/v1\/products\//, route => (route.request().method() === 'GET' ? route.abort() : route.continue()));
  watch.tolerate(/ERR_FAILED/);
  const other = await (await browser.newContext({ baseURL })).newPage();
  await page.goto(`/catalogue/${run}-bowl`);
  await settled(page);
  const form = editor(page, `${run}-bowl`);
  await form.locator('[name="title"]').fill(`Deep bowl ${run}`);
  await price(form).fill('11,5');
  await edit(other, `${run}-bowl`, only('12'));
  await save(form).click();
  await expect(form.locator('[data-conflict="variants.0.price"]')).toContainText(/now 12\.00, you have 11[.,]5/);
  await expect(form.locator('.error-summary')).toHaveAttribute('data-code', 'product-changed');
  await expect(form.locator('[data-conflict]')).toHaveCount(1);
  await expect(form.locator('[name="title"]')).toHaveValue(`Deep bowl ${run}`);
  expect((await product(other, `${run}-bowl`)).variants[0]!.price, 'nothing was overwritten').toBe('12.00');

  await form.locator('[data-conflict] [value="theirs"]').click();
  if (hasScript()) await expect(price(form)).toHaveValue('12.00');
  await save(form).click();
  await expect(page.locator('main')).toContainText('Saved.');
  const saved = await product(other, `${run}-bowl`);
  expect([saved.title, saved.variants[0]!.price]).toEqual([`Deep bowl ${run}`, '12.00']);
  await other.context().close();
});

test('of two editors the second may keep what it typed @plain', async ({ page, watch }) => {
  watch.tolerate(/status of (412|422)/);
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await page.goto(`/catalogue?q=${run}`);
  await row(page, `${run}-bowl`).locator('td a').first().click();
  await expect(page).toHaveURL(new RegExp(`/catalogue/${run}-bowl`));
  await settled(page);
  const form = editor(page, `${run}-bowl`);
  await price(form).fill('11.50');
  await edit(page, `${run}-bowl`, only('12.00'));
  if (!hasScript()) await save(form).click();
  await expect(form.locator('[data-conflict]')).toContainText('now 12.00, you have 11.50');
  await form.locator('[data-conflict] [value="mine"]').click();
  await save(form).click();
  await expect(page.locator('main')).toContainText('Saved.');
  expect((await product(page, `${run}-bowl`)).variants[0]!.price).toBe('11.50');
});

test('a wrong price comes back with its place, and nothing is saved @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await page.goto(`/catalogue/${run}-lamp`);
  await settled(page);
  const form = editor(page, `${run}-lamp`);
  await form.locator('[name="variants.1.price"]').fill('1,000');
  await save(form).click();
  const field = form.locator('[name="variants.1.price"]');
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field).toHaveValue('1,000');
  await form.locator('.error-summary a').click();
  await expect(field).toBeFocused();
  expect((await product(page, `${run}-lamp`)).variants.map(one => one.price)).toEqual(['80.00', '85.00']);
});

test('Enter saves a row and Escape leaves it, the second time when something would be lost', async ({ page }) => {
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await open(page, `/catalogue?q=${run}`);
  const link = row(page, `${run}-bowl`).locator('[data-action="edit"]');
  await link.focus();
  await page.keyboard.press('Enter');
  const form = editor(page, `${run}-bowl`);
  await expect(form.locator('[name="title"]')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(form).toHaveCount(0);
  await expect(link).toBeFocused();

  await page.keyboard.press('Enter');
  await form.locator('[name="title"]').fill('Half');
  await page.keyboard.press('Escape');
  await expect(form.getByRole('alert')).toBeVisible();
  await expect(form.locator('[name="title"]')).toHaveValue('Half');
  await page.keyboard.press('Escape');
  await expect(form).toHaveCount(0);
  await expect(link).toBeFocused();

  await page.keyboard.press('Enter');
  await expect(form.locator('[name="title"]')).toHaveValue(`Bowl ${run}`);
  await form.locator('[name="title"]').fill(`Cup ${run}`);
  // The answer is held back: what is being saved is drawn at once, as unconfirmed.
  let answer = () => {};
  const held = new Promise<void>(resolve => (answer = resolve));
  await page.route(/\/api\/v1\/products\//, async route => {
    await held;
    await route.continue();
  });
  await page.keyboard.press('Enter');
  await expect(row(page, `${run}-bowl`)).toHaveAttribute('data-state', 'pending');
  await expect(row(page, `${run}-bowl`)).toContainText(`Cup ${run}`);
  answer();
  await expect(form).toHaveCount(0);
  await expect(row(page, `${run}-bowl`)).not.toHaveAttribute('data-state');
  await expect(row(page, `${run}-bowl`)).toContainText(`Cup ${run}`);
  expect((await product(page, `${run}-bowl`)).title).toBe(`Cup ${run}`);
});

test('a save that does not get through keeps what was typed, and goes through later', async ({ page, watch }) => {
  watch.tolerate(/ERR_FAILED|status of 412/);
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await open(page, `/catalogue?q=${run}`);
  const form = await edits(page, `${run}-bowl`);
  await form.locator('[name="title"]').fill(`Cup ${run}`);
  // The edit is made, but its answer is lost.
  await page.route(/\/api\/v1\/products\//, async route => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await save(form).click();
  await expect(form.locator('.error-summary')).toHaveAttribute('data-code', 'unreachable');
  await expect(form.locator('[name="title"]')).toHaveValue(`Cup ${run}`);
  // What is there already is no conflict.
  await save(form).click();
  await expect(form).toHaveCount(0);
  await expect(row(page, `${run}-bowl`)).toContainText(`Cup ${run}`);
});

test('a row that is being edited stays when its product leaves the page', async ({ page, watch }) => {
  watch.tolerate(/status of 412/);
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await open(page, `/catalogue?q=Bowl+${run}`);
  await expect(page.locator('main tr[data-handle]')).toHaveCount(1);
  const form = await edits(page, `${run}-bowl`);
  await price(form).fill('11.50');
  await edit(page, `${run}-bowl`, { title: `Dish ${run}` });
  await expect(form.locator('[name="title"]')).toHaveValue(`Dish ${run}`);
  await expect(price(form)).toHaveValue('11.50');
  await save(form).click();
  await expect(form).toHaveCount(0);
  expect((await product(page, `${run}-bowl`)).variants[0]!.price).toBe('11.50');
});

test('products that are ticked can be asked suppliers about', async ({ page }) => {
  const run = fresh();
  await importNow(page, rows(run, '12.50'));
  await open(page, `/catalogue?q=${run}`);
  await page.getByRole('checkbox', { name: `Select Bowl ${run}` }).check();
  await page.getByRole('checkbox', { name: `Select Lamp ${run}` }).check();
  const bar = page.locator('main .selection');
  await expect(bar).toHaveAttribute('data-selected', '2');
  await expect(bar.locator('a')).toHaveAttribute('href', `/?kind=supplier-quotes&handles=${run}-bowl,${run}-lamp`);
});
