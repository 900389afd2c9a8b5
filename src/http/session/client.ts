// An HTTP/1.1 client for one open connection. It sends one request at a time and returns each response as a whole.
// undici implements the protocol, on the socket of this connection only.
//
// Guarantees: `close`, a failure and an abort release the connection. After a response, the client stays open only if
// both sides keep the connection open and nothing unexpected arrived. undici is loaded at the first use.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'undici';
import { coded } from '#errors/coded-error.ts';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { Connection } from '#proxy/route.ts';
import { openSendQueue, type ReadSendQueue } from '#system/network/send-queue.ts';
import { HeadFilter } from './head-filter.ts';
import {
  MEASURED_BYTES,
  type RequestOutcome,
  RunningRequest,
  type SendOptions,
  type SmallResponse,
} from './running-request.ts';

/** undici's own limit for an unused connection, in milliseconds: the session has a shorter one. */
const UNDICI_KEEPS_MS = 600_000;

const UNKNOWN_QUEUE: ReadSendQueue = () => null;

/** A client for a connection that was opened without `bulk`: undici never sees the bytes of a bulk socket. */
export async function clientOver(connection: Connection, origin: string): Promise<HttpClient> {
  const { Client } = await import('undici');
  return new HttpClient(connection, origin, Client);
}

export class HttpClient {
  readonly connection: Connection;
  readonly #filter: HeadFilter;
  readonly #undici: Client;
  #running: RunningRequest | null = null;
  #answers = 0;
  #isClosed = false;

  constructor(connection: Connection, origin: string, UndiciClient: typeof Client) {
    this.connection = connection;
    // Registered before undici's own listeners. It stays, because a destroyed socket may still emit an error.
    connection.socket.on('error', (error) => this.#running?.broken(error));
    connection.socket.on('close', () => this.#onClosed());
    this.#filter = new HeadFilter(connection.socket, (reason) => this.#running?.refused(reason));
    this.#filter.on('error', (error) => this.#running?.broken(error));
    this.#undici = this.#makeUndici(origin, UndiciClient);
  }

  /** Number of responses that it has received. */
  get answers(): number {
    return this.#answers;
  }

  /** Whether another request may be sent. */
  get isOpen(): boolean {
    const { socket } = this.connection;
    return !this.#isClosed && !this.#filter.destroyed && !socket.destroyed && !socket.readableEnded;
  }

  /** Sends one request; the previous one must have ended. With `isLast` both sides close the connection after it. */
  async send(options: SendOptions, { isLast }: { readonly isLast: boolean }): Promise<RequestOutcome> {
    const { signal, request } = options;
    const readSendQueue = isMeasured(request.body) ? await openSendQueue() : UNKNOWN_QUEUE;
    if (signal.aborted) {
      this.close();
      return { ended: 'aborted', reason: signal.reason };
    }
    return await new Promise<RequestOutcome>((resolve) => {
      this.#filter.begin();
      const running = new RunningRequest(options, {
        connection: this.connection,
        filter: this.#filter,
        connectionHeader: isLast ? 'close' : 'keep-alive',
        readSendQueue,
        done: (outcome) => {
          this.#ended(outcome, isLast);
          resolve(outcome);
        },
      });
      this.#running = running;
      running.start((dispatched, handler) => this.#undici.dispatch(dispatched, handler));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Ends the keep-alive timer and the socket. A failure here has no caller that could receive it.
    this.#undici.destroy().catch(() => {});
    this.connection.release();
  }

  #ended(outcome: RequestOutcome, isLast: boolean): void {
    this.#running = null;
    if (outcome.ended === 'answered' && !isLast) {
      this.#answers += 1;
      this.#filter.rest();
    } else this.close();
  }

  #onClosed(): void {
    if (!this.connection.socket.readableEnded) this.#running?.cut('it was cut off');
    // Lets the connection observe how the other side ended it.
    if (this.#running === null) this.close();
  }

  /** Hands out the connection's socket, once; the timeouts of 0 turn undici's own timers off. */
  #makeUndici(origin: string, UndiciClient: typeof Client): Client {
    let given = false;
    return new UndiciClient(origin, {
      connect: (_options, callback) => {
        const isFirst = !given;
        given = true;
        // Later, never inside the call: undici forgets the request of a connector that calls back at once.
        queueMicrotask(() => {
          // undici's types require a net.Socket; any Duplex works.
          if (isFirst) {
            callback(null, this.#filter as Duplex as Socket);
            return;
          }
          this.#running?.cut('it was closed without an answer');
          // Must not be UND_ERR_SOCKET or UND_ERR_INFO: on these codes undici would reconnect forever.
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
 * The response of a request, once the hop's verdict on our credential is on disk.
 * @throws CodedError of the outcome; the reason of the abort
 */
export async function responseOf(outcome: RequestOutcome, connection: Connection): Promise<SmallResponse> {
  const shown = await connection.settled();
  if (outcome.ended === 'answered') return outcome.response;
  if (outcome.ended === 'aborted') throw outcome.reason;
  throw shown === null ? outcome.error : shown.during(outcome.error.trace);
}

/** Refuses a connection whose bytes undici would never see. */
export function refuseBulk(connection: Connection): void {
  if (connection.bulk !== null) throw coded('INTERNAL', { reason: 'a small request was made over a bulk connection' });
}

function isMeasured(body: SendOptions['request']['body']): boolean {
  if (body === undefined || typeof body === 'string') return false;
  return body.length > MEASURED_BYTES;
}
