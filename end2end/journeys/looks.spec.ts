// Every page in both themes and two widths: accessible (axe, WCAG 2.2 AA), nothing wider than the window, and a picture to look at.
// The pictures are in test-results/screens; they are for eyes and compared with nothing.
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, open, prefer, reaches, stepAndSee, submit, test, type Page } from '../fixtures.ts';

const SCREENS = join(import.meta.dirname, '..', 'test-results', 'screens');
const WIDTHS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/** What a page needs before it is looked at; it leaves the page open. */
const PAGES: Record<string, (page: Page) => Promise<void>> = {
  'work-empty': page => open(page, '/'),
  'work-import': page => open(page, '/?kind=catalogue-import'),
  'work-export': page => open(page, '/?kind=catalogue-export'),
  'job-export': async page => {
    await open(page, '/');
    const { id } = await submit(page, 'catalogue-export', { format: 'xlsx' }, { label: 'for the spreadsheet' });
    await open(page, `/jobs/${id}`);
    await reaches(page, id, 'succeeded');
    await page.locator('main .result summary').click();
    await expect(page.locator('main [data-fact="sha256"]')).toBeVisible();
  },
  'work-jobs': async page => {
    await open(page, '/');
    const done = await submit(page, 'rehearsal', { steps: 3, step_ms: 0 }, { label: 'spring list' });
    const failed = await submit(page, 'rehearsal', { steps: 3, step_ms: 0, fail_at: 2, failure: 'permanent' });
    const running = await submit(page, 'rehearsal', { steps: 4, step_ms: 0, hold: true, partials: true }, { label: 'autumn list' });
    await stepAndSee(page, running.id);
    await reaches(page, done.id, 'succeeded');
    await reaches(page, failed.id, 'failed');
  },
  'work-refused': async page => {
    await open(page, '/');
    await page.locator('main [name="input.steps"]').fill('10001');
    await page.locator('main form[action="/jobs"] button[type="submit"]').click();
    await expect(page.locator('main .error-summary')).toBeVisible();
  },
  'work-when-and-how': async page => {
    await open(page, '/');
    await page.locator('main .when-and-how > summary').click();
    await page.locator('main [name="start"][value="at"]').check();
    await expect(page.locator('main [name="start_at"]')).toBeVisible();
  },
  'job-scheduled': async page => {
    await open(page, '/');
    const tomorrow = new Date(Date.now() + 24 * 3600_000).toISOString();
    const { id } = await submit(page, 'rehearsal', { steps: 1 }, { run_at: tomorrow, start_within_s: 3600, priority: 10, label: 'for tomorrow' });
    await open(page, `/jobs/${id}`);
    await expect(page.locator('main .job-why time').first()).toBeVisible();
  },
  'job-running': async page => {
    await open(page, '/');
    const { id } = await submit(page, 'rehearsal', { steps: 4, step_ms: 0, hold: true, partials: true }, { label: 'autumn list' });
    await open(page, `/jobs/${id}`);
    await stepAndSee(page, id);
  },
  'job-succeeded': async page => {
    await open(page, '/');
    const { id } = await submit(page, 'rehearsal', { steps: 3, step_ms: 0, partials: true });
    await open(page, `/jobs/${id}`);
    await reaches(page, id, 'succeeded');
  },
  'job-failed': async page => {
    await open(page, '/');
    const { id } = await submit(page, 'rehearsal', { steps: 3, step_ms: 0, fail_at: 2, failure: 'permanent' }, { label: 'winter list' });
    await open(page, `/jobs/${id}`);
    await reaches(page, id, 'failed');
  },
  'job-edit': async page => {
    await open(page, '/');
    const { id } = await submit(page, 'rehearsal', { steps: 3, step_ms: 0, fail_at: 2, failure: 'permanent' });
    await open(page, `/jobs/${id}?edit=1`);
    await reaches(page, id, 'failed');
  },
  catalogue: async page => {
    await open(page, '/');
    const file = 'Handle,Title,Vendor,Variant SKU,Variant Price\nbowl,Bowl,Atelier,B-1,12.50\nlamp,Lamp,Atelier,L-1,80\ncup,Cup,Atelier,C-1,x\n';
    const upload = await page.request.post('/api/v1/uploads', {
      multipart: { file: { name: 'products.csv', mimeType: 'text/csv', buffer: Buffer.from(file) } },
    });
    const { id } = await submit(page, 'catalogue-import', { upload: (await upload.json()).id });
    await reaches(page, id, 'succeeded');
    await open(page, '/catalogue');
    await expect(page.locator('main')).toContainText('Lamp');
  },
  'catalogue-conflict': async page => {
    await open(page, '/');
    const file = 'Handle,Title,Vendor,Option1 Name,Option1 Value,Variant Price\nlook-lamp,Reading lamp,Atelier,Colour,White,80\nlook-lamp,,,,Black,85\n';
    const upload = await page.request.post('/api/v1/uploads?name=products.csv', { data: file });
    const { id } = await submit(page, 'catalogue-import', { upload: (await upload.json()).id });
    await reaches(page, id, 'succeeded');
    await page.setViewportSize(WIDTHS.desktop);
    await open(page, '/catalogue?q=look-lamp');
    await page.locator('main tr[data-handle="look-lamp"] [data-action="edit"]').click();
    const form = page.locator('main form[data-editor="look-lamp"]');
    await form.locator('[name="title"]').fill('Desk lamp');
    const product = await (await page.request.get('/api/v1/products/look-lamp')).json();
    const answer = await page.request.patch('/api/v1/products/look-lamp', {
      data: { title: `Lamp ${Date.now()}` },
      headers: { 'If-Match': product.etag },
    });
    expect(answer.status()).toBe(200);
    await expect(form.locator('[data-conflict="title"]')).toBeVisible();
    await form.locator('button[type="submit"]').click();
    await expect(form.locator('.error-summary')).toBeVisible();
  },
  product: async page => {
    await open(page, '/');
    const file = 'Handle,Title,Vendor,Option1 Name,Option1 Value,Variant Price,Image Src\nlook-bowl,Bowl,Atelier,Size,Small,8,https://img.example/a/long/path/to/a/picture/of/a/bowl.jpg\nlook-bowl,,,,Large,12,\n';
    const upload = await page.request.post('/api/v1/uploads?name=products.csv', { data: file });
    const { id } = await submit(page, 'catalogue-import', { upload: (await upload.json()).id });
    await reaches(page, id, 'succeeded');
    await open(page, '/catalogue/look-bowl');
    await expect(page.locator('main form.editor')).toBeVisible();
  },
  'settings-empty': page => open(page, '/settings'),
  'picker-push': async page => {
    await open(page, '/');
    await page.getByTestId('channel-status').first().click();
    await page.locator('.picker input[value="push"]').check();
    await expect(page.locator('[data-action="turn-on-push"]')).toBeVisible();
  },
  offline: async page => {
    await page.goto('/offline.html');
    await expect(page.locator('[data-offline]')).toBeVisible();
  },
  'not-found': async page => {
    await page.goto('/nowhere');
    await expect(page.locator('main h1')).toBeVisible();
  },
};

for (const [name, prepare] of Object.entries(PAGES)) {
  for (const theme of ['light', 'dark']) {
    test(`${name} is accessible and fits, ${theme}`, async ({ page, watch }) => {
      watch.tolerate(/status of (404|422)/);
      await page.emulateMedia({ colorScheme: theme as 'light' | 'dark', reducedMotion: 'reduce' });
      await prefer(page, { theme });
      await prepare(page);
      mkdirSync(SCREENS, { recursive: true });
      for (const [width, size] of Object.entries(WIDTHS)) {
        await page.setViewportSize(size);
        await page.screenshot({ path: join(SCREENS, `${name}-${theme}-${width}.png`), fullPage: true });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, `wider than the window at ${size.width}`).toBeLessThanOrEqual(0);
        const found = await new AxeBuilder({ page })
          .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
          .analyze();
        expect(found.violations.map(one => `${one.id}: ${one.help} — ${one.nodes.map(node => node.target).join(', ')}`)).toEqual([]);
      }
    });
  }
}
