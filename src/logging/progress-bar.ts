// One line that shows the progress of a download: `1602503 [#####-----]  50%  5.0 MB of 10.0 MB  2.1 MB/s  3 s left`.
//
// Takes numbers and a width, and returns plain ASCII of at most that width. If the line does not fit, the bar gets
// shorter. Then the bar, the time left and the rate are left out, in this order. Pure.

import { showDuration, showSize } from '#errors/template.ts';

export interface BarProgress {
  readonly id: string;
  /** Shown instead of the ID; only our own words. */
  readonly title?: string;
  readonly received: number;
  /** Size of the package in bytes, or null when unknown. */
  readonly length: number | null;
  /** Recent rate in bytes per second, or null when it is not known yet. */
  readonly rate: number | null;
}

const MIN_BAR_LENGTH = 10;
const MAX_BAR_LENGTH = 40;
/** Longest id that is shown whole; the feed allows 64. */
const ID_LIMIT = 24;

/** The line, at most `columns` wide. */
export function progressBar(progress: BarProgress, columns: number): string {
  const { received, length, rate } = progress;
  const id = progress.title ?? shownId(progress.id);
  const done = length === null || length <= 0 ? null : Math.min(received / length, 1);
  const amount = length === null ? showSize(received) : `${showSize(received)} of ${showSize(length)}`;
  const percent = done === null ? [] : [`${Math.floor(done * 100)}%`.padStart(4)];
  const speed = rate === null ? [] : [`${showSize(Math.round(rate))}/s`];
  const left = done === null || done === 1 || !rate ? [] : [`${showDuration(secondsLeft(progress) * 1_000)} left`];
  const tails = [
    [...percent, amount, ...speed, ...left],
    [...percent, amount, ...speed],
    [...percent, amount],
  ];

  const whole = tails[0]?.join('  ') ?? '';
  const width = Math.min(columns - id.length - whole.length - 4, MAX_BAR_LENGTH);
  if (done !== null && width >= MIN_BAR_LENGTH) {
    const full = Math.floor(done * width);
    return `${id} [${'#'.repeat(full)}${'-'.repeat(width - full)}] ${whole}`;
  }
  const lines = tails.map((tail) => `${id} ${tail.join('  ')}`);
  return (lines.find((line) => line.length <= columns) ?? `${id} ${percent.join('')}`).slice(0, columns);
}

/** Rounded up, so that it does not show 0 s for long. */
function secondsLeft({ received, length, rate }: BarProgress): number {
  return Math.ceil(((length ?? 0) - received) / (rate ?? 1));
}

/**
 * The ID or name with a `?` for each character that is not printable ASCII, because its width on a screen is unknown.
 */
export function shownId(id: string): string {
  const ascii = id.replaceAll(/[^!-~]/gu, '?');
  return ascii.length > ID_LIMIT ? `${ascii.slice(0, ID_LIMIT - 3)}...` : ascii;
}
