// The client end of Control: sends the request of a command to a running daemon. The daemon has several sockets; the
// client uses the one with the most rights that its user can open.
//
// Guarantees: the result is a response that matches its schema, or a coded error. This also holds if another process
// listens on the socket or the daemon stops. An abort ends only the request. "No daemon is running" and "no permission"
// are different results. Nothing is sent to a socket whose owner does not run Sallyport on this host.

import { type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod/mini';
import { asCoded, CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { validateSocketOwner } from './socket-owner.ts';
import { socketPlace } from './socket-place.ts';
import { STATUS_VERBS, type Status } from './status.ts';
import {
  type AnyVerb,
  type Authority,
  type Call,
  type MethodsOf,
  methodOf,
  methodsOf,
  REQUEST_HEADER,
  type RequestBytes,
  type VerbTable,
} from './verb.ts';
import { reviveError } from './wire-error.ts';

/** A daemon answers such a request at once. A minute allows for a machine under load. */
const ANSWER_MS = 60_000;
/**
 * The longest line; a short answer is one line. Counting characters instead of bytes makes no difference at this
 * size.
 */
const ANSWER_LIMIT_BYTES = 67_108_864;

const OTHER_VERSION = 'the daemon has another version than this command; restart the daemon';
const STOPPED = 'the daemon stopped before it answered';

/** The socket paths of a daemon and its state folder. */
export interface ControlSockets {
  readonly admin: string;
  readonly operate: string;
  readonly look: string;
  /** The same as `operate`. A daemon of version 0.1.0 offers its group only this socket. */
  readonly control: string;
  readonly stateDir: string;
}

export interface ClientParts {
  readonly clock: Clock;
  readonly files: Pick<Files, 'facts' | 'realPath'>;
  /** The uid of the user who runs the command. */
  readonly self: number;
}

/** A running daemon. */
export interface RunningDaemon<T extends VerbTable> {
  readonly methods: MethodsOf<T>;
  /** Its answer when it was found. */
  readonly status: Status;
  /** What this user may request, by the socket that could be opened. */
  readonly authority: Authority;
}

/**
 * Finds a running daemon; null when none listens there.
 * @throws CodedError CONTROL-UNREACHABLE without permission to open the socket, CONTROL-FOREIGN
 */
export async function connectControl<T extends VerbTable>(
  sockets: ControlSockets,
  parts: ClientParts,
  verbs: T,
): Promise<RunningDaemon<T> | null> {
  // In the order in which the daemon creates them, so that the one with the most authority is found.
  const places: readonly SocketOfLevel[] = [
    { path: sockets.admin, authority: 'admin' },
    { path: sockets.operate, authority: 'operate' },
    { path: sockets.look, authority: 'look' },
    { path: sockets.control, authority: 'operate' },
  ];
  const connecting = { stateDir: sockets.stateDir, parts, verbs };
  const found = await firstOf(places, connecting);
  // The daemon was starting and had not created the earlier sockets yet. They exist now.
  const latest = found?.isLater === true ? await firstOf(places, connecting) : found;
  return latest?.daemon ?? null;
}

interface SocketOfLevel {
  readonly path: string;
  readonly authority: Authority;
}

interface Connecting<T extends VerbTable> {
  readonly stateDir: string;
  readonly parts: ClientParts;
  readonly verbs: T;
}

interface Found<T extends VerbTable> {
  readonly daemon: RunningDaemon<T>;
  /** A socket earlier in the list did not exist. */
  readonly isLater: boolean;
}

/** @throws CodedError CONTROL-UNREACHABLE without permission to open the socket, CONTROL-FOREIGN */
async function firstOf<T extends VerbTable>(
  places: readonly SocketOfLevel[],
  connecting: Connecting<T>,
): Promise<Found<T> | null> {
  let closed: CodedError | null = null;
  let isLater = false;
  for (const { path, authority } of places) {
    try {
      return { daemon: { ...(await connect(path, connecting)), authority }, isLater };
    } catch (thrown) {
      const error = asCoded(thrown);
      const reason = error.code === 'CONTROL-UNREACHABLE' ? String(error.facts['reason']) : '';
      if (CLOSED.has(reason)) closed = error;
      else if (ABSENT.has(reason)) isLater = true;
      else throw thrown;
    }
  }
  if (closed !== null) throw closed;
  return null;
}

async function connect<T extends VerbTable>(
  path: string,
  { stateDir, parts, verbs }: Connecting<T>,
): Promise<Omit<RunningDaemon<T>, 'authority'>> {
  await reaching(path, () => validateSocketOwner({ path, stateDir, self: parts.self }, parts.files));
  const transport = new SocketTransport(path, parts.clock);
  const methods = methodsOf(
    verbs,
    (name, call) => transport.carry(verbs[name as keyof T] as AnyVerb, call),
    () => Promise.resolve(),
  );
  const asked = { request: undefined, onEvent: () => undefined, signal: NEVER };
  return { methods, status: (await transport.carry(STATUS_VERBS.status, asked)) as Status };
}

/** If the path to the socket cannot be traversed, the user may not use this daemon. */
async function reaching<T>(path: string, action: () => Promise<T> | T): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    const { code, facts } = asCoded(thrown);
    if (code !== 'FILE-FAILED') throw thrown;
    throw coded('CONTROL-UNREACHABLE', { path, reason: String(facts['errno'] ?? facts['reason']) }, thrown);
  }
}

