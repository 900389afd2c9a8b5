// The store of documents on the real disk, with the real sender over a direct connection. For processes of tests and
// measurements.

import { Session } from '#http/session/session.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { Ballast } from '#spool/ballast.ts';
import { deliver } from '#spool/delivery.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { openDocuments } from '#spool/segments/open.ts';
import type { BatchLimits } from '#spool/segments/range.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { BatchSender } from '#uploads/analytics/batch-sender.ts';
import { testRouter } from './test-router.ts';

const SCOPE = { purpose: 'exposure_analytics', thread: 'Analytics' };
const DEADLINE_MS = 30_000;

export interface DocumentsAgent {
  readonly documents: Documents;
  readonly events: SallyportEvent[];
  /** Sends what is due. Failures postpone a batch by less than a second. */
  send(): Promise<void>;
  close(): Promise<void>;
}

export interface DocumentsAgentOptions {
  readonly outbox: string;
  /** Of the collector. */
  readonly url: string;
  readonly limits: BatchLimits;
  readonly sealAfterMs?: number;
}

export async function openAgent(options: DocumentsAgentOptions): Promise<DocumentsAgent> {
  const { outbox, url, limits, sealAfterMs = 10_000 } = options;
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => {
    if (events.length < 1_000) events.push(event);
  };
  const ports = { files: realFiles, outbox, clock: systemClock, report };
  const ballast = await Ballast.open(ports);
  const documents = await openDocuments(
    { ...ports, ballast },
    { scope: SCOPE, quota: () => ({ documents: 2_000_000, bytes: 2 ** 31 }), sealAfterMs: () => sealAfterMs },
  );
  const session = new Session({ router: testRouter(), purpose: 'exposure_analytics', clock: systemClock });
  const settings = {
    exposure_analytics: { url, batch_max_documents: limits.documents, batch_max_bytes: limits.bytes },
    response_timeout: { base_ms: DEADLINE_MS },
  };
  const sender = new BatchSender({
    documents,
    session,
    clock: systemClock,
    scope: SCOPE,
    settings: () => settings as never,
    routeKey: () => 'direct',
    headers: () => ({ 'user-agent': 'Sallyport/test', 'sallyport-agent': 'agent-1' }),
    record: () => Promise.resolve(),
  });
  const retry = () => ({ maxDelaySeconds: 1, baseMs: 1 });
  const delivery = { spool: documents.batches, clock: systemClock, random: Math.random, report, retry };
  return {
    documents,
    events,
    send: () => deliver({ ...delivery, policy: (sending) => sender.send(sending) }, new AbortController().signal),
    close: async () => {
      await documents.close();
      session.close();
    },
  };
}
