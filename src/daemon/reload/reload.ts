// Activates settings: at the start, on SIGHUP, and when the file or a file that it names changes.
//
// Guarantees: a changed file is applied as a whole or rejected. If it is rejected, the previous settings stay active,
// and `status` shows what was rejected, when and why. If a purpose had a proxy and the new file connects it directly,
// the file is rejected, unless it says so explicitly. For each changed key, the log says when the change takes effect.
// A key that needs a restart keeps its old value in every module until then. Relies on one caller at a time
// (`ConfigWatch`). A crash leaves the last active settings.

import { createHash } from 'node:crypto';
import { changesBetween, heldUntilRestart } from '#config/following/changes.ts';
import { applySettings, type Reloadable } from '#config/following/reload.ts';
import type { ReadCause } from '#config/following/watch.ts';
import { type Problem, problemFacts, problemLine } from '#config/problem.ts';
import type { LoadedSettings, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { findBypasses } from '#proxy/choosing/bypass-guard.ts';
import type { Clock } from '#system/clock.ts';
import type { LastSettings } from './last-settings.ts';

/** An edit that was rejected. */
export interface RefusedEdit {
  readonly atMs: number;
  /** The first error, one line. */
  readonly first: string;
  readonly count: number;
}

export interface ReloadOptions {
  readonly loaded: LoadedSettings;
  /** All reloaders, in the order in which they verify and commit. */
  readonly reloaders: readonly Reloadable[];
  readonly last: LastSettings;
  readonly clock: Clock;
  readonly report: Report;
}

/** The result of reading the file. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'refused';

/** Called around each reading of the file that is logged; an unchanged file is not logged. */
export interface ReloadWatch {
  began?(): void;
  ended(outcome: ReloadOutcome): void;
}

/** A changed key, and when the change takes effect, in words. */
interface ReportedChange {
  readonly key: string;
  readonly effect: string;
}

const EFFECTS = {
  now: 'applied now',
  next_transfer: 'applied to the next transfer',
  restart: 'needs a restart',
} as const;
/** The log reports at most this many errors of one file; `config check` prints all. */
const MAX_REPORTED = 20;
/** A change that waited for a restart and was undone. */
const UNDONE = 'the same as the active setting, so no restart is needed';

const CAUSES: Readonly<Record<ReadCause, string>> = { asked: 'on request', changed: 'it changed' };

/** The active settings and the state of the file. */
export class ReloadCoordinator {
  readonly #options: ReloadOptions;
  readonly #reloaders: Reloadable[];
  readonly #watches: ReloadWatch[] = [];
  /** The last file that was accepted. */
  #loaded: LoadedSettings;
  /** Settings in effect: those of the file, except keys that wait for a restart. */
  #effective: Settings;
  #loadedAtMs: number;
  #refused: (RefusedEdit & { readonly digest: string }) | null = null;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#reloaders = [...options.reloaders];
    this.#loaded = options.loaded;
    this.#effective = options.loaded.settings;
    this.#loadedAtMs = options.clock.now();
  }

  /** Adds a reloader that already works with the current settings. */
  add(reloader: Reloadable): void {
    this.#reloaders.push(reloader);
  }

  /** Registers a watch that acts on reloads. By the time it is called, every part has the new settings. */
  watch(watch: ReloadWatch): void {
    this.#watches.push(watch);
  }

  get loaded(): LoadedSettings {
    return this.#loaded;
  }

  /** Wall time at which the active file was accepted. */
  get loadedAtMs(): number {
    return this.#loadedAtMs;
  }

  get refused(): RefusedEdit | null {
    return this.#refused;
  }

  /** Keys whose new value takes effect after a restart. */
  get waiting(): string[] {
    return changesBetween(this.#effective, this.#loaded.settings).map(({ key }) => key);
  }

  /** Activates the first settings. @throws CodedError POLICY-DIRECT, or why a reloader refused them */
  async start(): Promise<void> {
    const { last, report } = this.#options;
    const errors = this.#check(this.#effective);
    for (const error of errors.slice(1)) report({ name: 'reload-problem', error });
    const applied = errors.length > 0 ? null : await applySettings(this.#reloaders, null, this.#effective);
    const error = applied?.ok === false ? applied.failures[0]?.error : errors[0];
    if (applied?.ok !== true) throw error ?? coded('INTERNAL', { reason: 'no reloader reported an error' });
    this.#warnOfLoosened(last.current?.proxy_required === true, this.#effective);
    await this.#keep();
  }

  /** Accepts or rejects what was read; never rejects its promise. */
  async take(result: LoadResult, cause: ReadCause): Promise<void> {
    if (cause === 'asked') this.#notifyBegan(cause);
    try {
      await (result.ok ? this.#apply(result, cause) : this.#refuse(mistakesOf(result), cause));
    } catch (thrown) {
      await this.#refuse([mistakeOf(asCoded(thrown))], cause);
    }
  }

  /** Every file to watch: those of the active settings, and those of a rejected edit. */
  filesToWatch(result: LoadResult): string[] {
    return [...new Set([...this.#loaded.files, ...result.files])];
  }

  async #apply(loaded: LoadedSettings, cause: ReadCause): Promise<void> {
    const { report } = this.#options;
    const direct = this.#check(loaded.settings);
    if (direct.length > 0) return this.#refuse(direct.map(mistakeOf), cause);
    const [from, to] = [this.#effective, heldUntilRestart(this.#effective, loaded.settings)];
    const applied = await applySettings(this.#reloaders, from, to);
    if (!applied.ok) {
      for (const { reloader, error } of applied.notPutBack) report({ name: 'not-put-back', room: reloader, error });
      return this.#refuse(
        applied.failures.map(({ error }) => mistakeOf(error)),
        cause,
      );
    }
    const before = this.#loaded;
    const isMended = this.#refused !== null;
    this.#loaded = loaded;
    this.#effective = to;
    this.#refused = null;
    this.#loadedAtMs = this.#options.clock.now();
    const changes = [
      ...applied.reports.flatMap(({ report: { changes: taken } }) =>
        taken.map(({ key, effect }) => ({ key, effect: EFFECTS[effect] })),
      ),
      ...this.#restarts(before.settings, loaded.settings),
    ];
    const isNothing = changes.length === 0 && !isMended && before.digest === loaded.digest;
    if (!isNothing || cause === 'asked') this.#reportApplied(changes, cause);
    this.#warnOfLoosened(from.proxy_required, to);
    await this.#keep();
  }

  /** Keys that take effect only after a restart. */
  #restarts(before: Settings, now: Settings): ReportedChange[] {
    const waiting = new Set(this.waiting);
    return changesBetween(before, now)
      .filter(({ effect }) => effect === 'restart')
      .map(({ key }) => ({ key, effect: waiting.has(key) ? EFFECTS.restart : UNDONE }));
  }

  #reportApplied(changes: readonly ReportedChange[], cause: ReadCause): void {
    const { report } = this.#options;
    const { warnings, fixedSecrets } = this.#loaded;
    if (cause === 'changed') this.#notifyBegan(cause);
    reportWarnings(warnings, report);
    for (const { key, effect } of changes) report({ name: 'setting-changed', key, effect });
    // An admin who sends SIGHUP may have rotated one of these.
    const changed = new Set(changes.map(({ key }) => key));
    const fixed = fixedSecrets.filter((key) => cause === 'asked' || changed.has(key));
    for (const key of fixed) report({ name: 'secret-fixed', key });
    if (changes.length === 0) report({ name: 'reload-unchanged' });
    else report({ name: 'reloaded', count: changes.length, waiting: this.waiting.length });
    this.#notifyEnded(changes.length === 0 ? 'unchanged' : 'applied');
  }

  #notifyBegan(cause: ReadCause): void {
    this.#options.report({ name: 'reloading', file: this.#loaded.file, cause: CAUSES[cause] });
    for (const { began } of this.#watches) began?.();
  }

  #notifyEnded(outcome: ReloadOutcome): void {
    for (const watch of this.#watches) watch.ended(outcome);
  }

  #check(settings: Settings): CodedError[] {
    const { last } = this.#options;
    return last.current === null ? [] : findBypasses(last.current.proxies, settings);
  }

  #warnOfLoosened(was: boolean, { proxy_required: is }: Settings): void {
    if (was && !is) this.#options.report({ name: 'policy-loosened', key: 'proxy_required' });
  }

  async #refuse(mistakes: readonly Mistake[], cause: ReadCause): Promise<void> {
    const { report, clock } = this.#options;
    const lines = mistakes.map(({ line }) => line);
    const digest = createHash('sha256').update(lines.join('\n')).digest('hex');
    // When the file is read for another reason, the same errors are not reported again.
    if (cause === 'changed' && this.#refused?.digest === digest) return;
    const count = mistakes.length;
    this.#refused = { atMs: clock.now(), first: lines[0] ?? '', count, digest };
    if (cause === 'changed') this.#notifyBegan(cause);
    for (const mistake of mistakes.slice(0, MAX_REPORTED)) mistake.reportTo(report);
    if (count > MAX_REPORTED) report({ name: 'reload-more', count: count - MAX_REPORTED });
    report({ name: 'reload-refused', count });
    this.#notifyEnded('refused');
  }

  async #keep(): Promise<void> {
    try {
      await this.#options.last.keep(this.#effective);
    } catch (thrown) {
      this.#options.report({ name: 'fault', error: asCoded(thrown) });
    }
  }
}

/** Reports each warning of a file, at start and at a reload. */
export function reportWarnings(warnings: readonly Problem[], report: Report): void {
  for (const { file, line, column, key, message } of warnings) {
    report({ name: 'config-warning', file, line, column, key, message });
  }
}

interface Mistake {
  readonly line: string;
  reportTo(report: Report): void;
}

function mistakesOf({ error, problems }: RefusedSettings): Mistake[] {
  if (problems.length === 0) return [mistakeOf(error)];
  return problems.map((problem) => {
    const { file, line, column, key } = problem;
    return {
      line: problemLine(problem),
      reportTo: (report) => report({ name: 'config-mistake', file, line, column, key, message: problemFacts(problem) }),
    };
  });
}

function mistakeOf(error: CodedError): Mistake {
  return { line: error.message, reportTo: (report) => report({ name: 'reload-problem', error }) };
}
