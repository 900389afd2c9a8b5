// The packages of one check for updates: downloads, verifies and publishes them, and records the result of each.
//
// Guarantees: a package that fails never stops another one. A package is published only after all updates that it
// requires. Expected failures are part of the result; only an abort is thrown.

import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { showLocalTime } from '#errors/template.ts';
import { KeptConnections } from '#proxy/kept-connections.ts';
import { Turns } from '#system/turns.ts';
import type { Checked } from './check.ts';
import { isDiskFull } from './disk-pause.ts';
import type { FeedReading } from './feed/feed.ts';
import type { FeedItem } from './feed/feed-document.ts';
import type { Closure } from './hold/hold.ts';
import type { OriginFailureBudget } from './origin-failure-budget.ts';
import { type Obtained, obtain, type WantedPackage } from './package/obtain.ts';
import { Publisher } from './package/publisher.ts';
import { PackageTurn } from './package/turn.ts';
import { nextPackage, type WaitingPackage } from './package-order.ts';
import type { UpdatesPorts } from './ports.ts';
import { acceptReceipt } from './receipts/acknowledge.ts';
import { noteRetry, type RoundScope, type Tally } from './tally.ts';

/** From this number on, the next package is downloaded while earlier ones are being published. */
const MANY = 8;
/** Most packages that are published at the same time: each has open files. */
const MAX_PUBLISHING = 32;
/** A smaller package is made durable together with others. After a power cut before that, it is downloaded again. */
const SMALL_BYTES = 1_048_576;

/** Downloads and publishes the wanted packages. @throws the signal's reason when it is aborted */
export async function fetchPackages(ports: UpdatesPorts, round: PackagesOfRound, signal: AbortSignal): Promise<void> {
  await new PackageLoop(ports, round, signal).run();
}

interface PackagesOfRound {
  readonly checked: Checked;
  readonly tally: Tally;
  readonly scope: RoundScope;
  /** Packages of earlier batches of the round; they are not tried again. */
  readonly tried: ReadonlySet<string>;
  /** Of the round, so that a server that fails delays each batch no further. */
  readonly budget: OriginFailureBudget;
  /** Why nothing may be published; once there is a reason, for the rest of the round. */
  closure(): Closure | null;
}

type Waiting = WaitingPackage & { readonly item: FeedItem };

/** Runs up to `updates.parallel` downloads at a time. */
class PackageLoop {
  readonly #ports: UpdatesPorts;
  readonly #round: PackagesOfRound;
  readonly #signal: AbortSignal;
  readonly #reading: FeedReading;
  readonly #budget: OriginFailureBudget;
  readonly #closure: WantedPackage['closure'];
  readonly #publisher: Publisher;
  readonly #connections: KeptConnections;
  readonly #unfinished: Set<string>;
  /** Packages that will not be published in this round. */
  readonly #missing = new Set<string>();
  /** Downloads that hold a place. `freed` is settled when the place is free. */
  readonly #running = new Map<string, { readonly origin: string; readonly freed: Promise<void> }>();
  /** All downloads and publications. */
  readonly #unended = new Map<string, Promise<void>>();
  #waiting: readonly Waiting[];

