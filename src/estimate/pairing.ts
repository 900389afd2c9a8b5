// Pairs "Downloading update ID" with "Acknowledging receipt of update ID" and measures what lies between.
//
// Guarantees: of a download that was begun again the last beginning counts; what crossed a step of the clock is counted
// and not measured; where two downloads overlapped nobody knows whose response came, so their silence is taken as the
// whole time between: never too short. Bounded in everything that a log can make grow. Pure.

import { NewestMap } from '#system/newest.ts';
import type { LogStep } from './steps.ts';

/** One download that was acknowledged. */
export interface Measured {
  readonly id: string;
  /** Moments in milliseconds since the epoch. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly elapsedMs: number;
  /** The longest time between two signs of life. */
  readonly silenceMs: number;
  /** Another download ran meanwhile, so the silence is the longest that it can have been. */
  readonly overlapped: boolean;
  /** It went on where an earlier attempt had ended, so it is shorter than a whole one. */
  readonly resumed: boolean;
  /** How often it was begun. */
  readonly attempts: number;
}

/** What could not be measured, and how often. */
export interface PairingTally {
  /** Begun again without an acknowledgement between. */
  readonly begunAgain: number;
  /** Begun and never acknowledged. */
  readonly unacknowledged: number;
  /** Acknowledged, and the beginning is not in the log. */
  readonly withoutBeginning: number;
  readonly acrossClockSteps: number;
  /** Measured and dropped, because only so many are kept. */
  readonly dropped: number;
}

/** The latest are kept; more would not make the estimate better. */
const MAX_MEASURED = 1_000;
/** Nobody fetches so many at once; the oldest of them has been given up. */
const MAX_OPEN = 100;
/** A download of a day, or a day without a sign: a machine that slept, or a clock that was set forward. */
const MAX_MS = 86_400_000;

interface Open {
  readonly beganMs: number;
  readonly resumed: boolean;
  readonly attempts: number;
  lastSignMs: number;
  longestMs: number;
  measuredMs: number | null;
  downloadedMs: number | null;
  /** Another one began or ended meanwhile. */
  joined: boolean;
  stepped: boolean;
}

interface Done extends Omit<Measured, 'overlapped'> {
  overlapped: boolean;
  /** The silence was measured where the bytes came, so it is right whatever else ran. */
  readonly exact: boolean;
}

/** Takes the steps of one log in their order. */
export class Pairing {
  readonly #open = new NewestMap<string, Open>(MAX_OPEN, () => {
    this.#givenUp += 1;
  });
  readonly #done: Done[] = [];
  #begunAgain = 0;
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
        // A sign of life of whatever is under way.
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

  /** The clock was set: no time before can be compared with one behind. */
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
      begunAgain: this.#begunAgain,
      unacknowledged: this.#givenUp + this.#open.size,
      withoutBeginning: this.#withoutBeginning,
      acrossClockSteps: this.#acrossClockSteps,
      dropped: this.#dropped + Math.max(0, this.#done.length - MAX_MEASURED),
    };
  }

  #began(id: string, atMs: number, resumed: boolean): void {
    const before = this.#open.get(id);
    if (before !== undefined) this.#begunAgain += 1;
    this.#open.delete(id);
    for (const other of this.#open.values()) other.joined = true;
    // A copy: a part of a chunk would keep the whole chunk in memory.
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

  /** An attempt ended without success; the next one begins anew. */
  #failed(id: string): void {
    // Stays open, so that a later beginning is counted as a further attempt.
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

  /** Only now it is known that this one ran while those did that ended after its beginning. */
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
