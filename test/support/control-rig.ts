// Both ends of the control socket in its own folder, or another process in place of the daemon.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Control, type RoundResult, VERBS, type Verbs } from '#control/control.ts';
import { type ServedControl, serveControl } from '#control/server.ts';
import type { SocketServer } from '#control/socket-server.ts';
import type { AnyVerb, Call, HandlersOf } from '#control/verb.ts';
import type { Report } from '#logging/events.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { realFiles } from '#system/real-files.ts';
import { connectAt } from './connect-at.ts';
import { fakeControl } from './fake-control.ts';

/** A control socket of a test; `close` ends whatever listens and removes the folder. */
export class ControlRig {
  readonly dir: string;
  /** Where the socket is; a test may choose another place before it serves. */
  path: string;
  readonly known = new KnownSecrets();
  readonly #open: { close(): unknown }[] = [];

  private constructor(dir: string) {
    this.dir = dir;
    this.path = join(dir, 'run', 'control.sock');
  }

  static async make(): Promise<ControlRig> {
    return new ControlRig(await mkdtemp(join(tmpdir(), 'sallyport-control-')));
  }

  async serve(control: Control = fakeControl(), over: Partial<ServedControl<Verbs>> = {}): Promise<SocketServer> {
    const known = createRedactor(this.known);
    const handlers = handlersFrom(control);
    const all = { verbs: VERBS, handlers, authority: 'admin', openTo: 'group', files: realFiles, known } as const;
    const server = await serveControl(this.path, { ...all, ...over });
    this.#open.push(server);
    return server;
  }

  /** Connects as a command does; null if nothing listens. */
  async find(): Promise<Control | null> {
    return await connectAt(this.path);
  }

  async ask(): Promise<Control> {
    const control = await this.find();
    if (control === null) throw new Error('nobody listens');
    return control;
  }

  /** Another process at the socket, which answers each connection as a test wants; `asked` is the path of the request. */
  async impostor(answer: (socket: Socket, asked: string) => void): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', (head) => answer(socket, head.toString().split(' ')[1] ?? ''));
    });
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
    this.#open.push({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      },
    });
  }

  /** Everything that comes back for these bytes. */
  raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.path);
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.once('error', reject);
      socket.once('close', () => resolve(answer));
      socket.write(text);
    });
  }

  /** Sends these bytes, and leaves. */
  leave(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.path);
      socket.once('error', reject);
      socket.once('close', () => resolve());
      socket.write(text, () => setTimeout(() => socket.destroy(), 20));
    });
  }

  /** Ends the listener. */
  async quit(): Promise<void> {
    for (const one of this.#open.splice(0)) await one.close();
  }

  async close(): Promise<void> {
    await this.quit();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** The handlers of a daemon that does what this Control does. */
export function handlersFrom(control: Control): HandlersOf<Verbs> {
  const methods = control as unknown as Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;
  const handlers = Object.entries(VERBS as Readonly<Record<string, AnyVerb>>).map(([name, verb]) => [
    name,
    ({ request, onEvent, signal }: Call) =>
      methods[name]?.(
        ...(verb.request === null ? [] : [request]),
        ...(verb.events === null ? [] : [onEvent]),
        ...(verb.mode === 'work' ? [signal] : []),
      ),
  ]);
  return Object.fromEntries(handlers) as HandlersOf<Verbs>;
}

/** An HTTP answer of an impostor. */
export function says(socket: Socket, body: string, status = '200 OK'): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

/** A round that the test ends; `begun` when it was asked for, with the way to tell events. */
export function scriptedRound() {
  const round = Promise.withResolvers<RoundResult>();
  const begun = Promise.withResolvers<Report>();
  const gone = Promise.withResolvers<unknown>();
  const control = fakeControl({
    check: (onEvent, signal) => {
      signal.addEventListener('abort', () => gone.resolve(signal.reason), { once: true });
      begun.resolve(onEvent);
      return round.promise;
    },
  });
  return { control, round, begun: begun.promise, gone: gone.promise };
}
