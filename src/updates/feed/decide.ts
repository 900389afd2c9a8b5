// Decides what to do with each item of a feed on this host, from the feed, the stored ids and the settings. Pure.
//
// Of each package, the newest item that this host may install is downloaded, after the items that it requires. One
// round downloads at most 50. An item that was deleted as an old version is not downloaded again. An id with another
// digest than before is always refused.

import { createHash } from 'node:crypto';
// Two functions instead of the package, which would load forty more files at every start.
import coerce from 'semver/functions/coerce.js';
import gte from 'semver/functions/gte.js';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { FeedItem, RefusedItem } from './feed-document.ts';
import { planRequires } from './requires.ts';

/** At most this many packages are fetched in one batch. The rest follows in the next batches of the round. */
export const MAX_PER_ROUND = 50;

/** Why an item waits for another medium. */
const ABSENT = 'it is not on the medium';

/** The state of an id on this host. */
export type PackageState = 'seen' | 'published' | 'pruned' | 'withdrawn';

/** The inputs of the decision. */
export interface DecisionContext {
  readonly items: readonly FeedItem[];
  /** The stored record of an id, or null. */
  known(id: string): { readonly sha256: string; readonly fate: PackageState } | null;
  readonly channel: string;
  readonly productUpdates: boolean;
  readonly maxPackageBytes: number;
  readonly agent: { readonly id: string; readonly version: string };
  /** Whether it is downloaded already, and therefore does not count towards the limit of a batch. Default: never. */
  isReady?(item: FeedItem): boolean;
  /** Whether its package cannot come now, because the medium was made without it. Default: never. */
  isAbsent?(item: FeedItem): boolean;
}

/** The verdicts of one feed. */
export interface Decision {
  readonly verdict: 'UpToDate' | 'Wanted';
  /** In the order in which they must be published. */
  readonly wanted: readonly FeedItem[];
  /** The number of wanted items beyond the limit of a batch. */
  readonly left: number;
  /** Published here and withdrawn by the vendor. */
  readonly withdrawn: readonly FeedItem[];
  readonly deferred: readonly { readonly id: string; readonly reason: string }[];
  /** Not on the medium. Otherwise these would be considered. */
  readonly absent: readonly string[];
  readonly refused: readonly RefusedItem[];
}

/** Decides what to do about a feed. */
export function decide(context: DecisionContext): Decision {
  const { items, known } = context;
  const refused: RefusedItem[] = [];
  const usable = items.filter((item) => {
    const error = refusal(item, context);
    if (error !== null) refused.push({ id: item.id, error });
    return error === null;
  });
  const withdrawn = usable.filter((item) => item.withdrawn && known(item.id)?.fate === 'published');
  const offered = new Map(usable.filter((item) => !item.withdrawn).map((item) => [item.id, item]));
  const candidates = resolveItems([...offered.values()], context);
  const { newest, deferred, absent } = chooseNewest(candidates, context);
  const plan = planRequires({
    items: new Map(candidates.filter(({ reason }) => reason === null).map(({ item }) => [item.id, item])),
    satisfied: (id) => wasPublishedHere(known(id)?.fate),
  });

  const accepted: FeedItem[] = [];
  for (const item of newest) {
    const error = plan.refusal(item);
    const missing = error?.facts['requires'];
    if (error === null) accepted.push(item);
    else if (typeof missing === 'string' && offered.has(missing)) {
      deferred.push({ id: item.id, reason: `it requires ${missing}, which this host does not take now` });
    } else refused.push({ id: item.id, error });
  }
  const ordered = plan.order(accepted);
  const wanted = upToLimit(ordered, context);
  return {
    verdict: ordered.length === 0 ? 'UpToDate' : 'Wanted',
    wanted,
    left: ordered.length - wanted.length,
    withdrawn,
    deferred,
    absent,
    refused,
  };
}

/** The first items, with at most 50 that are not ready. A prefix, so that each item comes after those it requires. */
function upToLimit(ordered: readonly FeedItem[], { isReady }: DecisionContext): readonly FeedItem[] {
  let fetched = 0;
  const end = ordered.findIndex((item) => {
    if (isReady?.(item) !== true) fetched += 1;
    return fetched > MAX_PER_ROUND;
  });
  return end < 0 ? ordered : ordered.slice(0, end);
}

/** The position of this host in a staged rollout of this id: [0, 100), always the same. */
export function rolloutPosition(agentId: string, id: string): number {
  const digest = createHash('sha256').update(`${agentId}:${id}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}

function refusal(item: FeedItem, { known, maxPackageBytes }: DecisionContext): CodedError | null {
  const before = known(item.id);
  if (before !== null && before.sha256 !== item.sha256) {
    return coded('ID-REUSED', { id: item.id, known: before.sha256, found: item.sha256 });
  }
  if (item.length > maxPackageBytes && !item.withdrawn) {
    return coded('PACKAGE-TOO-LARGE', { id: item.id, length: item.length, limit: maxPackageBytes });
  }
  return null;
}

/** An item of our channel, and why it has to wait; null when it may be fetched. */
interface FeedCandidate {
  readonly item: FeedItem;
  readonly reason: string | null;
}

/** Computed once for each item, because it hashes and parses versions. */
function resolveItems(offered: readonly FeedItem[], context: DecisionContext): FeedCandidate[] {
  return offered
    .filter((item) => inChannel(item, context))
    .map((item) => ({ item, reason: whyDeferred(item, context) }));
}

/** The newest eligible item of each package that is not here yet, and the newer ones that have to wait. */
function chooseNewest(
  candidates: readonly FeedCandidate[],
  { known }: DecisionContext,
): { newest: FeedItem[]; deferred: { id: string; reason: string }[]; absent: string[] } {
  const newest: FeedItem[] = [];
  const deferred: { id: string; reason: string }[] = [];
  const absent: string[] = [];
  for (const group of groupByPackage(candidates)) {
    for (const { item, reason } of group.toSorted((a, b) => b.item.sequence - a.item.sequence)) {
      if (wasPublishedHere(known(item.id)?.fate)) break;
      if (reason === null) {
        newest.push(item);
        break;
      }
      if (reason === ABSENT) absent.push(item.id);
      else deferred.push({ id: item.id, reason });
    }
  }
  return { newest, deferred, absent };
}

function groupByPackage(candidates: readonly FeedCandidate[]): FeedCandidate[][] {
  const groups = Map.groupBy(candidates, ({ item }) => item.package);
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function inChannel(item: FeedItem, { channel }: DecisionContext): boolean {
  return item.channel === undefined || item.channel === channel;
}

function whyDeferred(item: FeedItem, { productUpdates, agent, isAbsent }: DecisionContext): string | null {
  if (item.kind === 'product' && !productUpdates) return 'product updates are off (updates.product_updates)';
  if (rolloutPosition(agent.id, item.id) >= item.rollout_percent) {
    return `the rollout includes ${item.rollout_percent} percent of hosts, and not yet this one`;
  }
  if (item.min_agent !== undefined && !isAtLeast(agent.version, item.min_agent)) {
    return `it needs Sallyport ${item.min_agent}, this is ${agent.version}`;
  }
  return isAbsent?.(item) === true ? ABSENT : null;
}

function isAtLeast(version: string, wanted: string): boolean {
  const least = coerce(wanted);
  return least !== null && gte(version, least);
}

/** Whether an update that is required counts as published. */
export function wasPublishedHere(fate: PackageState | undefined): boolean {
  return fate === 'published' || fate === 'pruned';
}
