// Observes the steps of opening a connection: how long each took, what was found out, and which steps succeeded before
// a failure.
//
// Guarantees: the failure of a step has its phase, its duration and the steps that succeeded before (`ConnectTrace`).
// The listener is called once for each step, when it ends. Updates, uploads and diagnosis use the same steps.

import { isOfGroup } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import type { FieldValue } from '#errors/template.ts';
import type { Clock } from '#system/clock.ts';

type Facts = Readonly<Record<string, FieldValue>>;

/** One step that has ended. */
export interface ObservedStep {
  readonly phase: ConnectPhase;
  readonly elapsedMs: number;
  /** What the step showed; empty if it failed. */
  readonly facts: Facts;
  readonly error: CodedError | null;
}

export type StepListener = (step: ObservedStep) => void;

export class ConnectObserver {
  readonly #clock: Clock;
  readonly #watch: StepListener | undefined;
  readonly #passed: ConnectPhase[] = [];

  constructor(clock: Clock, watch: StepListener | undefined) {
    this.#clock = clock;
    this.#watch = watch;
  }

  /** The steps that succeeded so far, in order. */
  get passed(): readonly ConnectPhase[] {
    return [...this.#passed];
  }

  /** Runs a step. `show` returns the facts that its result showed. */
  async run<T>(phase: ConnectPhase, work: () => Promise<T>, show: (result: T) => Facts = () => ({})): Promise<T> {
    const startedMs = this.#clock.monotonic();
    const result = await this.attribute(phase, work);
    // The facts of a step may require parsing a certificate, which is done only if there is a listener.
    this.passedBy(phase, this.#clock.monotonic() - startedMs, this.#watch === undefined ? {} : show(result));
    return result;
  }

  /** Runs work that proves nothing when it succeeds, and belongs to this phase when it fails. */
  async attribute<T>(phase: ConnectPhase, work: () => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonic();
    try {
      return await work();
    } catch (thrown) {
      throw this.#failed(phase, startedMs, thrown);
    }
  }

  /** Records a step that succeeded inside another one, such as a name look-up while dialing. */
  passedBy(phase: ConnectPhase, elapsedMs: number, facts: Facts): void {
    this.#passed.push(phase);
    this.#watch?.({ phase, elapsedMs, facts, error: null });
  }

  #failed(phase: ConnectPhase, startedMs: number, thrown: unknown): unknown {
    if (!(thrown instanceof CodedError)) return thrown;
    const elapsedMs = this.#clock.monotonic() - startedMs;
    const failing = finer(phase, thrown);
    // A step that succeeded and was later revoked has proven nothing.
    thrown.during({ phase: failing, elapsedMs, proven: this.passed.filter((passed) => passed !== failing) });
    this.#watch?.({ phase: thrown.trace?.phase ?? phase, elapsedMs, facts: {}, error: thrown });
    return thrown;
  }
}

/** A look-up is part of dialing and authentication is part of the tunnel; the code shows which of the two failed. */
function finer(phase: ConnectPhase, { code }: CodedError): ConnectPhase {
  if (phase === 'dial' && isOfGroup(code, 'DNS')) return 'resolve';
  // With TLS 1.3, the failure for a missing client certificate arrives after the handshake.
  if (phase === 'tunnel' && isOfGroup(code, 'PROXY-TLS')) return 'proxy_tls';
  if (phase === 'tunnel' && isOfGroup(code, 'AUTH', 'NTLM', 'NEGOTIATE')) return 'authentication';
  return phase;
}
