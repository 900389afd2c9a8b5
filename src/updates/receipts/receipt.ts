// A receipt: the report to the vendor about one update. Its key identifies the outcome, so that the vendor does not
// count it twice. Pure.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { idSchema } from '#updates/feed/feed-document.ts';

/** `published`, `withdrawn`, `hook_failed`, or `refused:` and the code. */
export type ReceiptOutcome = 'published' | 'withdrawn' | 'hook_failed' | `refused:${string}`;

/** The body of an acknowledgement (docs/protocol.md). */
export const receiptSchema = z.strictObject({
  id: idSchema,
  sha256: z.string(),
  length: z.int(),
  elapsed_ms: z.int(),
  outcome: z.string(),
  /** The scanner's finding, if `updates.report_findings` is true. */
  finding: z.string().optional(),
  agent: z.string(),
  key: z.string(),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** Makes the receipt. Its key is fixed by agent, id, digest and outcome, so a crash cannot change it. */
export function makeReceipt(facts: {
  readonly id: string;
  readonly sha256: string;
  readonly length: number;
  readonly elapsedMs: number;
  readonly outcome: ReceiptOutcome;
  readonly agent: string;
  readonly finding?: string | undefined;
}): Receipt {
  const { id, sha256, length, outcome, agent } = facts;
  const key = createHash('sha256')
    .update(JSON.stringify([agent, id, sha256, outcome]))
    .digest('hex');
  const finding = facts.finding === undefined ? {} : { finding: facts.finding };
  const elapsed_ms = Math.max(0, Math.round(facts.elapsedMs));
  return { id, sha256, length, elapsed_ms, outcome, ...finding, agent, key };
}
