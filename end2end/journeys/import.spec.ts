// A catalogue from a file: products appear, a bad row is named, and the same file again changes nothing.
import { randomUUID } from 'node:crypto';
import { expect, hasScript, idOfPage, open, reaches, test, type Page } from '../fixtures.ts';

/** Three products, one of them with two variants; the row on line 5 has a price that is none. */
function csv(run: string): Buffer {
  const lines = [
    'Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price',
    `${run}-bowl,Bowl ${run},Atelier,Title,Default Title,B-1,12.50`,
    `${run}-lamp,Lamp ${run},Atelier,Colour,White,L-1,80.00`,
    `${run}-lamp,,,,Black,L-2,85.00`,
    `${run}-chair,Chair ${run},Atelier,Title,Default Title,C-1,cheap`,
    `${run}-table,Table ${run},Atelier,Title,Default Title,T-1,240`,
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}

async function importFile(page: Page, file: Buffer): Promise<void> {
  await open(page, '/?kind=catalogue-import');
  await page.locator('main input[type="file"]').setInputFiles({ name: 'products.csv', mimeType: 'text/csv', buffer: file });
  await page.locator('main form[action="/jobs"] button[type="submit"]').click();
  if (hasScript()) {
    await page.locator('main form[action="/jobs"] .notice a[href^="/jobs/"]').click();
  }
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  await reaches(page, idOfPage(page), 'succeeded');
}

async function facts(page: Page): Promise<Record<string, number>> {
  const found = page.locator('main .result [data-fact], main [data-fact]');
  await expect(found).toHaveCount(5);
  const pairs = await found.evaluateAll(all =>
    all.map(one => [one.getAttribute('data-fact'), Number(one.querySelector('dd')!.textContent)]),
  );
  return Object.fromEntries(pairs);
}

test('an imported file shows in the catalogue, its bad row is named, and a second import changes nothing @plain', async ({ page }) => {
  const run = `e2e-${randomUUID().slice(0, 8)}`;
  const file = csv(run);
  await importFile(page, file);
  expect(await facts(page)).toEqual({ created: 3, updated: 0, unchanged: 0, rows: 5, rejected: 1 });
  const rejects = page.locator('main .partials [data-line]');
  await expect(rejects).toHaveCount(1);
  await expect(rejects).toHaveAttribute('data-line', '5');
  await expect(rejects).toContainText('Variant Price');

  const link = await page.locator('main a[download]').getAttribute('href');
  const download = await page.request.get(link!);
  expect(download.status()).toBe(200);
  expect(await download.text()).toContain(`${run}-chair`);

  await open(page, `/catalogue?q=${run}`);
  await expect(page.locator('main')).toContainText(`Bowl ${run}`);
  await expect(page.locator('main')).toContainText(`Lamp ${run}`);
  await expect(page.locator('main')).toContainText(`Table ${run}`);
  await expect(page.locator('main')).not.toContainText(`Chair ${run}`);

  await importFile(page, file);
  expect(await facts(page)).toEqual({ created: 0, updated: 0, unchanged: 3, rows: 5, rejected: 1 });
});
