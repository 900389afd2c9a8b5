// The work itself: rounds, one at a time, for every caller. `verbs.ts` answers for it over both carriers of Control.
//
// Guarantees: never two rounds at once (who asks while one runs joins it and sees its events); an abort of one asker
// ends only the waiting of that asker; `stop` ends the round, which keeps its bytes. A round rejects only when it is stopped.

import type { ChangeRequest, ChangeVerdict } from '#control/change.ts';
import type {
  Authority,
  ForgottenSerial,
  HookRun,
  RoundResult,
  Status,
  UpdateRow,
  VerifiedRow,
} from '#control/control.ts';
import type { EndpointList } from '#control/endpoints.ts';
import type { TimeoutExplanation, TimeoutSeeded, TimeoutSeeds } from '#control/timeouts.ts';
import type { Diagnosis, DiagnosisRequest } from '#diagnose/report.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Report, SallyportEvent } from '#logging/events.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import { onAbort } from '#system/abort.ts';
import { utcTime } from '#system/moment.ts';
import { Turns } from '#system/turns.ts';
import { HookQueue } from '#updates/hook/hook.ts';
import { reconcile } from '#updates/package/reconcile.ts';
import { feedUrl } from '#updates/request.ts';
import type { RoundReport, RoundScope } from '#updates/round.ts';
import { runRound, settleReceipts } from '#updates/round.ts';
import { allowRetry } from './answers/credentials.ts';
import type { HealthWatch } from './answers/health.ts';
import { RunningRound } from './answers/progress.ts';
import { currentEndpoints } from './answers/read-endpoints.ts';
import { describeStatus } from './answers/status.ts';
import { explainTimeouts, seedTimeouts } from './answers/timeouts.ts';
import { toFailure } from './failure.ts';
import type { Parts } from './parts.ts';
import { FileGate } from './reload/file-gate.ts';
import { ChangeTrials } from './trial/change-trial.ts';
import { runDiagnosis } from './trial/diagnosis.ts';
import { testCandidate } from './trial/test-candidate.ts';

/** Hears of each round, whoever asked for it. One that begins and is cut short has no end. */
export interface RoundWatch {
  began(): Promise<void>;
  ended(round: RoundReport): Promise<void>;
}

/** What a daemon has around its rounds; a command has none. */
export interface ScheduleHooks extends RoundWatch {
  readonly health: HealthWatch;
  /** Wall time of the next round. */
  nextAt(): number | null;
}

/** A request of somebody whose authority is known; where it is not given, the caller is this process itself. */
type ByAuthority<T> = T & { readonly authority?: Authority };

