// A push service of the tests' own, as strict as those of the browsers' makers: Firefox talks to it by WebSocket (its own protocol,
// subprotocol `push-notification`), the server under test by `POST /wpush/v2/<id>` (RFC 8030, RFC 8292).
// It keeps what comes while the browser is away until its TTL ends, lets a Topic replace what it replaces, and fails on request.
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** RFC 8030, section 7.2: what a push service has to take. */
const LARGEST = 4096;
/** RFC 8292, section 2: no token lasts longer, in seconds. */
const LONGEST_TOKEN_S = 24 * 3600;

type Message = { version: string; data: string; topic: string | undefined; until: number };
type Subscription = { id: string; channelID: string; uaid: string; key: Buffer | undefined; waiting: Message[]; gone: boolean };

/** What came in by POST, and what was answered. */
export type Push = { id: string; status: number; why: string; ttl: number; topic?: string; urgency?: string; bytes: number; claims?: Claims };
type Claims = { aud: string; exp: number; sub?: string };
type Fault = { status: number; headers?: Record<string, string> };

export class PushService {
  /** Every POST, in order. */
  readonly pushes: Push[] = [];
  /** What a browser said of the messages that it took, in order: 100 given to its page's worker, 101 not to be decrypted, 102 failed. */
  readonly taken: number[] = [];
  url = '';
  #http: HttpServer = createServer((request, response) => void this.#post(request, response));
  #sockets = new Map<string, WebSocket>();
  #subscriptions = new Map<string, Subscription>();
  #faults: Fault[] = [];
  #last: { subscription: Subscription; message: Message } | undefined;
  #ahead = 0;

