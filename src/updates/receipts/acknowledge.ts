// The last step: makes a receipt for each outcome. It is durable in the spool before it is sent, and is sent until the
// server accepts it.
//
// Guarantees: an outcome is added to the spool only once, because its key is made from agent, id, digest and outcome. A
// receipt that is dropped is logged. The URL is read from the settings when sending. Without a URL, the receipt is
// stored next to its package. After 404, 405, 410 and 501, it is sent only once a day.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { writeDurably } from '#system/durable.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { refusePage } from '#updates/feed/page.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl, requestUpdates } from '#updates/request.ts';
import { makeReceipt, type Receipt, type ReceiptOutcome } from './receipt.ts';

const DAY_MS = 86_400_000;
/** Receipts that are copied at the same time, so that they share syncs of their folder. */
const COPIED_TOGETHER = 16;
/** Statuses which say that this URL does not accept receipts. */
const NOT_SUPPORTED_STATUSES: ReadonlySet<unknown> = new Set([404, 405, 410, 501]);
/** The most bytes that are read of the response to a receipt. */
const ANSWER_LIMIT_BYTES = 65_536;

/** Makes the receipt durable; reports it once per published id. */
export async function acceptReceipt(
  ports: UpdatesPorts,
  facts: {
    readonly item: Pick<FeedItem, 'id' | 'sha256' | 'length'>;
    readonly outcome: ReceiptOutcome;
    readonly elapsedMs: number;
    /** The scanner's finding. */
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
  const accepted = await ports.spool.accept({ key: receipt.key, body: receipt });
  if (accepted === 'accepted' && facts.outcome === 'published') ports.report({ name: 'acknowledging', id });
}

/** Sends every receipt that is due; stops at the first failure that the others would also meet. */
export async function deliverReceipts(ports: UpdatesPorts, signal: AbortSignal): Promise<void> {
  const { spool, clock, random, report } = ports;
  const policy = (sending: Sending<Receipt>) => sendReceipt(ports, sending);
  const retry = () => ({ maxDelaySeconds: ports.settings().retry.max_delay_seconds });
  // Without an endpoint, receipts are only copied next to their packages.
  const together = ports.settings().updates.acknowledge_url === undefined ? COPIED_TOGETHER : 1;
  await deliver({ spool, clock, random, report, policy, retry, together }, signal);
}

async function sendReceipt(
  ports: UpdatesPorts,
  { entry: { body: receipt }, signal }: Sending<Receipt>,
): Promise<Verdict<Receipt>> {
  const { id, outcome } = receipt;
  const endpoint = ports.settings().updates.acknowledge_url;
  if (endpoint === undefined) {
    const kept = await keepUnsent(ports, receipt);
    return { does: 'settle', says: [{ name: kept ? 'receipt-kept' : 'receipt-unsent', id, outcome }] };
  }
  try {
    await send(ports, { receipt, endpoint: new URL(endpoint), signal });
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return classifyFailure(receipt, asCoded(thrown));
  }
  return { does: 'settle', says: [{ name: 'receipt-delivered', id, outcome }] };
}

async function send(
  ports: UpdatesPorts,
  sending: { receipt: Receipt; endpoint: URL; signal: AbortSignal },
): Promise<void> {
  const { receipt, endpoint, signal } = sending;
  const { head, body, from } = await requestUpdates(ports, {
    url: endpoint,
    method: 'POST',
    // The token belongs to the feed's origin and is sent to no other, not even to one that the admin configured.
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

/**
 * Pure. Only a refusal of this one receipt allows the next to be tried; the others would meet any other failure as
 * well.
 */
function classifyFailure({ id, outcome }: Receipt, failure: CodedError): Verdict<Receipt> {
  const isUnsupported = NOT_SUPPORTED_STATUSES.has(failure.facts['status']) && failure.entry.class === 'http';
  const error = isUnsupported
    ? coded('ACKNOWLEDGE-REFUSED', { ...failure.facts, status: failure.facts['status'] }, failure)
    : failure;
  return {
    does: 'postpone',
    failure,
    ...(isUnsupported ? { waitMs: DAY_MS } : {}),
    holds: error.code !== 'ORIGIN-REFUSED',
    says: (at) => [
      { name: 'receipt-failed', id, outcome, error, hop: error.place },
      { name: 'receipt-next-try', id, at },
    ],
  };
}

/** Next to the package. A receipt of a package that is not here is only logged. */
async function keepUnsent(ports: UpdatesPorts, receipt: Receipt): Promise<boolean> {
  if (receipt.outcome !== 'published' || (await ports.store.find(receipt.id)) === null) return false;
  const text = `${JSON.stringify(receipt, null, 2)}\n`;
  await writeDurably(ports.files, ports.store.receiptPath(receipt.id), Buffer.from(text), 0o644);
  return true;
}
