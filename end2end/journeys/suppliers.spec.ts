// Suppliers are asked for prices: answers as they come, one that calls back, one that is dead and comes back. With script and without.
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Server } from '../server.ts';
import { NEVER, Suppliers } from '../suppliers.ts';
import {
  expect, hasScript, idOfPage, job, open, prefer, preferChannel, reaches, settled, submit, test as base, withoutGaps, type Channel, type Page,
} from '../fixtures.ts';

type World = { suppliers: Suppliers; server: Server };

// A server and suppliers for each journey: what one of them does to a supplier is no other's business.
const test = base.extend<{ world: World }>({
  world: async ({}, use) => {
    const suppliers = await new Suppliers().start();
    await suppliers.calm();
    const server = await new Server(['--suppliers', suppliers.url, '--workers', '1']).start();
    await use({ suppliers, server });
    await server.dispose();
    suppliers.dispose();
  },
  baseURL: async ({ world }, use) => use(world.server.url),
});

const line = (page: Page, id: string) => page.locator(`main table.suppliers tr[data-supplier="${id}"]`);
const send = (page: Page) => page.locator('main form[action="/jobs"] button[type="submit"]');

/** Waits until a supplier stands so: with script by live events, without by loading again. */
async function stands(page: Page, id: string, state: string): Promise<void> {
  if (hasScript()) return expect(line(page, id)).toHaveAttribute('data-state', state);
  await expect(async () => {
    await page.reload();
    await expect(line(page, id)).toHaveAttribute('data-state', state, { timeout: 100 });
  }).toPass({ timeout: 30_000 });
}

/** Sends the form, and opens the page of the job that it made. */
async function submitForm(page: Page): Promise<string> {
  await send(page).click();
  if (hasScript()) await page.locator('main .job-list [data-job]').first().locator('a').first().click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  return idOfPage(page);
}

test('from the form to the best offers, each answer as it comes, one by call-back @plain', async ({ page, world: { suppliers } }) => {
  for (const id of ['alba', 'borealis', 'cobalt']) await suppliers.set(id, { latency_ms: NEVER });
  await suppliers.set('dune', { error_rate: 1 });
  await suppliers.set('echo', { mode: 'call-back', call_back_delay_ms: NEVER });
  await open(page, '/?kind=supplier-quotes&handles=mug,cup');
  await expect(page.locator('#input-handles')).toHaveValue('mug\ncup');
  await expect(page.locator('main fieldset.suppliers input[type="checkbox"]')).toHaveCount(5);
  await page.locator('main [name="input.within_s"]').fill('600');
  const id = await submitForm(page);
  await stands(page, 'echo', 'promised');
  await stands(page, 'dune', 'failed');
  await expect(line(page, 'dune')).toHaveAttribute('data-reason', 'error');
  for (const supplier of ['cobalt', 'alba', 'borealis']) {
    await suppliers.set(supplier, { latency_ms: 0 });
    await stands(page, supplier, 'answered');
    await expect(line(page, supplier)).toContainText('2 prices');
  }
  await reaches(page, id, 'waiting');
  await expect(page.locator('main .job-why')).toContainText('Echo Supply');
  // No worker is held: there is one only, and it does another job.
  const other = await submit(page, 'rehearsal', { steps: 1, step_ms: 0 });
  await expect.poll(async () => (await job(page, other.id)).state).toBe('succeeded');
  expect((await job(page, id)).state).toBe('waiting');
  await suppliers.set('echo', { call_back_delay_ms: 0 });
  await reaches(page, id, 'succeeded');
  const order = await page.locator('main table.suppliers tbody tr').evaluateAll(rows => rows.map(row => row.getAttribute('data-supplier')));
  expect(order).toEqual(['dune', 'cobalt', 'alba', 'borealis', 'echo']);
  await expect(page.locator('main .result tr[data-handle="mug"]')).toContainText('EUR');
  await expect(page.locator('main .result tr[data-handle="cup"]')).toContainText('3 others');
  await expect(page.locator('main .result .suppliers-failed')).toContainText('Dune Imports: It answered that it has failed.');
  if (hasScript()) await withoutGaps(page);
});

