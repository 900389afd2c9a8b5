// The open spools of data that leaves this host, in the form that `status` and `sallyport queue` show.

import type { Purpose } from '#config/purposes.ts';
import type { Spool } from '#spool/spool.ts';
import type { Receipt } from '#updates/receipts/receipt.ts';

/** How much waits in a spool, and how much may. */
interface KindUsage {
  /** Entries, or documents of exposure analytics. */
  readonly items: number;
  readonly bytes: number;
  readonly limit: { readonly items: number; readonly bytes: number };
  /** When the oldest was accepted, in ms since the epoch; null when nothing waits. */
  readonly oldestAtMs: number | null;
}

/** An open spool. */
export interface OpenKind {
  /** The name of its folder: `receipt`, `batch` or `bundle`. */
  readonly name: string;
  /** In sentences, such as `exposure analytics`. */
  readonly title: string;
  readonly purpose: Purpose;
  readonly spool: Spool<unknown>;
  usage(): KindUsage;
  /** Called after an admin had entries of it retried. */
  retried(): void;
}

/** The spool of receipts, which the updates own. */
export function receiptKind(spool: Spool<Receipt>): OpenKind {
  const { entries, bytes } = spool.kind.quota;
  return {
    name: spool.kind.name,
    title: 'receipts',
    purpose: 'updates',
    spool,
    usage: () => ({
      items: spool.size,
      bytes: spool.bytes,
      limit: { items: entries, bytes },
      oldestAtMs: spool.oldestAt(),
    }),
    retried: () => undefined,
  };
}
