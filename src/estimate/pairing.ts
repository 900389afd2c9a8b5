// Pairs "Downloading update ID" with "Acknowledging receipt of update ID" and measures the time between them. Pure.
//
// Guarantees: a download that started again is measured from its last start. A download across a step of the clock is
// counted, but not measured. If two downloads overlapped, the log does not show which of them a response belongs to.
// The whole time then counts as silence, so the result may be too long, but never too short. Memory is bounded,
// whatever the log contains.

import { NewestMap } from '#system/newest.ts';
import type { LogStep } from './steps.ts';

/** A download that was acknowledged. */
export interface Measured {
  readonly id: string;
  /** In milliseconds since the epoch, as is `endedMs`. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly elapsedMs: number;
  /** The longest time between two signs of progress. */
  readonly silenceMs: number;
  /** Another download ran at the same time, so `silenceMs` is an upper bound. */
  readonly overlapped: boolean;
  /** The download resumed an earlier attempt, so it took less time than a whole one. */
  readonly resumed: boolean;
  /** Number of starts. */
  readonly attempts: number;
}

/** Number of downloads that could not be measured, by reason. */
export interface PairingTally {
  /** Started again without an acknowledgement in between. */
  readonly restarted: number;
  /** Started and never acknowledged. */
  readonly unacknowledged: number;
  /** Acknowledged, but the start is not in the log. */
  readonly withoutBeginning: number;
  readonly acrossClockSteps: number;
  /** Measured, but dropped because only the latest `MAX_MEASURED` are kept. */
  readonly dropped: number;
}

/** The latest downloads are kept; more would not improve the estimate. */
const MAX_MEASURED = 1_000;
/** Maximum number of downloads in progress. Beyond it the oldest counts as abandoned. */
const MAX_OPEN = 100;
/** If a download seems to take more than a day, the host was suspended or the clock was set forward. */
const MAX_MS = 86_400_000;

interface Open {
  readonly beganMs: number;
  readonly resumed: boolean;
  readonly attempts: number;
  lastSignMs: number;
  longestMs: number;
  measuredMs: number | null;
  downloadedMs: number | null;
  /** Another download started or ended in the meantime. */
  joined: boolean;
  stepped: boolean;
}

interface Done extends Omit<Measured, 'overlapped'> {
  overlapped: boolean;
  /** The program that downloaded measured the silence, so it is right even if downloads overlapped. */
  readonly exact: boolean;
}

/** Takes the steps of one log in order. */
export class Pairing {
  readonly #open = new NewestMap<string, Open>(MAX_OPEN, () => {
    this.#givenUp += 1;
  });
  readonly #done: Done[] = [];
  #restarted = 0;
  #givenUp = 0;
  #withoutBeginning = 0;
  #acrossClockSteps = 0;
  #dropped = 0;

  take(step: LogStep, atMs: number): void {
    switch (step.kind) {
      case 'began':
        this.#began(step.id, atMs, step.resumed);
        break;
      case 'response':
        // It may belong to any download in progress.
        for (const open of this.#open.values()) sign(open, atMs);
        break;
      case 'downloaded':
        this.#downloaded(step.id, atMs, step.silenceMs);
        break;
      case 'failed':
        this.#failed(step.id);
        break;
      case 'acknowledged':
        this.#acknowledged(step.id, atMs);
        break;
    }
  }

  /** The clock was set, so times before and after cannot be compared. */
  stepped(): void {
    for (const open of this.#open.values()) open.stepped = true;
  }

  get measured(): Measured[] {
    return this.#done.slice(-MAX_MEASURED).map(({ exact: _, ...done }) => ({
      ...done,
      silenceMs: done.overlapped ? done.elapsedMs : done.silenceMs,
    }));
  }

  get tally(): PairingTally {
    return {
      restarted: this.#restarted,
      unacknowledged: this.#givenUp + this.#open.size,
      withoutBeginning: this.#withoutBeginning,
      acrossClockSteps: this.#acrossClockSteps,
      dropped: this.#dropped + Math.max(0, this.#done.length - MAX_MEASURED),
    };
  }

  #began(id: string, atMs: number, resumed: boolean): void {
    const before = this.#open.get(id);
    if (before !== undefined) this.#restarted += 1;
    this.#open.delete(id);
    for (const other of this.#open.values()) other.joined = true;
    // A copy of the id, because a substring would keep its whole chunk in memory.
    this.#open.set([...id].join(''), {
      beganMs: atMs,
      resumed,
      attempts: (before?.attempts ?? 0) + 1,
      lastSignMs: atMs,
      longestMs: 0,
      measuredMs: null,
      downloadedMs: null,
      joined: false,
      stepped: false,
    });
  }

  #downloaded(id: string, atMs: number, silenceMs: number): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    sign(open, atMs);
    open.downloadedMs = atMs;
    open.measuredMs = silenceMs;
  }

  /** An attempt failed, so its measurements are discarded. */
  #failed(id: string): void {
    // The download stays open, so that a later start counts as another attempt.
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.downloadedMs = null;
    open.measuredMs = null;
  }

  #acknowledged(id: string, atMs: number): void {
    const open = this.#open.get(id);
    if (open === undefined) {
      this.#withoutBeginning += 1;
      return;
    }
    this.#open.delete(id);
    for (const other of this.#open.values()) other.joined = true;
    sign(open, atMs);
    const endedMs = open.downloadedMs ?? atMs;
    const elapsedMs = Math.max(0, endedMs - open.beganMs);
    if (open.stepped || elapsedMs > MAX_MS) {
      this.#acrossClockSteps += 1;
      return;
    }
    this.#markOverlapped(open.beganMs);
    const exact = open.measuredMs !== null;
    this.#done.push({
      id: [...id].join(''),
      beganMs: open.beganMs,
      endedMs,
      elapsedMs,
      silenceMs: open.measuredMs ?? open.longestMs,
      exact,
      overlapped: open.joined && !exact,
      resumed: open.resumed,
      attempts: open.attempts,
    });
    if (this.#done.length > MAX_MEASURED * 2) this.#forgetOldest();
  }

  /** Marks the downloads that ended after this one started, which is known only when this one ends. */
  #markOverlapped(beganMs: number): void {
    for (let index = this.#done.length - 1; index >= 0; index -= 1) {
      const done = this.#done[index];
      if (done === undefined || done.endedMs <= beganMs) break;
      done.overlapped = !done.exact;
    }
  }

  #forgetOldest(): void {
    this.#dropped += this.#done.length - MAX_MEASURED;
    this.#done.splice(0, this.#done.length - MAX_MEASURED);
  }
}

function sign(open: Open, atMs: number): void {
  open.longestMs = Math.max(open.longestMs, atMs - open.lastSignMs);
  open.lastSignMs = Math.max(open.lastSignMs, atMs);
}
