// The last step: a receipt for each outcome, durable in the spool before it is sent, and sent until it is taken.
//
// Guarantees: the same outcome is never sent twice (its key is fixed by agent, id, digest and outcome); nothing is
// dropped silently. The endpoint is read from the settings when sending. Where there is none, the receipt is kept
// beside its package. 404, 405, 410 and 501 slow down to once a day.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { nextDelay } from '#http/retry-delay.ts';
import type { SpoolEntry } from '#spool/spool.ts';
import { writeDurably } from '#system/durable.ts';
import type { FeedItem } from './feed-document.ts';
import { refusePage } from './page.ts';
import type { UpdatesPorts } from './ports.ts';
import { makeReceipt, type Receipt, type ReceiptOutcome, receiptSchema } from './receipt.ts';
import { feedUrl, requestUpdates } from './request.ts';

const KIND = 'receipt';
const DAY_MS = 86_400_000;
const UNSETTLED_WAIT_MS = 60_000;
/** Answers that say that nobody takes receipts there. */
const NOBODY_THERE: ReadonlySet<unknown> = new Set([404, 405, 410, 501]);
/** An answer to a receipt is not read beyond this. */
const ANSWER_LIMIT_BYTES = 65_536;

/** Makes the receipt durable; says so once per published id. */
export async function acceptReceipt(
  ports: UpdatesPorts,
  facts: {
    readonly item: Pick<FeedItem, 'id' | 'sha256' | 'length'>;
    readonly outcome: ReceiptOutcome;
    readonly elapsedMs: number;
    /** What a scanner found. */
    readonly finding?: string | undefined;
  },
): Promise<void> {
  const { id, sha256, length } = facts.item;
  const receipt = makeReceipt({
    id,
    sha256,
    length,
    outcome: facts.outcome,
    elapsedMs: facts.elapsedMs,
    agent: ports.agent.id,
    finding: facts.finding,
  });
  const accepted = await ports.spool.accept({ key: receipt.key, kind: KIND, body: receipt });
  if (accepted === 'accepted' && facts.outcome === 'published') ports.report({ name: 'acknowledging', id });
}

/**
 * Sends every receipt whose time has come; stops at the first failure of the way or of the endpoint. Returns the wall time
 * until which a failure holds up all receipts, since they go the same way to the same endpoint: 0 after a delivery, null
 * where none was sent.
 */
export async function deliverReceipts(ports: UpdatesPorts, signal: AbortSignal): Promise<number | null> {
  let heldUntilMs: number | null = null;
  for (const entry of await ports.spool.due(ports.clock.now())) {
    signal.throwIfAborted();
    const receipt = receiptSchema.safeParse(entry.body);
    if (!receipt.success) {
      const reason = receipt.error.issues[0]?.message ?? 'not a receipt';
      ports.report({
        name: 'receipt-quarantined',
        error: coded('STATE-DAMAGED', { path: entry.key, reason, aside: 'quarantine' }),
      });
      await ports.spool.quarantine(entry);
      continue;
    }
    const sent = await deliver(ports, { entry, receipt: receipt.data }, signal);
    if (sent === 'kept') continue;
    heldUntilMs = sent === 'delivered' ? 0 : sent.untilMs;
    // Only a refusal of this one receipt lets the next one be tried: the others would meet the same.
    if (sent !== 'delivered' && sent.error.code !== 'ORIGIN-REFUSED') break;
  }
  return heldUntilMs;
}

/** What became of one receipt. */
type Sent = 'kept' | 'delivered' | { readonly error: CodedError; readonly untilMs: number };

interface Delivery {
  readonly entry: SpoolEntry;
  readonly receipt: Receipt;
}

async function deliver(ports: UpdatesPorts, delivery: Delivery, signal: AbortSignal): Promise<Sent> {
  const { entry, receipt } = delivery;
  const { id, outcome } = receipt;
  const endpoint = ports.settings().updates.acknowledge_url;
  if (endpoint === undefined) {
    const kept = await orWait(ports, entry, () => keepHere(ports, receipt));
    await orWait(ports, entry, () => ports.spool.settle(entry));
    ports.report({ name: kept ? 'receipt-kept' : 'receipt-unsent', id, outcome });
    return 'kept';
  }
  try {
    await send(ports, { receipt, endpoint: new URL(endpoint), signal });
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const error = asCoded(thrown);
    return await postpone(ports, delivery, error);
  }
  await orWait(ports, entry, () => ports.spool.settle(entry));
  ports.report({ name: 'receipt-delivered', id, outcome });
  return 'delivered';
}

/** What can't be settled (a full disk) stays due; it waits a minute, so that one receipt is not sent without end. */
async function orWait<T>(ports: UpdatesPorts, entry: SpoolEntry, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const notBefore = ports.clock.now() + UNSETTLED_WAIT_MS;
    await ports.spool.postpone(entry, { notBefore, error: asCoded(thrown).code }).catch(() => undefined);
    throw thrown;
  }
}

async function send(
  ports: UpdatesPorts,
  sending: { receipt: Receipt; endpoint: URL; signal: AbortSignal },
): Promise<void> {
  const { receipt, endpoint, signal } = sending;
  const { head, body, from } = await requestUpdates(ports, {
    url: endpoint,
    method: 'POST',
    // The token is the feed's: it goes to no other origin, not even to one that the admin wrote.
    credentials: endpoint.origin === feedUrl(ports.settings()).origin,
    headers: { 'content-type': 'application/json', 'idempotency-key': receipt.key },
    body: JSON.stringify(receipt),
    limitBytes: ANSWER_LIMIT_BYTES,
    signal,
  });
  if (head.status > 299)
    throw coded('REDIRECT-INVALID', { url: endpoint.href, status: head.status, location: head.header('location') }).at(
      from,
    );
  try {
    refusePage(head, body);
  } catch (thrown) {
    throw asCoded(thrown).at(from);
  }
}

async function postpone(ports: UpdatesPorts, { entry, receipt }: Delivery, failure: CodedError): Promise<Sent> {
  const nobody = NOBODY_THERE.has(failure.facts['status']) && failure.entry.class === 'http';
  const error = nobody
    ? coded('ACKNOWLEDGE-REFUSED', { ...failure.facts, status: failure.facts['status'] }, failure)
    : failure;
  const { max_delay_seconds: maxDelaySeconds } = ports.settings().retry;
  const delayMs = nobody ? DAY_MS : nextDelay(failure, entry.attempts + 1, { random: ports.random(), maxDelaySeconds });
  const at = ports.clock.now() + delayMs;
  await ports.spool.postpone(entry, { notBefore: at, error: failure.code });
  const { id, outcome } = receipt;
  ports.report({ name: 'receipt-failed', id, outcome, error, hop: error.hop });
  ports.report({ name: 'receipt-next-try', id, at });
  return { error, untilMs: at };
}

/** Beside the package; a receipt of a package that is not here has no place but the log. */
async function keepHere(ports: UpdatesPorts, receipt: Receipt): Promise<boolean> {
  if (receipt.outcome !== 'published' || (await ports.store.find(receipt.id)) === null) return false;
  const text = `${JSON.stringify(receipt, null, 2)}\n`;
  await writeDurably(ports.files, ports.store.receiptPath(receipt.id), Buffer.from(text), 0o644);
  return true;
}
