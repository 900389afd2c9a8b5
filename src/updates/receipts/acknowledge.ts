// The last step: a receipt for each outcome, durable in the spool before it is sent, and sent until it is taken.
//
// Guarantees: the same outcome is never sent twice (its key is fixed by agent, id, digest and outcome); nothing is
// dropped silently. The endpoint is read from the settings when sending. Where there is none, the receipt is kept
// beside its package. 404, 405, 410 and 501 slow down to once a day.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { writeDurably } from '#system/durable.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { refusePage } from '#updates/feed/page.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl, requestUpdates } from '#updates/request.ts';
import { makeReceipt, type Receipt, type ReceiptOutcome } from './receipt.ts';

const DAY_MS = 86_400_000;
/** Answers that say that nobody takes receipts there. */
const NOT_SUPPORTED_STATUSES: ReadonlySet<unknown> = new Set([404, 405, 410, 501]);
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
  const accepted = await ports.spool.accept({ key: receipt.key, body: receipt });
  if (accepted === 'accepted' && facts.outcome === 'published') ports.report({ name: 'acknowledging', id });
}

/** Sends every receipt whose time has come; stops at the first failure that the others would meet as well. */
export async function deliverReceipts(ports: UpdatesPorts, signal: AbortSignal): Promise<void> {
  const { spool, clock, random, report } = ports;
  const policy = (sending: Sending<Receipt>) => sendReceipt(ports, sending);
  const retry = () => ({ maxDelaySeconds: ports.settings().retry.max_delay_seconds });
  await deliver({ spool, clock, random, report, policy, retry }, signal);
}

async function sendReceipt(
  ports: UpdatesPorts,
  { entry: { body: receipt }, signal }: Sending<Receipt>,
): Promise<Verdict<Receipt>> {
  const { id, outcome } = receipt;
  const endpoint = ports.settings().updates.acknowledge_url;
  if (endpoint === undefined) {
    const kept = await keepHere(ports, receipt);
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

/** Pure. Only a refusal of this one receipt lets the next one be tried: the others would meet the same failure. */
function classifyFailure({ id, outcome }: Receipt, failure: CodedError): Verdict<Receipt> {
  const nobody = NOT_SUPPORTED_STATUSES.has(failure.facts['status']) && failure.entry.class === 'http';
  const error = nobody
    ? coded('ACKNOWLEDGE-REFUSED', { ...failure.facts, status: failure.facts['status'] }, failure)
    : failure;
  return {
    does: 'postpone',
    failure,
    ...(nobody ? { waitMs: DAY_MS } : {}),
    holds: error.code !== 'ORIGIN-REFUSED',
    says: (at) => [
      { name: 'receipt-failed', id, outcome, error, hop: error.place },
      { name: 'receipt-next-try', id, at },
    ],
  };
}

/** Beside the package; a receipt of a package that is not here has no place but the log. */
async function keepHere(ports: UpdatesPorts, receipt: Receipt): Promise<boolean> {
  if (receipt.outcome !== 'published' || (await ports.store.find(receipt.id)) === null) return false;
  const text = `${JSON.stringify(receipt, null, 2)}\n`;
  await writeDurably(ports.files, ports.store.receiptPath(receipt.id), Buffer.from(text), 0o644);
  return true;
}
