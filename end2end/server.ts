// A real server with a data folder of its own. Started by the worker fixture, and by journeys that kill it.
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LOGS = join(import.meta.dirname, 'test-results', 'servers');

export class Server {
  readonly data = mkdtempSync(join(tmpdir(), 'meanwhile-e2e-'));
  url = '';
  #process: ChildProcess | undefined;

  /** With further flags of `meanwhile serve`. */
  constructor(readonly flags: string[] = []) {}

  /** Starts it, on the same port as before if it ran before, and waits for its `listening on` line. */
  async start(): Promise<this> {
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host;
    const child = spawn(process.env.MEANWHILE_BINARY!, ['serve', '--listen', listen, '--data', this.data, ...this.flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    mkdirSync(LOGS, { recursive: true });
    const log = createWriteStream(join(LOGS, `${child.pid}.log`));
    child.stderr!.pipe(log);
    this.url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the server did not say that it listens')), 20_000);
      createInterface(child.stdout!).on('line', line => {
        const found = /^listening on (http:\/\/\S+)$/.exec(line);
        if (found) {
          clearTimeout(late);
          resolve(found[1]!);
        }
      });
      child.once('error', reject);
      child.once('exit', code => reject(new Error(`the server ended with ${code}; see ${log.path}`)));
    });
    return this;
  }

  /** `kill -9`: nothing is said, nothing is tidied. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it and removes its data. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }
}
