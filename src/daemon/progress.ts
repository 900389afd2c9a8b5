// How far the transfer under way is, and how fast it came since it began or went on. Pure.

export interface Progress {
  readonly id: string;
  readonly received: number;
  readonly length: number;
  /** Bytes a second since the first that was heard of; null when there is no telling yet. */
  readonly rate: number | null;
  /** The first that was heard of: bytes, and the moment of the monotonic clock. */
  readonly from: { readonly bytes: number; readonly atMs: number };
}

/** No rate is told of a shorter time, in milliseconds. */
const LEAST_MS = 500;

/** The progress with what was just told; another id, or fewer bytes, begin anew. */
export function progressed(
  before: Progress | null,
  { id, received, length }: Pick<Progress, 'id' | 'received' | 'length'>,
  nowMs: number,
): Progress {
  const goesOn = before !== null && before.id === id && before.received <= received;
  const from = goesOn ? before.from : { bytes: received, atMs: nowMs };
  const elapsedMs = nowMs - from.atMs;
  const rate = elapsedMs < LEAST_MS ? null : ((received - from.bytes) / elapsedMs) * 1_000;
  return { id, received, length, rate, from };
}
