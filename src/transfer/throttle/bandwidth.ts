// The bandwidth limit of the settings at a moment. Pure.

import { isOpen, readHours } from '#system/time/open-hours.ts';
import type { Zone } from '#system/time/zone.ts';

/** As it is configured. */
export interface Bandwidth {
  readonly bytes_per_second?: number | undefined;
  readonly by_time: readonly { readonly hours: string; readonly bytes_per_second?: number | undefined }[];
}

/** Bytes per second at this moment, ms since the epoch; null without a limit. */
export function bandwidthAt(bandwidth: Bandwidth | undefined, zone: () => Zone, atMs: number): number | null {
  if (bandwidth === undefined) return null;
  const now = bandwidth.by_time.find(({ hours }) => {
    const range = readHours(hours);
    return range !== null && isOpen([range], zone(), atMs);
  });
  return (now ?? bandwidth).bytes_per_second ?? null;
}
