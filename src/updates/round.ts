// One round, with a file for each step: recover, check the published packages, check the feed, withdraw; then download,
// verify, publish and acknowledge the packages one by one; then prune and deliver receipts.
//
// Guarantees: a package that fails never stops another one. A package is published only after all updates that it
// requires. Expected failures are in the report and are not thrown. Only an abort is thrown. After a crash at any
// point, `recover` cleans up in the next round.

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { showLocalTime } from '#errors/template.ts';
import { type Checked, check } from './check.ts';
import { isDiskFull } from './disk-pause.ts';
import type { FeedItem } from './feed/feed-document.ts';
import { OriginFailureBudget } from './origin-failure-budget.ts';
import { closureOfRound, type Obtained, obtain, type WantedPackage } from './package/obtain.ts';
import { choosePrunable } from './package/prune.ts';
import { reconcile } from './package/reconcile.ts';
import { PackageTurn } from './package/turn.ts';
import type { UpdatesPorts } from './ports.ts';
import { acceptReceipt, deliverReceipts } from './receipts/acknowledge.ts';
import { discardUnwanted, recover, withdraw } from './recover.ts';
import { slowLast } from './slow-last.ts';

/** The result of a round. */
export interface RoundReport {
  /** Null when the feed was read and accepted. */
  readonly error: CodedError | null;
  /** A proxy, or the server itself, accepted a connection for the feed. */
  readonly connected: boolean;
  readonly published: readonly string[];
  readonly failed: readonly { readonly id: string; readonly error: CodedError }[];
  readonly refused: readonly { readonly id: string; readonly error: CodedError }[];
  readonly withdrawn: readonly string[];
  readonly pruned: readonly string[];
  /** Downloaded and verified, but not to be published yet. */
  readonly ready: readonly string[];
  /** Wanted updates that wait for the next round. */
  readonly left: number;
  /** The earliest retry that a server or a pause requested (ms since the epoch), or null. */
  readonly retryAtMs: number | null;
  /** The earliest retry of a package (ms since the epoch), or null. */
  readonly packageRetryAtMs: number | null;
}

/** Which packages a round tries: all wanted ones, or only those whose own retry is due. */
export type RoundScope = 'all' | 'due';

/** Runs one round, and leaves no connection open. Rejects only with the signal's reason. */
export async function runRound(
  ports: UpdatesPorts,
  signal: AbortSignal,
  scope: RoundScope = 'all',
): Promise<RoundReport> {
  try {
    return await runSteps(ports, signal, scope);
  } finally {
    ports.session.close();
  }
}

async function runSteps(ports: UpdatesPorts, signal: AbortSignal, scope: RoundScope): Promise<RoundReport> {
  const tally = newTally();
  ports.disk.begin();
  try {
    await ports.store.prepare();
    await recover(ports, signal);
    await reconcile(ports, { thorough: false, signal });
    const checked = await check(ports, signal, () => {
      tally.connected = true;
    });
    await reportDecision(ports, checked);
    await reportRefused(ports, checked);
    const wanted = new Set(checked.decision.wanted.map(({ id }) => id));
    await discardUnwanted(ports, wanted);
    ports.retries.keepOnly(wanted);
    tally.refused.push(...checked.decision.refused);
    tally.left = checked.decision.left;
    // Withdrawn packages go first: the new ones may replace them.
    for (const { id } of checked.decision.withdrawn) {
      await withdraw(ports, id);
      tally.withdrawn.push(id);
    }
    await fetchAll(ports, { checked, tally, scope }, signal);
    reportHeld(ports, tally);
    tally.pruned.push(...(await prune(ports)));
  } catch (thrown) {
    signal.throwIfAborted();
    tally.error = asCoded(thrown);
    noteRetry(ports, tally, tally.error);
    if (isDiskFull(tally.error)) await ports.disk.note(tally.error);
    else ports.report({ name: 'check-failed', error: tally.error, hop: tally.error.place });
  }
  await ports.retries.save();
  await settleReceipts(ports, signal);
  planTry(tally, ports.disk.end(tally.error === null));
  const { published, failed, pruned } = tally;
  const name = tally.error === null ? 'round-ended' : 'round-failed';
  ports.report({ name, published: published.length, failed: failed.length, pruned: pruned.length });
  // Without a feed there is nothing to fetch, and the feed has its own retry.
  return { ...tally, packageRetryAtMs: tally.error === null ? ports.retries.nextAt() : null };
}

interface Tally {
  error: CodedError | null;
  connected: boolean;
  published: string[];
  ready: string[];
  failed: { id: string; error: CodedError }[];
  refused: { id: string; error: CodedError }[];
  withdrawn: string[];
  pruned: string[];
  left: number;
  retryAtMs: number | null;
}

function newTally(): Tally {
  const none = { published: [], ready: [], failed: [], refused: [], withdrawn: [], pruned: [] };
  return { error: null, connected: false, ...none, left: 0, retryAtMs: null };
}

