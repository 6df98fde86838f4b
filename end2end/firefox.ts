// A stock Firefox without a window, driven over WebDriver BiDi, whose push service is the tests' own (push_service.ts).
// Chrome-privileged scripts read and click the notifications that it really shows; nothing of the page or of its worker is mocked.
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import type { PushService } from './push_service.ts';

export type Shown = { title: string; body: string };

export class Firefox {
  private constructor(readonly browser: Browser) {}

  /** With a profile of its own; the visitor's language is `lang`. */
  static async launch(service: PushService, { lang = 'en', permission = 'granted' }: { lang?: string; permission?: 'granted' | 'denied' } = {}): Promise<Firefox> {
    const executablePath = process.env.FIREFOX;
    if (!executablePath) throw new Error('FIREFOX is not set. Type: cargo xtask e2e');
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath,
      headless: true,
      args: ['--remote-allow-system-access'],
      extraPrefsFirefox: {
        'dom.push.serverURL': service.socketUrl,
        'dom.push.testing.allowInsecureServerURL': true,
        'dom.push.connection.enabled': true,
        'dom.push.testing.ignorePermission': true,
        'permissions.default.desktop-notification': permission === 'granted' ? 1 : 2,
        // The system's notifications have no one to show them here, and `showNotification` would fail.
        'alerts.useSystemBackend': false,
        // A browser that was cut off comes back at once.
        'dom.push.retryBaseInterval': 100,
        'intl.accept_languages': lang,
        'network.manage-offline-status': false,
      },
    });
    return new Firefox(browser);
  }

  async close(): Promise<void> {
    await this.browser.close();
  }

  /** A new tab at an address. */
  async open(url: string): Promise<Page> {
    const page = await this.browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(url);
    await page.waitForSelector('html[data-hydrated]');
    return page;
  }

  /** Tabs of the server's. */
  async tabs(origin: string): Promise<Page[]> {
    return (await this.browser.pages()).filter(page => page.url().startsWith(origin));
  }

  /** What stands on the screen now. */
  async notifications(): Promise<Shown[]> {
    return (await this.#alerts(READ)) as Shown[];
  }

  /** Clicks the notification with this title. (Firefox draws no actions without the system's notifications.) */
  async click(title: string): Promise<boolean> {
    const clicked = await this.#alerts(CLICK.replace('"%title"', JSON.stringify(title)));
    return clicked.includes(true);
  }

  /** Cuts the browser off from its push service (and everything else), as a closed lid does. */
  async offline(away: boolean): Promise<void> {
    await this.#privileged(`(() => { Services.io.offline = ${away}; return true; })()`);
  }

  /** Runs a script with the browser's own rights in its main window. */
  async #privileged(expression: string): Promise<unknown> {
    const [window] = await this.#windows();
    return this.#evaluate(window!.context, expression);
  }

  async #alerts(expression: string): Promise<unknown[]> {
    const windows = await this.#windows();
    const found = [];
    for (const { context, url } of windows) {
      if (!url.includes('/alerts/alert.x')) continue;
      // One that has closed meanwhile shows nothing.
      const value = await this.#evaluate(context, expression).catch(() => undefined);
      if (value !== undefined && value !== null) found.push(value);
    }
    return found;
  }

  async #windows(): Promise<{ context: string; url: string }[]> {
    const { result } = await this.#send('browsingContext.getTree', { 'moz:scope': 'chrome', maxDepth: 0 });
    return result.contexts;
  }

  async #evaluate(context: string, expression: string): Promise<unknown> {
    const { result } = await this.#send('script.evaluate', {
      expression: `JSON.stringify(${expression})`,
      target: { context },
      awaitPromise: false,
    });
    if (result.type !== 'success') throw new Error(JSON.stringify(result.exceptionDetails));
    return result.result.value === undefined ? undefined : JSON.parse(result.result.value);
  }

  #send(method: string, params: object): Promise<any> {
    return (this.browser as any).connection.send(method, params);
  }
}

const READ = `(() => {
  const text = id => (document.getElementById(id)?.getAttribute('value') ?? document.getElementById(id)?.textContent ?? '').trim();
  return { title: text('alertTitleLabel'), body: text('alertTextLabel') };
})()`;

const CLICK = `(() => {
  const title = document.getElementById('alertTitleLabel');
  if ((title.getAttribute('value') ?? title.textContent).trim() !== "%title") return false;
  document.getElementById('alertBox').click();
  return true;
})()`;
