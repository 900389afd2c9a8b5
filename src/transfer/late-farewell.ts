// Receives one part of a file. If the response is silent for longer than its timeout, but the proxy and the server
// answer, a second request for the missing bytes is sent. The first one stays open until the second one ends, but at
// least for twice and at most for five times its timeout.
//
// Guarantees: at most two requests run, and only one of them writes. The first one is used if it gets its next byte, or
// a response that is not the file. The second one is used if it gets 64 KiB (or the whole body, if that is shorter)
// before that; they are kept in memory until then. The other one ends at once, and both end with the signal. Relies on
// `canTakeOver` to decide which bytes the second one may continue. A crash leaves what a single request leaves.

import type { MoreTime } from '#http/deadlines.ts';
import type { BodySink, ExchangeResult } from '#http/exchange.ts';
import { isRedirect } from '#http/follow.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { ShapeWatch } from '#path/shape-watch.ts';
import { type Connection, isEndToEnd } from '#proxy/route.ts';
import type { TimeoutPhase } from '#timeout/model.ts';
import type { FetchAttempt } from './fetch-attempt.ts';
import type { FetchPorts, Worth } from './fetch-types.ts';
import { exchangePart, GUESSED_BYTES, noteHead, openBody, type PartExchange } from './part-exchange.ts';
import { partOf, type RangePlan } from './resume.ts';
import { SecondBody } from './second-body.ts';
import { limitOf, type Watched } from './while-watched.ts';

/** How many times its timeout a request may last if no second one can be sent, or the second one has failed. */
export const ALONE_TIMES = 2;
/** The second request begins after the first timeout. Its own is twice as long, and is doubled once. */
export const WITH_SECOND_TIMES = 1 + 2 * ALONE_TIMES;
/** A transfer that is slow, but not silent, gets half as much time again. It may be one that never ends. */
export const SLOW_TIMES = 1.5;
/** The same if the proxy lives and the server does not answer through it. The proxy may have the whole file already. */
export const UNREACHED_TIMES = 1.2;
/** What is known of the proxy after its name, for a message about a longer wait. */
export const EXTENDED_BECAUSE: Readonly<Record<Exclude<Worth, 'no'>, string>> = {
  reached: 'and the server answer',
  unreached: 'answers, but the server behind it does not',
  alone: 'answers no second connection, so it cannot be tested',
};
const NO_MORE: MoreTime = { times: 1 };

/** How a part was received. */
export interface ReceivedPart {
  readonly result: ExchangeResult;
  /** The request that the result is of. */
  readonly by: PartExchange;
  /** The response continues the bytes of another one. */
  readonly isContinuation: boolean;
}

/** @throws CodedError PROXY-GONE; the reason of the signal */
export async function receivePart(
  ports: FetchPorts,
  attempt: FetchAttempt,
  asked: { readonly first: PartExchange; readonly watched: Watched },
): Promise<ReceivedPart> {
  return await new Farewell(ports, attempt, asked).run();
}

class Farewell {
  readonly #ports: FetchPorts;
  readonly #attempt: FetchAttempt;
  readonly #first: PartExchange;
  readonly #watched: Watched;
  readonly #endFirst = new AbortController();
  readonly #endSecond = new AbortController();
  #winner: 'first' | 'second' | null = null;
  #isFirstOpen = true;
  #second: Promise<ReceivedPart | null> | null = null;
  /** The last byte of the first response, or the beginning of its wait. */
  #quietSinceMs: number;

  constructor(
    ports: FetchPorts,
    attempt: FetchAttempt,
    { first, watched }: { readonly first: PartExchange; readonly watched: Watched },
  ) {
    this.#ports = ports;
    this.#attempt = attempt;
    this.#first = first;
    this.#watched = watched;
    this.#quietSinceMs = ports.clock.monotonic();
  }

