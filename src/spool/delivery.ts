// The delivery loop of every kind of data. For each kind, a function (its policy) sends an entry that is due, and
// returns what to do with the entry (a verdict). This file carries out the verdict.
//
// Guarantees: only one delivery of a kind runs at a time, and no kind can delay another. No entry is lost: only a
// verdict ends it, and the verdict is on disk before it is reported. An entry that cannot be processed waits a minute,
// so that it is not sent in a loop. The wait in Retry-After is respected, up to the longest wait of the kind.

import { asCoded, CodedError } from '#errors/coded-error.ts';
import { nextDelay } from '#http/retry-delay.ts';
import type { Report, SallyportEvent } from '#logging/events.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { AttachmentBody, AttachmentSource, EntryHead, SplitPart, Spool, SpoolEntry } from './spool.ts';

/** An entry whose verdict could not be carried out (a full disk) is due again after this. */
const UNDONE_WAIT_MS = 60_000;

/** The result of sending one entry. `says` is reported once the verdict is on disk. */
export type Verdict<Body> =
  | { readonly does: 'settle'; readonly says: readonly SallyportEvent[] }
  | {
      readonly does: 'postpone';
      readonly failure: CodedError;
      /** Set when the kind knows a better wait than the usual growing one. */
      readonly waitMs?: number;
      /**
       * The other entries would meet the same failure: this delivery ends, and the next one waits for the same time.
       */
      readonly holds: boolean;
      /** Called with the time of the next attempt. */
      says(at: number): readonly SallyportEvent[];
    }
  /** Tried no more until an admin retries it, for example after a finding of a scanner. */
  | { readonly does: 'hold'; readonly failure: CodedError; readonly says: readonly SallyportEvent[] }
  | {
      readonly does: 'reject';
      readonly failure: CodedError;
      /** Kept with the entry; the code of the failure by default. */
      readonly reason?: string;
      /** What was refused, if that is not in the entry itself. */
      readonly evidence?: AttachmentSource;
      readonly says: readonly SallyportEvent[];
    }
  | { readonly does: 'split'; readonly parts: readonly SplitPart<Body>[]; readonly says: readonly SallyportEvent[] };

/** The entry to send now. */
export interface Sending<Body> {
  readonly entry: SpoolEntry<Body>;
  /** The attachment, verified by its digest; null when there is none. */
  readonly attachment: AttachmentBody | null;
  readonly signal: AbortSignal;
}

/** A delivery of one kind. */
export interface Delivery<Body> {
  readonly spool: Spool<Body>;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** The kind's policy: sends one entry and checks the outcome. It throws only for faults of this host. */
  policy(sending: Sending<Body>): Promise<Verdict<Body>>;
  /** Called when the verdict on an entry is on disk. */
  carriedOut?(entry: SpoolEntry<Body>): void;
  /** How many entries are sent at the same time; one if absent. For a policy that needs no network. */
  readonly together?: number;
  /** The longest interval between attempts, and the spread of the first retry (a second by default). */
  retry(): { readonly maxDelaySeconds: number; readonly baseMs?: number };
}

/** Sends every due entry. @throws the reason of the signal, or the fault of this host that ended it */
export async function deliver<Body>(delivery: Delivery<Body>, signal: AbortSignal): Promise<void> {
  await delivery.spool.delivering(async () => {
    // An entry that cannot be finished does not stop the rest.
    const unfinished = await delivery.spool.finish().then(() => null, toError);
    while (await deliverDue(delivery, signal)) signal.throwIfAborted();
    if (unfinished !== null) throw unfinished;
  });
}

/** True when an entry was split: its parts may come before the entries that are still due. */
async function deliverDue<Body>(delivery: Delivery<Body>, signal: AbortSignal): Promise<boolean> {
  const { spool, clock, together = 1 } = delivery;
  const due = spool.due(clock.now());
  for (let at = 0; at < due.length; at += together) {
    signal.throwIfAborted();
    const sent = await Promise.allSettled(
      due.slice(at, at + together).map((head) => deliverOne(delivery, head, signal)),
    );
    const failed = sent.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const verdicts = sent.map((one) => (one.status === 'fulfilled' ? one.value : null));
    if (verdicts.some((verdict) => verdict?.does === 'postpone' && verdict.holds)) return false;
    if (verdicts.some((verdict) => verdict?.does === 'split')) return true;
  }
  return false;
}

/** Null if the entry could not be read. */
async function deliverOne<Body>(
  delivery: Delivery<Body>,
  head: EntryHead,
  signal: AbortSignal,
): Promise<Verdict<Body> | null> {
  const { spool } = delivery;
  const entry = (await spool.verify(head, signal)) ? await spool.read(head) : null;
  if (entry === null) return null;
  const attachment = spool.attachment(head);
  return await orWait(delivery, head, signal, async () => {
    const decided = await delivery.policy({ entry, attachment, signal });
    await carryOut(delivery, entry, decided);
    delivery.carriedOut?.(entry);
    return decided;
  });
}

async function carryOut<Body>(
  delivery: Delivery<Body>,
  entry: SpoolEntry<Body>,
  verdict: Verdict<Body>,
): Promise<void> {
  const { spool, report } = delivery;
  if (verdict.does === 'postpone') return await postpone(delivery, entry, verdict);
  if (verdict.does === 'settle') await spool.settle(entry);
  else if (verdict.does === 'hold') await spool.keepHeld(entry, verdict.failure.code);
  else if (verdict.does === 'reject') {
    await spool.reject(entry, verdict.reason ?? verdict.failure.code, verdict.evidence);
  } else await spool.split(entry, verdict.parts);
  spool.hold(0);
  for (const event of verdict.says) report(event);
}

async function postpone<Body>(
  delivery: Delivery<Body>,
  entry: SpoolEntry<Body>,
  verdict: Extract<Verdict<Body>, { does: 'postpone' }>,
): Promise<void> {
  const { spool, clock, random, report, retry } = delivery;
  const { failure } = verdict;
  const waitMs = verdict.waitMs ?? nextDelay(failure, entry.attempts + 1, { random: random(), ...retry() });
  const at = clock.now() + waitMs;
  await spool.postpone(entry, { notBefore: at, error: failure.code });
  for (const event of verdict.says(at)) report(event);
  if (verdict.holds) spool.hold(waitMs);
}

async function orWait<Body, T>(
  { spool, clock }: Delivery<Body>,
  head: EntryHead,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const notBefore = clock.now() + UNDONE_WAIT_MS;
    await spool.postpone(head, { notBefore, error: asCoded(thrown).code }).catch(() => undefined);
    throw thrown;
  }
}

function toError(thrown: unknown): CodedError {
  if (!(thrown instanceof CodedError)) throw thrown;
  return thrown;
}
