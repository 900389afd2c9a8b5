// The spool of receipts: the first kind of the outbox. Version 0.1.0 kept them in `state/spool`.

import { join } from 'node:path';
import { openSpool } from '#spool/open.ts';
import type { Spool, SpoolKind, SpoolPorts } from '#spool/spool.ts';
import { type Receipt, receiptSchema } from './receipt.ts';

/** The folder of all kinds in the state folder. */
const OUTBOX = 'outbox';
/** Where version 0.1.0 kept receipts. */
const OLD_FOLDER = 'spool';

/** A receipt is about 300 bytes, with a scanner's finding a few thousand. */
const RECEIPTS: SpoolKind<Receipt> = {
  name: 'receipt',
  quota: { entries: 10_000, bytes: 64 * 1_048_576 },
  body: receiptSchema,
  setAside: (error) => ({ name: 'receipt-quarantined', error }),
};

/** Opens it, and takes over the receipts of 0.1.0. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
export async function openReceipts(
  ports: Pick<SpoolPorts, 'files' | 'clock' | 'report'>,
  stateDir: string,
): Promise<Spool<Receipt>> {
  return await openSpool({ ...ports, outbox: join(stateDir, OUTBOX), formerDir: join(stateDir, OLD_FOLDER) }, RECEIPTS);
}
