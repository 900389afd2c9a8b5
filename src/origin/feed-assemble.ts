// Builds the feed from the packages in the folder, their side files (`<id>.meta.json`) and the previous feed. Pure: no
// file, no clock.
//
// Guarantees: the digest of an update ID never changes (otherwise ID-REUSED). The serial increases if the feed changes,
// and stays the same otherwise. The packages have a fixed order. Every `requires` names an item of the feed, without
// cycles. Invalid input is refused with the same failure codes that the agent uses.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { utcTime } from '#system/moment.ts';
import {
  FEED_FORMAT,
  FEED_NAME,
  type Feed,
  type FeedItem,
  type ItemMeta,
  MAX_FEED_BYTES,
  MAX_ITEMS,
} from './feed-format.ts';
import type { JarFacts } from './jar-facts.ts';

export interface FoundJar {
  readonly id: string;
  readonly file: string;
  readonly facts: JarFacts;
}

export interface FeedInput {
  readonly found: readonly FoundJar[];
  /** Side files by id. */
  readonly metas: ReadonlyMap<string, ItemMeta>;
  readonly previous: Feed | null;
  readonly nowMs: number;
  readonly expiresDays: number;
}

export interface Assembled {
  readonly feed: Feed;
  readonly warnings: readonly string[];
  /** false when the previous feed is still right and need not be written. */
  readonly changed: boolean;
}

const DAY_MS = 86_400_000;
const DEFAULT_PACKAGE = 'updates';
/** Longer runs of digits are names, not numbers that JSON represents exactly. */
const NUMERIC_ID = /^\d{1,15}$/;
/** The longest chain of required updates that an agent follows. */
const DEEPEST_REQUIRED = 16;

/** Natural order of ids: 9 before 10; equal ones (`a1`, `A1`, `a01`) still have one fixed order. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
export function compareIds(left: string, right: string): number {
  const natural = collator.compare(left, right);
  if (natural !== 0) return natural;
  return left < right ? -1 : Number(left > right);
}

/** @throws CodedError ID-DUPLICATE, ID-REUSED, FEED-BUILD, FEED-LIMIT, REQUIRES-UNKNOWN, -CYCLE, -DEPTH */
export function assembleFeed(input: FeedInput): Assembled {
  const before = new Map(input.previous?.items.map((item) => [item.id, item]));
  const jars = [...input.found].sort((left, right) => compareIds(left.id, right.id));
  refuseDuplicateIds(jars.map(({ id }) => id));
  const withSequence = sequencer(input, before);
  const items = jars.map((jar) => withSequence(makeItem(jar, input.metas.get(jar.id) ?? {}, before.get(jar.id))));
  const present = new Set(jars.map(({ id }) => id));
  const kept = withdrawnWithoutFile(input, present);
  const all = [...items, ...kept].sort((left, right) => compareIds(left.id, right.id));
  refuseDuplicateIds(all.map(({ id }) => id));
  refuseEqualSequences(all);
  checkRequired(all);
  const { feed, changed } = numberFeed(all, input);
  refuseTooMuch(feed);
  return { feed, changed, warnings: warningsOf(input, all) };
}

function makeItem({ id, file, facts }: FoundJar, meta: ItemMeta, before: FeedItem | undefined): FeedItem {
  if (before !== undefined && before.sha256 !== facts.sha256) {
    throw coded('ID-REUSED', { id, known: before.sha256, found: facts.sha256, file });
  }
  return {
    id,
    package: meta.package ?? DEFAULT_PACKAGE,
    sequence: meta.sequence ?? -1,
    file,
    length: facts.length,
    sha256: facts.sha256,
    released: meta.released ?? before?.released ?? toTime(facts.modifiedMs),
    kind: meta.kind ?? 'content',
    ...optionalFields(meta),
  };
}

function optionalFields(meta: ItemMeta): ItemMeta {
  const { requires, withdrawn, channel, rollout_percent, min_agent, notes } = meta;
  return {
    ...(requires === undefined || requires.length === 0 ? {} : { requires }),
    ...(withdrawn === true ? { withdrawn } : {}),
    ...(channel === undefined ? {} : { channel }),
    ...(rollout_percent === undefined ? {} : { rollout_percent }),
    ...(min_agent === undefined ? {} : { min_agent }),
    ...(notes === undefined ? {} : { notes }),
  };
}

/**
 * Gives each item its sequence in its package, called in the natural order of ids: that of the side file, else the
 * previous one, else the number in the id, else one more than all earlier ones.
 */
function sequencer(input: FeedInput, before: ReadonlyMap<string, FeedItem>): (item: FeedItem) => FeedItem {
  const highest = new Map<string, number>();
  return (item) => {
    const known = before.get(item.id);
    const kept = known?.package === item.package ? known.sequence : undefined;
    const counted = NUMERIC_ID.test(item.id) ? Number(item.id) : (highest.get(item.package) ?? 0) + 1;
    const sequence = input.metas.get(item.id)?.sequence ?? kept ?? counted;
    highest.set(item.package, Math.max(sequence, highest.get(item.package) ?? 0));
    return { ...item, sequence };
  };
}

