// Each worker has a server of its own (fixtures.ts); `cargo xtask e2e` builds it, finds the browser and starts this.
import { defineConfig, devices } from '@playwright/test';

const chromium = process.env.CHROMIUM;
if (!chromium || !process.env.MEANWHILE_BINARY) {
  throw new Error('CHROMIUM and MEANWHILE_BINARY are not set. Type: cargo xtask e2e');
}

export default defineConfig({
  testDir: 'journeys',
  outputDir: 'test-results/artifacts',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: !!process.env.CI,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/report.json' }]],
  use: {
    ...devices['Desktop Chrome'],
    locale: 'en-GB',
    timezoneId: 'Europe/Paris',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'hydrated', grepInvert: /@only-without-script/, testIgnore: /push_firefox/ },
    // Journeys that must work with plain HTML carry the tag @plain.
    { name: 'no-javascript', grep: /@plain|@only-without-script/, testIgnore: /push_firefox/, use: { javaScriptEnabled: false } },
    // Push from end to end needs a browser whose push service can be ours: these drive a Firefox of their own (firefox.ts).
    { name: 'firefox', testMatch: /push_firefox/ },
  ],
});
