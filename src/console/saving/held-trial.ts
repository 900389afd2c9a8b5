// The change that this process tests or writes now, or the last one. The process holds it, so that a reload of the page
// and a second tab find its stages and its countdown.
//
// Guarantees: there is one change at a time. A change that is being written cannot be discarded. Its request, which may
// contain a typed password, is kept in memory until the change is saved or discarded, or the next one begins. The
// request is never shown. If the process is killed, the daemon ends the test, and the file has the old or the new
// content.

import { coded } from '#errors/coded-error.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import type { KeyDifference } from './differences.ts';
import type { FormRequest } from './forms.ts';
import type { TrialState, TrialView } from './trial-view.ts';

/** A change to begin. */
export interface NewTrial {
  readonly kind: 'try' | 'save';
  readonly request: FormRequest;
  readonly differences: readonly KeyDifference[];
  readonly warnings: readonly string[];
  readonly windowMs: number;
}

/** The test and the write of one change. */
export interface RunningTrial {
  readonly trial: number;
  readonly signal: AbortSignal;
  /** Changes what pages see. Once the change was discarded, only its write has an effect. */
  show(part: Partial<Omit<TrialView, 'trial' | 'version'>>): void;
}

const RUNNING: ReadonlySet<TrialState> = new Set<TrialState>(['testing', 'waiting', 'writing']);

export class HeldTrial {
  readonly #clock: Clock;
  #view: TrialView | null = null;
  #request: FormRequest | null = null;
  #ending = new AbortController();
  #version = 0;
  #lastId = 0;
  #changed = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get view(): TrialView | null {
    return this.#view;
  }

  /** Whether a test or a write is running. */
  get isRunning(): boolean {
    return this.#view !== null && RUNNING.has(this.#view.state);
  }

  /** The request of the change with this number. @throws CodedError CHANGE-NONE */
  requestOf(trial: number): { readonly view: TrialView; readonly request: FormRequest } {
    if (this.#view?.trial !== trial || this.#request === null) throw coded('CHANGE-NONE', {});
    return { view: this.#view, request: this.#request };
  }

  /** @throws CodedError CHANGE-PENDING while another one runs */
  begin({ kind, request, differences, warnings, windowMs }: NewTrial, by: string): RunningTrial {
    if (this.#view !== null && this.isRunning)
      throw coded('CHANGE-PENDING', { by, until: this.#view.until ?? utcTime(this.#clock.now() + windowMs) });
    this.#lastId += 1;
    const trial = this.#lastId;
    const ending = new AbortController();
    this.#ending = ending;
    this.#request = request;
    const now = this.#clock.now();
    this.#set({
      trial,
      kind,
      form: request.form.form,
      attempt: request.attempt ?? null,
      differences,
      warnings,
      since: utcTime(now),
      until: utcTime(now + windowMs),
      state: 'testing',
      stages: [],
      failure: null,
      error: null,
      problems: [],
      conflicts: [],
      conflict_digest: null,
      outcome: null,
      made: null,
    });
    const isCurrent = () => this.#view?.trial === trial && this.#view.state !== 'left';
    return {
      trial,
      signal: ending.signal,
      show: (part) => {
        // A change that was left while the service already wrote it is saved.
        if (this.#view === null || this.#view.trial !== trial || !(isCurrent() || part.state === 'saved')) return;
        this.#set({ ...this.#view, ...part });
        if (part.state === 'saved' || part.state === 'passed') this.#request = null;
      },
    };
  }

  /** Ends the change without a write. @throws CodedError CHANGE-NONE if it is being written, or was saved */
  leave(trial: number): void {
    const view = this.#view;
    if (view === null || view.trial !== trial || view.state === 'writing' || view.state === 'saved')
      throw coded('CHANGE-NONE', {});
    this.#set({ ...view, state: 'left', until: null });
    this.#request = null;
    this.#ending.abort(coded('INTERRUPTED', { reason: 'the change was discarded' }));
  }

  /** The view once it has a later version than this one. @throws the reason of the signal */
  async after(version: number, signal: AbortSignal): Promise<TrialView | null> {
    while (this.#version <= version) {
      signal.throwIfAborted();
      const aborted = Promise.withResolvers<void>();
      const stopListening = onAbort(signal, () => aborted.resolve());
      await Promise.race([this.#changed.promise, aborted.promise]);
      stopListening();
    }
    return this.#view;
  }

  #set(view: Omit<TrialView, 'version'>): void {
    this.#version += 1;
    this.#view = { ...view, version: this.#version };
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
