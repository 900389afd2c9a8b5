// Tests and saves the changes of the pages. One object for the process of the console.
//
// Guarantees: a page makes exactly the change that a command would make: forms become the changes of the commands, and
// `#changes` tests and writes them. Keys that only root may set are refused, also for a console of root. A typed
// password is registered as a secret before it is used.

import type { MadeChange } from '#changes/make.ts';
import { switchEdits } from '#changes/proxy/profile-change.ts';
import type { Change } from '#config/editing/apply-change.ts';
import { valuesAfter } from '#config/editing/edit.ts';
import { noteProfile } from '#config/editing/profile-dates.ts';
import { setRoute, usersOf } from '#config/editing/profile-edits.ts';
import { requireSetter } from '#config/editing/setters.ts';
import type { RefusedSettings } from '#config/reading/load.ts';
import { warningsFor } from '#config/rules/profile-warnings.ts';
import type { WireFailure } from '#console/wire.ts';
import { wireFailure } from '#console/wire-failure.ts';
import type { ChangeVerdict, PendingChange } from '#control/change.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { redactDeep } from '#redaction/redact.ts';
import { wait } from '#system/clock.ts';
import { conflictsOf, differencesOf, type KeyConflict, type KeyDifference } from './differences.ts';
import { changeOfForm, profileOfForm, renamingOf } from './form-change.ts';
import type { FormRequest, PageForm } from './forms.ts';
import { HeldTrial, type RunningTrial } from './held-trial.ts';
import { estimateFromLog, type LogEstimate, logPlacesIn } from './log-estimate.ts';
import {
  type Attempt,
  type AttemptResult,
  attemptChange,
  type ReadSettings,
  readShown,
  type SavingParts,
  writerOf,
} from './means.ts';
import { type SettingsView, viewOfSettings } from './settings-view.ts';
import { shownEvent } from './shown-event.ts';
import { type ShownSettings, shownOf } from './shown-settings.ts';
import type { ShownMade, ShownStage, TrialView } from './trial-view.ts';

/** Time limit of a test: the countdown of the page. */
const WINDOW_MS = 60_000;
/** How many contents of the file are remembered, to name what another user changed. */
const MAX_SHOWN = 8;
/** A trial has a stage for each step and purpose; more would come from a faulty daemon. */
const MAX_STAGES = 200;
const FREE_TRIES = 20;
const FREE_EVERY_MS = 100;

/** What a form would change, and what is odd about it. */
export interface ChangePreview {
  readonly differences: readonly KeyDifference[];
  /** Sentences about an address that is probably not that of a proxy. */
  readonly warnings: readonly string[];
}

/** Another user changed the file since the page showed it. */
export class ConflictFound extends Error {
  override readonly name = 'ConflictFound';
  readonly failure: WireFailure;
  readonly conflicts: readonly KeyConflict[];
  /** The sha256 in hex of the file as it is now. */
  readonly digest: string;

  constructor(failure: WireFailure, digest: string, conflicts: readonly KeyConflict[]) {
    super(failure.message);
    this.failure = failure;
    this.digest = digest;
    this.conflicts = conflicts;
  }
}

export class Saving {
  readonly #parts: SavingParts;
  readonly #trial: HeldTrial;
  /** What pages showed, by digest. */
  readonly #shown = new Map<string, ShownSettings>();
  #pin: string | null = null;
  /** Ends with the test and the write of the last change. Never rejects. */
  #running: Promise<void> = Promise.resolve();

  constructor(parts: SavingParts) {
    this.#parts = parts;
    this.#trial = new HeldTrial(parts.clock);
  }