/** Runs rounds and answers questions about them. */
export class Agent {
  readonly #parts: Parts;
  readonly #hooks: HookQueue;
  readonly #trials: ChangeTrials;
  #file: { readonly gate: FileGate; readAgain(): Promise<void> } | null = null;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<Report>();
  /** What runs now and whoever waits for it; work on the packages never overlaps. */
  readonly #work = new Turns();
  #round: { readonly scope: RoundScope; readonly result: Promise<RoundResult> } | null = null;
  #last: RoundReport | null = null;
  readonly #runningRound: RunningRound;
  #busyWith: string | null = null;
  #scheduleHooks: ScheduleHooks | null = null;
  #rounds: RoundWatch | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#runningRound = new RunningRound(parts.clock);
    this.#hooks = new HookQueue(parts.ports, parts.commands, {
      // Its receipt need not wait for the next round.
      gaveUp: () => void this.sendReceipts().catch(() => undefined),
    });
    this.#trials = new ChangeTrials({
      clock: parts.clock,
      report: parts.report,
      settings: () => parts.ports.settings(),
      loadCandidate: (text, authority) => parts.loadCandidate(text, authority),
      testCandidate: (request, signal) => testCandidate(parts, request, signal),
    });
    // Another command, or none before, may be able to run what waits.
    parts.config.watch({ ended: (outcome) => outcome === 'applied' && this.#hooks.start() });
    parts.events.add((event) => this.#show(event));
  }

  /** Runs a round, or joins one that runs and tries as much. Rejects only with the reason of `stop`. */
  async round(scope: RoundScope = 'all'): Promise<RoundResult> {
    const running = this.#round;
    if (running !== null && (running.scope === 'all' || scope === 'due')) return await running.result;
    const round = { scope, result: this.#alone('a round', () => this.#runRound(scope)) };
    this.#round = round;
    try {
      return await round.result;
    } finally {
      // A wider round may have been asked for meanwhile.
      if (this.#round === round) {
        this.#round = null;
        this.#runningRound.forget();
      }
    }
  }

  async #runRound(scope: RoundScope): Promise<RoundResult> {
    this.#hooks.start();
    await this.#rounds?.began();
    const report = await runRound(this.#parts.ports, this.#stopped.signal, scope);
    this.#hooks.start();
    this.#last = report;
    this.#noteOutcome(report);
    await this.#rounds?.ended(report);
    return toResult(report, this.#parts.redactor);
  }

  /** Not waited for: whoever asks for a round must not join one that is over. */
  #noteOutcome({ error }: RoundReport): void {
    const { clock, outcomes, redactor } = this.#parts;
    const failure = error === null ? null : toFailure(error, redactor);
    void outcomes.note('updates', { at: clock.now(), failure });
  }

  /** Waits until the hook has been run for all that waits. Returns why it was not or did not go well, or null. */
  async hooksSettled(): Promise<CodedError | null> {
    return await this.#hooks.idle();
  }

  /** Sends what waits in the spool, between rounds. */
  async sendReceipts(): Promise<void> {
    await this.#alone('sending receipts', () => settleReceipts(this.#parts.ports, this.#stopped.signal));
  }

  /** Who plans the rounds, and watches how they go. */
  attach(scheduleHooks: ScheduleHooks): void {
    this.#scheduleHooks = scheduleHooks;
    this.watchRounds(scheduleHooks);
    // What an earlier life of the daemon left to run does not wait for a round.
    this.#hooks.start();
  }

  watchRounds(rounds: RoundWatch): void {
    this.#rounds = rounds;
  }

  /** What is at work at this moment, in words. */
  get busyWith(): string[] {
    const { transfer: current } = this.#runningRound;
    const transfer = current === null ? [] : [`the download of update ID ${current.id}`];
    return this.#busyWith === null ? [] : [this.#busyWith, ...transfer];
  }

  async retryCredentials(profile: string | null, authority: Authority = 'admin'): Promise<void> {
    const { credentialGuard, ports } = this.#parts;
    allowRetry(credentialGuard, ports.settings(), { profile, authority });
  }

  async status(): Promise<Status> {
    const status = await describeStatus(this.#parts, {
      checking: this.#round !== null,
      last: this.#last,
      transfer: this.#runningRound.transfer,
      waiting: this.#runningRound.waiting,
      nextCheckMs: this.#scheduleHooks?.nextAt() ?? null,
      checks: this.#scheduleHooks?.health.current ?? null,
      hook: this.#hooks.state,
      trying: this.#trials.pending,
      held: this.#file?.gate.held ?? null,
    });
    return redactDeep(status, this.#parts.redactor);
  }

  async check(onEvent: Report, signal: AbortSignal): Promise<RoundResult> {
    return await this.#listening(onEvent, signal, async () => {
      const result = await this.round();
      // Nobody goes on with them when the command has ended.
      if (this.#parts.mode === 'command') await this.hooksSettled();
      return result;
    });
  }

  async runHook(id: string, onEvent: Report, signal: AbortSignal): Promise<HookRun> {
    const { clock } = this.#parts;
    const startedAt = clock.monotonic();
    await this.#listening(onEvent, signal, () => this.#hooks.again(id));
    return { id, elapsed_ms: Math.round(clock.monotonic() - startedAt) };
  }

  async forgetSerial(): Promise<ForgottenSerial> {
    const { ports, redactor, report } = this.#parts;
    const feed = feedUrl(ports.settings());
    // Not while a round judges by it, and accepts another one.
    return await this.#alone('forgetting a serial', async () => {
      const serial = ports.memory.forgetSerial(feed.href);
      await ports.memory.save();
      if (serial !== null) report({ name: 'serial-forgotten', serial, url: shownUrl(feed) });
      return { feed: redactor.redact(shownUrl(feed)), serial };
    });
  }

  async listUpdates(): Promise<UpdateRow[]> {
    const published = await this.#parts.ports.store.list();
    const rows = published.map(({ path, sidecar: { item, trust, published_at } }) => ({
      id: item.id,
      package: item.package,
      sequence: item.sequence,
      kind: item.kind,
      length: item.length,
      sha256: item.sha256,
      trust,
      released: item.released,
      published_at,
      path,
      notes: item.notes ?? null,
    }));
    return redactDeep(rows, this.#parts.redactor);
  }

  async verifyUpdates(onEvent: Report, signal: AbortSignal): Promise<VerifiedRow[]> {
    const work = () =>
      this.#alone('verifying packages', async () => {
        const ending = AbortSignal.any([signal, this.#stopped.signal]);
        return await reconcile(this.#parts.ports, { thorough: true, signal: ending });
      });
    const examined = await this.#listening(onEvent, signal, work);
    const { redactor } = this.#parts;
    return examined.map(({ id, path, error }) => ({
      id,
      path,
      failure: error === null ? null : toFailure(error, redactor),
    }));
  }

  async tryChange(request: ByAuthority<ChangeRequest>, onEvent: Report, signal: AbortSignal): Promise<ChangeVerdict> {
    const { authority = 'admin' } = request;
    const ending = AbortSignal.any([signal, this.#stopped.signal]);
    const verdict = await this.#trials.attempt({ ...request, authority }, onEvent, ending);
    const tried =
      verdict.confirmed && this.#file !== null ? await this.#parts.loadCandidate(request.text, authority) : null;
    if (tried?.ok === true) this.#file?.gate.expect(tried.settings);
    return verdict;
  }

  async confirmChange(): Promise<void> {
    if (this.#trials.pending === null && this.#file?.gate.confirm() === true) await this.#file.readAgain();
    else this.#trials.confirm();
  }

  /** What holds back a file that is not confirmed, with our own stages. */
  makeGate(signal: AbortSignal): FileGate {
    const { clock, files, report, ports } = this.#parts;
    return new FileGate({
      clock,
      files,
      report,
      signal: AbortSignal.any([signal, this.#stopped.signal]),
      settings: () => ports.settings(),
      tryFile: async (text, purposes, ending) => {
        // Whoever wrote the file may name any secret in it.
        return await testCandidate(this.#parts, { text, typed: [], purposes, authority: 'admin' }, ending);
      },
    });
  }

  /** Who follows the file, and what holds it back. */
  attachFile(file: { readonly gate: FileGate; readAgain(): Promise<void> }): void {
    this.#file = file;
  }

  async diagnose(request: ByAuthority<DiagnosisRequest>, signal: AbortSignal): Promise<Diagnosis> {
    const held = this.#file?.gate.held ?? null;
    const { authority = 'admin' } = request;
    const ending = AbortSignal.any([signal, this.#stopped.signal]);
    return await runDiagnosis(this.#parts, { ...request, authority, held }, ending);
  }

  endpoints(): Promise<EndpointList> {
    return Promise.resolve(redactDeep(currentEndpoints(this.#parts), this.#parts.redactor));
  }

  explainTimeout(size: number | null): Promise<TimeoutExplanation> {
    return Promise.resolve(redactDeep(explainTimeouts(this.#parts.ports, size), this.#parts.redactor));
  }

  async seedTimeout(seeds: TimeoutSeeds): Promise<TimeoutSeeded> {
    return redactDeep(await seedTimeouts(this.#parts.ports, seeds), this.#parts.redactor);
  }

  /** Ends whatever runs and waits until it has ended; bytes already fetched are kept. */
  async stop(reason: string): Promise<void> {
    this.#stopped.abort(coded('INTERRUPTED', { reason }));
    await Promise.all([this.#hooks.stop(), this.#work.idle()]);
    await Promise.all([this.#parts.outcomes.saved(), this.#parts.credentialGuard.flush()]);
  }

  async close(): Promise<void> {
    await this.stop('the command ended');
    this.#parts.close();
  }

  /** One thing at a time, in the order of asking. */
  #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#work.run(async () => {
      this.#stopped.signal.throwIfAborted();
      this.#busyWith = name;
      try {
        return await work();
      } finally {
        this.#busyWith = null;
      }
    });
  }

  async #listening<T>(onEvent: Report, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    this.#listeners.add(onEvent);
    // Whoever joins while a package is held back must not look at nothing.
    const { waiting } = this.#runningRound;
    if (waiting !== null) onEvent(waiting);
    const { promise: left, reject } = Promise.withResolvers<never>();
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    try {
      return await Promise.race([work(), left]);
    } finally {
      stopListening();
      this.#listeners.delete(onEvent);
    }
  }

  /** Passes an event to those who watch; no work depends on it. */
  #show(event: SallyportEvent): void {
    this.#runningRound.update(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function toResult(report: RoundReport, redactor: Redactor): RoundResult {
  const rows = (found: RoundReport['failed']) =>
    found.map(({ id, error }) => ({ id, failure: toFailure(error, redactor) }));
  return {
    failure: report.error === null ? null : toFailure(asCoded(report.error), redactor),
    published: [...report.published],
    failed: rows(report.failed),
    refused: rows(report.refused),
    withdrawn: [...report.withdrawn],
    pruned: [...report.pruned],
    left: report.left,
    retry_at: earliest([report.retryAtMs, report.packageRetryAtMs]),
  };
}

/** The earliest of these moments, ms since the epoch, as text; null when there is none. */
function earliest(moments: readonly (number | null)[]): string | null {
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : utcTime(Math.min(...known));
}