for (const channel of ['poll', 'sse', 'ws'] as Channel[]) {
  test(`answers appear in the order in which they come, by ${channel}`, async ({ page, world: { suppliers } }) => {
    for (const id of Suppliers.ids) await suppliers.set(id, { latency_ms: NEVER });
    await preferChannel(page, channel);
    await open(page, '/');
    const { id } = await submit(page, 'supplier-quotes', { handles: ['mug'], within_s: 600 });
    await open(page, `/jobs/${id}`);
    const rows = page.locator('main table.suppliers tbody tr');
    await expect(rows).toHaveCount(5);
    const answered = ['dune', 'echo', 'alba', 'cobalt', 'borealis'];
    for (const [n, supplier] of answered.entries()) {
      await suppliers.set(supplier, { latency_ms: 0 });
      await expect(rows.nth(n)).toHaveAttribute('data-supplier', supplier);
      await expect(rows.nth(n)).toHaveAttribute('data-state', 'answered');
    }
    await reaches(page, id, 'succeeded');
    await withoutGaps(page);
  });
}

test('the call-back finishes the job once though the server restarted while it waited @plain', async ({ page, world, watch }) => {
  watch.tolerate(/ERR_CONNECTION_REFUSED|WebSocket|Failed to (fetch|load resource)|EventSource|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_CONNECTION_RESET/);
  const { suppliers, server } = world;
  await suppliers.set('echo', { mode: 'call-back', call_back_delay_ms: NEVER });
  await open(page, '/');
  const { id } = await submit(page, 'supplier-quotes', { handles: ['mug'], suppliers: ['alba', 'echo'], within_s: 600 });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'waiting');
  await server.kill();
  await suppliers.set('echo', { call_back_delay_ms: 0 });
  await server.start();
  await reaches(page, id, 'succeeded');
  const log = await (await page.request.get(`/api/v1/jobs/${id}/events`)).json();
  expect(log.items.filter((event: any) => event.type === 'succeeded')).toHaveLength(1);
  await expect(line(page, 'echo')).toHaveAttribute('data-state', 'answered');
});

test('a supplier made dead on the demo’s own page is left alone, and recovers by itself @plain', async ({ page, world: { suppliers } }) => {
  // Failing is quicker to see than silence: the breaker counts both alike.
  await open(page, '/?kind=supplier-quotes&handles=mug');
  const control = page.locator('main a[data-control="suppliers"]');
  await expect(control).toHaveAttribute('href', `${suppliers.url}/`);
  const other = await page.context().newPage();
  await other.goto(suppliers.url);
  const dune = other.locator('section[data-supplier="dune"]');
  await dune.locator('[name="error_per_cent"]').fill('100');
  await dune.locator('button.primary').click();
  await expect(dune.locator('[name="error_per_cent"]')).toHaveValue('100');
  const first = await submitForm(page);
  await reaches(page, first, 'succeeded');
  await expect(line(page, 'dune')).toHaveAttribute('data-circuit', 'open');
  await expect(line(page, 'dune')).toContainText('Left alone for now');
  // The next job does not ask it; the other four answer.
  await open(page, '/?kind=supplier-quotes&handles=mug');
  await expect(page.locator('main label[data-supplier="dune"]')).toHaveAttribute('data-circuit', 'open');
  const second = await submitForm(page);
  await reaches(page, second, 'succeeded');
  await expect(line(page, 'dune')).toHaveAttribute('data-reason', 'circuit-open');
  await expect(page.locator('main table.suppliers tr[data-state="answered"]')).toHaveCount(4);
  // Brought back, it is asked again once its while is over, without anybody's doing.
  await dune.locator('[name="do"]').click();
  await expect(dune).toHaveAttribute('data-mode', 'dead');
  await dune.locator('[name="do"]').click();
  await suppliers.set('dune', { error_rate: 0 });
  await expect(async () => {
    const { id } = await submit(page, 'supplier-quotes', { handles: ['mug'], suppliers: ['dune'] });
    await expect.poll(async () => (await job(page, id)).state).toBe('succeeded');
    const { offers } = await (await page.request.get(`/api/v1/jobs/${id}/result`)).json();
    expect(offers).toHaveLength(1);
  }).toPass({ timeout: 30_000 });
  await open(page, '/?kind=supplier-quotes');
  await expect(page.locator('main label[data-supplier="dune"]')).toHaveAttribute('data-circuit', 'closed');
});

