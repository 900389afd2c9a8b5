// The table of purposes. A purpose is what a connection is for, such as `updates`; each has one row.
//
// Guarantees: this is the only list of purposes. Configuration sections, routes, trust, status, diagnosis, the
// allow-list and the command line are derived from it. To add a purpose, add a row here and a module with its section.
// Purposes are shown in the order of the rows.

import type { z } from 'zod';
import { telemetry } from './schema/control.ts';
import { exposureAnalytics } from './schema/exposure-analytics.ts';
import { platform } from './schema/platform.ts';
import { supportLogs } from './schema/support-logs.ts';
import { updates } from './schema/updates.ts';

/** How a diagnosis tests a purpose: with a feed and its packages, or with one request to its URL. */
export type ProbeKind = 'feed' | 'request';

/** Facts about a purpose that do not depend on the settings. */
interface PurposeRow {
  /** The section of the configuration, the key in `use_proxy_for`, and the name in messages and in JSON. */
  readonly name: string;
  /** The name in sentences. */
  readonly title: string;
  /** What its traffic is, as in "which proxy X use". */
  readonly traffic: string;
  /** The key of its section that has the URL. */
  readonly urlKey: string;
  /** The thread that its log lines name. */
  readonly thread: string;
  /** URL, trust and credentials. */
  readonly section: z.ZodType;
  readonly probe: ProbeKind;
  /** What its hosts are needed for, each with the methods of the requests there: the rows of `endpoints`. */
  readonly uses: Readonly<Record<string, readonly string[]>>;
  /** Whether version 0.1.0 stored the origins of its tokens without the name of the purpose. */
  readonly hasUnnamedTokens: boolean;
  /** Whether its section has `allow_interception_by`: its content can be protected in another way than by TLS. */
  readonly mayBeIntercepted: boolean;
}

const SENDS_ONLY = { urlKey: 'url', probe: 'request', hasUnnamedTokens: false } as const;

export const PURPOSE_TABLE = [
  {
    name: 'updates',
    title: 'updates',
    traffic: 'the feed, packages and receipts use',
    urlKey: 'feed_url',
    thread: 'Updater',
    section: updates,
    probe: 'feed',
    uses: { feed: ['GET'], packages: ['GET'], receipts: ['POST'], activation: ['POST'] },
    hasUnnamedTokens: true,
    mayBeIntercepted: true,
  },
  {
    ...SENDS_ONLY,
    name: 'support_logs',
    title: 'support logs',
    traffic: 'support logs use',
    thread: 'Support logs',
    section: supportLogs,
    mayBeIntercepted: true,
    uses: { support_logs: ['HEAD', 'PATCH', 'POST', 'PUT'] },
  },
  {
    ...SENDS_ONLY,
    name: 'exposure_analytics',
    title: 'exposure analytics',
    traffic: 'exposure analytics use',
    thread: 'Analytics',
    section: exposureAnalytics,
    mayBeIntercepted: true,
    uses: { exposure_analytics: ['POST'] },
  },
  {
    ...SENDS_ONLY,
    name: 'platform',
    title: 'the platform',
    traffic: 'the link to the platform uses',
    thread: 'Platform',
    section: platform,
    mayBeIntercepted: false,
    uses: { platform: ['GET', 'POST'] },
  },
  {
    ...SENDS_ONLY,
    name: 'telemetry',
    title: 'telemetry',
    traffic: 'telemetry uses',
    thread: 'Telemetry',
    section: telemetry,
    mayBeIntercepted: false,
    uses: { telemetry: ['POST'] },
  },
] as const satisfies readonly PurposeRow[];

type Row = (typeof PURPOSE_TABLE)[number];

/** The name of a purpose, and of its key in `use_proxy_for`. */
export type Purpose = Row['name'];

type UsesIn<R> = R extends { readonly uses: infer Uses } ? keyof Uses : never;
/** What a host is needed for, within its purpose. */
export type PurposeUse = UsesIn<Row>;

/** The sections of all purposes, by their names. */
export type PurposeSections = { readonly [R in Row as R['name']]: R['section'] };

const ROWS = new Map<string, Row>(PURPOSE_TABLE.map((row) => [row.name, row]));

/** Every purpose, in the order of the table. */
export const PURPOSES = PURPOSE_TABLE.map(({ name }) => name) as unknown as readonly [Purpose, ...Purpose[]];

/** The row of a purpose. */
export function purposeRow(purpose: Purpose): PurposeRow {
  const row = ROWS.get(purpose);
  if (row === undefined) throw new TypeError(`The table of purposes has no row for ${purpose}.`);
  return row;
}

/** What hosts of a purpose are needed for. */
export function usesOf(purpose: Purpose): readonly PurposeUse[] {
  return Object.keys(purposeRow(purpose).uses) as PurposeUse[];
}

/** Whether this is the name of a purpose. */
export function isPurpose(name: unknown): name is Purpose {
  return typeof name === 'string' && ROWS.has(name);
}

/** The key that has the URL of a purpose: `updates.feed_url`. */
export function urlKeyOf(purpose: Purpose): string {
  return `${purpose}.${purposeRow(purpose).urlKey}`;
}

/** A value for each purpose. */
export function byPurpose<T>(make: (purpose: Purpose) => T): Readonly<Record<Purpose, T>> {
  return Object.fromEntries(PURPOSES.map((purpose) => [purpose, make(purpose)])) as Record<Purpose, T>;
}
