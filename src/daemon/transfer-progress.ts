// The progress of a transfer in either direction, with its rate, as `status` shows it. Pure.

export interface TransferProgress {
  readonly id: string;
  readonly received: number;
  readonly length: number;
  /** Bytes per second since the transfer started; null when it cannot be computed yet. */
  readonly rate: number | null;
  /** Its start in this process: the bytes that were there, and the moment on the monotonic clock. */
  readonly from: { readonly bytes: number; readonly atMs: number };
}

/** No rate is shown for a shorter time, in milliseconds. */
const MIN_MS = 500;

/** The progress after more bytes. Another id, or fewer bytes, start over. */
export function progressed(
  before: TransferProgress | null,
  { id, received, length }: Pick<TransferProgress, 'id' | 'received' | 'length'>,
  nowMs: number,
): TransferProgress {
  const continues = before !== null && before.id === id && before.received <= received;
  const from = continues ? before.from : { bytes: received, atMs: nowMs };
  const elapsedMs = nowMs - from.atMs;
  const rate = elapsedMs < MIN_MS ? null : ((received - from.bytes) / elapsedMs) * 1_000;
  return { id, received, length, rate, from };
}
