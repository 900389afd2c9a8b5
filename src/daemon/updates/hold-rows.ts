// Converts a hold, a ready package and a published package to the form in which they are sent. Pure.

import type { UpdateRow } from '#control/control.ts';
import type { HoldRow, ReadyRow } from '#control/updates/hold-rows.ts';
import { utcTime } from '#system/moment.ts';
import type { Hold } from '#updates/hold/hold.ts';
import type { Published } from '#updates/package/package-store.ts';
import type { ReadyPackage } from '#updates/package/ready.ts';

export function holdRow({ until, since, reason, by, uid }: Hold): HoldRow {
  return { until: utcTime(until), since: utcTime(since), reason, by, uid };
}

export function readyRow({ item, note }: ReadyPackage): ReadyRow {
  const { id, package: name, sequence, length } = item;
  return { id, package: name, sequence, length, since: utcTime(note.ready.at) };
}

export function updateRow({ path, sidecar: { item, trust, published_at } }: Published): UpdateRow {
  const { id, package: name, sequence, kind, length, sha256, released, notes = null } = item;
  return { id, package: name, sequence, kind, length, sha256, trust, released, published_at, path, notes };
}
