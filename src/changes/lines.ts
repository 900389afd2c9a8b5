// Sends and reads lines of JSON over a unix socket, for both ends of the change service.
//
// Guarantees: a request is limited in bytes and in time. If the other end closes the connection or sends a second line,
// the signal `gone` is aborted. If the other end does not read, the data that waits for it is limited. All errors are
// coded.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';

const NEWLINE = 0x0a;
/** Maximum backlog for a peer that does not read. Beyond it the connection is closed. */
const MAX_BACKLOG_BYTES = 1_048_576;

export interface LineLimits {
  readonly bytes: number;
  readonly ms: number;
}

/** The server end of a connection: receives one line and sends several. */
export class LineSocket {
  readonly #socket: Socket;
  readonly #gone = new AbortController();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => this.#leave());
    socket.once('close', () => this.#leave());
  }

  /** Aborted when the other end closes the connection or sends more than one line. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Reads the first line. @throws CodedError CHANGE-REQUEST if it is too long, too slow or incomplete */
  async readLine({ bytes, ms }: LineLimits, clock: Clock): Promise<string> {
    const socket = this.#socket;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const refuse = (reason: string) => reject(coded('CHANGE-REQUEST', { reason }));
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (chunk.includes(NEWLINE)) resolve(Buffer.concat(chunks));
      else if (length > bytes) refuse(`it has more than ${bytes} bytes`);
    };
    const onEnd = () => refuse('it ended before it was complete');
    const timer = clock.after(ms, () => refuse(`it was not complete after ${ms / 1_000} s`), 'a request for a change');
    const stopListening = onAbort(this.gone, onEnd);
    socket.on('data', onData).once('end', onEnd);
    try {
      const whole = await promise;
      const end = whole.indexOf(NEWLINE);
      if (end > bytes) throw coded('CHANGE-REQUEST', { reason: `it has more than ${bytes} bytes` });
      if (end !== whole.length - 1) throw coded('CHANGE-REQUEST', { reason: 'it has more than one line' });
      return whole.subarray(0, end).toString('utf8');
    } finally {
      timer.cancel();
      stopListening();
      socket.off('data', onData).off('end', onEnd);
      // A caller sends nothing more, so further bytes or the end mean that it has left.
      socket.once('data', () => this.#leave()).once('end', () => this.#leave());
    }
  }

  /** Sends a value as a line. If the peer does not read, the connection is closed. */
  send(value: unknown): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) this.#socket.destroy();
    else this.#socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Closes the connection once everything is sent, or after this time. */
  async close(clock: Clock, ms: number): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(ms, resolve, 'a caller that reads the answer');
    socket.once('close', () => resolve());
    socket.end(() => resolve());
    await promise;
    timer.cancel();
    socket.destroy();
  }

  #leave(): void {
    this.#gone.abort(coded('INTERRUPTED', { reason: 'the caller went away' }));
  }
}

/** Maximum length of a line of a response, in characters. */
const MAX_ANSWER_LENGTH = 4_194_304;

/** Yields the values that a socket receives as lines of JSON, until it ends. @throws the error that `broken` returns */
export async function* linesFrom(socket: Socket, broken: (reason: string) => CodedError): AsyncGenerator<unknown> {
  let pending = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket as AsyncIterable<string>) {
    pending += chunk;
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_ANSWER_LENGTH) throw broken('its response is too large');
    for (const line of lines) yield parse(line, broken);
  }
}

function parse(line: string, broken: (reason: string) => CodedError): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw broken('its response is not JSON');
  }
}
