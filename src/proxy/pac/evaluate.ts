// Evaluates a PAC file for one URL in its own thread, which ends after the result, at the time limit, or when aborted.
//
// Guarantees: whatever the file does, the event loop is not blocked, and no thread is left. A thread is started only
// for an evaluation. Names are resolved by `lookUp` in the main thread, which also decides whether that is allowed.

import { Worker } from 'node:worker_threads';
import type { CodedError } from '#errors/coded-error.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { Clock } from '#system/clock.ts';
import { ANSWER_BYTES, type Family, type PacQuestion, type PacReport, STATE_BYTES } from './question.ts';

export interface PacEvaluation {
  readonly script: string;
  readonly url: string;
  readonly host: string;
  /** The addresses of a name that the file requests; empty if it has none, or look-ups are not allowed. */
  lookUp(name: string, family: Family): Promise<readonly string[]>;
  readonly limitMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The failure to throw at the limit. */
  readonly late: (elapsedMs: number) => CodedError;
}

/** The outcome, as the file produced it. */
export type PacOutcome = Exclude<PacReport, { kind: 'look-up' }>;

/** Memory of the thread in addition to that of WebAssembly, in MiB. */
const MAX_HEAP_MIB = 64;

/**
 * Evaluates the file.
 * @throws CodedError at the limit; the reason of the signal
 */
export function evaluatePac(asking: PacEvaluation): Promise<PacOutcome> {
  const bounds = { clock: asking.clock, timeoutMs: asking.limitMs, signal: asking.signal, late: asking.late };
  return boundedStep<PacOutcome>(bounds, ({ done }) => {
    const shared = new SharedArrayBuffer(STATE_BYTES + ANSWER_BYTES);
    const { script, url, host } = asking;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { script, url, host, nowMs: asking.clock.now(), shared } satisfies PacQuestion,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    worker.on('message', (report: PacReport) => {
      if (report.kind === 'look-up') void answer(asking, report, shared);
      else done(report);
    });
    worker.on('error', (error: Error) => done({ kind: 'failed', reason: error.message }));
    worker.on('exit', () => done({ kind: 'failed', reason: 'its thread ended without an answer' }));
    return () => {
      void worker.terminate();
    };
  });
}

type LookUpReport = Extract<PacReport, { kind: 'look-up' }>;

async function answer(
  { lookUp }: PacEvaluation,
  { host, family }: LookUpReport,
  shared: SharedArrayBuffer,
): Promise<void> {
  const addresses = await lookUp(host, family).catch(() => []);
  const bytes = Buffer.from(addresses.join(' '), 'latin1').subarray(0, ANSWER_BYTES);
  new Uint8Array(shared, STATE_BYTES, ANSWER_BYTES).set(bytes);
  const state = new Int32Array(shared, 0, 2);
  Atomics.store(state, 1, bytes.length);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
