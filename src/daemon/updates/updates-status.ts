// The section of `status` about updates.

import type { Status } from '#control/control.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { shownUrl } from '#http/check-url.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { waitOf } from '#logging/wait-line.ts';
import { utcTime } from '#system/moment.ts';
import { Zone } from '#system/time/zone.ts';
import { bandwidthNow } from '#transfer/throttle/bandwidth.ts';
import type { Hold } from '#updates/hold/hold.ts';
import type { Published } from '#updates/package/package-store.ts';
import type { ReadyPackage } from '#updates/package/ready.ts';
import { configuredFeed } from '#updates/request.ts';
import type { RoundReport } from '#updates/round.ts';
import { holdRow, readyRow } from './hold-rows.ts';

/** What the agent knows about its rounds. */
export interface UpdatesActivity {
  readonly checking: boolean;
  readonly last: RoundReport | null;
  /** The oldest first. */
  readonly transfers: readonly Status['updates']['transfers'][number][];
  /** The event of the awaited package, with the wait so far. */
  readonly waiting: (SallyportEvent & { readonly waited: number }) | null;
  readonly nextCheckMs: number | null;
}

/** What was read from the disk for this status. */
interface OnDisk {
  readonly published: readonly Published[];
  readonly ready: readonly ReadyPackage[];
  readonly hold: Hold | null;
}

/** The feed, the packages, and the running downloads. */
export function describeUpdates(
  parts: Parts,
  activity: UpdatesActivity,
  { published, ready, hold }: OnDisk,
): Status['updates'] {
  const { ports, outcomes } = parts;
  const feed = configuredFeed(ports.settings());
  const transfers = activity.transfers.map(({ id, received, length, rate }) => ({ id, received, length, rate }));
  const known = feed === null ? null : ports.memory.feed(feed.href);
  return {
    feed: feed === null ? null : shownUrl(feed),
    serial: known?.serial ?? null,
    checking: activity.checking,
    last_success: toTime(known?.accepted_at ?? null),
    last_failure: outcomes.of('updates').failed?.failure ?? null,
    next_check: toTime(activity.nextCheckMs),
    published: published.length,
    published_bytes: published.reduce((sum, { sidecar }) => sum + sidecar.item.length, 0),
    hold: hold === null ? null : holdRow(hold),
    ready: ready.map(readyRow),
    ...describeLimits(parts, activity),
    failing: describeFailing(parts, activity),
    transfer: transfers[0] ?? null,
    transfers,
    waiting: describeWait(activity.waiting),
  };
}

/** The hours and the bandwidth that the settings allow at this moment. */
function describeLimits(
  { ports, clock }: Parts,
  { last }: UpdatesActivity,
): Pick<Status['updates'], 'window' | 'bandwidth'> {
  const { updates, time_zone: zone } = ports.settings();
  const limit = bandwidthNow(updates.bandwidth, () => new Zone(zone), clock.now());
  const opensAt = ports.windows.closedUntil('download');
  return {
    window:
      updates.window === undefined
        ? null
        : {
            download_opens_at: toTime(opensAt),
            publish_opens_at: toTime(ports.windows.closedUntil('publish')),
            parked: opensAt === null ? [] : [...(last?.parked ?? [])],
          },
    bandwidth: limit === null ? null : { bytes_per_second: limit.bytesPerSecond, key: limit.key },
  };
}

function describeFailing({ ports, redactor }: Parts, { last }: UpdatesActivity): Status['updates']['failing'] {
  return (last?.failed ?? []).map(({ id, error }) => ({
    id,
    failure: toFailure(error, redactor),
    next_try: toTime(ports.retries.nextFor(id)),
  }));
}

function describeWait(waiting: UpdatesActivity['waiting']): Status['updates']['waiting'] {
  if (waiting === null) return null;
  const { id, limitMs, proxy, scans, heldMs, heldSize, probed = null } = waitOf(waiting);
  return {
    id,
    elapsed_ms: waiting.waited,
    limit_ms: limitMs,
    proxy,
    scans,
    held_ms: heldMs,
    held_size: heldSize,
    proxy_answers_ms: probed !== null && 'answeredMs' in probed ? probed.answeredMs : null,
    proxy_silent_ms: probed !== null && 'silentMs' in probed ? probed.silentMs : null,
  };
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : utcTime(ms);
}
