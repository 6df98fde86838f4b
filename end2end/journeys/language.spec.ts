// French or English: by cookie, else by what the browser asks for; and the switch in the header. With script and without.
import { expect, open, prefer, settled, test } from '../fixtures.ts';

test('a French browser gets French @plain', async ({ browser, baseURL, javaScriptEnabled }) => {
  const context = await browser.newContext({ baseURL, locale: 'fr-FR', javaScriptEnabled });
  const page = await context.newPage();
  await open(page, '/');
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
  await expect(page.getByRole('link', { name: 'Catalogue' }).first()).toBeVisible();
  await expect(page.getByRole('navigation').first()).toContainText('Travaux');
  await context.close();
});

test('the cookie wins over the browser @plain', async ({ page }) => {
  await prefer(page, { lang: 'fr' });
  await open(page, '/');
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
});

test('the switch changes the language and stays on the page @plain', async ({ page }) => {
  await open(page, '/catalogue');
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.locator('.lang-switch button[value="fr"]').click();
  await settled(page);
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
  await expect(page).toHaveURL(/\/catalogue$/);
});

test('the theme switch works and is kept @plain', async ({ page }) => {
  await open(page, '/');
  await page.locator('.theme-switch button[value="dark"]').click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
