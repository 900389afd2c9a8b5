// A picture of the wait by size. The table below it has the same values, so the picture is hidden from screen readers
// except for its title.

import type { VNode } from 'preact';
import { showDuration } from '#errors/template.ts';

export interface ChartPoint {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds. */
  readonly wait: number;
}

const WIDTH = 480;
const HEIGHT = 190;
const LEFT = 78;
const BOTTOM = 30;
const TOP = 12;
const RIGHT = 16;
const MB = 1_000_000;

export function TimeoutChart({
  id,
  title,
  points,
}: {
  readonly id: string;
  readonly title: string;
  readonly points: readonly ChartPoint[];
}): VNode | null {
  const sorted = points.filter(({ size }) => size > 0).toSorted((a, b) => a.size - b.size);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const most = Math.max(...sorted.map(({ wait }) => wait), 1);
  // Sizes differ by factors, so their axis is logarithmic.
  const x = (size: number) =>
    LEFT + (Math.log(size / first.size) / Math.log(last.size / first.size)) * (WIDTH - LEFT - RIGHT);
  const y = (wait: number) => TOP + (1 - wait / most) * (HEIGHT - TOP - BOTTOM);
  const line = sorted.map(({ size, wait }) => `${x(size).toFixed(1)},${y(wait).toFixed(1)}`).join(' ');
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={id}>
      <title id={id}>{title}</title>
      {[0, 0.5, 1].map((part) => (
        <g key={part}>
          <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={y(most * part)} y2={y(most * part)} />
          <text x={LEFT - 8} y={y(most * part) + 4} text-anchor="end">
            {showDuration(Math.round((most * part) / 1_000) * 1_000)}
          </text>
        </g>
      ))}
      <polyline class="wait" points={line} />
      {sorted.map(({ size, wait }) => (
        <g key={size}>
          <circle class="wait" cx={x(size)} cy={y(wait)} r="4" />
          <text x={x(size)} y={HEIGHT - 8} text-anchor={size === last.size ? 'end' : 'middle'}>
            {size / MB} MB
          </text>
        </g>
      ))}
    </svg>
  );
}
