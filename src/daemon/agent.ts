// Runs checks for updates with their downloads (rounds), one at a time, for all callers in this process. `verbs.ts`
// uses it in the daemon and in a command that runs without a daemon.
//
// Guarantees: two rounds never overlap. A caller that requests a round while one is running joins that round and gets
// its events. An abort ends only the wait of this caller. `stop` ends the round and keeps its partial downloads. The
// promise of a round rejects only after `stop`.

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
import { coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Report, SallyportEvent } from '#logging/events.ts';
import { redactDeep } from '#redaction/redact.ts';
import { onAbort } from '#system/abort.ts';
import { Turns } from '#system/turns.ts';
import { closureNow } from '#updates/hold/hold.ts';
import type { WindowName } from '#updates/hold/windows.ts';
import { HookQueue } from '#updates/hook/hook.ts';
import { reconcile } from '#updates/package/reconcile.ts';
import { feedUrl } from '#updates/request.ts';
import type { RoundReport } from '#updates/round.ts';
import { runRound, settleReceipts } from '#updates/round.ts';
import { raiseTrust } from '#updates/signed/raise-trust.ts';
import { includesScope, type RoundScope } from '#updates/tally.ts';
import { allowRetry } from './answers/credentials.ts';
import type { HealthWatch } from './answers/health.ts';
import { LastFailures } from './answers/last-failures.ts';
import { RunningRound } from './answers/progress.ts';
import { currentEndpoints } from './answers/read-endpoints.ts';
import { describeStatus } from './answers/status.ts';
import { explainTimeouts, seedTimeouts } from './answers/timeouts.ts';
import { toFailure } from './failure.ts';
import type { Parts } from './parts.ts';
import { FileGate } from './reload/file-gate.ts';
import { ChangeTrials } from './trial/change-trial.ts';
import { type DiagnosisCall, runDiagnosis } from './trial/diagnosis.ts';
import { testCandidate } from './trial/test-candidate.ts';
import { updateRow } from './updates/hold-rows.ts';
import { toResult } from './updates/round-result.ts';

/** Called for each round, whatever requested it. A round that is interrupted has a start but no end. */
export interface RoundWatch {
  began(): Promise<void>;
  ended(round: RoundReport): Promise<void>;
}

/** What a daemon adds to its rounds; a command has no schedule. */
export interface ScheduleHooks extends RoundWatch {
  readonly health: HealthWatch;
  /** Wall time of the next round. */
  nextAt(): number | null;
  /** Plans a round for the beginning of these hours. */
  waitFor(windows: readonly WindowName[]): void;
}

/** A request with the authority of its caller. Without one, the caller is this process itself. */
type ByAuthority<T> = T & { readonly authority?: Authority };

