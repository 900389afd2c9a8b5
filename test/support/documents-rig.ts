// The store of documents over a disk of tests.

import type { SallyportEvent } from '#logging/events.ts';
import { Ballast } from '#spool/ballast.ts';
import { deliver, type Verdict } from '#spool/delivery.ts';
import type { SegmentSizes } from '#spool/segments/appender.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { openDocuments } from '#spool/segments/open.ts';
import type { DocumentQuota } from '#spool/segments/quota.ts';
import { type BatchRange, exceeds } from '#spool/segments/range.ts';
import type { Files } from '#system/files.ts';
import { FakeClock } from './fake-clock.ts';
import { OUTBOX } from './spool-rig.ts';

export const SEGMENTS = `${OUTBOX}/documents`;
/** A small one: a crash trial makes hundreds. */
const BALLAST_BYTES = 8_192;

export interface OpenedDocuments {
  readonly documents: Documents;
  readonly events: SallyportEvent[];
  readonly clock: FakeClock;
}

export interface OpenOptions {
  readonly clock?: FakeClock;
  readonly outbox?: string;
  readonly quota?: Partial<DocumentQuota>;
  readonly sealAfterMs?: number;
  readonly sizes?: SegmentSizes;
}

export async function openStore(files: Files, options: OpenOptions = {}): Promise<OpenedDocuments> {
  const { clock = new FakeClock(), outbox = OUTBOX, quota = {}, sealAfterMs = 10_000, sizes } = options;
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => void events.push(event);
  const ballast = await Ballast.open({ files, outbox, clock, bytes: BALLAST_BYTES });
  const documents = await openDocuments(
    { files, outbox, clock, report, ballast },
    {
      scope: { purpose: 'exposure_analytics', thread: 'Analytics' },
      quota: () => ({ documents: 1_000_000, bytes: 512 * 1_048_576, ...quota }),
      sealAfterMs: () => sealAfterMs,
      ...(sizes === undefined ? {} : { sizes }),
    },
  );
  return { documents, events, clock };
}

/** Documents `{"n":...}` as they are handed in. */
export function* documentsOf(...numbers: readonly (number | string)[]): Generator<Uint8Array> {
  for (const n of numbers) yield Buffer.from(JSON.stringify({ n }));
}

export const append = ({ documents }: OpenedDocuments, ...numbers: readonly (number | string)[]) =>
  documents.append({ documents: documentsOf(...numbers) });

/** A server that keeps every document under its id, as the far side does. */
export class FakeServer {
  readonly kept = new Map<string, unknown>();
  /** Documents of each request, in order. */
  readonly requests: number[] = [];

  /** Numbers that arrived, sorted. */
  get numbers(): unknown[] {
    return [...this.kept.values()].toSorted((a, b) => Number(a) - Number(b));
  }

  async take(documents: Documents, range: BatchRange): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of documents.body(range).open(0)) chunks.push(Buffer.from(chunk));
    const lines = Buffer.concat(chunks).toString().split('\n');
    if (lines.pop() !== '') throw new Error('the last line has no end');
    if (lines.length !== range.documents) throw new Error(`${lines.length} lines, not ${range.documents}`);
    for (const line of lines) {
      // A body that is sent has only whole lines, whatever a crash left behind it.
      const { id, document } = JSON.parse(line) as { id: string; document: { n: unknown } };
      this.kept.set(id, document.n);
    }
    this.requests.push(lines.length);
  }
}

/** Sends what is due, in batches of at most `limit` documents. */
export async function sendAll(
  { documents, events, clock }: OpenedDocuments,
  server: FakeServer,
  options: {
    readonly limit?: number;
    readonly decide?: (range: BatchRange) => Verdict<BatchRange> | null | Promise<Verdict<BatchRange> | null>;
  } = {},
): Promise<void> {
  const limits = { documents: options.limit ?? 1_000, bytes: 1_048_576 };
  await deliver(
    {
      spool: documents.batches,
      clock,
      random: () => 0.5,
      report: (event) => void events.push(event),
      retry: () => ({ maxDelaySeconds: 60 }),
      policy: async ({ entry: { body } }) => {
        if (exceeds(body, limits)) return { does: 'split', parts: await documents.cut(body, limits), says: [] };
        const decided = (await options.decide?.(body)) ?? null;
        if (decided !== null) return decided;
        await server.take(documents, body);
        return { does: 'settle', says: [] };
      },
    },
    new AbortController().signal,
  );
}

/** The numbers of the documents in `rejected/`. */
export async function rejectedNumbers({ documents }: OpenedDocuments): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { attachment } of await documents.batches.listRejected()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of attachment?.open(0) ?? []) chunks.push(Buffer.from(chunk));
    for (const line of Buffer.concat(chunks).toString().split('\n').slice(0, -1)) {
      found.push((JSON.parse(line) as { line: { document: { n: unknown } } }).line.document.n);
    }
  }
  return found;
}
