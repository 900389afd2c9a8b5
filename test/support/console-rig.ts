// The whole process of the console in this process: the real server on loopback, a fake terminal, clock and daemon, and
// a real configuration file. For tests of what a browser, or another program of the host, can reach.

import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import type { ReachedDaemon } from '#console/api/daemon-link.ts';
import { runConsole } from '#console/run-console.ts';
import type { ListenChoice } from '#console/server/listening.ts';
import type { PageFiles } from '#console/server/page-files.ts';
import type { Control } from '#control/control.ts';
import { createRedactor } from '#redaction/redact.ts';
import { realFiles } from '#system/real-files.ts';
import { CommandRig } from './command-rig.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeTerminal } from './fake-terminal.ts';

const FILE = 'version: 2\nupdates:\n  feed_url: https://updates.example.com/feed.json\n';
const page = (text: string, type: string) => ({ type, bytes: Buffer.from(text), gzip: Buffer.from(`packed ${text}`) });
const PAGES: PageFiles = new Map([
  ['/', page('<!doctype html><title>Sallyport</title>', 'text/html; charset=utf-8')],
  ['/console.js', page('start();', 'text/javascript; charset=utf-8')],
]);

/** A response with its body as text. */
export interface PageResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ConsoleRigOptions {
  readonly text?: string;
  readonly listen?: ListenChoice;
  readonly control?: Control | null;
  /** What a connection to the daemon gives, in place of `control`. */
  readonly connect?: () => Promise<ReachedDaemon>;
  readonly limits?: { readonly headMs: number; readonly requestMs: number };
  readonly runtimeDir?: string;
  /** Those of the bundle, for a browser. */
  readonly pages?: PageFiles;
}

export class ConsoleRig {
  readonly rig: CommandRig;
  readonly clock = new FakeClock();
  /** What was printed, a line each. */
  readonly printed: string[] = [];
  readonly ended: Promise<void>;
  /** Every response body. */
  readonly bodies: string[] = [];
  readonly #stop = new AbortController();
  #press: (bytes: Uint8Array) => void = () => undefined;
  #hangUp: () => void = () => undefined;

  private constructor(rig: CommandRig, options: ConsoleRigOptions) {
    this.rig = rig;
    const { control = null, listen = { kind: 'port', port: 0 }, limits, runtimeDir } = options;
    const reached: ReachedDaemon = {
      socket: '/run/sallyport/control.sock',
      control,
      authority: control === null ? null : 'operate',
      other: null,
    };
    const { keepSecret, changeSocket, ...context } = rig.context(fakeTerminal());
    this.ended = runConsole({
      context: {
        file: rig.file,
        stateDir: rig.folder.path,
        changeSocket,
        known: createRedactor(rig.folder.known),
        keepSecret,
        changing: (signal) => ({ ...context, signal }),
      },
      clock: this.clock,
      files: realFiles,
      pages: options.pages ?? PAGES,
      terminal: {
        print: (line) => void this.printed.push(line),
        keys: (onBytes, onEnd) => {
          [this.#press, this.#hangUp] = [onBytes, onEnd];
          return () => undefined;
        },
      },
      users: [process.getuid?.() ?? 0],
      user: { uid: process.getuid?.() ?? 0, name: 'anna', groups: process.getgroups?.() ?? [] },
      version: '0.0.0',
      target: { user: 'anna', host: 'gateway1', port: null },
      listen,
      folders: { files: realFiles, runtimeDir, temporaryDir: tmpdir() },
      connect: options.connect ?? (() => Promise.resolve(reached)),
      sockets: () => Promise.resolve({ look: '/nowhere/look.sock', operate: '/nowhere/operate.sock' }),
      signal: this.#stop.signal,
      ...(limits === undefined ? {} : { limits }),
    });
  }

  static async start(options: ConsoleRigOptions = {}): Promise<ConsoleRig> {
    const rig = new ConsoleRig(await CommandRig.make(options.text ?? FILE), options);
    await rig.untilPrinted(/ENTER/);
    return rig;
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await this.ended;
    await this.rig.folder.remove();
  }

  /** Waits for a line. */
  async untilPrinted(pattern: RegExp): Promise<void> {
    while (!this.printed.some((line) => pattern.test(line))) {
      await Promise.race([this.ended, new Promise((resolve) => setImmediate(resolve))]);
    }
  }

  press(text: string): void {
    this.#press(Buffer.from(text));
  }

  hangUp(): void {
    this.#hangUp();
  }

  /** The links, oldest first, as the person's own browser gets them. */
  get links(): readonly string[] {
    return this.printed.flatMap((line) => line.match(/http:\S+:8743\/\S+/) ?? []);
  }

  /** The key of the newest link. */
  get key(): string {
    return this.links.at(-1)?.split('#')[1] ?? '';
  }

  get port(): number {
    const [, port] = this.printed.join('\n').match(/-L 127\.0\.0\.1:8743:127\.0\.0\.1:(\d+)/) ?? [];
    return Number(port);
  }

  /** The path of the socket, if it listens on one. */
  get socket(): string {
    return this.printed.join('\n').match(/-L 127\.0\.0\.1:8743:(\/\S+)/)?.[1] ?? '';
  }

  /** Sends a request. */
  send(path: string, options: RequestOptions & { readonly json?: unknown; readonly text?: string } = {}) {
    const { json, text = json === undefined ? undefined : JSON.stringify(json), headers = {}, ...rest } = options;
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const place = this.socket === '' ? { host: '127.0.0.1', port: this.port } : { socketPath: this.socket };
    const all = { host: `127.0.0.1:8743`, ...type, ...(headers as Record<string, string>) };
    return new Promise<PageResponse>((resolve, reject) => {
      const outgoing = request({ ...place, path, agent: false, ...rest, headers: all }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('error', reject).once('end', () => {
          this.bodies.push(body);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      outgoing.once('error', reject);
      outgoing.end(text);
    });
  }

  /** Uses a key. */
  useKey(key = this.key): Promise<PageResponse> {
    return this.send('/api/key', { method: 'POST', json: { key } });
  }

  /** Begins a session; returns the header with its token. */
  async begin(): Promise<{ readonly authorization: string }> {
    const { token } = JSON.parse((await this.useKey()).body) as { token: string };
    return { authorization: `Bearer ${token}` };
  }

  /** Sends bytes as they are; returns everything that comes back until the connection ends. */
  async raw(bytes: string): Promise<string> {
    const socket = await this.connect();
    socket.write(bytes, 'latin1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  /** A connection on which nothing is sent yet. */
  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject).on('error', () => undefined);
        resolve(socket);
      });
    });
  }
}

/** The code of a failure in a response. */
export function codeOf({ body }: PageResponse): string {
  return (JSON.parse(body) as { readonly error: { readonly code: string } }).error.code;
}
