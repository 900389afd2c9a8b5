// What a client stores in addition to the metadata: the highest versions, the time of the last check for a new root,
// and the latest time that the clock has shown.
//
// Guarantees: versions are stored in two places and the higher ones are used, so they never go back. The latest time of
// the clock is used only for a warning, so a clock that was wrong once has no later effect.

import { coded } from '#errors/coded-error.ts';
import { requireUnexpired, type TufContext } from './context.ts';
import type { Place } from './document.ts';
import type { TrustedRoot } from './root.ts';
import type { StoreState, TufStore } from './store.ts';
import type { KnownVersions, RootRotation, TufEvent } from './types.ts';
import { areKeysRotated, findHigher, forRoot, mergeVersions, NO_VERSIONS, withVersion } from './versions.ts';

/** A latest time further ahead than this is that of a wrong clock. */
const MAX_AHEAD_MS = 86_400_000;
/** NTP steps a clock by up to some minutes; only a longer step back is worth a warning. */
const CLOCK_TOLERANCE_MS = 300_000;

const NOTHING: StoreState = { versions: NO_VERSIONS, rootCheckedMs: null, lastRotation: null, latestMs: null };

export class KnownState {
  readonly #store: TufStore;
  /** Versions of the second place, until a root decides how far they count. */
  #minimum: KnownVersions | null;
  #state: StoreState;
  #isSaved = true;

  private constructor(store: TufStore, minimum: KnownVersions | null, state: StoreState) {
    this.#store = store;
    this.#minimum = minimum;
    this.#state = state;
  }

  /** @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY */
  static async load(
    store: TufStore,
    { minimum, report }: { readonly minimum: KnownVersions | null; readonly report: (event: TufEvent) => void },
  ): Promise<KnownState> {
    const loaded = await store.loadState();
    if (loaded.kind === 'set-aside') report({ kind: 'set-aside', file: 'versions.json', error: loaded.error });
    return new KnownState(store, minimum, loaded.kind === 'loaded' ? loaded.value : NOTHING);
  }

  get known(): KnownVersions {
    return this.#state.versions;
  }

  get latestMs(): number | null {
    return this.#state.latestMs;
  }

  get rootCheckedMs(): number | null {
    return this.#state.rootCheckedMs;
  }

  get lastRotation(): RootRotation | null {
    return this.#state.lastRotation;
  }

  accepted(role: string, version: number): void {
    this.#change({ versions: withVersion(this.known, role, version) });
  }

  rotated(lastRotation: RootRotation): void {
    this.#change({ lastRotation });
    this.accepted('root', lastRotation.to);
  }

  rootChecked(rootCheckedMs: number): void {
    this.#change({ rootCheckedMs });
  }

  checkedAt(latestMs: number): void {
    this.#change({ latestMs });
  }

  /**
   * The newest root was found: it must not be older than one that was known (TUF 5.3.5), nor expired (5.3.10). Then the
   * versions of both places are merged; true if they start over (5.3.11).
   * @throws CodedError TUF-ROLLBACK, TUF-EXPIRED, FILE-*, DISK-FULL
   */
  async acceptRoot({ content }: TrustedRoot, context: TufContext): Promise<boolean> {
    const place: Place = { file: `${content.version}.root.json`, role: 'root', clause: '5.3.5' };
    const minimum = this.#minimum ?? NO_VERSIONS;
    const known = Math.max(this.known.root, minimum.root);
    if (content.version < known) throw coded('TUF-ROLLBACK', { ...place, found: content.version, known });
    requireUnexpired(context, content, { ...place, clause: '5.3.10' });

    const own = forRoot(this.known, content);
    const other = forRoot(minimum, content);
    const higher = this.#minimum === null ? null : findHigher(other, own);
    if (higher !== null) context.report({ kind: 'state-restored', error: coded('STATE-RESTORED', { ...higher }) });
    const hasStartedOver = areKeysRotated(this.known, content);
    if (hasStartedOver) {
      // The files first: a timestamp that is signed for a key which stays would raise the version again.
      await this.#store.remove('timestamp');
      await this.#store.remove('snapshot');
      context.report({ kind: 'online-keys-rotated', root: content.version });
    }
    this.#minimum = null;
    this.#change({ versions: mergeVersions(own, other) });
    if (hasStartedOver) await this.save();
    return hasStartedOver;
  }

  /** Durable on return. @throws CodedError FILE-*, DISK-FULL */
  async save(): Promise<void> {
    if (this.#isSaved) return;
    await this.#store.saveState(this.#state);
    this.#isSaved = true;
  }

  #change(changes: Partial<StoreState>): void {
    this.#state = { ...this.#state, ...changes };
    this.#isSaved = false;
  }
}

/** Reports a clock that went back. Nothing is refused for it: a clock that was once wrong would block every check. */
export function checkClock(state: KnownState, { nowMs, report }: Pick<TufContext, 'nowMs' | 'report'>): void {
  const latest = state.latestMs ?? nowMs;
  const ahead = latest - nowMs;
  const forgotten = ahead > MAX_AHEAD_MS;
  if (ahead > CLOCK_TOLERANCE_MS) {
    report({ kind: 'clock-back', forgotten, error: coded('CLOCK-BACK', { now: nowMs, latest }) });
  }
  state.checkedAt(forgotten ? nowMs : Math.max(latest, nowMs));
}