  async start(): Promise<this> {
    const sockets = new WebSocketServer({ server: this.#http, handleProtocols: () => 'push-notification' });
    sockets.on('connection', socket => this.#connected(socket));
    await new Promise<void>(resolve => this.#http.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
    return this;
  }

  /** For `dom.push.serverURL`. */
  get socketUrl(): string {
    return `${this.url.replace('http', 'ws')}/`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise(resolve => this.#http.close(resolve));
  }

  /** The next POSTs are answered like this, one fault each. */
  failNext(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Subscriptions that stand. */
  get standing(): number {
    return [...this.#subscriptions.values()].filter(one => !one.gone).length;
  }

  /** Every subscription is gone from now on (410), without a word to the browser. */
  expireAll(): void {
    for (const one of this.#subscriptions.values()) one.gone = true;
  }

  /** The browser is unknown from now on: at its next hello it gets another name, and so drops its subscriptions. */
  forgetBrowsers(): void {
    this.expireAll();
    for (const socket of this.#sockets.values()) socket.terminate();
    this.#sockets.clear();
  }

  /** Delivers the latest message once more, as a push service does that lost the browser's acknowledgement. */
  again(): void {
    const { subscription, message } = this.#last!;
    const socket = this.#sockets.get(subscription.uaid);
    this.#deliver(socket!, subscription, { ...message, version: randomUUID() });
  }

  /** Whether a browser is there. */
  get connected(): boolean {
    return this.#sockets.size > 0;
  }

  /** So many messages wait for a browser that is away, those whose time is over not counted. */
  get waiting(): number {
    return [...this.#subscriptions.values()].reduce((sum, one) => sum + this.#alive(one).length, 0);
  }

  /** Lets time go by for what is kept here, so that a TTL ends without anybody waiting for it. */
  later(seconds: number): void {
    this.#ahead += seconds * 1000;
  }

  #now(): number {
    return Date.now() + this.#ahead;
  }

  #alive(subscription: Subscription): Message[] {
    subscription.waiting = subscription.waiting.filter(message => message.until >= this.#now());
    return subscription.waiting;
  }

  #connected(socket: WebSocket): void {
    let uaid = '';
    const say = (message: object) => socket.send(JSON.stringify(message));
    socket.on('close', () => {
      if (this.#sockets.get(uaid) === socket) this.#sockets.delete(uaid);
    });
    socket.on('message', raw => {
      const message = JSON.parse(String(raw)) as Record<string, any>;
      switch (message.messageType) {
        case 'hello': {
          const known = message.uaid && [...this.#subscriptions.values()].some(one => one.uaid === message.uaid && !one.gone);
          uaid = known ? message.uaid : randomUUID().replaceAll('-', '');
          this.#sockets.set(uaid, socket);
          say({ messageType: 'hello', uaid, status: 200, use_webpush: true, broadcasts: {} });
          for (const one of this.#subscriptions.values()) if (one.uaid === uaid) this.#flush(one);
          break;
        }
        case 'register': {
          const id = randomUUID();
          const key = message.key ? Buffer.from(message.key, 'base64url') : undefined;
          this.#subscriptions.set(id, { id, channelID: message.channelID, uaid, key, waiting: [], gone: false });
          say({ messageType: 'register', status: 200, channelID: message.channelID, pushEndpoint: `${this.url}/wpush/v2/${id}` });
          break;
        }
        case 'unregister':
          for (const one of this.#subscriptions.values()) if (one.channelID === message.channelID) one.gone = true;
          say({ messageType: 'unregister', status: 200, channelID: message.channelID });
          break;
        case 'ack':
          for (const { version, code } of message.updates ?? []) {
            this.taken.push(code);
            for (const one of this.#subscriptions.values()) one.waiting = one.waiting.filter(kept => kept.version !== version);
          }
          break;
        default:
          if (String(raw) === '{}') socket.send('{}');
      }
    });
  }

  #flush(subscription: Subscription): void {
    const socket = this.#sockets.get(subscription.uaid);
    if (!socket || subscription.gone) return;
    for (const message of this.#alive(subscription)) this.#deliver(socket, subscription, message);
  }

  #deliver(socket: WebSocket, { channelID }: Subscription, { version, data }: Message): void {
    // A push without a message has neither data nor an encoding.
    const content = data === '' ? {} : { data, headers: { encoding: 'aes128gcm' } };
    socket.send(JSON.stringify({ messageType: 'notification', channelID, version, ...content }));
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const header = (name: string) => request.headers[name] as string | undefined;
    const id = /^\/wpush\/v2\/([\w-]+)$/.exec(request.url ?? '')?.[1] ?? '';
    const push: Push = { id, status: 0, why: '', ttl: Number(header('ttl')), topic: header('topic'), urgency: header('urgency'), bytes: body.length };
    const answer = (status: number, why: string, headers: Record<string, string> = {}) => {
      this.pushes.push({ ...push, status, why });
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ message: why }));
    };
    const subscription = this.#subscriptions.get(id);
    const wrong = this.#wrong(request, body, subscription, push);
    const fault = this.#faults.shift();
    if (request.method !== 'POST' || !subscription) return answer(404, 'no such subscription');
    if (wrong) return answer(...wrong);
    if (fault) return answer(fault.status, 'as the test wants', fault.headers);
    if (subscription.gone) return answer(410, 'the subscription is gone');
    const kept = { version: randomUUID(), data: body.toString('base64url'), topic: push.topic, until: this.#now() + push.ttl * 1000 };
    if (kept.topic) subscription.waiting = subscription.waiting.filter(one => one.topic !== kept.topic);
    subscription.waiting.push(kept);
    this.#last = { subscription, message: kept };
    const socket = this.#sockets.get(subscription.uaid);
    answer(201, 'kept', { location: `${this.url}/m/${kept.version}` });
    if (socket) this.#deliver(socket, subscription, kept);
  }

  /** What a strict push service would refuse. */
  #wrong(request: IncomingMessage, body: Buffer, subscription: Subscription | undefined, push: Push): [number, string] | undefined {
    const header = (name: string) => request.headers[name] as string | undefined;
    if (!/^\d+$/.test(header('ttl') ?? '')) return [400, 'TTL is missing (RFC 8030, section 5.2)'];
    if (push.topic !== undefined && !/^[\w-]{1,32}$/.test(push.topic)) return [400, 'Topic is too long or no base64url (RFC 8030, section 5.4)'];
    if (push.urgency !== undefined && !['very-low', 'low', 'normal', 'high'].includes(push.urgency)) return [400, 'no such Urgency'];
    if (body.length > LARGEST) return [413, 'larger than 4096 bytes'];
    if (body.length > 0 && header('content-encoding') !== 'aes128gcm') return [400, 'not aes128gcm (RFC 8291)'];
    const found = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)$/.exec(header('authorization') ?? '');
    if (!found) return [401, 'no VAPID (RFC 8292, section 3)'];
    const [, head, claims, signature, k] = found as unknown as [string, string, string, string, string];
    const key = Buffer.from(k, 'base64url');
    if (key.length !== 65 || key[0] !== 4) return [401, 'k is no uncompressed point of P-256'];
    if (subscription?.key && !subscription.key.equals(key)) return [403, 'not the key that the subscription was made with'];
    const jwk = { kty: 'EC', crv: 'P-256', x: key.subarray(1, 33).toString('base64url'), y: key.subarray(33).toString('base64url') };
    const signed = Buffer.from(`${head}.${claims}`);
    try {
      const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
      if (JSON.parse(String(Buffer.from(head, 'base64url'))).alg !== 'ES256') return [401, 'alg is not ES256'];
      if (!verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))) return [401, 'the signature is wrong'];
      push.claims = JSON.parse(String(Buffer.from(claims, 'base64url')));
    } catch {
      return [401, 'the token cannot be read'];
    }
    const { aud, exp, sub } = push.claims!;
    const now = Date.now() / 1000;
    if (aud !== this.url) return [401, `aud is ${aud}`];
    if (!(exp > now && exp <= now + LONGEST_TOKEN_S)) return [401, 'exp is over, or more than 24 hours away'];
    if (sub !== undefined && !/^(mailto:|https:\/\/)/.test(sub)) return [401, 'sub is neither mailto: nor https:'];
    return undefined;
  }
}
