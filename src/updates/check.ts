// The first step of a check for updates (a round): reads the feed, checks all of it, and decides what to do with each
// update in it.
//
// Guarantees: nothing is decided from a feed that was refused. An accepted feed is recorded durably before any package
// is downloaded. Once a day, and after a refusal, the request makes caches revalidate.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { withRetries } from '#http/retry.ts';
import { type Decision, decide } from './feed/decide.ts';
import type { FeedReading } from './feed/feed.ts';
import type { FeedMemory } from './memory.ts';
import { listReady, type ReadyPackage } from './package/ready.ts';
import type { UpdatesPorts } from './ports.ts';
import { reportRetry } from './report-retry.ts';
import { feedUrl } from './request.ts';
import { feedTargets } from './signed/repository-copies.ts';

/** A cache between here and the origin can hold a feed back for at most a day. */
const REVALIDATE_EVERY_MS = 86_400_000;
/** Refusals that a fresh copy may resolve. */
const STALE_COPY: ReadonlySet<Code> = new Set<Code>([
  'FEED-ROLLBACK',
  'FEED-STALE',
  'FEED-FORKED',
  'FEED-INVALID',
  'FEED-SERIAL',
  'TUF-INVALID',
  'TUF-SIGNATURE',
  'TUF-ROLLBACK',
  'TUF-EXPIRED',
  'TUF-MISMATCH',
  'TUF-MISSING',
  'TUF-TARGET-UNKNOWN',
]);

/** The result of a check. */
export interface Checked {
  readonly reading: FeedReading;
  readonly decision: Decision;
  /** The wanted items that are downloaded and verified already, by their id. */
  readonly ready: ReadonlyMap<string, ReadyPackage>;
}

interface CheckOptions {
  readonly signal: AbortSignal;
  /** Packages of earlier batches of the round, which do not count towards the limit of a batch. */
  readonly tried: ReadonlySet<string>;
  onConnected(): void;
}

/**
 * `onConnected` is called when a proxy or the server has accepted the connection of an attempt.
 * @throws CodedError of the last attempt
 */
export async function check(ports: UpdatesPorts, { signal, onConnected, tried }: CheckOptions): Promise<Checked> {
  const settings = ports.settings();
  ports.report({ name: 'checking', url: shownUrl(feedUrl(settings)) });
  let refused: CodedError | null = null;
  const reading = await withRetries(
    {
      attempts: settings.retry.attempts,
      maxDelaySeconds: settings.retry.max_delay_seconds,
      clock: ports.clock,
      random: ports.random,
      signal,
      onRetry: (error, attempt, delayMs) => {
        ports.report({ name: 'check-failed', error, hop: error.place });
        reportRetry(ports, { attempt, delayMs, attempts: settings.retry.attempts });
      },
    },
    async () => {
      // Read at each attempt: an admin may fix feed_url while it fails.
      const url = feedUrl(ports.settings()).href;
      const before = ports.memory.feed(url);
      const revalidate =
        (!isSigned(ports) && isRevalidationDue(before, ports.clock.now())) ||
        (refused !== null && STALE_COPY.has(refused.code));
      try {
        const read = await ports.feed.read({ revalidate, signal, onConnected });
        const refusal = read.refusal(before, ports.clock.now());
        if (refusal !== null) throw refusal.at(read.from ?? null);
        await accept(ports, { url, read, revalidate });
        return read;
      } catch (thrown) {
        refused = thrown instanceof Error && 'code' in thrown ? (thrown as CodedError) : null;
        throw thrown;
      }
    },
  );
  const ready = await readyIn(ports, reading);
  return { reading, ready, decision: decideFor(ports, reading, { ready, tried }) };
}

/** Ready packages that the feed lists with the same digest. */
async function readyIn(ports: UpdatesPorts, { document }: FeedReading): Promise<Map<string, ReadyPackage>> {
  const digests = new Map(document.items.map(({ id, sha256 }) => [id, sha256]));
  const ready = await listReady(ports);
  return new Map(ready.filter(({ item }) => digests.get(item.id) === item.sha256).map((one) => [one.item.id, one]));
}

/** The expiry of signed metadata limits how long a cache can hold it back, and many hosts can share a cache. */
function isSigned(ports: UpdatesPorts): boolean {
  return ports.settings().updates.trust === 'tuf';
}

function isRevalidationDue(before: FeedMemory | null, nowMs: number): boolean {
  if (before === null) return true;
  const age = nowMs - before.revalidated_at;
  return age >= REVALIDATE_EVERY_MS || age < 0;
}

async function accept(
  ports: UpdatesPorts,
  feed: { url: string; read: FeedReading; revalidate: boolean },
): Promise<void> {
  const { memory, clock } = ports;
  const before = memory.feed(feed.url);
  memory.setFeed(feed.url, {
    serial: feed.read.document.serial,
    sha256: feed.read.sha256,
    accepted_at: clock.now(),
    revalidated_at: feed.revalidate || before === null ? clock.now() : before.revalidated_at,
  });
  noteIds(ports, feed.read);
  await memory.save();
}

/**
 * Remembers the digest of each new ID. If an ID was only listed, and by the feed of another team, it is still free:
 * otherwise a team could make the IDs of another unusable by listing them first. It is not free for an unsigned feed.
 */
function noteIds({ memory, settings }: UpdatesPorts, reading: FeedReading): void {
  const isShared = feedTargets(settings()).length > 1;
  for (const item of reading.document.items) {
    const { id, sha256 } = item;
    const lister = reading.listedIn?.(item);
    const before = memory.id(id);
    const isFree =
      before?.fate === 'seen' && before.feed !== undefined && lister !== undefined && before.feed !== lister;
    const feed = isShared && lister !== undefined ? { feed: lister } : {};
    if (before === null || isFree) memory.setId(id, { sha256, fate: 'seen', ...feed });
  }
}

function decideFor(
  ports: UpdatesPorts,
  reading: FeedReading,
  { ready, tried }: Pick<Checked, 'ready'> & Pick<CheckOptions, 'tried'>,
): Decision {
  const { updates } = ports.settings();
  const decision = decide({
    items: reading.document.items,
    known: (id) => ports.memory.id(id),
    channel: updates.channel,
    productUpdates: updates.product_updates,
    maxPackageBytes: updates.max_package_bytes,
    agent: ports.agent,
    isReady: ({ id }) => ready.has(id) || tried.has(id),
    isAbsent: (item) => reading.lacks?.(item) === true && !ready.has(item.id),
  });
  return { ...decision, refused: [...reading.document.refused, ...decision.refused] };
}
