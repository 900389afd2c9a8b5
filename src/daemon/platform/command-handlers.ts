// Carries out the commands that the vendor's platform sends, such as `update-available`. Carrying out the same command
// ID twice has the same effect as once.
//
// Guarantees: no command has a field that could name a file, a path, a URL or a setting. A check for updates respects
// the hold on updates. Support logs are sent only as `support_logs.on_platform_request` allows. Advice is stored and
// never run.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { AdviceStore } from '#platform/inbox/advice.ts';
import type { Handled, Handling } from '#platform/inbox/inbox-ports.ts';
import type { PlatformCommand } from '#platform/messages.ts';
import type { Clock } from '#system/clock.ts';
import type { PlatformRequests, StoredRequest } from '#uploads/platform-requests.ts';

/** A command that waits for the end of a check is looked at again at the latest after this. */
const LOOK_AGAIN_MS = 3_600_000;
/** The wait after a renewal that failed; it doubles with each failure in a row. */
const RETRY_MS = 60_000;
const MAX_RETRY_MS = 3_600_000;

export interface HandlerPorts {
  readonly clock: Clock;
  readonly report: ScopedReport;
  readonly advice: AdviceStore;
  /** Runs a check for updates that begins from now on. Returns why it failed, or null. Rejects only at the stop. */
  check(): Promise<CodedError | null>;
  /** @throws CodedError STATE-UNREADABLE */
  requests(): Promise<PlatformRequests>;
  /** @throws CodedError */
  renewActivation(signal: AbortSignal): Promise<void>;
  /** The handler of this command has news: it is called again. */
  again(id: string): void;
}

/** Codes of a request for support logs that this host refuses. Other failures are faults of this host. */
const REFUSALS: ReadonlySet<Code> = new Set<Code>(['POLICY-UPLOADS', 'UPLOADS-OFF', 'JOB-TOO-SOON', 'JOBS-FULL']);

export class CommandHandlers {
  readonly #ports: HandlerPorts;
  /** The checks of commands: running, or how they ended. */
  readonly #checks = new Map<string, 'running' | { readonly failure: CodedError | null }>();
  /** When the last successful renewal began (monotonic clock). */
  #renewedAtMs: number | null = null;
  /** Why the last renewals failed, and when the next may begin (monotonic clock). */
  #unrenewed: { readonly failure: CodedError; readonly failures: number; readonly untilMs: number } | null = null;

  constructor(ports: HandlerPorts) {
    this.#ports = ports;
  }

  /** Carries out a command. @throws CodedError for faults of this host */
  async handle(id: string, command: PlatformCommand, handling: Handling): Promise<Handled> {
    switch (command.command) {
      case 'update-available':
        return this.#checkForUpdates(id);
      case 'send-logs':
        return await this.#sendLogs(id, command.case);
      case 'activation-changed':
        return await this.#renewActivation(handling);
      case 'advice': {
        const { from, text } = command;
        await this.#ports.advice.put({ id, at: this.#ports.clock.now(), from, text });
        this.#ports.report({ name: 'platform-advice', from });
        return { kind: 'done', job: null };
      }
    }
  }

  /** The command stays in the inbox until the check has ended, so a crash during the check repeats it. */
  #checkForUpdates(id: string): Handled {
    const check = this.#checks.get(id);
    if (check !== undefined && check !== 'running') {
      this.#checks.delete(id);
      return check.failure === null ? { kind: 'done', job: null } : { kind: 'failed', error: check.failure };
    }
    if (check === undefined) {
      this.#checks.set(id, 'running');
      void this.#ports.check().then(
        (failure) => this.#ended(id, failure),
        () => this.#checks.delete(id),
      );
    }
    return { kind: 'later', waitMs: LOOK_AGAIN_MS, failure: coded('PLATFORM-RUNNING', {}), isFailure: false };
  }

  #ended(id: string, failure: CodedError | null): void {
    this.#checks.set(id, { failure });
    this.#ports.again(id);
  }

  async #sendLogs(id: string, number: string | null): Promise<Handled> {
    const requests = await this.#ports.requests();
    try {
      const stored = await requests.receive({ id, case: number });
      return decisionOf(stored) ?? { kind: 'waiting' };
    } catch (thrown) {
      const error = asCoded(thrown);
      if (REFUSALS.has(error.code)) return { kind: 'refused', error };
      throw thrown;
    }
  }

  /** All commands share one renewal, and the wait after its failure, so that many do not make many requests. */
  async #renewActivation({ signal, receivedAtMs }: Handling): Promise<Handled> {
    const { clock } = this.#ports;
    const nowMs = clock.monotonic();
    const ageMs = clock.now() - receivedAtMs;
    if (this.#renewedAtMs !== null && ageMs > nowMs - this.#renewedAtMs) return { kind: 'done', job: null };
    const { untilMs = nowMs, failure = null, failures = 0 } = this.#unrenewed ?? {};
    if (failure !== null && nowMs < untilMs)
      return { kind: 'later', waitMs: untilMs - nowMs, failure, isFailure: true };
    try {
      await this.#ports.renewActivation(signal);
      this.#renewedAtMs = nowMs;
      this.#unrenewed = null;
      return { kind: 'done', job: null };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const error = asCoded(thrown);
      if (!error.retryable) return { kind: 'failed', error };
      const waitMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(failures, 10));
      this.#unrenewed = { failure: error, failures: failures + 1, untilMs: clock.monotonic() + waitMs };
      return { kind: 'later', waitMs, failure: error, isFailure: true };
    }
  }
}

/** The final result of a request for support logs; null while it waits for a person. */
export function decisionOf({
  id,
  state,
  job,
  decided_by: by,
}: StoredRequest): Exclude<Handled, { kind: 'waiting' | 'later' }> | null {
  if (state === 'waiting') return null;
  if (state === 'approved') return { kind: 'done', job };
  return { kind: 'refused', error: coded('PLATFORM-DENIED', { request: id, by: by ?? 'the configuration' }) };
}
