// The lowest straight line `base + pace * size` above everything that was seen: what a larger package may need.
//
// Pure. An upper line and no average: a timeout must outlast the slow ones. How low a line lies is judged by ratios, so
// small packages count as much as large ones. Where many lines are as low, as after a single download, the steepest is
// taken: a package ten times as large may take ten times as long.

/** One package: bytes, and what it took. */
export interface Point {
  readonly size: number;
  readonly ms: number;
}

export interface UpperLine {
  readonly baseMs: number;
  readonly msPerByte: number;
}

/** More points than this make no better line. */
const MOST_POINTS = 1_000;
/** Logs count whole seconds; below one of them nothing is known. */
const SMALLEST_MS = 1_000;

/** The line; null when there is no point with a size. */
export function upperLine(points: readonly Point[]): UpperLine | null {
  const seen = points
    .filter(({ size }) => size > 0)
    .slice(-MOST_POINTS)
    .map(({ size, ms }) => ({ size, ms: Math.max(ms, SMALLEST_MS) }));
  let best: { line: UpperLine; cost: number } | null = null;
  for (const msPerByte of paces(seen)) {
    const line = { msPerByte, baseMs: Math.max(0, ...seen.map(({ size, ms }) => ms - msPerByte * size)) };
    const cost = seen.reduce((sum, { size }) => sum + Math.log(valueAt(line, size)), 0);
    // From flat to steep: as good is better.
    if (best === null || cost <= best.cost + 1e-9) best = { line, cost };
  }
  return best?.line ?? null;
}

/** What the line says of a size. */
export function valueAt({ baseMs, msPerByte }: UpperLine, size: number): number {
  return baseMs + msPerByte * size;
}

/** The lowest line lies along an edge of the upper hull, or is flat, or begins at nothing. From flat to steep. */
function paces(seen: readonly Point[]): number[] {
  const hull: Point[] = [];
  for (const point of seen.toSorted((a, b) => a.size - b.size || a.ms - b.ms)) {
    while (hull.length >= 2 && !turnsDown(hull, point)) hull.pop();
    if (hull.at(-1)?.size === point.size) hull.pop();
    hull.push(point);
  }
  const edges = hull.slice(1).map((point, index) => paceBetween(hull[index] ?? point, point));
  const steepest = Math.max(...seen.map(({ size, ms }) => ms / size));
  return [0, ...edges, steepest].filter((pace) => pace >= 0 && pace <= steepest).sort((a, b) => a - b);
}

function turnsDown(hull: readonly Point[], next: Point): boolean {
  const [before, last] = hull.slice(-2);
  if (before === undefined || last === undefined) return true;
  return paceBetween(before, last) > paceBetween(last, next);
}

function paceBetween(from: Point, to: Point): number {
  return to.size === from.size ? Number.POSITIVE_INFINITY : (to.ms - from.ms) / (to.size - from.size);
}
