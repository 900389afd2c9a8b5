// One check for updates with its downloads (a round). There is a file for each step: recover, check the published
// packages, check the feed, withdraw; then download, verify, publish and acknowledge each package; then prune and
// deliver receipts.
//
// Guarantees: a package that fails never stops another one. A package is published only after all updates that it
// requires. Expected failures are part of the report; only an abort is thrown. After a crash at any point, `recover`
// cleans up in the next round.

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { SpacedSaves } from '#timeout/spaced-saves.ts';
import { type Checked, check } from './check.ts';
import { isDiskFull } from './disk-pause.ts';
import { endsRound, fetchPackages } from './fetch-packages.ts';
import { closureNow } from './hold/hold.ts';
import { ALWAYS_OPEN, type WindowName } from './hold/windows.ts';
import { OriginFailureBudget } from './origin-failure-budget.ts';
import { closureOfRound } from './package/obtain.ts';
import { choosePrunable } from './package/prune.ts';
import { reconcile } from './package/reconcile.ts';
import type { UpdatesPorts } from './ports.ts';
import { acceptReceipt, deliverReceipts } from './receipts/acknowledge.ts';
import { discardUnwanted, recover, withdraw } from './recover.ts';
import { newTally, noteRetry, planTry, type RoundScope, type Tally } from './tally.ts';

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
  /** They wait for the hours of downloads. */
  readonly parked: readonly string[];
  /** The hours that packages wait for. */
  readonly waitsFor: readonly WindowName[];
  /** Wanted updates that wait for the next round. */
  readonly left: number;
  /** The earliest retry that a server or a pause requested (ms since the epoch), or null. */
  readonly retryAtMs: number | null;
  /** The earliest retry of a package (ms since the epoch), or null. */
  readonly packageRetryAtMs: number | null;
}

