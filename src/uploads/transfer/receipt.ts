// Reads the confirmation of a server that it has stored a file durably. Pure.
//
// Guarantees: a receipt is JSON that contains our job, our digest, our length and `durable: true`. An empty 2xx
// response, a page, or the receipt of another upload is not one.

import { z } from 'zod';
import { coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { SessionResponse } from '#http/session/session.ts';
import { answersFrom } from '#proxy/route.ts';
import { jsonOf } from '#uploads/json-response.ts';
import type { Bundle } from './upload-types.ts';

const receiptSchema = z.object({
  job: z.string(),
  sha256: z.string(),
  length: z.int(),
  durable: z.literal(true),
  receipt: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/),
});

/** The receipt in a successful response. @throws CodedError UPLOAD-NO-RECEIPT */
export function receiptIn({ head, body, facts }: SessionResponse, url: URL, bundle: Bundle): string {
  const none = (reason: string) =>
    coded('UPLOAD-NO-RECEIPT', { url: shownUrl(url), reason, status: head.status, hop: answersFrom(facts) });
  if (body.length === 0) throw none(`status ${head.status} without a body`);
  const json = jsonOf({ contentType: head.header('content-type'), body });
  if (json === undefined) throw none(`status ${head.status} with a body that is not JSON`);
  const parsed = receiptSchema.safeParse(json);
  if (!parsed.success) throw none(`member ${parsed.error.issues[0]?.path.join('.') || 'all'} is missing or wrong`);
  const { job, sha256, length, receipt } = parsed.data;
  if (job !== bundle.job) throw none('it is for another job');
  if (sha256.toLowerCase() !== bundle.sha256.toLowerCase()) throw none('it has another digest');
  if (length !== bundle.body.length) throw none(`it has ${length} bytes instead of ${bundle.body.length}`);
  return receipt;
}
