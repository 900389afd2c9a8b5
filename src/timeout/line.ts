// The lowest line `base + pace * size` above all points, neither part negative. Of all lines above them the one with the
// smallest product over the sizes seen is taken: kilobytes count as much as gigabytes, because only ratios do. Such a
// line always touches two points of their upper hull, or is flat, or starts at zero; so few have to be tried.

/** A point that the line may not lie under. */
export interface Point {
  readonly size: number;
  readonly ms: number;
}

export interface Line {
  readonly baseMs: number;
  readonly msPerByte: number;
}

/** What a line says of a size. */
export function at(line: Line, size: number): number {
  return line.baseMs + line.msPerByte * size;
}

/** The lowest line above at least one point; `sizes` are what it is to be low at. */
export function lowestLineAbove(points: readonly Point[], sizes: readonly number[]): Line {
  let best = flatAbove(points);
  let least = costOf(best, sizes);
  for (const line of steeper(points)) {
    const cost = costOf(line, sizes);
    if (cost < least) [best, least] = [line, cost];
  }
  return best;
}

function flatAbove(points: readonly Point[]): Line {
  return { baseMs: Math.max(...points.map(({ ms }) => ms)), msPerByte: 0 };
}

/** The edges of the upper hull that rise, and the line through zero. */
function steeper(points: readonly Point[]): Line[] {
  const lines: Line[] = [];
  const hull = upperHull(points);
  for (const [index, right] of hull.entries()) {
    const left = hull[index - 1];
    if (left === undefined) continue;
    const msPerByte = (right.ms - left.ms) / (right.size - left.size);
    if (msPerByte > 0 && left.ms - msPerByte * left.size >= 0) lines.push(above(points, msPerByte));
  }
  const ratios = points.flatMap(({ size, ms }) => (size > 0 ? [ms / size] : []));
  if (ratios.length > 0) lines.push(above(points, Math.max(...ratios)));
  return lines;
}

/** The lowest line of this pace: it lies above all points, whatever was rounded. */
function above(points: readonly Point[], msPerByte: number): Line {
  let baseMs = 0;
  for (const { size, ms } of points) baseMs = Math.max(baseMs, ms - msPerByte * size);
  return { baseMs, msPerByte };
}

/** From the left to the right. */
function upperHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.size - b.size || b.ms - a.ms);
  const hull: Point[] = [];
  for (const point of sorted) {
    if (hull.at(-1)?.size === point.size) continue;
    while (isUnder(hull.at(-2), hull.at(-1), point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

/** Whether the middle one is not above the straight way from the first to the last. */
function isUnder(first: Point | undefined, middle: Point | undefined, last: Point): boolean {
  if (first === undefined || middle === undefined) return false;
  return (middle.ms - first.ms) * (last.size - first.size) <= (last.ms - first.ms) * (middle.size - first.size);
}

function costOf(line: Line, sizes: readonly number[]): number {
  let sum = 0;
  for (const size of sizes) sum += Math.log(Math.max(1, at(line, size)));
  return sum;
}
