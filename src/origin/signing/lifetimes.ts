// How long each role is valid, and when it must be renewed. Pure.
//
// A role is renewed when less than half of its lifetime is left, if its keys are on the machine. Nearer to its expiry,
// `feed status` reports that it was not renewed. For root, targets and teams, this report comes earlier than the
// warnings of the agents, which begin 30 days before the expiry.

import { utcTime } from '#system/moment.ts';
import type { RoleRule, TopRole } from './documents.ts';

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const DAY_MS = DAY_HOURS * HOUR_MS;

/** Lifetimes in hours. The two roles that a machine renews by itself are short: that limits how long old data can be replayed. */
const DEFAULT_HOURS: Readonly<Record<TopRole, number>> = {
  root: 365 * DAY_HOURS,
  targets: 180 * DAY_HOURS,
  snapshot: 14 * DAY_HOURS,
  timestamp: 3 * DAY_HOURS,
};
/** Agents warn of root and targets from 30 days on. The vendor gets 15 days more, and 30 where the lifetime allows it. */
const MIN_RENEWAL_MS = 45 * DAY_MS;
const MAX_RENEWAL_MS = 60 * DAY_MS;

/** The lifetime of a new version, in milliseconds. `kind` of a team is targets. */
export function lifetimeOf(kind: TopRole, rule: RoleRule | undefined): number {
  const hours = rule?.['x-sallyport-lifetime-hours'];
  return (Number.isSafeInteger(hours) && Number(hours) > 0 ? Number(hours) : DEFAULT_HOURS[kind]) * HOUR_MS;
}

/** The lifetime in days as the field of a rule. */
export function lifetimeField(days: number): Pick<RoleRule, 'x-sallyport-lifetime-hours'> {
  return { 'x-sallyport-lifetime-hours': days * DAY_HOURS };
}

/** How long before its expiry a role is overdue, in milliseconds. */
export function renewalOf(kind: TopRole, lifetimeMs: number): number {
  const third = lifetimeMs / 3;
  if (kind === 'snapshot' || kind === 'timestamp') return third;
  return Math.min(MAX_RENEWAL_MS, Math.max(MIN_RENEWAL_MS, third), lifetimeMs / 2);
}

/** Whether less than half of the lifetime is left, so that a machine with the keys renews it. */
export function isHalfOver(expires: string, { lifetimeMs, nowMs }: { lifetimeMs: number; nowMs: number }): boolean {
  const leftMs = Date.parse(expires) - nowMs;
  // Also when it is valid for longer than it should be, because its lifetime was shortened.
  return !(leftMs >= lifetimeMs / 2 && leftMs <= lifetimeMs);
}

/** The expiry of a version that is made now: RFC 3339 in UTC, to the second (TUF 4.3). */
export function expiryAt(nowMs: number, lifetimeMs: number): string {
  return `${utcTime(nowMs + lifetimeMs).slice(0, 19)}Z`;
}
