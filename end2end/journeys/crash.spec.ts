// The server dies in the middle of a job and comes back: the page catches up by itself, and nothing that was accepted is lost.
import { expect, job, open, preferChannel, reaches, stepAndSee, submit, test, withoutGaps, type Channel } from '../fixtures.ts';
import { Server } from '../server.ts';

for (const channel of ['poll', 'sse', 'ws'] as Channel[]) {
  test(`after kill -9 and a restart the page catches up without a gap, by ${channel}`, async ({ browser, watch }) => {
    const server = await new Server().start();
    const context = await browser.newContext({ baseURL: server.url });
    const page = await context.newPage();
    watch(page);
    watch.tolerate(/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE|ERR_NETWORK|WebSocket connection to/);
    try {
      await preferChannel(page, channel);
      await open(page, '/');
      const { id } = await submit(page, 'rehearsal', { steps: 4, step_ms: 0, hold: true, partials: true });
      await open(page, `/jobs/${id}`);
      await stepAndSee(page, id);
      await stepAndSee(page, id);

      await server.kill();
      await server.start();

      // Accepted means durable: the job goes on where its checkpoint was.
      await expect.poll(async () => (await job(page, id)).state).toBe('running');
      await stepAndSee(page, id);
      await stepAndSee(page, id);
      await reaches(page, id, 'succeeded');
      await expect(page.locator('main .partials [data-step]')).toHaveCount(4);
      await withoutGaps(page);
    } finally {
      await context.close();
      await server.dispose();
    }
  });
}
