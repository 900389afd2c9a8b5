// The change service over a real unix socket in this process, with a file in a folder of the test and a fake daemon.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ServiceParts, serveChange } from '#changes/service.ts';
import type { Control } from '#control/control.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { CommandRig } from './command-rig.ts';
import { aStatus, fakeControl } from './fake-control.ts';
import { fakeTerminal } from './fake-terminal.ts';

export class ChangeRig {
  readonly rig: CommandRig;
  readonly socket: string;
  /** What the service logs. */
  readonly events: SallyportEvent[] = [];
  /** What a test is about, in place of what the rig has. */
  over: Partial<ServiceParts> = {};
  readonly #server: Server;
  readonly #served: Promise<void>[] = [];
  readonly #stopping = new AbortController();

  private constructor(rig: CommandRig) {
    this.rig = rig;
    this.socket = join(rig.folder.path, 'change.sock');
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#served.push(serveChange(socket, { ...this.parts(), ...this.over }));
    });
  }

  static async make(text: string): Promise<ChangeRig> {
    const made = new ChangeRig(await CommandRig.make(text));
    made.#server.listen(made.socket);
    await once(made.#server, 'listening');
    return made;
  }

  parts(): ServiceParts {
    const { files, clock, load, findDaemon, keepSecret, known } = this.rig.context(fakeTerminal());
    return {
      files,
      clock,
      load,
      findDaemon,
      keepSecret,
      known,
      file: this.rig.file,
      report: (event) => void this.events.push(event),
      peerOf: () => Promise.resolve({ uid: 1_501, pid: 77 }),
      signal: this.#stopping.signal,
      limitMs: 2_000,
    };
  }

  /** A daemon that takes every file, and accepts every change unless a test says otherwise. */
  daemon(over: Partial<Control> = {}): void {
    const since = new Date(Date.now() + 3_600_000).toISOString();
    const config = { ...aStatus().config, file: this.rig.file, since };
    this.rig.daemon = fakeControl({ status: () => Promise.resolve(aStatus({ config })), ...over });
  }

  async digest(): Promise<string> {
    return createHash('sha256')
      .update(await readFile(this.rig.file))
      .digest('hex');
  }

  /** A request for the file as it is now. */
  async request(over: object = {}): Promise<object> {
    const edits = [{ kind: 'set', path: ['proxy_enabled'], value: false }];
    return {
      verb: 'apply',
      digest: await this.digest(),
      edits,
      secret: null,
      window_ms: 60_000,
      waits: false,
      ...over,
    };
  }

  async connect(): Promise<Socket> {
    const socket = connect(this.socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Sends this text, and returns every line of the answer. */
  async send(text: string): Promise<Answer[]> {
    const socket = await this.connect();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text);
    await closed;
    const lines = Buffer.concat(chunks)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Answer);
  }

  /** The last line of the answer to this request. */
  async ask(over: object = {}): Promise<Answer> {
    return (await this.send(`${JSON.stringify(await this.request(over))}\n`)).at(-1) ?? {};
  }

  /** Waits until every connection so far is over. */
  async served(): Promise<void> {
    await Promise.all(this.#served);
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the test is over'));
    const closed = once(this.#server, 'close');
    this.#server.close();
    await this.served();
    await closed;
    await this.rig.folder.remove();
  }
}

export interface Answer {
  readonly event?: { readonly name: string };
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly facts: Readonly<Record<string, unknown>> };
}
