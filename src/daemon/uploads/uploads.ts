// The uploads of a running Sallyport: for each purpose, its open spools with the entries that are waiting to be sent.
//
// Guarantees: a purpose that was never enabled creates no folder and no socket, and makes no connection. A purpose that
// was disabled keeps its data and sends nothing. A store that cannot be opened does not stop the rest of the program.

import { join } from 'node:path';
import { Ballast } from '#spool/ballast.ts';
import { SentRecord } from '#uploads/sent-record.ts';
import { Analytics } from './analytics.ts';
import { SupportBundles } from './bundles.ts';
import { type OpenKind, receiptKind } from './kinds.ts';
import type { UploadsPorts } from './ports.ts';

/** The folder of all spools in the state folder. */
const OUTBOX = 'outbox';

/** The uploads of one composition. */
export interface Uploads {
  /** Exposure analytics: documents of other programs. */
  readonly documents: Analytics;
  /** Support logs: bundles and their jobs. */
  readonly bundles: SupportBundles;
  /** The record of what left this host. */
  readonly sent: SentRecord;
  /** Every spool that is open now. */
  readonly kinds: readonly OpenKind[];
  /** Work that is running, in words. */
  readonly busyWith: readonly string[];
  /** Starts to accept and to send, in a daemon. Never throws coded errors. */
  start(): Promise<void>;
  /** Ends all work and keeps what waits. Never throws coded errors. */
  stop(): Promise<void>;
}

/** Opens what is enabled or has something that waits. Starts nothing. @throws CodedError STATE-UNREADABLE, FILE-* */
export async function openUploads(given: UploadsPorts): Promise<Uploads> {
  const { files, clock } = given;
  const outbox = join(given.stateDir, OUTBOX);
  let opened: Promise<Ballast> | null = null;
  const ballast = () => {
    // A purpose that cannot make it is tried again later.
    opened ??= Ballast.open({ files, outbox, clock }).catch((thrown: unknown) => {
      opened = null;
      throw thrown;
    });
    return opened;
  };
  const spend = async <T>(work: () => Promise<T>) => (await ballast()).spend(work);
  const sent = await SentRecord.open({ ...given, ballast: { spend } });
  const documents = new Analytics({ ...given, outbox, ballast, sent });
  const bundles = new SupportBundles({ ...given, outbox, ballast, sent });
  await Promise.all([documents.open(), bundles.open()]);
  return {
    documents,
    bundles,
    sent,
    get kinds() {
      return [receiptKind(given.receipts), ...documents.kinds, ...bundles.kinds];
    },
    get busyWith() {
      return [...documents.busyWith, ...bundles.busyWith];
    },
    start: async () => {
      await Promise.all([documents.start(), bundles.start()]);
    },
    stop: async () => {
      await Promise.all([documents.stop(), bundles.stop()]);
    },
  };
}
