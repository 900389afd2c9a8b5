// The report about this host that is sent to the platform. Pure.
//
// Guarantees: a report contains only codes, versions, sizes, times and digests: no address, path or URL, and no name of
// a host, user or proxy. `sallyport platform preview` and the link use the same function, so the preview shows exactly
// what is sent.

import { createHash } from 'node:crypto';
import type { PlatformReport, ReportedResult } from '#platform/messages.ts';
import { utcTime } from '#system/moment.ts';

/** In hex digits. */
const ROUTE_LENGTH = 16;
/** Roles that every signed feed has. Delegated ones have names of the vendor's choice. */
const TOP_ROLES: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);
const MAX_ROUTES = 100;

/** The last work of a purpose; times in ms since the epoch. */
interface LastWork {
  readonly succeededAt: number | null;
  /** Null if an attempt succeeded since. */
  readonly failed: { readonly at: number; readonly code: string } | null;
}

export interface ReportFacts {
  readonly level: 'basic' | 'full';
  readonly agent: { readonly id: string; readonly version: string };
  /** When the process started, in ms since the epoch. */
  readonly startedAt: number;
  readonly purposes: Readonly<Record<string, LastWork>>;
  /** Of `full` only. */
  readonly full: {
    readonly queues: readonly { readonly name: string; readonly waiting: number; readonly bytes: number }[];
    readonly trust: {
      readonly kind: string;
      readonly isSigned: boolean;
      readonly roles: readonly { readonly role: string; readonly version: number }[];
    };
    readonly timeouts: readonly { readonly route: string; readonly ms: number }[];
  } | null;
}

/** The report. Its time is that of the newest result, so that the same state gives the same report. */
export function makeReport({ level, agent, startedAt, purposes, full }: ReportFacts): PlatformReport {
  const works = Object.values(purposes);
  const newest = Math.max(startedAt, ...works.map(({ succeededAt, failed }) => failed?.at ?? succeededAt ?? 0));
  const basic = {
    v: 1,
    level,
    agent: { id: agent.id, version: agent.version },
    at: utcTime(newest),
    purposes: Object.fromEntries(Object.entries(purposes).map(([name, work]) => [name, resultOf(work)])),
  } as const;
  if (full === null) return basic;
  return {
    ...basic,
    queues: Object.fromEntries(full.queues.map(({ name, waiting, bytes }) => [name, { waiting, bytes }])),
    trust: {
      kind: full.trust.kind,
      signed: full.trust.isSigned ? 'yes' : 'no',
      ...Object.fromEntries(
        full.trust.roles.filter(({ role }) => TOP_ROLES.has(role)).map(({ role, version }) => [role, version]),
      ),
    },
    timeouts: full.timeouts.slice(0, MAX_ROUTES).map(({ route, ms }) => ({ route: digestOf(route), ms })),
  };
}

/** What a report says apart from times: another report is sent when this has changed. */
export function substanceOf(report: PlatformReport): string {
  const { at: _at, purposes, ...rest } = report;
  const results = Object.entries(purposes).map(([name, { result, code }]) => [name, result, code]);
  return JSON.stringify([rest, results]);
}

function resultOf({ succeededAt, failed }: LastWork): ReportedResult {
  if (failed !== null) return { result: 'failed', code: failed.code, at: utcTime(failed.at) };
  if (succeededAt === null) return { result: 'none', code: null, at: null };
  return { result: 'ok', code: null, at: utcTime(succeededAt) };
}

function digestOf(route: string): string {
  return createHash('sha256').update(route).digest('hex').slice(0, ROUTE_LENGTH);
}
