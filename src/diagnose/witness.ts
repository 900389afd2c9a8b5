// Runs an ordinary Node client in its own thread, which ends when the client has answered, at the deadline, or at an
// abort.
//
// Guarantees: the thread has an empty environment, so that no variable bypasses the proxy, and its memory has a
// limit. Its output is not printed.

import { Worker } from 'node:worker_threads';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { Clock } from '#system/clock.ts';
import type { OpinionAnswer, OpinionQuestion, OpinionReport, OpinionStage } from './second-opinion-question.ts';

/** Memory of the thread, in MiB: Node's HTTP and TLS with the agents take about 20. */
const MAX_HEAP_MIB = 96;

export interface OpinionBounds {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** The result; `late` when the deadline came first. */
export type OpinionResult =
  | OpinionAnswer
  | { readonly kind: 'late'; readonly at: OpinionStage; readonly timeoutMs: number };

/** Runs the client. @throws the reason of the signal */
export async function runWitness(question: OpinionQuestion, bounds: OpinionBounds): Promise<OpinionResult> {
  let at: OpinionStage = 'proxy';
  const late = new Error('late');
  try {
    return await boundedStep<OpinionAnswer>({ ...bounds, late: () => late }, ({ done }) => {
      const failed = (reason: string) => done({ kind: 'failed', at, code: null, reason, loginRefused: false });
      const worker = new Worker(new URL('./witness-worker.ts', import.meta.url), {
        workerData: question,
        env: {},
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
        stdout: true,
        stderr: true,
      });
      worker.on('message', (report: OpinionReport) => {
        if (report.kind === 'stage') at = report.at;
        else done(report);
      });
      worker.on('error', (error: unknown) => failed(error instanceof Error ? error.message : String(error)));
      worker.on('exit', () => failed('its thread ended without an answer'));
      return () => {
        void worker.terminate();
      };
    });
  } catch (thrown) {
    if (thrown !== late) throw thrown;
    return { kind: 'late', at, timeoutMs: bounds.timeoutMs };
  }
}
