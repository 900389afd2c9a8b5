// The packages of a round: downloads, verifies and publishes them, and counts how each turn ended.
//
// Guarantees: a package that fails never stops another one. A package is published only after all updates that it
// requires. Expected failures are in the tally and are not thrown; only an abort is.

import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { showLocalTime } from '#errors/template.ts';
import type { Checked } from './check.ts';
import { isDiskFull } from './disk-pause.ts';
import type { FeedItem } from './feed/feed-document.ts';
import { OriginFailureBudget } from './origin-failure-budget.ts';
import { closureOfRound, type Obtained, obtain, type WantedPackage } from './package/obtain.ts';
import { PackageTurn } from './package/turn.ts';
import type { UpdatesPorts } from './ports.ts';
import { Publishing } from './publishing.ts';
import { acceptReceipt } from './receipts/acknowledge.ts';
import { slowLast } from './slow-last.ts';
import { noteRetry, type RoundScope, type Tally } from './tally.ts';

/** From this number on, the next package is downloaded while earlier ones are being published. */
const MANY = 8;

interface Round {
  readonly checked: Checked;
  readonly tally: Tally;
  readonly scope: RoundScope;
}

/** Downloads and publishes the wanted packages. @throws the signal's reason when it is aborted */
export async function fetchPackages(ports: UpdatesPorts, round: Round, signal: AbortSignal): Promise<void> {
  const publishing = new Publishing();
  try {
    await fetchInOrder(ports, round, { publishing, signal });
  } finally {
    // Also after an abort, nothing of the round may run on.
    await publishing.all();
  }
}

async function fetchInOrder(
  ports: UpdatesPorts,
  { checked, tally, scope }: Round,
  { publishing, signal }: { readonly publishing: Publishing; readonly signal: AbortSignal },
): Promise<void> {
  const missing = new Set<string>();
  const budget = new OriginFailureBudget();
  const closure = closureOfRound(ports);
  const ended = { early: false };
  const { wanted } = checked.decision;
  for (const item of slowLast(wanted, (one) => ports.retries.isSlow(one))) {
    signal.throwIfAborted();
    await publishing.settled(item.requires);
    if (ended.early) break;
    const origin = checked.reading.originOf(item);
    const waiting = scope === 'due' || ports.retries.isBlocked(item) ? ports.retries.waiting(item) : null;
    const isSpent = budget.isSpent(origin);
    const reason = reasonToDefer(item, { missing, waiting, isSpent });
    if (reason !== null) {
      missing.add(item.id);
      ports.report({ name: 'item-deferred', id: item.id, reason });
      countDeferred(tally, item.id, { error: waiting?.error ?? null, isSpent });
      continue;
    }
    const { promise: downloaded, resolve: onDownloaded } = Promise.withResolvers<void>();
    const isOfMany = wanted.length >= MANY;
    const fetching = fetchOne(ports, { item, closure, ...checked, ...(isOfMany ? { onDownloaded } : {}) }, signal);
    const run = fetching.then((turn) => {
      if (turn.kind !== 'failed') {
        tally[turn.kind].push(item.id);
        return;
      }
      const { error, yielded, retryAtMs } = turn.failure;
      missing.add(item.id);
      if (yielded) {
        tally.left += 1;
        return;
      }
      budget.note(origin, error);
      tally.failed.push({ id: item.id, error });
      if (retryAtMs === null) noteRetry(ports, tally, error);
      // A proxy that rejects our user rejects it for every package, and a full disk has space for none: one line is
      // enough.
      ended.early ||= error.entry.class === 'auth' || isDiskFull(error);
    });
    await publishing.add(item.id, run, downloaded);
    if (ended.early) break;
  }
}

/**
 * A package that failed before still counts as failed; one whose server has used its budget waits for the next round.
 */
function countDeferred(tally: Tally, id: string, why: { error: CodedError | null; isSpent: boolean }): void {
  if (why.error !== null) tally.failed.push({ id, error: why.error });
  else if (why.isSpent) tally.left += 1;
}

/** Why a package is not tried now; null when it may be tried. */
function reasonToDefer(
  item: FeedItem,
  state: {
    readonly missing: ReadonlySet<string>;
    readonly waiting: { readonly atMs: number } | null;
    readonly isSpent: boolean;
  },
): string | null {
  const required = item.requires.find((id) => state.missing.has(id));
  if (required !== undefined) return `it requires ${required}, which is not published yet`;
  if (state.waiting !== null) return `it failed before; the next attempt is at ${showLocalTime(state.waiting.atMs)}`;
  return state.isSpent ? 'its server is too slow or cannot be reached; it is tried again at the next check' : null;
}

/** A package that could not be published in its turn. */
interface Failed {
  readonly error: CodedError;
  readonly yielded: boolean;
  /** Its own retry. */
  readonly retryAtMs: number | null;
}

/** How the turn of a package ended. */
type EndedTurn = { readonly kind: Obtained } | { readonly kind: 'failed'; readonly failure: Failed };

async function fetchOne(
  ports: UpdatesPorts,
  wanted: Omit<WantedPackage, 'turn'>,
  signal: AbortSignal,
): Promise<EndedTurn> {
  const { item } = wanted;
  const turn = new PackageTurn(ports.clock);
  try {
    const kind = await obtain(ports, { ...wanted, turn }, signal);
    ports.retries.forget(item.id);
    return { kind };
  } catch (thrown) {
    signal.throwIfAborted();
    return { kind: 'failed', failure: await noteFailed(ports, { item, turn, error: asCoded(thrown) }) };
  }
}

async function noteFailed(
  ports: UpdatesPorts,
  { item, turn, error }: { readonly item: FeedItem; readonly turn: PackageTurn; readonly error: CodedError },
): Promise<Failed> {
  const { yielded, madeProgress, elapsedMs } = turn;
  // The pause for a full disk has one retry for everything.
  if (isDiskFull(error)) {
    await ports.disk.note(error);
    return { error, yielded: false, retryAtMs: null };
  }
  const maxDelaySeconds = ports.settings().retry.max_delay_seconds;
  const retryAtMs = ports.retries.failed(item, { error, madeProgress, yielded, maxDelaySeconds });
  // A process that is killed before the end of the round must not lose it.
  await ports.retries.save();
  ports.report({ name: 'download-failed', id: item.id, error, hop: error.place });
  if (yielded) ports.report({ name: 'gave-way', id: item.id, elapsed: elapsedMs });
  if (retryAtMs === null) ports.report({ name: 'next-try-round' });
  else ports.report({ name: 'package-next-try', id: item.id, at: retryAtMs });
  if (!yielded && error.entry.class === 'content') {
    const finding = findingOf(ports, error);
    await acceptReceipt(ports, { item, outcome: `refused:${error.code}`, elapsedMs, finding });
  }
  return { error, yielded, retryAtMs };
}

/** The scanner's finding, if it may be sent to the vendor. */
function findingOf(ports: UpdatesPorts, { facts: { named } }: CodedError): string | undefined {
  return ports.settings().updates.report_findings && typeof named === 'string' ? named : undefined;
}
