// The module comes in parts: a page loads what it needs before it takes over, other pages' parts come when they are shown, and one that cannot be
// fetched costs a load of the page from the server.
import { expect, open, settled, test } from '../fixtures.ts';

const CATALOGUE = /\/pkg\/split_catalogue\.[0-9a-f]+\.wasm$/;

/** Whether the document is still the one that was marked. */
const marked = () => (window as unknown as { marked?: boolean }).marked === true;

test('another page is shown without a load of the document, with its part', async ({ page }) => {
  await open(page, '/');
  await page.evaluate(() => Object.assign(window, { marked: true }));
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Catalogue' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Catalogue' })).toBeVisible();
  expect(await page.evaluate(marked)).toBe(true);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Work' }).click();
  await expect(page.locator('form[data-kind="rehearsal"]')).toBeVisible();
  expect(await page.evaluate(marked)).toBe(true);
});

test('every module that a page asks for was named in its head', async ({ page }) => {
  for (const path of ['/', '/catalogue', '/privacy', '/operations/sign-in']) {
    const asked: string[] = [];
    const note = (request: { url(): string; resourceType(): string }) => {
      if (request.resourceType() === 'fetch' && request.url().endsWith('.wasm')) asked.push(new URL(request.url()).pathname);
    };
    page.on('request', note);
    await open(page, path);
    page.off('request', note);
    const named = await page.locator('link[rel=preload][as=fetch]').evaluateAll(links => links.map(link => link.getAttribute('href')));
    expect(named.length).toBeGreaterThan(1);
    expect(asked.filter(one => !named.includes(one))).toEqual([]);
  }
});

test('a page whose part cannot be fetched is left as the server rendered it, and works', async ({ page, watch }) => {
  watch.tolerate(/ERR_FAILED|Failed to fetch/);
  const failed = page.waitForEvent('console', message => /Failed to fetch/.test(message.text()));
  await page.route(CATALOGUE, route => route.abort());
  await page.goto('/catalogue');
  await failed;
  await expect(page.locator('html')).not.toHaveAttribute('data-hydrated');
  await page.getByRole('searchbox').fill('lamp');
  await page.getByRole('button', { name: 'Search' }).click();
  await expect(page).toHaveURL(/q=lamp/);
  await expect(page.getByRole('searchbox')).toHaveValue('lamp');
});

test('a part that cannot be fetched on the way to a page costs a load of that page, and no more', async ({ page, watch }) => {
  watch.tolerate(/ERR_FAILED|Failed to fetch/);
  await page.route(CATALOGUE, route => route.abort());
  await open(page, '/');
  await page.evaluate(() => Object.assign(window, { marked: true }));
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Catalogue' }).click();
  await page.waitForFunction(() => !(window as unknown as { marked?: boolean }).marked);
  await expect(page).toHaveURL(/\/catalogue$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Catalogue' })).toBeVisible();
  await page.unroute(CATALOGUE);
  await page.reload();
  await settled(page);
});
