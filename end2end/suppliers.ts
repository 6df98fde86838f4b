// Five simulated suppliers on a port of their own, and words for making them slow or dead.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Settings = { latency_ms?: number; error_rate?: number; mode?: string; call_back_delay_ms?: number };

/** Beyond every journey: only what the journey releases comes. */
export const NEVER = 600_000;

export class Suppliers {
  static readonly ids = ['alba', 'borealis', 'cobalt', 'dune', 'echo'];
  url = '';
  #process: ChildProcess | undefined;

  async start(): Promise<this> {
    const child = spawn(process.env.MEANWHILE_BINARY!, ['suppliers', '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    this.url = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout!).on('line', line => resolve(line.replace('listening on ', '')));
      child.once('error', reject);
      child.once('exit', code => reject(new Error(`the suppliers ended with ${code}`)));
    });
    return this;
  }

  async set(id: string, change: Settings): Promise<void> {
    const answer = await fetch(`${this.url}/suppliers/${id}/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** All as quick and as sound as they can be. */
  async calm(): Promise<void> {
    for (const id of Suppliers.ids) await this.set(id, { latency_ms: 0, error_rate: 0, mode: 'answer', call_back_delay_ms: 0 });
  }

  dispose(): void {
    this.#process?.kill('SIGKILL');
  }
}
