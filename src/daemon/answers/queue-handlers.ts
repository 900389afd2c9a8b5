// Answers the requests of `sallyport queue`. Secrets are masked in every response.

import type { Verbs } from '#control/control.ts';
import type { QUEUE_VERBS } from '#control/queue.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { batchRangeSchema } from '#spool/segments/range.ts';
import type { LastFailures } from './last-failures.ts';
import { dropEntry, findEntry, listQueue, retryEntries, verifyEntries } from './queue.ts';
import { describeEntry } from './queue-detail.ts';

/** The verbs of this file. */
type QueueVerbs = Pick<Verbs, keyof typeof QUEUE_VERBS>;

export function queueHandlers(parts: Parts, failures: LastFailures): HandlersOf<QueueVerbs> {
  const { clock, mode, outcomes, redactor, report, uploads } = parts;
  const documentIds = (body: unknown, most: number) => firstIds(uploads.documents.store, body, most);
  return {
    listQueue: async () => redactDeep(await listQueue(uploads.kinds, clock), redactor),
    showQueued: async ({ request }) => {
      const found = await findEntry(uploads.kinds, request);
      return redactDeep(await describeEntry(found, { clock, outcomes, failures, documentIds }), redactor);
    },
    retryQueued: async ({ request }) => ({
      retried: await retryEntries(uploads.kinds, request),
      sending: mode === 'daemon',
    }),
    dropQueued: async ({ request }) => redactDeep(await dropEntry(uploads.kinds, request, { clock, report }), redactor),
    verifyQueue: ({ request, signal }) => verifyEntries(uploads.kinds, request, signal),
  };
}

/** Empty for a body of another kind. @throws CodedError FILE-* */
async function firstIds(store: Pick<Documents, 'lines'> | null, body: unknown, most: number): Promise<string[]> {
  const range = batchRangeSchema.safeParse(body);
  const ids: string[] = [];
  if (store === null || !range.success) return ids;
  for await (const { id } of store.lines(range.data)) {
    ids.push(id);
    if (ids.length >= most) break;
  }
  return ids;
}