/** A withdrawn package needs no file, but must stay in the feed so that agents move it aside. */
function withdrawnWithoutFile({ metas, previous }: FeedInput, present: ReadonlySet<string>): readonly FeedItem[] {
  return (previous?.items ?? [])
    .filter(({ id }) => !present.has(id) && metas.get(id)?.withdrawn === true)
    .map((item) => ({ ...item, withdrawn: true }));
}

function refuseDuplicateIds(sortedIds: readonly string[]): void {
  const ids = new Set<string>();
  for (const id of sortedIds) {
    const folded = id.toLowerCase();
    if (ids.has(folded)) throw coded('ID-DUPLICATE', { id });
    ids.add(folded);
  }
}

function refuseEqualSequences(items: readonly FeedItem[]): void {
  const sequences = new Map<string, string>();
  for (const { id, file, package: name, sequence } of items) {
    const place = `${name} ${sequence}`;
    const other = sequences.get(place);
    if (other !== undefined) {
      const reason = `${other} and ${id} of package ${name} both have sequence ${sequence}; give one in ${id}.meta.json`;
      throw coded('FEED-BUILD', { file, reason });
    }
    sequences.set(place, id);
  }
}

function checkRequired(items: readonly FeedItem[]): void {
  const byId = new Map(items.map((item) => [item.id, item]));
  /** Longest chain below an id, computed once for each id, however many require it. */
  const depths = new Map<string, number>();
  const depthOf = (id: string, path: readonly string[]): number => {
    if (path.includes(id)) throw coded('REQUIRES-CYCLE', { id, path: [...path.slice(path.indexOf(id)), id] });
    const known = depths.get(id);
    if (known !== undefined) return known;
    const first = path[0] ?? id;
    if (path.length > DEEPEST_REQUIRED) throw coded('REQUIRES-DEPTH', { id: first, limit: DEEPEST_REQUIRED });
    let depth = 0;
    for (const required of byId.get(id)?.requires ?? []) {
      if (!byId.has(required)) throw coded('REQUIRES-UNKNOWN', { id, requires: required });
      depth = Math.max(depth, 1 + depthOf(required, [...path, id]));
    }
    if (depth > DEEPEST_REQUIRED) throw coded('REQUIRES-DEPTH', { id, limit: DEEPEST_REQUIRED });
    depths.set(id, depth);
    return depth;
  };
  for (const { id } of items) depthOf(id, []);
}

/**
 * A serial must always identify the same content (FEED-FORKED). A feed with the same items that is valid for at least
 * half of its time is therefore left alone; a renewed expiry is a change like any other.
 */
function numberFeed(items: readonly FeedItem[], input: FeedInput): { feed: Feed; changed: boolean } {
  const { previous, nowMs, expiresDays } = input;
  const lifetimeMs = expiresDays * DAY_MS;
  if (previous !== null && isSame(previous.items, items)) {
    const leftMs = Date.parse(previous.expires) - nowMs;
    if (leftMs >= lifetimeMs / 2 && leftMs <= lifetimeMs) return { feed: previous, changed: false };
  }
  const serial = (previous?.serial ?? 0) + 1;
  return { feed: { format: FEED_FORMAT, serial, expires: toTime(nowMs + lifetimeMs), items }, changed: true };
}

function isSame(left: readonly FeedItem[], right: readonly FeedItem[]): boolean {
  return JSON.stringify(left.map(sortFields)) === JSON.stringify(right.map(sortFields));
}

function sortFields(item: FeedItem): unknown {
  return Object.entries(item).sort(([left], [right]) => Number(left > right) - Number(left < right));
}

function refuseTooMuch(feed: Feed): void {
  const error = tooMuch(feed);
  if (error !== null) throw error;
}

function tooMuch(feed: Feed): CodedError | null {
  if (feed.items.length > MAX_ITEMS) {
    return coded('FEED-LIMIT', { what: 'items', found: feed.items.length, limit: MAX_ITEMS });
  }
  const bytes = Buffer.byteLength(renderFeed(feed));
  return bytes > MAX_FEED_BYTES ? coded('FEED-LIMIT', { what: 'bytes', found: bytes, limit: MAX_FEED_BYTES }) : null;
}

/** The document as text. */
export function renderFeed(feed: Feed): string {
  return `${JSON.stringify(feed, null, 2)}\n`;
}

function warningsOf({ metas, previous }: FeedInput, items: readonly FeedItem[]): readonly string[] {
  const byId = new Map(items.map((item) => [item.id, item]));
  const gone = (previous?.items ?? []).filter(({ id }) => !byId.has(id));
  const idle = [...metas.keys()].filter((id) => !byId.has(id)).sort(compareIds);
  const stranded = items.flatMap(({ id, withdrawn, requires = [] }) =>
    withdrawn === true
      ? []
      : requires.filter((other) => byId.get(other)?.withdrawn === true).map((other) => [id, other]),
  );
  return [
    ...gone.map(({ id }) => `${id} has left ${FEED_NAME}: its file is gone. Never use that ID for other bytes.`),
    ...idle.map((id) => `${id}.meta.json is ignored: there is no ${id}.jar.`),
    ...stranded.map(([id, other]) => `${id} requires ${other}, which is withdrawn: no new host can take ${id}.`),
  ];
}

/** RFC 3339 in UTC, to the second. */
function toTime(epochMs: number): string {
  return `${utcTime(epochMs).slice(0, 19)}Z`;
}