test('what is wrong with the form is said beside its field, and what was typed stays @plain', async ({ page, watch }) => {
  watch.tolerate(/status of 422/);
  await open(page, '/?kind=supplier-quotes');
  for (const box of await page.locator('main fieldset.suppliers input[type="checkbox"]').all()) await box.uncheck();
  await page.locator('main [name="input.within_s"]').fill('0');
  await send(page).click();
  await settled(page);
  const summary = page.locator('main .error-summary');
  await expect(summary).toContainText('Products: name at least one');
  await expect(summary).toContainText('Suppliers: name at least one');
  await expect(page.locator('#input-suppliers-error')).toBeVisible();
  await expect(page.locator('main fieldset.suppliers input:checked')).toHaveCount(0);
  await expect(page.locator('main [name="input.within_s"]')).toHaveValue('0');
  await page.locator('#input-handles').fill('mug\n\ncup, mug');
  await page.locator('main fieldset.suppliers input[value="alba"]').check();
  await page.locator('main [name="input.within_s"]').fill('20');
  const id = await submitForm(page);
  await reaches(page, id, 'succeeded');
  await expect(page.locator('main .result tr[data-handle]')).toHaveCount(2);
  await expect(page.locator('main table.suppliers tbody tr')).toHaveCount(1);
});

test('products are chosen from the catalogue by typing', async ({ page }) => {
  const csv = 'Handle,Title,Variant Price\nblue-mug,Blue mug,9.00\nred-mug,Red mug,8.00\ntea,Green tea,4.00\n';
  await open(page, '/');
  const upload = await page.request.post('/api/v1/uploads', { multipart: { file: { name: 'p.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) } } });
  const imported = await submit(page, 'catalogue-import', { upload: (await upload.json()).id });
  await expect.poll(async () => (await job(page, imported.id)).state).toBe('succeeded');
  await open(page, '/?kind=supplier-quotes');
  const find = page.getByLabel('Choose from the catalogue');
  await find.fill('mug');
  await expect(page.locator('#catalogue-products option')).toHaveCount(2);
  await find.fill('blue-mug');
  await find.press('Enter');
  await expect(page.locator('#input-handles')).toHaveValue('blue-mug');
  await find.fill('tea');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.locator('#input-handles')).toHaveValue('blue-mug\ntea');
  await expect(find).toHaveValue('');
});

base('without suppliers the form and the job say so, with a next step @plain', async ({ page }) => {
  await open(page, '/?kind=supplier-quotes&handles=mug');
  await expect(page.locator('main [data-code="no-suppliers"]')).toContainText('--suppliers');
  const id = await submitForm(page);
  await reaches(page, id, 'failed');
  await expect(page.locator('main .failure-card')).toHaveAttribute('data-code', 'no-suppliers');
});

// Pictures beside those of `looks.spec.ts`, for eyes; the simulator's own page too.
const SCREENS = join(import.meta.dirname, '..', 'test-results', 'screens');
const WIDTHS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

async function looks(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS, { recursive: true });
  for (const [width, size] of Object.entries(WIDTHS)) {
    await page.setViewportSize(size);
    await page.screenshot({ path: join(SCREENS, `${name}-${width}.png`), fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, `${name} is wider than the window at ${size.width}`).toBeLessThanOrEqual(0);
    const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
    expect(found.violations.map(one => `${one.id}: ${one.help} — ${one.nodes.map(node => node.target).join(', ')}`)).toEqual([]);
  }
}

for (const theme of ['light', 'dark'] as const) {
  test(`form, lines, offers and the simulator's page are accessible and fit, ${theme}`, async ({ page, world: { suppliers } }) => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await prefer(page, { theme });
    await suppliers.set('dune', { error_rate: 1 });
    await suppliers.set('cobalt', { latency_ms: NEVER });
    await suppliers.set('echo', { mode: 'call-back', call_back_delay_ms: NEVER });
    await open(page, '/');
    const { id } = await submit(page, 'supplier-quotes', { handles: ['mug', 'cup', 'tea-pot'], within_s: 600 });
    await open(page, `/jobs/${id}`);
    await stands(page, 'echo', 'promised');
    await stands(page, 'dune', 'failed');
    await looks(page, `quotes-running-${theme}`);
    await suppliers.set('cobalt', { latency_ms: 0 });
    await suppliers.set('echo', { call_back_delay_ms: 0 });
    await reaches(page, id, 'succeeded');
    await looks(page, `quotes-succeeded-${theme}`);
    await open(page, '/?kind=supplier-quotes&handles=mug,cup');
    await expect(page.locator('main label[data-supplier="dune"]')).toHaveAttribute('data-circuit', 'open');
    await looks(page, `quotes-form-${theme}`);
    await suppliers.set('alba', { mode: 'dead' });
    await page.goto(suppliers.url);
    await looks(page, `suppliers-control-${theme}`);
  });
}