  async run(): Promise<ReceivedPart> {
    try {
      const result = await this.#receiveFirst();
      this.#isFirstOpen = false;
      const own = result === null ? null : { result, by: this.#first, isContinuation: false };
      if (own !== null && (this.#winner === 'first' || !isSilence(own.result))) return own;
      const second = await this.#second;
      const received = second ?? own;
      if (received === null) throw new Error('the second request has won without a result');
      return received;
    } finally {
      this.#endSecond.abort(new Error('the other request has ended'));
      await this.#second?.catch(() => undefined);
    }
  }

  /** Returns null if the second request has won. */
  async #receiveFirst(): Promise<ExchangeResult | null> {
    try {
      const result = await exchangePart(this.#ports, this.#attempt, this.#first, {
        signal: AbortSignal.any([this.#watched.signal, this.#endFirst.signal]),
        askForMore: (expired) => this.#ask(expired),
        onHead: (head) => this.#onFirstHead(head),
      });
      // A proxy that allows one connection may have ended the first one because of the second.
      if (this.#second !== null && isLost(result)) this.#watched.broke();
      return result;
    } catch (thrown) {
      if (this.#winner === 'second') return null;
      throw thrown;
    }
  }

  #onFirstHead(head: ResponseInfo): BodySink | null {
    const sink = this.#open(this.#first, head);
    if (sink === null || !isFile(head)) this.#firstWins();
    if (sink === null) return null;
    return {
      write: (chunk) => {
        this.#quietSinceMs = this.#ports.clock.monotonic();
        this.#firstWins();
        sink.write(chunk);
      },
    };
  }

  #firstWins(): void {
    if (this.#second === null || this.#winner !== null) return;
    this.#winner = 'first';
    this.#endSecond.abort(new Error('the first request was answered'));
  }

  /** A limit of the first request has expired. How much longer it may last. */
  #ask(expired: TimeoutPhase): Promise<MoreTime> | null {
    const asked = this.#watched.isWorthMore(expired);
    if (asked === null) return null;
    const quietSinceMs = this.#quietSinceMs;
    return asked.then((worth) => {
      const alone = moreTime(expired, worth);
      if (worth === 'no' || !this.#isFirstOpen || quietSinceMs !== this.#quietSinceMs) return alone;
      const { missing } = this.#attempt.reader;
      // A transfer that trickles is not silent: its next byte would end a second request.
      if (worth === 'reached' && expired !== 'total' && missing !== null && missing.kind !== 'nothing') {
        return { ...alone, longer: { times: WITH_SECOND_TIMES, while: this.#begin(expired, missing) } };
      }
      this.#reportExtended(expired, { times: alone.times, why: worth });
      return alone;
    });
  }

  /** The promise settles when the second request has ended. */
  #begin(expired: TimeoutPhase, missing: RangePlan): Promise<unknown> {
    this.#second = this.#receiveSecond(expired, missing);
    // It may be ended long before `run` waits for it.
    return this.#second.catch(() => undefined);
  }

  /** Null if it came to nothing while the first request was open. */
  async #receiveSecond(expired: TimeoutPhase, missing: RangePlan): Promise<ReceivedPart | null> {
    const signal = AbortSignal.any([this.#watched.signal, this.#endSecond.signal]);
    const connection = await this.#connect(signal);
    if (connection === null) {
      this.#reportExtended(expired, { times: ALONE_TIMES, why: 'reached' });
      return null;
    }
    try {
      const isContinuation = missing !== this.#attempt.reader.range;
      const second = this.#requestOver(connection, { expired, missing, isContinuation });
      this.#reportExtended(expired, { second });
      const onHead = (head: ResponseInfo) => this.#onSecondHead(second, missing, head);
      const askForMore = (late: TimeoutPhase) => this.#askAgain(late);
      const result = await exchangePart(this.#ports, this.#attempt, second, { signal, onHead, askForMore });
      return this.#isFirstOpen && this.#winner !== 'second' ? null : { result, by: second, isContinuation };
    } finally {
      connection.release();
    }
  }

  /** A limit of the second request has expired. No third request is sent. */
  #askAgain(expired: TimeoutPhase): Promise<MoreTime> | null {
    return this.#watched.isWorthMore(expired)?.then((worth) => moreTime(expired, worth)) ?? null;
  }

  #onSecondHead(second: PartExchange, missing: RangePlan, head: ResponseInfo): BodySink | null {
    const wins = () => this.#secondWins(second, missing, head);
    if (!this.#isFirstOpen) return wins();
    if (!isFile(head) || !this.#attempt.reader.canTakeOver(missing, head)) return null;
    const body = new SecondBody(second.part.bytes ?? head.contentLength, {
      isDecided: () => !this.#isFirstOpen,
      wins: () => wins() ?? REFUSED,
    });
    return {
      write: (chunk) => {
        this.#watched.bytes();
        body.write(chunk);
      },
    };
  }

  /** The proxy of the first request over another connection; null if that is not possible. */
  async #connect(signal: AbortSignal): Promise<Connection | null> {
    const { router, purpose, throttle } = this.#ports;
    const { url, key } = this.#first;
    try {
      await throttle?.ready(signal);
      const options = { bulk: true, signal, isRoutine: true, updateId: this.#attempt.job.name };
      const connection = await router.route(purpose, url).open(options);
      this.#watched.connected();
      if (connection.facts.proxyUrl === key.proxy) return connection;
      connection.release();
    } catch {
      // The first request is still open, and the reason of an abort is reported by it.
    }
    return null;
  }

  #requestOver(
    connection: Connection,
    of: { readonly expired: TimeoutPhase; readonly missing: RangePlan; readonly isContinuation: boolean },
  ): PartExchange {
    const { clock, paths, timeoutSession } = this.#ports;
    const { key, plan: before, part: sameRequest } = this.#first;
    const { length } = this.#attempt.reader;
    const part = of.isContinuation ? partOf(of.missing, paths.adviceFor(key), length) : sameRequest;
    const isOpaque = isEndToEnd(connection.facts, this.#first.url);
    const plan = timeoutSession.plan({ ...key, isOpaque }, before.size, {
      plan: before,
      timedOut: of.expired,
    });
    const shape = new ShapeWatch(clock.monotonic(), part.bytes ?? GUESSED_BYTES);
    return { ...this.#first, connection, keep: undefined, plan, part, shape };
  }

  /** From now on the second response is read. Returns the sink for its body; null if it has none that is needed. */
  #secondWins(second: PartExchange, missing: RangePlan, head: ResponseInfo): BodySink | null {
    this.#winner = 'second';
    this.#endFirst.abort(new Error('the second request was answered'));
    this.#attempt.reader.takeOver(missing, this.#ports.clock.monotonic() - this.#quietSinceMs);
    return this.#open(second, head);
  }

  #open(request: PartExchange, head: ResponseInfo): BodySink | null {
    noteHead(this.#ports, this.#attempt, request, head);
    if (isRedirect(head.status)) return null;
    return openBody(this.#ports, this.#attempt, request, { head, bytes: () => this.#watched.bytes() });
  }

  /** Reports that the wait is longer than planned, in milliseconds since the first request. */
  #reportExtended(
    expired: TimeoutPhase,
    by:
      | { readonly times: number; readonly why: Exclude<Worth, 'no'>; readonly second?: undefined }
      | { readonly second: PartExchange },
  ): void {
    const planned = limitOf(this.#first.plan, expired);
    const limitMs = by.second === undefined ? by.times * planned : planned + limitOf(by.second.plan, 'first_byte');
    this.#ports.watch.extended?.({
      proxy: this.#first.connection.facts.proxy,
      limitMs,
      why: by.second === undefined ? by.why : 'reached',
      again: by.second !== undefined,
    });
  }
}

/** If the reader refuses a body, its `conclude` throws the reason. */
const REFUSED: BodySink = {
  write() {
    throw new Error('the second response was refused');
  },
};

/** How much longer a request may last without a second one. */
function moreTime(expired: TimeoutPhase, worth: Worth): MoreTime {
  if (worth === 'no') return NO_MORE;
  if (worth === 'unreached') return { times: UNREACHED_TIMES };
  return { times: expired === 'total' ? SLOW_TIMES : ALONE_TIMES };
}

function isFile({ status }: ResponseInfo): boolean {
  return status === 200 || status === 206;
}

function isLost(result: ExchangeResult): boolean {
  return result.ended === 'failed' && result.error.code === 'CONNECTION-LOST';
}

/** Whether a request ended without an answer, so that a second one may still have one. */
function isSilence(result: ExchangeResult): boolean {
  return isLost(result) || result.measured.timedOut !== null;
}