/** Runs rounds and answers questions about them. */
export class Agent {
  readonly #parts: Parts;
  readonly #hooks: HookQueue;
  readonly #trials: ChangeTrials;
  #file: { readonly gate: FileGate; readAgain(): Promise<void> } | null = null;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<Report>();
  /** The running task and those that wait for it; work on the packages never overlaps. */
  readonly #work = new Turns();
  #round: { readonly scope: RoundScope; readonly result: Promise<RoundResult> } | null = null;
  #last: RoundReport | null = null;
  readonly #runningRound: RunningRound;
  /** Why the entries of the queue were not sent, in words. */
  readonly failures: LastFailures;
  #busyWith: string | null = null;
  #scheduleHooks: ScheduleHooks | null = null;
  #rounds: RoundWatch | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#runningRound = new RunningRound(parts.clock);
    this.failures = new LastFailures(parts.redactor);
    this.#hooks = new HookQueue(parts.ports, parts.commands, {
      // The receipt of this run need not wait for the next round.
      gaveUp: () => void this.sendReceipts().catch(() => undefined),
    });
    this.#trials = new ChangeTrials({
      clock: parts.clock,
      report: parts.report,
      settings: () => parts.ports.settings(),
      loadCandidate: (text, authority) => parts.loadCandidate(text, authority),
      testCandidate: (request, signal, noteOutcome) => testCandidate(parts, request, signal, noteOutcome),
    });
    // The new settings may name another command, or the first one, that can run the waiting entries.
    parts.config.watch({ ended: (outcome) => outcome === 'applied' && this.#hooks.start() });
    parts.events.add((event) => this.#show(event));
    parts.activation.attach((signal, work) =>
      this.exclusively('reading the license keys', { onEvent: () => undefined, signal }, work),
    );
    // Most hosts never send support logs.
    parts.uploads.bundles.attach(async () => {
      const { bundleContents } = await import('./logs/bundle-contents.ts');
      return bundleContents(parts, this);
    });
  }

  /** Runs a round, or joins a running one of at least the same scope. Rejects only with the reason of `stop`. */
  async round(scope: RoundScope = 'all'): Promise<RoundResult> {
    const running = this.#round;
    if (running !== null && includesScope(running.scope, scope)) return await running.result;
    const round = { scope, result: this.#alone('a round', () => this.#runRound(scope)) };
    this.#round = round;
    try {
      return await round.result;
    } finally {
      // A round of wider scope may have been requested meanwhile.
      if (this.#round === round) {
        this.#round = null;
        this.#runningRound.forget();
      }
    }
  }

  /** Runs a round that begins from now on. Returns why it failed, or null. Rejects only with the reason of `stop`. */
  async freshRound(): Promise<CodedError | null> {
    // A running round may have read the feed already.
    await this.#round?.result;
    await this.round();
    return this.#last?.error ?? null;
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

  /** Not awaited: a later caller must not join a round that has ended. */
  #noteOutcome({ error }: RoundReport): void {
    const { clock, outcomes, redactor } = this.#parts;
    const failure = error === null ? null : toFailure(error, redactor);
    void outcomes.note('updates', { at: clock.now(), failure });
  }

  /**
   * Waits until the hook has been run for every waiting entry. Returns the failure that prevented or ended it, or
   * null.
   */
  async hooksSettled(): Promise<CodedError | null> {
    return await this.#hooks.idle();
  }

  /**
   * Publishes what a hold kept ready, with a round that reads the feed. A round that was running when the hold ended may
   * have kept more.
   */
  async publishHeld(): Promise<void> {
    const { ready } = await this.round();
    if (ready.length > 0 && closureNow(this.#parts.ports) === null) await this.round();
  }

  /** Runs work on the packages when no other does, and passes its events on. */
  async exclusively<T>(
    name: string,
    { onEvent, signal }: { readonly onEvent: Report; readonly signal: AbortSignal },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ending = AbortSignal.any([signal, this.#stopped.signal]);
    return await this.#listening(onEvent, signal, () => this.#alone(name, () => work(ending)));
  }

  waitFor(windows: readonly WindowName[]): void {
    this.#scheduleHooks?.waitFor(windows);
  }

  /** Sends the waiting receipts, between rounds. */
  async sendReceipts(): Promise<void> {
    await this.#alone('sending receipts', () => settleReceipts(this.#parts.ports, this.#stopped.signal));
  }

  /** Sets the schedule, which plans the rounds and is called for each. */
  attach(scheduleHooks: ScheduleHooks): void {
    this.#scheduleHooks = scheduleHooks;
    this.watchRounds(scheduleHooks);
    // Hook runs that an earlier process left over do not wait for a round.
    this.#hooks.start();
  }

  watchRounds(rounds: RoundWatch): void {
    this.#rounds = rounds;
  }

  /** The tasks that are running now, in words. */
  get busyWith(): string[] {
    const transfers = this.#runningRound.transfers.map(({ id }) => `the download of update ID ${id}`);
    const updates = this.#busyWith === null ? [] : [this.#busyWith, ...transfers];
    return [...updates, ...this.#parts.uploads.busyWith];
  }

  async retryCredentials(profile: string | null, authority: Authority = 'admin'): Promise<void> {
    const { credentialGuard, ports } = this.#parts;
    allowRetry(credentialGuard, ports.settings(), { profile, authority });
  }

  async status(): Promise<Status> {
    const status = await describeStatus(this.#parts, {
      checking: this.#round !== null,
      last: this.#last,
      transfers: this.#runningRound.transfers,
      waiting: this.#runningRound.waiting,
      nextCheckMs: this.#scheduleHooks?.nextAt() ?? null,
      checks: this.#scheduleHooks?.health.current ?? null,
      hook: this.#hooks.state,
      trying: this.#trials.pending,
      held: this.#file?.gate.held ?? null,
    });
    return redactDeep(status, this.#parts.redactor);
  }

  async check(onEvent: Report, signal: AbortSignal, scopeOf = (): RoundScope => 'all'): Promise<RoundResult> {
    return await this.#listening(onEvent, signal, async () => {
      const result = await this.round(scopeOf());
      // After the command has ended, no process would continue them.
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
    // Not during a round: it checks the feed against the serial and stores a new one.
    return await this.#alone('forgetting a serial', async () => {
      const serial = ports.memory.forgetSerial(feed.href);
      await ports.memory.save();
      if (serial !== null) report({ name: 'serial-forgotten', serial, url: shownUrl(feed) });
      return { feed: redactor.redact(shownUrl(feed)), serial };
    });
  }

  async listUpdates(): Promise<UpdateRow[]> {
    const published = await this.#parts.ports.store.list();
    return redactDeep(published.map(updateRow), this.#parts.redactor);
  }

  async verifyUpdates(onEvent: Report, signal: AbortSignal): Promise<VerifiedRow[]> {
    const work = () =>
      this.#alone('verifying packages', async () => {
        const ending = AbortSignal.any([signal, this.#stopped.signal]);
        const rows = await reconcile(this.#parts.ports, { thorough: true, signal: ending });
        const intact = new Set(rows.flatMap(({ id, error }) => (error === null ? [id] : [])));
        await raiseTrust(this.#parts.ports, intact, ending);
        return rows;
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

  /** The gate that holds back an unconfirmed file, tested with our own stages. */
  makeGate(signal: AbortSignal): FileGate {
    const { clock, files, report, ports } = this.#parts;
    return new FileGate({
      clock,
      files,
      report,
      signal: AbortSignal.any([signal, this.#stopped.signal]),
      settings: () => ports.settings(),
      tryFile: async (text, purposes, ending) => {
        // The file's author may use any secret in it.
        return await testCandidate(this.#parts, { text, typed: [], purposes, authority: 'admin' }, ending);
      },
    });
  }

  /** Sets the gate, and the function that reads the file again. */
  attachFile(file: { readonly gate: FileGate; readAgain(): Promise<void> }): void {
    this.#file = file;
  }

  async diagnose(
    request: ByAuthority<DiagnosisRequest> & Pick<DiagnosisCall, 'onStage'>,
    signal: AbortSignal,
  ): Promise<Diagnosis> {
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

  /** Ends all running work and waits until it has ended. Partial downloads are kept. */
  async stop(reason: string): Promise<void> {
    this.#stopped.abort(coded('INTERRUPTED', { reason }));
    await Promise.all([this.#hooks.stop(), this.#work.idle(), this.#parts.uploads.stop()]);
    await Promise.all([this.#parts.outcomes.saved(), this.#parts.credentialGuard.flush()]);
  }

  async close(): Promise<void> {
    await this.stop('the command ended');
    this.#parts.close();
  }

  /** Runs one task at a time, in the order of the requests. */
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
    // A caller that joins while a package is awaited gets that event first.
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

  /** Passes an event to the listeners; no work depends on it. */
  #show(event: SallyportEvent): void {
    this.#runningRound.update(event);
    this.failures.update(event);
    for (const listener of this.#listeners) listener(event);
  }
}