async function reportDecision(ports: UpdatesPorts, { reading, decision, ready }: Checked): Promise<void> {
  const missing = decision.wanted.filter(({ id }) => !ready.has(id));
  ports.report({
    name: 'feed-read',
    serial: reading.document.serial,
    items: reading.document.items.length + reading.document.refused.length,
    wanted: missing.length,
    trust: reading.trust,
  });
  await inTurns(decision.refused, ({ id, error }) => ports.report({ name: 'item-refused', id, error }));
  await inTurns(decision.deferred, ({ id, reason }) => ports.report({ name: 'item-deferred', id, reason }));
  if (missing.length > 0) {
    const { length: count } = missing;
    const size = missing.reduce((sum, { length }) => sum + length, 0);
    ports.report({ name: 'fetching', updates: `${count} ${count === 1 ? 'update' : 'updates'}`, size, count });
  }
  if (decision.left > 0) ports.report({ name: 'more-wanted', count: decision.left });
  if (decision.verdict === 'UpToDate') ports.report({ name: 'up-to-date' });
}

function reportHeld({ hold, clock, report }: UpdatesPorts, { ready }: Tally): void {
  const held = hold.current(clock.now());
  if (held === null || ready.length === 0) return;
  report({ name: 'held-back', count: ready.length, at: held.until, by: held.by, reason: held.reason });
}

/** A feed may cause 2,000 lines, each written at once; other tasks run between them. */
async function inTurns<T>(items: readonly T[], report: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % LINES_A_TURN === 0) await yieldToLoop();
    report(item);
  }
}

const LINES_A_TURN = 100;

/** Reports refused updates to the vendor, once for each reason; at most as many as a round fetches. */
async function reportRefused(ports: UpdatesPorts, { reading, decision }: Checked): Promise<void> {
  const items = new Map(reading.document.items.map((item) => [item.id, item]));
  for (const { id, error } of decision.refused.slice(0, 50)) {
    const item = items.get(id);
    if (item !== undefined) await acceptReceipt(ports, { item, outcome: `refused:${error.code}`, elapsedMs: 0 });
  }
}

async function fetchAll(
  ports: UpdatesPorts,
  round: { readonly checked: Checked; readonly tally: Tally; readonly scope: RoundScope },
  signal: AbortSignal,
): Promise<void> {
  const { checked, tally, scope } = round;
  const missing = new Set<string>();
  const budget = new OriginFailureBudget();
  const closure = closureOfRound(ports);
  for (const item of slowLast(checked.decision.wanted, (one) => ports.retries.isSlow(one))) {
    signal.throwIfAborted();
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
    const turn = await fetchOne(ports, { item, closure, ...checked }, signal);
    if (turn.kind !== 'failed') {
      tally[turn.kind].push(item.id);
      continue;
    }
    const { failure } = turn;
    const { error, yielded } = failure;
    missing.add(item.id);
    if (yielded) {
      tally.left += 1;
      continue;
    }
    budget.note(origin, error);
    tally.failed.push({ id: item.id, error });
    if (failure.retryAtMs === null) noteRetry(ports, tally, error);
    // A proxy that rejects our user rejects it for every package, and a full disk has space for none: one line is
    // enough.
    if (error.entry.class === 'auth' || isDiskFull(error)) break;
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

/** Memory first, then the file: after a crash in between, the recovery of the next round finishes it. */
async function prune(ports: UpdatesPorts): Promise<string[]> {
  const { updates } = ports.settings();
  const stored = (await ports.store.list()).map(({ id, sidecar: { item } }) => ({
    id,
    package: item.package,
    sequence: item.sequence,
    length: item.length,
    releasedMs: Date.parse(item.released),
  }));
  const chosen = choosePrunable(stored, {
    keepVersions: updates.keep_versions,
    maxBytes: updates.packages_max_bytes ?? null,
  });
  for (const { id, reason } of chosen) {
    ports.memory.setState(id, 'pruned');
    await ports.memory.save();
    await ports.store.remove(id);
    await ports.hooks.forget(id);
    ports.report({ name: 'pruned', id, reason });
  }
  return chosen.map(({ id }) => id);
}

/**
 * Sends what is due and stores what was learned about the path. A failure is reported, and the receipt is sent again
 * later.
 */
export async function settleReceipts(ports: UpdatesPorts, signal: AbortSignal): Promise<void> {
  try {
    await deliverReceipts(ports, signal);
    await ports.habits.save();
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asCoded(thrown);
    if (isDiskFull(error)) await ports.disk.note(error);
    else ports.report({ name: 'fault', error });
  } finally {
    ports.session.close();
  }
}

function noteRetry(ports: UpdatesPorts, tally: Tally, { facts: { retryAfterMs, retryAt } }: CodedError): void {
  if (typeof retryAfterMs === 'number') planTry(tally, ports.clock.now() + retryAfterMs);
  // When a rejected password may be tried again: the schedule alone could delay that by a whole slot.
  if (typeof retryAt === 'number') planTry(tally, retryAt);
}

/** Keeps the earliest. */
function planTry(tally: Tally, atMs: number | null): void {
  if (atMs === null) return;
  tally.retryAtMs = tally.retryAtMs === null ? atMs : Math.min(tally.retryAtMs, atMs);
}