  constructor(ports: UpdatesPorts, round: PackagesOfRound, signal: AbortSignal) {
    this.#ports = ports;
    this.#round = round;
    this.#signal = signal;
    this.#budget = round.budget;
    const { reading, decision } = round.checked;
    this.#reading = oneAtATime(reading);
    this.#closure = () => round.closure();
    this.#publisher = new Publisher(ports, this.#closure);
    this.#connections = new KeptConnections(ports.clock, () => ports.rerouted());
    const untried = decision.wanted.filter(({ id }) => !round.tried.has(id));
    this.#unfinished = new Set(untried.map(({ id }) => id));
    const ready = new Set(round.tally.ready);
    for (const { id } of decision.wanted) if (round.tried.has(id) && !ready.has(id)) this.#missing.add(id);
    this.#waiting = untried.map((item) => {
      const { id, length, requires } = item;
      return { item, id, length, requires, origin: reading.originOf(item), isSlow: ports.retries.isSlow(item) };
    });
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        this.#deferWaiting();
        this.#fill();
        if (this.#running.size === 0) this.#publisher.flush();
        if (this.#unended.size === 0) return;
        const freed = [...this.#running.values()].map((running) => running.freed);
        await Promise.race([...freed, ...this.#unended.values()]);
      }
    } finally {
      // Also after an abort, nothing of the round may run on. Each download keeps its bytes.
      this.#publisher.flush();
      await Promise.allSettled(this.#unended.values());
      this.#connections.close();
    }
  }

  /** Starts downloads in the free places. The setting is read each time: it may change during a round. */
  #fill(): void {
    while (this.#unended.size - this.#running.size < MAX_PUBLISHING) {
      const next = nextPackage(this.#waiting, {
        parallel: this.#ports.settings().updates.parallel,
        running: [...this.#running.values()].map(({ origin }) => origin),
        unfinished: this.#unfinished,
        isSlowOrigin: (origin) => this.#budget.hasFailed(origin),
      });
      if (next === null) return;
      this.#waiting = this.#waiting.filter((one) => one !== next);
      this.#start(next);
    }
  }

  #start(next: Waiting): void {
    const { id, origin } = next;
    const { promise: downloaded, resolve: onDownloaded } = Promise.withResolvers<void>();
    const freePlace = () => void this.#running.delete(id);
    const ended = this.#obtain(next, onDownloaded).finally(() => {
      this.#unended.delete(id);
      freePlace();
    });
    this.#unended.set(id, ended);
    const freed = this.#isOfMany ? Promise.race([downloaded, ended]).then(freePlace) : ended;
    this.#running.set(id, { origin, freed });
  }

  get #isOfMany(): boolean {
    return this.#round.checked.decision.wanted.length >= MANY;
  }

  /** Sorts out the packages that are not tried in this round. */
  #deferWaiting(): void {
    const { tally, scope, checked } = this.#round;
    const { retries, report, windows } = this.#ports;
    const isClosed = windows.closedUntil('download') !== null;
    // Required packages come before those that require them.
    this.#waiting = this.#waiting.filter(({ item, origin }) => {
      if (isClosed && !checked.ready.has(item.id)) {
        this.#giveUp(item.id);
        tally.parked.push(item.id);
        return false;
      }
      const waiting = scope === 'due' || retries.isBlocked(item) ? retries.waiting(item) : null;
      const isSpent = this.#budget.isSpent(origin);
      const reason = reasonToDefer(item, { missing: this.#missing, waiting, isSpent });
      if (reason === null) return true;
      this.#giveUp(item.id);
      report({ name: 'item-deferred', id: item.id, reason });
      countDeferred(tally, item.id, { error: waiting?.error ?? null, isSpent });
      return false;
    });
  }

  #giveUp(id: string): void {
    this.#missing.add(id);
    this.#unfinished.delete(id);
  }

  async #obtain({ item, origin }: Waiting, onDownloaded: () => void): Promise<void> {
    const { checked, tally } = this.#round;
    const isSmall = this.#isOfMany && item.length < SMALL_BYTES;
    const ports = isSmall ? { ...this.#ports, connections: this.#connections } : this.#ports;
    const wanted = {
      item,
      closure: this.#closure,
      publisher: this.#publisher,
      syncsLater: isSmall,
      ready: checked.ready,
      reading: this.#reading,
      onDownloaded,
    };
    const turn = await fetchOne(ports, wanted, this.#signal);
    if (turn.kind !== 'failed') {
      if (turn.kind === 'parked') this.#giveUp(item.id);
      this.#unfinished.delete(item.id);
      tally[turn.kind].push(item.id);
      return;
    }
    this.#giveUp(item.id);
    const { error, yielded, retryAtMs } = turn.failure;
    if (yielded) {
      tally.left += 1;
      return;
    }
    this.#budget.note(origin, error);
    tally.failed.push({ id: item.id, error });
    if (retryAtMs === null) noteRetry(this.#ports, tally, error);
    // A proxy that rejects our user rejects it for every package, and a full disk has space for none: one line is
    // enough. Those that run already may end.
    if (endsRound(error)) this.#waiting = [];
  }
}

/** Whether no other package would succeed after this failure. */
export function endsRound(error: CodedError): boolean {
  return error.entry.class === 'auth' || isDiskFull(error);
}

/** A signed feed changes its stored state while it locates a package, so it does so for one at a time. */
function oneAtATime(reading: FeedReading): FeedReading {
  const turns = new Turns();
  const { stage } = reading;
  return {
    document: reading.document,
    sha256: reading.sha256,
    trust: reading.trust,
    ...(reading.from === undefined ? {} : { from: reading.from }),
    ...(reading.listedIn === undefined ? {} : { listedIn: (item) => reading.listedIn?.(item) }),
    refusal: (before, nowMs) => reading.refusal(before, nowMs),
    originOf: (item) => reading.originOf(item),
    locate: (item, signal) => turns.run(() => reading.locate(item, signal)),
    ...(stage === undefined
      ? {}
      : { stage: (item, note, signal) => turns.run(() => stage.call(reading, item, note, signal)) }),
  };
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
    if (kind !== 'parked') ports.retries.forget(item.id);
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