const NEVER = new AbortController().signal;
/** No process listens there. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);
/** The socket is not open to this user. */
const CLOSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/** A request as it is sent. */
interface Sent {
  readonly verb: AnyVerb;
  readonly body: string | undefined;
  /** What follows the request; its argument is then in a header. */
  readonly bytes: RequestBytes | null;
}

class SocketTransport {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async carry(verb: AnyVerb, call: Call): Promise<unknown> {
    const body = verb.request === null ? undefined : JSON.stringify(verb.request.write(call.request));
    const sent = { verb, body, bytes: verb.request?.bytesOf?.(call.request) ?? null };
    return verb.mode === 'answer' ? await this.#ask(sent) : await this.#follow(sent, call);
  }

  async #ask(sent: Sent): Promise<unknown> {
    const ending = new AbortController();
    const timer = this.#clock.after(ANSWER_MS, () => ending.abort(this.#unreachable('the daemon does not answer')));
    try {
      const response = await this.#open(sent, ending.signal);
      for await (const line of this.#lines(response, ending.signal)) {
        const value = this.#parse(line);
        if (response.statusCode !== 200) throw reviveError((value as { error?: unknown } | null)?.error);
        return this.#fit(sent.verb.result, value);
      }
      throw this.#unreachable(STOPPED);
    } finally {
      timer.cancel();
    }
  }

  async #follow(sent: Sent, { onEvent, signal }: Call): Promise<unknown> {
    signal.throwIfAborted();
    const response = await this.#open(sent, signal);
    for await (const text of this.#lines(response, signal)) {
      const line = (this.#parse(text) ?? {}) as { event?: unknown; result?: unknown; error?: unknown };
      if (line.error !== undefined) throw reviveError(line.error);
      if (line.result !== undefined) return this.#fit(sent.verb.result, line.result);
      const event = sent.verb.events?.read(line.event) ?? null;
      if (event !== null) onEvent(event);
    }
    throw this.#unreachable(STOPPED);
  }

  async #open({ verb, body, bytes }: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    const place = await reaching(this.#path, () => socketPlace(this.#path));
    return await new Promise<IncomingMessage>((resolve, reject) => {
      // One connection per request: a kept connection may belong to a daemon that has been restarted. There is no agent,
      // which would first find out whether the name of this host is an IP address. That takes 10 ms.
      const headers = bytes === null ? {} : { [REQUEST_HEADER]: body };
      const sent = {
        method: methodOf(verb),
        path: verb.path,
        headers,
        signal,
        createConnection: () => createConnection({ path: place.address }),
      };
      const outgoing = request(sent, (response) => {
        if (response.statusCode !== 404) return resolve(response);
        response.destroy();
        reject(this.#unreachable(OTHER_VERSION));
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          signal.aborted
            ? (signal.reason as Error)
            : (exhaustion(error, `ask the daemon at ${this.#path}`) ??
                this.#unreachable(error.code ?? error.message, error)),
        ),
      );
      if (bytes === null) outgoing.end(body);
      // The failure of a connection is also an event of the request.
      else void pipeline(bytes, outgoing).catch(reject);
    }).finally(() => place.release());
  }

  async *#lines(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
    let pending = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        pending += chunk;
        const lines = chunk.includes('\n') ? pending.split('\n') : [pending];
        pending = lines.pop() ?? '';
        if (pending.length > ANSWER_LIMIT_BYTES) throw this.#unreachable('the answer is too large');
        yield* lines;
      }
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw thrown instanceof CodedError ? thrown : this.#unreachable(STOPPED, thrown);
    }
    if (pending !== '') yield pending;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (thrown) {
      throw this.#unreachable('the program that listens there is not Sallyport', thrown);
    }
  }

  #fit<T>(schema: z.core.$ZodType<T>, value: unknown): T {
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return parsed.data;
    throw this.#unreachable(OTHER_VERSION);
  }

  #unreachable(reason: string, cause?: unknown) {
    return coded('CONTROL-UNREACHABLE', { path: this.#path, reason }, cause);
  }
}
