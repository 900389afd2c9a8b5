// Finds the bandwidth limit that the settings give for a moment. Pure.

import { isOpen, readHours } from '#system/time/open-hours.ts';
import type { Zone } from '#system/time/zone.ts';

/** As it is configured. */
export interface Bandwidth {
  readonly bytes_per_second?: number | undefined;
  readonly by_time: readonly { readonly hours: string; readonly bytes_per_second?: number | undefined }[];
}

/** The limit at a moment, and the key that decides it. */
export interface BandwidthNow {
  /** Null without a limit at this moment. */
  readonly bytesPerSecond: number | null;
  readonly key: string;
}

/** The limit at this moment, ms since the epoch; null if none is configured. */
export function bandwidthNow(bandwidth: Bandwidth | undefined, zone: () => Zone, atMs: number): BandwidthNow | null {
  if (bandwidth === undefined) return null;
  const index = bandwidth.by_time.findIndex(({ hours }) => {
    const range = readHours(hours);
    return range !== null && isOpen([range], zone(), atMs);
  });
  const limit = bandwidth.by_time[index]?.bytes_per_second;
  if (index >= 0) return { bytesPerSecond: limit ?? null, key: `updates.bandwidth.by_time[${index}]` };
  return { bytesPerSecond: bandwidth.bytes_per_second ?? null, key: 'updates.bandwidth.bytes_per_second' };
}

/** Bytes per second at this moment, ms since the epoch; null without a limit. */
export function bandwidthAt(bandwidth: Bandwidth | undefined, zone: () => Zone, atMs: number): number | null {
  return bandwidthNow(bandwidth, zone, atMs)?.bytesPerSecond ?? null;
}
