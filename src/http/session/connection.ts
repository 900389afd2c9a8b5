// HTTP/1.1 over one open lane: requests one after the other, each answered as a whole. undici speaks, over exactly the
// lane's socket.
//
// Guarantees: `close`, a failure and an abort let go of the socket and of the lane; after an answer the connection is open
// only where both sides keep it and nothing unexpected came. undici is loaded at the first use.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'undici';
import { coded } from '#errors/coded-error.ts';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { Lane } from '#proxy/route.ts';
import { openSendQueue, type ReadSendQueue } from '#system/network/send-queue.ts';
import { HeadFilter } from './head-filter.ts';
import {
  MEASURED_BYTES,
  type Outcome,
  RunningRequest,
  type SendOptions,
  type SmallResponse,
} from './running-request.ts';

/** undici's own limit for an unused connection, in milliseconds: the session has a shorter one. */
const UNDICI_KEEPS_MS = 600_000;

const UNKNOWN_QUEUE: ReadSendQueue = () => null;

/** Opens a connection over a lane that was opened without `bulk`: undici never sees the bytes of such a socket. */
export async function connectionOver(lane: Lane, origin: string): Promise<HttpConnection> {
  const { Client: make } = await import('undici');
  return new HttpConnection(lane, origin, make);
}

export class HttpConnection {
  readonly lane: Lane;
  readonly #filter: HeadFilter;
  readonly #client: Client;
  #running: RunningRequest | null = null;
  #answers = 0;
  #isClosed = false;

  constructor(lane: Lane, origin: string, make: typeof Client) {
    this.lane = lane;
    // Before undici's own listeners; they stay for an error that a destroyed socket may still report.
    lane.socket.on('error', (error) => this.#running?.broken(error));
    lane.socket.on('close', () => this.#onClosed());
    this.#filter = new HeadFilter(lane.socket, (reason) => this.#running?.refused(reason));
    this.#filter.on('error', (error) => this.#running?.broken(error));
    this.#client = this.#makeClient(origin, make);
  }

  /** Answers that came over it. */
  get answers(): number {
    return this.#answers;
  }

  /** Whether another request may be sent. */
  get isOpen(): boolean {
    const { socket } = this.lane;
    return !this.#isClosed && !this.#filter.destroyed && !socket.destroyed && !socket.readableEnded;
  }

  /** Sends one request; the previous one must have ended. With `isLast` both sides close the connection after it. */
  async send(options: SendOptions, { isLast }: { readonly isLast: boolean }): Promise<Outcome> {
    const { signal, request } = options;
    const readSendQueue = isMeasured(request.body) ? await openSendQueue() : UNKNOWN_QUEUE;
    if (signal.aborted) {
      this.close();
      return { ended: 'aborted', reason: signal.reason };
    }
    return await new Promise<Outcome>((resolve) => {
      this.#filter.begin();
      const running = new RunningRequest(options, {
        lane: this.lane,
        filter: this.#filter,
        connection: isLast ? 'close' : 'keep-alive',
        readSendQueue,
        done: (outcome) => {
          this.#ended(outcome, isLast);
          resolve(outcome);
        },
      });
      this.#running = running;
      running.start((dispatched, handler) => this.#client.dispatch(dispatched, handler));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Ends the keep-alive timer and the socket; a failure to do so has nobody left to tell.
    this.#client.destroy().catch(() => {});
    this.lane.release();
  }

  #ended(outcome: Outcome, isLast: boolean): void {
    this.#running = null;
    if (outcome.ended === 'answered' && !isLast) {
      this.#answers += 1;
      this.#filter.rest();
    } else this.close();
  }

  #onClosed(): void {
    if (!this.lane.socket.readableEnded) this.#running?.cut('it was cut off');
    // The lane learns how the other side ended it.
    if (this.#running === null) this.close();
  }

  /** Hands out the lane's socket, once; the timeouts of 0 turn undici's own timers off. */
  #makeClient(origin: string, make: typeof Client): Client {
    let given = false;
    return new make(origin, {
      connect: (_options, callback) => {
        const isFirst = !given;
        given = true;
        // Later, never inside the call: undici forgets the request of a connector that calls back at once.
        queueMicrotask(() => {
          // undici's types ask for a net.Socket; any Duplex does.
          if (isFirst) {
            callback(null, this.#filter as Duplex as Socket);
            return;
          }
          this.#running?.cut('it was closed without an answer');
          // An error of ours: undici would reconnect for ever on its own codes UND_ERR_SOCKET and UND_ERR_INFO.
          callback(new Error('there is one socket only'), null);
        });
      },
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: UNDICI_KEEPS_MS,
      keepAliveMaxTimeout: UNDICI_KEEPS_MS,
      maxHeaderSize: HEAD_LIMIT_BYTES,
    });
  }
}

/**
 * What a request over this lane comes to, once what the hop's answers said of our credential is on disk.
 * @throws CodedError of the outcome; the reason of the abort
 */
export async function responseOf(outcome: Outcome, lane: Lane): Promise<SmallResponse> {
  const shown = await lane.settled();
  if (outcome.ended === 'answered') return outcome.response;
  if (outcome.ended === 'aborted') throw outcome.reason;
  throw shown === null ? outcome.error : shown.during(outcome.error.journey);
}

/** A lane of which undici would see no byte. */
export function refuseBulk(lane: Lane): void {
  if (lane.bulk !== null) throw coded('INTERNAL', { reason: 'a small request was made over a bulk lane' });
}

function isMeasured(body: SendOptions['request']['body']): boolean {
  if (body === undefined || typeof body === 'string') return false;
  return body.length > MEASURED_BYTES;
}
