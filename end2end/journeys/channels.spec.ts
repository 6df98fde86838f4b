// One log, several ways out: whatever carries the events, and whatever happens to it, nothing is missing and nothing comes twice.
import {
  badge, expect, job, open, pill, prefer, preferChannel, reaches, row, seq, settled, step, stepAndSee, submit, test, withoutGaps,
  type Channel, type Page,
} from '../fixtures.ts';

const CHANNELS: Channel[] = ['poll', 'sse', 'ws'];
const held = (steps: number) => ({ steps, step_ms: 0, hold: true, partials: true });

/** Chooses a channel in the header, and waits until it carries the events. */
async function choose(page: Page, channel: Channel): Promise<void> {
  await pill(page).click();
  await page.locator(`.picker [name="channel"][value="${channel}"]`).first().click();
  await expect(pill(page)).toHaveAttribute('data-channel', channel);
  await expect(pill(page)).toHaveAttribute('data-status', /^(live|polling)$/);
  await page.keyboard.press('Escape');
}

/** Each step is on the page once, and in order. */
async function hasSteps(page: Page, steps: number): Promise<void> {
  const shown = page.locator('main .partials [data-step]');
  await expect(shown).toHaveCount(steps);
  expect(await shown.evaluateAll(found => found.map(one => Number(one.getAttribute('data-step'))))).toEqual(
    Array.from({ length: steps }, (_, index) => index + 1),
  );
}

for (const channel of CHANNELS) {
  test(`events arrive by ${channel}, without a gap`, async ({ page }) => {
    await preferChannel(page, channel);
    const { id } = await submit(page, 'rehearsal', held(3));
    await open(page, '/');
    await expect(pill(page)).toHaveAttribute('data-channel', channel);
    for (let taken = 0; taken < 3; taken++) await stepAndSee(page, id);
    await reaches(page, id, 'succeeded');
    await withoutGaps(page);
    expect(await seq(page, id)).toBe((await job(page, id)).jseq);
    expect(Number(await badge(page).getAttribute('data-last'))).toBeGreaterThanOrEqual(await seq(page, id));
  });
}

test('switching poll → sse → ws while a job runs loses nothing and repeats nothing', async ({ page }) => {
  await preferChannel(page, 'poll');
  const { id } = await submit(page, 'rehearsal', held(9));
  await open(page, '/');
  await row(page, id).locator('a').first().click();
  await expect(page).toHaveURL(new RegExp(id));
  let taken = 0;
  const take = async (steps: number) => {
    for (; steps > 0; steps--, taken++) await stepAndSee(page, id);
    await hasSteps(page, taken);
  };
  await take(2);
  await choose(page, 'sse');
  await take(2);
  await choose(page, 'ws');
  await take(2);
  await choose(page, 'poll');
  await take(1);
  await choose(page, 'ws');
  await take(2);
  await reaches(page, id, 'succeeded');
  await withoutGaps(page);
  await hasSteps(page, 9);
  await expect(page.getByTestId('channel-switches')).toHaveText('4');
  expect(await seq(page, id)).toBe((await job(page, id)).jseq);
});

for (const channel of CHANNELS) {
  test(`a reload in the middle loses nothing, by ${channel}`, async ({ page }) => {
    await preferChannel(page, channel);
    await open(page, '/');
    const { id } = await submit(page, 'rehearsal', held(4));
    await open(page, `/jobs/${id}`);
    await stepAndSee(page, id);
    await stepAndSee(page, id);
    await page.reload();
    await settled(page);
    await hasSteps(page, 2);
    await stepAndSee(page, id);
    await stepAndSee(page, id);
    await reaches(page, id, 'succeeded');
    await hasSteps(page, 4);
    await withoutGaps(page);
  });
}

test('a second tab shows the same job at the same position', async ({ page, context, watch }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', held(2));
  const second = await context.newPage();
  watch(second);
  await open(second, `/jobs/${id}`);
  await stepAndSee(page, id);
  await stepAndSee(second, id);
  for (const tab of [page, second]) {
    await reaches(tab, id, 'succeeded');
    await withoutGaps(tab);
    expect(await seq(tab, id)).toBe((await job(page, id)).jseq);
  }
});

test('who leaves the job and carries on elsewhere is told of its end', async ({ page }) => {
  await open(page, '/');
  const { id } = await submit(page, 'rehearsal', held(1), { label: 'winter list' });
  await expect(row(page, id)).toHaveAttribute('data-state', 'running');
  await page.getByRole('navigation').first().getByRole('link', { name: /catalogue/i }).click();
  await expect(page).toHaveURL(/\/catalogue/);
  await expect(page.locator(`.dock [data-dock-job="${id}"]`)).toContainText('winter list');
  await step(page, id);
  await expect(page.locator('.dock .toast[data-state="succeeded"]')).toContainText('winter list');
  await expect(page.getByTestId('announcements')).toContainText('winter list');
});

for (const [width, lang] of [[390, 'fr'], [390, 'en'], [820, 'fr']] as const) {
  test(`the choice of channel lies within a window of ${width} px, ${lang}`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await prefer(page, { lang });
    await open(page, '/');
    await pill(page).click();
    const box = (await page.locator('.picker-panel').boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(width);
    await page.locator('.picker input[value="ws"]').click();
    await expect(pill(page)).toHaveAttribute('data-channel', 'ws');
  });
}
