// Finds the lowest line `base + pace * size` that lies above all points; `base` and `pace` are not negative. Of several
// such lines, the best has the smallest product of its values at the given sizes. A product depends only on ratios, so
// kilobytes count as much as gigabytes. The best line follows an edge of the upper hull of the points, is flat, or
// starts at zero, so only those lines are tried.

/** A point that the line must not pass below. */
export interface Point {
  readonly size: number;
  readonly ms: number;
}

export interface Line {
  readonly baseMs: number;
  readonly msPerByte: number;
}

/** The points that decide, from left to right. All other points lie below the path along them. */
export type Hull = readonly Point[];

/** The value of the line at a size. */
export function at(line: Line, size: number): number {
  return line.baseMs + line.msPerByte * size;
}

/** The same line, raised everywhere by a factor. */
export function raised({ baseMs, msPerByte }: Line, factor: number): Line {
  return { baseMs: baseMs * factor, msPerByte: msPerByte * factor };
}

export function upperHull(points: readonly Point[]): Hull {
  const sorted = [...points].sort((a, b) => a.size - b.size || b.ms - a.ms);
  const hull: Point[] = [];
  for (const point of sorted) {
    if (hull.at(-1)?.size === point.size) continue;
    while (isUnder(hull.at(-2), hull.at(-1), point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

/** The lowest line above at least one point. `sizes` are the sizes at which it should be low. */
export function lowestLineAbove(hull: Hull, sizes: readonly number[]): Line {
  let best = flatAbove(hull);
  let least = costOf(best, sizes);
  for (const line of risingLines(hull)) {
    const cost = costOf(line, sizes);
    if (cost < least) [best, least] = [line, cost];
  }
  return best;
}

function flatAbove(hull: Hull): Line {
  return { baseMs: Math.max(...hull.map(({ ms }) => ms)), msPerByte: 0 };
}

/** The rising edges of the hull, and the line through zero. */
function risingLines(hull: Hull): Line[] {
  const lines: Line[] = [];
  for (const [index, right] of hull.entries()) {
    const left = hull[index - 1];
    if (left === undefined) continue;
    const msPerByte = (right.ms - left.ms) / (right.size - left.size);
    if (msPerByte > 0 && left.ms - msPerByte * left.size >= 0) lines.push(above(hull, msPerByte));
  }
  const ratios = hull.flatMap(({ size, ms }) => (size > 0 ? [ms / size] : []));
  if (ratios.length > 0) lines.push(above(hull, Math.max(...ratios)));
  return lines;
}

/** The lowest line of this pace that lies above all points, regardless of rounding. */
function above(hull: Hull, msPerByte: number): Line {
  let baseMs = 0;
  for (const { size, ms } of hull) baseMs = Math.max(baseMs, ms - msPerByte * size);
  return { baseMs, msPerByte };
}

/** Whether the middle point is not above the straight line from the first to the last. */
function isUnder(first: Point | undefined, middle: Point | undefined, last: Point): boolean {
  if (first === undefined || middle === undefined) return false;
  return (middle.ms - first.ms) * (last.size - first.size) <= (last.ms - first.ms) * (middle.size - first.size);
}

/** The logarithm of the product. Several factors share one logarithm, because a plan spends most of its time here. */
function costOf(line: Line, sizes: readonly number[]): number {
  let sum = 0;
  let product = 1;
  for (const size of sizes) {
    product *= Math.max(1, at(line, size));
    if (product < 1e200) continue;
    sum += Math.log(product);
    product = 1;
  }
  return sum + Math.log(product);
}
