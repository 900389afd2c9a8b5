// The hours of `updates.window`: when packages may be downloaded, and when they may be published.
//
// Guarantees: hours are compared with the wall clock and the active settings at each use, so a changed setting and a
// corrected clock take effect. A running download learns of the end of its hours within half a minute, also after a
// step of the clock, and of changed settings at once. A timer runs only while a package is being downloaded under
// limited hours. Stores nothing.

import { coded } from '#errors/coded-error.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { type HoursRange, isOpen, nextChange, opensAt, rangeMinMs, readHours } from '#system/time/open-hours.ts';
import { latestZone, type Zone } from '#system/time/zone.ts';

/** A step of the wall clock is noticed after at most this long. */
const LOOK_EVERY_MS = 30_000;

/** What hours can be limited. */
export const WINDOW_NAMES = ['download', 'publish'] as const;
export type WindowName = (typeof WINDOW_NAMES)[number];

/** The settings: `updates.window` and `time_zone`. A part without hours is always open. */
export interface WindowSettings {
  readonly window: Readonly<Partial<Record<WindowName, readonly string[] | undefined>>> | undefined;
  readonly zone: string | undefined;
}

/** The hours as the steps of a round use them. */
export interface UpdateHours {
  /** When these hours begin, as wall time; null if they have begun. */
  closedUntil(name: WindowName): number | null;
  /** When this host begins its work in these hours, as wall time; now, or before, if it may work already. */
  beginsAt(name: WindowName, at: Planned): number;
  /** Runs a download. Its signal is aborted with WINDOW-CLOSED when the hours of downloads end. */
  whileOpen<T>(signal: AbortSignal, download: (ending: AbortSignal) => Promise<T>): Promise<T>;
}

/** For a check that does not wait for the hours. */
export const ALWAYS_OPEN: UpdateHours = {
  closedUntil: () => null,
  beginsAt: (_name, { nowMs }) => nowMs,
  whileOpen: (signal, download) => download(signal),
};

/** For packages that come from a medium: only their publication has hours. */
export function withoutDownloadHours(windows: UpdateHours): UpdateHours {
  return { ...ALWAYS_OPEN, closedUntil: (name) => (name === 'download' ? null : windows.closedUntil(name)) };
}

/** When these hours begin, as wall time; null if they have begun, or are not limited. Pure. */
export function closedUntil(name: WindowName, { window, zone }: WindowHours, nowMs: number): number | null {
  const ranges = rangesOf(window?.[name]);
  if (ranges === null || isOpen(ranges, zone(), nowMs)) return null;
  return opensAt(ranges, zone(), nowMs);
}

/**
 * When this host begins its work in these hours: after a delay of its own, so that many hosts do not begin at the same
 * time. The delay is at most half of the shortest range. Now, or before, if it may work already. Pure.
 */
export function beginsAt(name: WindowName, { window, zone }: WindowHours, at: Planned): number {
  const { nowMs } = at;
  const ranges = rangesOf(window?.[name]);
  if (ranges === null) return nowMs;
  const delayMs = Math.min(at.delayMs, rangeMinMs(ranges) / 2);
  const isNow = isOpen(ranges, zone(), nowMs);
  const hasBegun = isOpen(ranges, zone(), nowMs - delayMs);
  if (isNow && hasBegun) return nowMs;
  // If they ended a moment ago, the delayed copy of their beginning is over as well.
  return (opensAt(ranges, zone(), isNow || !hasBegun ? nowMs - delayMs : nowMs) ?? nowMs) + delayMs;
}

interface WindowHours {
  readonly window: WindowSettings['window'];
  zone(): Zone;
}

interface Planned {
  readonly nowMs: number;
  readonly delayMs: number;
}

function rangesOf(hours: readonly string[] | undefined): readonly HoursRange[] | null {
  if (hours === undefined) return null;
  return hours.flatMap((text) => readHours(text) ?? []);
}

/** The hours of this host. */
export class UpdateWindows implements UpdateHours {
  readonly #clock: Clock;
  readonly #settings: () => WindowSettings;
  readonly #zone = latestZone();
  readonly #downloads = new Set<AbortController>();
  #timer: Timer | null = null;

  constructor(clock: Clock, settings: () => WindowSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  closedUntil(name: WindowName): number | null {
    return closedUntil(name, this.#hours, this.#clock.now());
  }

  beginsAt(name: WindowName, at: Planned): number {
    return beginsAt(name, this.#hours, at);
  }

  async whileOpen<T>(signal: AbortSignal, download: (ending: AbortSignal) => Promise<T>): Promise<T> {
    const closing = new AbortController();
    this.#downloads.add(closing);
    this.look();
    try {
      const ending = AbortSignal.any([signal, closing.signal]);
      ending.throwIfAborted();
      return await download(ending);
    } finally {
      this.#downloads.delete(closing);
      if (this.#downloads.size === 0) this.#stopTimer();
    }
  }

  /** Compares the clock, or changed settings, with the running downloads. */
  look(): void {
    this.#stopTimer();
    if (this.#downloads.size === 0) return;
    const { window } = this.#settings();
    if (window?.download === undefined) return;
    const until = this.closedUntil('download');
    if (until !== null) {
      for (const closing of this.#downloads) closing.abort(coded('WINDOW-CLOSED', { until }));
      return;
    }
    this.#timer = this.#clock.after(Math.min(LOOK_EVERY_MS, this.#untilEndMs()), () => this.look());
  }

  /** How long the present hours of downloads last, in milliseconds. */
  #untilEndMs(): number {
    const now = this.#clock.now();
    const { window, zone } = this.#hours;
    const ranges = rangesOf(window?.download) ?? [];
    const end = nextChange(ranges, zone(), now);
    return end === null ? LOOK_EVERY_MS : Math.max(1, end - now);
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  get #hours(): WindowHours {
    const { window, zone: name } = this.#settings();
    return { window, zone: () => this.#zone(name) };
  }
}
