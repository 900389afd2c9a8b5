// The steps of opening a connection, watched: how long each took, what it showed, and what had gone well before one failed.
//
// Guarantees: a failure that leaves a step knows its phase, its time and what was proven before (`Journey`); whoever
// watches hears of each step once, as it ends. Work, diagnosis and "Test connection" walk the same steps.

import { isOfGroup } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { Phase } from '#errors/journey.ts';
import type { FieldValue } from '#errors/template.ts';
import type { Clock } from '#system/clock.ts';

type Facts = Readonly<Record<string, FieldValue>>;

/** One step, over. */
export interface StepSeen {
  readonly phase: Phase;
  readonly elapsedMs: number;
  /** What it showed; empty where it failed. */
  readonly facts: Facts;
  readonly error: CodedError | null;
}

export type StepWatch = (step: StepSeen) => void;

export class Steps {
  readonly #clock: Clock;
  readonly #watch: StepWatch | undefined;
  readonly #passed: Phase[] = [];

  constructor(clock: Clock, watch: StepWatch | undefined) {
    this.#clock = clock;
    this.#watch = watch;
  }

  /** What went well so far, in order. */
  get passed(): readonly Phase[] {
    return [...this.#passed];
  }

  /** Runs a step. `show` says what its result showed. */
  async run<T>(phase: Phase, work: () => Promise<T>, show: (result: T) => Facts = () => ({})): Promise<T> {
    const startedMs = this.#clock.monotonic();
    const result = await this.guard(phase, work);
    // What a step showed may cost a look at a certificate, which only a watcher is worth.
    this.passedBy(phase, this.#clock.monotonic() - startedMs, this.#watch === undefined ? {} : show(result));
    return result;
  }

  /** Work that proves nothing when it goes well, and belongs to this phase when it fails. */
  async guard<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonic();
    try {
      return await work();
    } catch (thrown) {
      throw this.#failed(phase, startedMs, thrown);
    }
  }

  /** A step that went well inside of another one, such as the look-up of a name while dialling. */
  passedBy(phase: Phase, elapsedMs: number, facts: Facts): void {
    this.#passed.push(phase);
    this.#watch?.({ phase, elapsedMs, facts, error: null });
  }

  #failed(phase: Phase, startedMs: number, thrown: unknown): unknown {
    if (!(thrown instanceof CodedError)) return thrown;
    const elapsedMs = this.#clock.monotonic() - startedMs;
    const failing = finer(phase, thrown);
    // One that went well and was taken back afterwards has proven nothing.
    thrown.during({ phase: failing, elapsedMs, proven: this.passed.filter((passed) => passed !== failing) });
    this.#watch?.({ phase: thrown.journey?.phase ?? phase, elapsedMs, facts: {}, error: thrown });
    return thrown;
  }
}

/** A look-up is part of dialling and authentication part of the tunnel; the code tells which of the two it was. */
function finer(phase: Phase, { code }: CodedError): Phase {
  if (phase === 'dial' && isOfGroup(code, 'DNS')) return 'resolve';
  // TLS 1.3 tells of a certificate that is wanting behind the handshake.
  if (phase === 'tunnel' && isOfGroup(code, 'PROXY-TLS')) return 'proxy_tls';
  if (phase === 'tunnel' && isOfGroup(code, 'AUTH', 'NTLM', 'NEGOTIATE')) return 'authentication';
  return phase;
}
