// Sends the requests of one upload over the session of its purpose, with the deadlines of the route that is used.
//
// Guarantees: while a request sends content, the length of a pause has a limit. After its last byte, the response
// timeout for its size on this route applies, because a scanner may hold the request. A request that is slower than
// SLOWEST_RATE is ended. The model learns only from content that the server accepted, and from timeouts.

import { asCoded, CodedError } from '#errors/coded-error.ts';
import type { Deadlines } from '#http/deadlines.ts';
import type { SmallRequest } from '#http/session/running-request.ts';
import type { SessionResponse } from '#http/session/session.ts';
import type { HopFacts } from '#proxy/route.ts';
import type { TimeoutPlan } from '#timeout/model.ts';
import { SpacedSaves } from '#timeout/spaced-saves.ts';
import { TimeoutSession } from '#timeout/timeout-session.ts';
import type { UploadStep } from './answers.ts';
import type { UploadPath } from './path-memory.ts';
import type { Bundle, UploadPorts } from './upload-types.ts';

/** Answers have practically no body. A page is read for its title. */
const ANSWER_BYTES = 65_536;
/** Longest pause while content is sent, in milliseconds, unless `response_timeout.min_ms` is longer. */
const SEND_PAUSE_MS = 60_000;
/** Bytes per second. A slower request ends, and the next one is smaller. */
const SLOWEST_RATE = 1_024;
/** The server may read and hash the whole file before it confirms it. */
const CONFIRM_MS = 300_000;
const CONFIRM_MS_PER_BYTE = 1 / 10_000;
const MAX_TIMER_MS = 2_147_483_647;

/** Nothing is remembered of the shape of an upload. */
const NO_KINDS = { wordsOf: () => null, observeTransfer: () => null };

export interface UploadRequest {
  readonly step: UploadStep;
  readonly request: SmallRequest;
  readonly signal: AbortSignal;
  onProgress?(bytes: number): void;
}

/** The requests of one upload. */
export class UploadRequests {
  readonly #ports: UploadPorts;
  readonly #saves: SpacedSaves;
  readonly #timeouts: TimeoutSession<null, never>;
  readonly #length: number;
  #path: UploadPath | null = null;
  #facts: HopFacts | null = null;
  #via: string | null = null;
  #plan: TimeoutPlan | null = null;

  constructor(ports: UploadPorts, bundle: Bundle) {
    this.#ports = ports;
    this.#length = bundle.body.length;
    const { model, clock, report } = ports;
    this.#saves = new SpacedSaves(ports.timeouts, clock);
    this.#timeouts = new TimeoutSession<null, never>(
      {
        model,
        clock,
        timeouts: this.#saves,
        habits: NO_KINDS,
        // A store that cannot be written is written again, and reported, when the upload ends.
        report: () => undefined,
        settings: () => ports.settings(),
        what: 'chunks',
        reportChange: (change) => report({ name: 'upload-timeout-changed', ...change }),
      },
      { id: bundle.job, sha256: bundle.sha256 },
    );
  }

  /** The path of the last connection; null before the first one. */
  get path(): UploadPath | null {
    return this.#path;
  }

  /** The last connection in words: `proxy corp`, or `no proxy`. */
  get via(): string {
    const proxy = this.#facts?.proxy ?? null;
    return proxy === null ? 'no proxy' : `proxy ${proxy}`;
  }

  /** Sends one request. @throws CodedError of the session; the reason of `signal` */
  async send({ step, request, signal, onProgress }: UploadRequest): Promise<SessionResponse> {
    const size = sizeOf(request);
    const hasContent = step === 'chunk' || step === 'put';
    this.#plan = null;
    try {
      const answer = await this.#ports.session.request({
        request: { ...request, headers: { ...this.#ports.headers(), ...request.headers } },
        deadlines: (facts) => this.#deadlines(facts, { step, size, url: request.url }),
        limitBytes: ANSWER_BYTES,
        signal,
        ...(onProgress === undefined ? {} : { onProgress }),
      });
      this.#noteVia(answer.head.via);
      if (hasContent) await this.#learn(size, answer);
      return answer;
    } catch (thrown) {
      if (hasContent && isResponseTimeout(thrown)) await this.#learnTimeout(size);
      throw thrown;
    }
  }

  /** Saves what was learned. Without it, later uploads only wait longer, so a failure is reported and ends nothing. */
  async end(): Promise<void> {
    try {
      await this.#saves.flush();
    } catch (thrown) {
      this.#ports.report({ name: 'fault', error: asCoded(thrown) });
    }
  }

  #deadlines(
    facts: HopFacts,
    { step, size, url }: { readonly step: UploadStep; readonly size: number; readonly url: URL },
  ): Deadlines {
    this.#facts = facts;
    this.#path = { proxy: facts.proxyUrl, origin: url.origin };
    const { base_ms: baseMs, min_ms: minMs, mode } = this.#ports.settings().response_timeout;
    if (step !== 'chunk' && step !== 'put') {
      const ms = step === 'complete' ? Math.max(baseMs, CONFIRM_MS + this.#length * CONFIRM_MS_PER_BYTE) : baseMs;
      return { firstByteMs: ms, silenceMs: baseMs, totalMs: ms + baseMs, key: 'response_timeout.base_ms' };
    }
    const plan = this.#timeouts.plan(this.#path, size);
    this.#plan = plan;
    const isFixed = mode === 'fixed';
    const pauseMs = isFixed ? baseMs : Math.max(SEND_PAUSE_MS, minMs);
    const { firstByteMs, silenceMs } = plan;
    const slowestMs = pauseMs + firstByteMs + silenceMs + (size / SLOWEST_RATE) * 1_000;
    return {
      firstByteMs,
      silenceMs,
      totalMs: Math.min(MAX_TIMER_MS, slowestMs),
      sending: { ms: pauseMs, key: isFixed ? 'response_timeout.base_ms' : 'response_timeout.min_ms' },
      ...this.#timeouts.words(this.#path, plan),
    };
  }

  async #learn(size: number, { head, measured }: SessionResponse): Promise<void> {
    const ok = head.status >= 200 && head.status <= 299;
    if (this.#path === null || this.#plan === null || !ok) return;
    const { clock } = this.#ports;
    this.#timeouts.observe(this.#path, { size, ok, ...measured, timedOut: null, atMs: clock.now() }, null);
    await this.#timeouts.settle({ verified: true, whole: true });
  }

  async #learnTimeout(size: number): Promise<void> {
    if (this.#path === null || this.#plan === null) return;
    const atMs = this.#ports.clock.now();
    const timedOut = 'first_byte' as const;
    const none = { firstByteMs: null, longestSilenceMs: null, totalMs: 0 };
    this.#timeouts.observe(this.#path, { size, ok: false, timedOut, ...none, atMs }, null);
    await this.#timeouts.settle({ verified: false, whole: false });
  }

  /** In the form of the manual, once for each chain of proxies. */
  #noteVia(via: string | null): void {
    if (via === null || via === this.#via) return;
    this.#via = via;
    this.#ports.report({ name: 'response-via', via });
  }
}

function isResponseTimeout(thrown: unknown): boolean {
  return thrown instanceof CodedError && thrown.code === 'RESPONSE-TIMEOUT';
}

function sizeOf({ body }: SmallRequest): number {
  if (body === undefined) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}