/** Runs one round, and leaves no connection open. Rejects only with the signal's reason. */
export async function runRound(
  ports: UpdatesPorts,
  signal: AbortSignal,
  scope: RoundScope = 'all',
): Promise<RoundReport> {
  try {
    return await runSteps(scope === 'now' ? { ...ports, windows: ALWAYS_OPEN } : ports, signal, scope);
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
    await takeBatches(ports, { tally, scope }, signal);
    reportWaiting(ports, tally);
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
  if (tally.error !== null) return { ...tally, waitsFor: [], packageRetryAtMs: null };
  const retryAt = ports.retries.nextAt();
  const isClosed = ports.windows.closedUntil('download') !== null;
  const waitsFor: WindowName[] = [];
  if (tally.parked.length > 0 || (isClosed && retryAt !== null)) waitsFor.push('download');
  if (tally.ready.length > 0 && ports.hold.current(ports.clock.now()) === null) waitsFor.push('publish');
  // Outside the hours of downloads, a retry could only wait.
  return { ...tally, waitsFor, packageRetryAtMs: isClosed ? null : retryAt };
}

/**
 * Downloads and publishes what the feed offers, in batches. The feed is read again before each batch, because what the
 * vendor withdraws meanwhile must not be published.
 */
async function takeBatches(
  ports: UpdatesPorts,
  round: { readonly tally: Tally; readonly scope: RoundScope },
  signal: AbortSignal,
): Promise<void> {
  const { tally, scope } = round;
  const tried = new Set<string>();
  const onConnected = () => {
    tally.connected = true;
  };
  const closure = closureOfRound(ports);
  const budget = new OriginFailureBudget();
  let beyond = 0;
  for (;;) {
    const checked = await check(ports, { signal, onConnected, tried });
    const { wanted, left, refused, absent } = checked.decision;
    await reportDecision(ports, checked, tried);
    const ids = new Set(wanted.map(({ id }) => id));
    // What a medium lacks may still come over the network, so its partial download is kept.
    const kept = new Set([...ids, ...absent]);
    await discardUnwanted(ports, kept);
    ports.retries.keepOnly(kept);
    tally.refused = [...refused];
    tally.left += left - beyond;
    beyond = left;
    // Withdrawn packages go first: the new ones may replace them.
    for (const { id } of checked.decision.withdrawn) {
      await withdraw(ports, id);
      tally.withdrawn.push(id);
    }
    const before = { done: tally.published.length + tally.ready.length, failed: tally.failed.length };
    const packages = { checked, tally, scope, tried, budget, closure };
    await withSpacedSaves(ports, (spaced) => fetchPackages(spaced, packages, signal));
    for (const id of ids) tried.add(id);
    const hasEnded = tally.failed.slice(before.failed).some(({ error }) => endsRound(error));
    if (left === 0 || hasEnded || tally.published.length + tally.ready.length === before.done) return;
  }
}

/** What small packages teach is saved together. After a failed attempt it is saved at once. */
async function withSpacedSaves(ports: UpdatesPorts, work: (ports: UpdatesPorts) => Promise<void>): Promise<void> {
  const spacedTimeouts = new SpacedSaves(ports.timeouts, ports.clock);
  try {
    await work({ ...ports, spacedTimeouts });
  } finally {
    await spacedTimeouts.flush().catch((thrown: unknown) => ports.report({ name: 'fault', error: asCoded(thrown) }));
  }
}

async function reportDecision(
  ports: UpdatesPorts,
  { reading, decision, ready }: Checked,
  tried: ReadonlySet<string>,
): Promise<void> {
  const missing = decision.wanted.filter(({ id }) => !ready.has(id) && !tried.has(id));
  ports.report({
    name: 'feed-read',
    serial: reading.document.serial,
    items: reading.document.items.length + reading.document.refused.length,
    wanted: missing.length,
    trust: reading.trust,
  });
  if (tried.size === 0) {
    await inTurns(decision.refused, ({ id, error }) => ports.report({ name: 'item-refused', id, error }));
    await inTurns(decision.deferred, ({ id, reason }) => ports.report({ name: 'item-deferred', id, reason }));
    if (decision.absent.length > 0) reportAbsent(ports, decision.absent);
    await reportRefused(ports, { reading, decision });
  }
  if (missing.length > 0) {
    const { length: count } = missing;
    const size = missing.reduce((sum, { length }) => sum + length, 0);
    ports.report({ name: 'fetching', updates: `${count} ${count === 1 ? 'update' : 'updates'}`, size, count });
  }
  if (decision.left > 0) ports.report({ name: 'more-wanted', count: decision.left });
  if (decision.verdict === 'UpToDate' && tried.size === 0) ports.report({ name: 'up-to-date' });
}

/** A bundle has a few of many updates, so there is one line for all others. */
function reportAbsent({ report }: UpdatesPorts, ids: readonly string[]): void {
  const more = ids.length > MAX_NAMED ? ', ...' : '';
  report({ name: 'not-on-medium', count: ids.length, ids: `${ids.slice(0, MAX_NAMED).join(', ')}${more}` });
}

/** Why packages are not downloaded or not published in this round. */
function reportWaiting(ports: UpdatesPorts, { ready, parked }: Tally): void {
  const { windows, report } = ports;
  const opens = windows.closedUntil('download');
  if (opens !== null && parked.length > 0) {
    report({ name: 'window-waits', at: opens, key: 'updates.window.download', count: parked.length, what: 'download' });
  }
  const closed = ready.length === 0 ? null : closureNow(ports);
  if (closed?.kind === 'hold') {
    const { until, by, reason } = closed.hold;
    report({ name: 'held-back', count: ready.length, at: until, by, reason });
  } else if (closed !== null) {
    const { untilMs: at } = closed;
    report({ name: 'window-waits', at, key: 'updates.window.publish', count: ready.length, what: 'publish' });
  }
}

/** A feed may cause 2,000 lines, each written at once; other tasks run between them. */
async function inTurns<T>(items: readonly T[], report: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % LINES_A_TURN === 0) await yieldToLoop();
    report(item);
  }
}

const LINES_A_TURN = 100;
/** IDs in one line. */
const MAX_NAMED = 10;

/** Reports refused updates to the vendor, once for each reason; at most as many as a batch fetches. */
async function reportRefused(
  ports: UpdatesPorts,
  { reading, decision }: Pick<Checked, 'reading' | 'decision'>,
): Promise<void> {
  const items = new Map(reading.document.items.map((item) => [item.id, item]));
  for (const { id, error } of decision.refused.slice(0, 50)) {
    const item = items.get(id);
    if (item !== undefined) await acceptReceipt(ports, { item, outcome: `refused:${error.code}`, elapsedMs: 0 });
  }
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