  /** The settings for the pages. @throws CodedError CONTROL-*, CHANGE-UNREACHABLE */
  async settings(signal: AbortSignal): Promise<SettingsView> {
    const { read, writer } = await this.#read(signal);
    const shown = read.state === 'read' ? this.#remember(read) : null;
    return redactDeep(await viewOfSettings(this.#parts, { read, writer, shown }), this.#parts.known);
  }

  /** The PIN of the menu, for a user who reads the settings through the change service. */
  async unlock(pin: string, signal: AbortSignal): Promise<{ readonly is_wrong: boolean }> {
    const { read } = await this.#read(signal, pin);
    const isLocked = read.state === 'locked';
    this.#pin = isLocked ? null : pin;
    return { is_wrong: isLocked };
  }

  /** What the form would change, key by key. @throws CodedError CONFIG-CHANGED and those of `changeOfForm` */
  async diff(request: FormRequest, signal: AbortSignal): Promise<ChangePreview> {
    const shown = await this.#shownFor(request, signal);
    return await this.#preview(shown, this.#changeOf(shown, request.form));
  }

  /** Begins a test, or a test and a write. @throws CodedError CHANGE-PENDING, CONFIG-CHANGED, those of `changeOfForm` */
  async start(kind: 'try' | 'save', request: FormRequest, signal: AbortSignal): Promise<{ readonly trial: number }> {
    return await this.#start(kind, request, { savesAnyway: false, signal });
  }

  /** Begins the last change again. @throws CodedError CHANGE-NONE; ConflictFound */
  async again(trial: number, signal: AbortSignal): Promise<{ readonly trial: number }> {
    const { view, request } = this.#trial.requestOf(trial);
    if (this.#trial.isRunning) this.#trial.leave(trial);
    return await this.#start(view.kind, request, { savesAnyway: false, signal });
  }

  /**
   * Begins the last change of the page Proxy Settings again, with Basic and its password in clear text. The request is the
   * held one, because a page that was reloaded no longer has its edits. @throws CodedError CHANGE-NONE; ConflictFound
   */
  async inClear(trial: number, signal: AbortSignal): Promise<{ readonly trial: number }> {
    const { view, request } = this.#trial.requestOf(trial);
    if (request.form.form !== 'proxy-settings') throw coded('CHANGE-NONE', {});
    if (this.#trial.isRunning) this.#trial.leave(trial);
    const clear = { ...request, form: { ...request.form, in_clear: true } };
    return await this.#start(view.kind, clear, { savesAnyway: false, signal });
  }

  /** Saves the change although its test failed. @throws CodedError CHANGE-NONE; ConflictFound */
  async saveAnyway(trial: number, signal: AbortSignal): Promise<{ readonly trial: number }> {
    const { request, view } = this.#trial.requestOf(trial);
    if (view.state === 'testing' || view.state === 'writing') throw coded('CHANGE-NONE', {});
    if (this.#trial.isRunning) this.#trial.leave(trial);
    return await this.#start('save', request, { savesAnyway: true, signal });
  }

  /** Leaves the old settings. @throws CodedError CHANGE-NONE */
  leave(trial: number): void {
    this.#trial.leave(trial);
  }

  /** The response timeout that the log of this host suggests. @throws CodedError ESTIMATE-NOTHING, FILE-FAILED */
  async estimate(signal: AbortSignal): Promise<LogEstimate> {
    const { read } = await this.#read(signal);
    if (read.state === 'refused') throw read.error;
    const { file, files, known } = this.#parts;
    const places = read.state === 'read' ? logPlacesIn(shownOf(file, read.digest, read.keys).settings) : null;
    if (places === null) throw coded('CONFIG-FORBIDDEN', { file, reason: 'EACCES' });
    return await estimateFromLog({ ...places, files, known }, signal);
  }

  get trial(): TrialView | null {
    return this.#trial.view;
  }

  /** The view once it changed. @throws the reason of the signal */
  async trialAfter(version: number, signal: AbortSignal): Promise<TrialView | null> {
    return await this.#trial.after(version, signal);
  }

  async #read(signal: AbortSignal, pin: string | null = this.#pin) {
    const writer = await writerOf(this.#parts);
    return { writer, read: await readShown(this.#parts, writer, { pin, signal }) };
  }

  #remember({ digest, keys }: Extract<ReadSettings, { state: 'read' }>): ShownSettings {
    const shown = shownOf(this.#parts.file, digest, keys);
    this.#shown.delete(digest);
    this.#shown.set(digest, shown);
    for (const old of this.#shown.keys()) if (this.#shown.size > MAX_SHOWN) this.#shown.delete(old);
    return shown;
  }

  /**
   * The settings of the file, if they are still those that the page showed. Otherwise the error names what both changed.
   * @throws ConflictFound
   */
  async #shownFor({ digest, form }: FormRequest, signal: AbortSignal): Promise<ShownSettings> {
    const { read } = await this.#read(signal);
    if (read.state === 'refused') throw read.error;
    const { file } = this.#parts;
    if (read.state === 'locked' || read.digest === '') throw coded('CONFIG-FORBIDDEN', { file, reason: 'EACCES' });
    const before = this.#shown.get(digest);
    const now = this.#remember(read);
    if (read.digest === digest) return now;
    const yours = before === undefined ? [] : differencesOf(before, this.#changeOf(before, form));
    throw new ConflictFound(
      this.#failureOf(coded('CONFIG-CHANGED', { file })),
      now.digest,
      this.#conflicts(before ?? now, now, yours),
    );
  }

  #changeOf(shown: ShownSettings, form: PageForm): Change {
    const change = changeOfForm(shown, form);
    const { edits, secret } = change;
    const typed =
      secret === undefined ? [] : [{ kind: 'set', path: secret.path, value: secret.value.reveal() } as const];
    if (secret !== undefined) this.#parts.keepSecret(secret.value);
    requireSetter(shown.inFile, [...edits, ...typed], 'admin');
    return change;
  }

  async #preview(shown: ShownSettings, change: Change): Promise<ChangePreview> {
    const { known, gateways } = this.#parts;
    const differences = differencesOf(shown, change);
    const addresses = differences.flatMap(({ key, after }) =>
      /\.address$/.test(key) && after !== null ? [after] : [],
    );
    const context = { settings: shown.settings, gateways: addresses.length === 0 ? [] : await gateways() };
    const warnings = addresses.flatMap((address) => warningsFor(address, context));
    return redactDeep({ differences, warnings }, known);
  }

  async #start(
    kind: 'try' | 'save',
    request: FormRequest,
    { savesAnyway, signal }: { readonly savesAnyway: boolean; readonly signal: AbortSignal },
  ): Promise<{ readonly trial: number }> {
    const shown = await this.#shownFor(request, signal);
    const change = this.#changeOf(shown, request.form);
    const preview = await this.#preview(shown, change);
    const running = this.#trial.begin({ kind, request, ...preview, windowMs: WINDOW_MS }, this.#parts.requester);
    const tested = kind === 'try' ? withRoute(shown, request.form, change) : change;
    const renaming = renamingOf(shown, request.form);
    const stages: ShownStage[] = [];
    const how: Attempt = {
      kind,
      change: tested,
      digest: request.digest,
      windowMs: WINDOW_MS,
      savesAnyway,
      after: async () => {
        if (renaming === undefined) return;
        const { files, clock, stateDir } = this.#parts;
        await noteProfile(files, stateDir, { ...renaming, now: clock.now() });
      },
      onWrite: () => running.show({ state: 'writing', until: null }),
      onEvent: (event) => this.#onEvent(event, running, stages),
      signal: running.signal,
    };
    this.#running = this.#run(running, { how, shown, previous: this.#running });
    return { trial: running.trial };
  }

  async #run(
    running: RunningTrial,
    {
      how,
      shown,
      previous,
    }: { readonly how: Attempt; readonly shown: ShownSettings; readonly previous: Promise<void> },
  ): Promise<void> {
    try {
      await previous;
      await this.#untilFree(running.signal);
      const result = await attemptChange(this.#parts, await writerOf(this.#parts), how);
      running.show({ until: null, ...this.#endOf(result, how.kind) });
    } catch (thrown) {
      const error = asCoded(thrown);
      if (error.code === 'CONFIG-CHANGED') {
        const { read } = await this.#read(this.#parts.signal).catch(() => ({ read: null }));
        const now = read?.state === 'read' ? this.#remember(read) : null;
        const conflicts = now === null ? [] : this.#conflicts(shown, now, differencesOf(shown, how.change));
        const found = { conflicts, conflict_digest: now?.digest ?? null };
        running.show({ until: null, state: 'conflict', ...found, error: this.#failureOf(error) });
      } else running.show({ until: null, state: 'failed', error: this.#failureOf(error) });
    }
  }

  #onEvent(event: SallyportEvent, running: RunningTrial, stages: ShownStage[]): void {
    const shown = shownEvent(event);
    if (shown === 'failed') void this.#showWaiting(running);
    else if (shown !== null && stages.length < MAX_STAGES) {
      stages.push(redactDeep(shown, this.#parts.known));
      running.show({ stages: [...stages] });
    }
  }

  /** Shows a change whose test failed, while it waits for a person. */
  async #showWaiting(running: RunningTrial): Promise<void> {
    const pending = await this.#pending();
    if (pending?.failure != null && this.#trial.view?.state === 'testing')
      running.show({ state: 'waiting', failure: redactDeep(pending.failure, this.#parts.known) });
  }

  /** The change that the daemon tests; null if none, or if it does not answer. */
  async #pending(): Promise<PendingChange | null> {
    const control = await this.#parts.findDaemon().catch(() => null);
    if (control === null) return null;
    try {
      return (await control.status()).config.trying;
    } catch {
      return null;
    } finally {
      await control.close();
    }
  }

  /** The daemon notices only after a moment that a change was left. */
  async #untilFree(signal: AbortSignal): Promise<void> {
    const { clock, requester } = this.#parts;
    for (let tries = 0; tries < FREE_TRIES; tries += 1) {
      const pending = await this.#pending();
      if (pending === null || pending.by !== requester) return;
      await wait(clock, FREE_EVERY_MS, signal);
    }
  }

  #endOf(result: AttemptResult, kind: 'try' | 'save'): Partial<TrialView> {
    const { known } = this.#parts;
    if (result.state === 'refused')
      return redactDeep(refusedView(result.refused, this.#failureOf(result.refused.error)), known);
    if (result.state === 'tested') return redactDeep(testedView(result.verdict, kind), known);
    return redactDeep(
      {
        state: 'saved',
        made: madeView(result.made),
        failure: result.verdict?.failure ?? null,
        outcome: result.verdict?.outcome ?? null,
      },
      known,
    );
  }

  #conflicts(before: ShownSettings, now: ShownSettings, yours: readonly KeyDifference[]): KeyConflict[] {
    return redactDeep(conflictsOf(before, now, yours), this.#parts.known);
  }

  #failureOf(error: CodedError): WireFailure {
    return wireFailure(error, this.#parts.known);
  }
}

/**
 * A test goes through the profile of the form even if no purpose uses it: the tested settings, which are not written,
 * also send updates through it.
 */
function withRoute(shown: ShownSettings, form: PageForm, change: Change): Change {
  const name = profileOfForm(shown, form);
  if (name === null) return change;
  const after = valuesAfter(shown.values, change.edits) as unknown as ShownSettings['settings'];
  if (!after.proxies.some((one) => one.name === name)) return change;
  const isUsed = usersOf(after, name).some(({ path }) => path[0] === 'use_proxy_for');
  const routed = isUsed ? [] : setRoute(after, 'updates', name);
  return { ...change, edits: [...change.edits, ...routed, ...switchEdits(after, true)] };
}

function testedView({ confirmed, failure, outcome }: ChangeVerdict, kind: 'try' | 'save'): Partial<TrialView> {
  const state = confirmed && kind === 'try' ? 'passed' : 'failed';
  return { state, failure, outcome: outcome ?? null };
}

function refusedView({ problems }: RefusedSettings, error: WireFailure): Partial<TrialView> {
  return { state: 'refused', error, problems: [...problems] };
}

function madeView({ changed, stored, kept, warnings, daemon }: MadeChange): ShownMade {
  return {
    changed,
    stored,
    kept: [...kept],
    warnings: warnings.map(({ message }) => message),
    daemon: daemon === null ? null : { taken: daemon.taken, refusal: daemon.refusal ?? null },
  };
}
