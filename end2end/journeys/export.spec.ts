// The catalogue as a file: export, download, change one product, import again; with and without script.
import { randomUUID } from 'node:crypto';
import { expect, hasScript, idOfPage, open, reaches, submit, test, type Page } from '../fixtures.ts';

async function importFile(page: Page, file: string): Promise<Record<string, number>> {
  const upload = await page.request.post('/api/v1/uploads', {
    multipart: { file: { name: 'products.csv', mimeType: 'text/csv', buffer: Buffer.from(file) } },
  });
  const { id } = await submit(page, 'catalogue-import', { upload: (await upload.json()).id });
  await open(page, `/jobs/${id}`);
  await reaches(page, id, 'succeeded');
  const facts = page.locator('main .result [data-fact]');
  await expect(facts).toHaveCount(5);
  const pairs = await facts.evaluateAll(all =>
    all.map(one => [one.getAttribute('data-fact'), Number(one.querySelector('dd')!.textContent!.replace(/\D/g, ''))]),
  );
  return Object.fromEntries(pairs);
}

/** Submits the form of an export and waits for its end. */
async function exportAs(page: Page, format: 'csv' | 'xlsx'): Promise<void> {
  await open(page, '/?kind=catalogue-export');
  await page.locator('main [name="input.format"]').selectOption(format);
  await page.locator('main form[action="/jobs"] button[type="submit"]').click();
  if (hasScript()) {
    await page.locator('main form[action="/jobs"] .notice a[href^="/jobs/"]').click();
  }
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}/);
  await reaches(page, idOfPage(page), 'succeeded');
}

/** Presses the button, and answers the file with its name. */
async function download(page: Page): Promise<{ name: string; content: Buffer }> {
  const coming = page.waitForEvent('download');
  await page.getByRole('link', { name: /^Download products-/ }).click();
  const file = await coming;
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
  return { name: file.suggestedFilename(), content: Buffer.concat(chunks) };
}

test('an export is downloaded, and imported again it changes only what was edited @plain', async ({ page }) => {
  const run = `export-${randomUUID().slice(0, 8)}`;
  await open(page, '/');
  await importFile(page, `Handle,Title,Variant Price\n${run}-bowl,Bowl ${run},12.50\n${run}-sum,=1+1 ${run},3\n`);

  await exportAs(page, 'csv');
  const { name, content } = await download(page);
  expect(name).toMatch(/^products-\d{4}-\d{2}-\d{2}\.csv$/);
  const file = content.toString('utf8');
  expect(file).toContain(`${run}-sum,'=1+1 ${run},`);
  await expect(page.locator('main .result [data-fact="size"]')).toBeVisible();
  await expect(page.locator('main .result time').first()).toBeVisible();
  const products = Number((await page.locator('main [data-fact="products"] dd').textContent())!.replace(/\D/g, ''));

  expect(await importFile(page, file)).toMatchObject({ created: 0, updated: 0, unchanged: products, rejected: 0 });
  const edited = file.replace(`Bowl ${run}`, `Dish ${run}`);
  expect(await importFile(page, edited)).toMatchObject({ created: 0, updated: 1, unchanged: products - 1 });
  await open(page, `/catalogue?q=${run}`);
  await expect(page.locator('main')).toContainText(`Dish ${run}`);
  await expect(page.locator('main')).toContainText(`=1+1 ${run}`);
});

test('a workbook is on offer beside the CSV @plain', async ({ page }) => {
  await exportAs(page, 'xlsx');
  const { name, content } = await download(page);
  expect(name).toMatch(/^products-\d{4}-\d{2}-\d{2}\.xlsx$/);
  expect(content.subarray(0, 2).toString()).toBe('PK');
  const again = page.getByRole('link', { name: 'Export again' });
  await again.click();
  await expect(page).toHaveURL(/\?kind=catalogue-export/);
  await expect(page.locator('main [name="input.format"]')).toBeVisible();
});
