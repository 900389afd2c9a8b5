// The form of a submission on the socket `submit.sock`: one POST with documents, and a JSON response.
//
// The response may begin before the request has ended. When a client gets the response, it stops sending. The daemon
// reads the data that was sent until then, because a socket that is closed with unread data discards the response
// (unix(7)).

import { z } from 'zod';

/** Path of the request. Its method is POST, and its body has any length. */
export const SUBMIT_PATH = '/v1/documents';
/** The type of the body: one JSON object on each line, or one JSON text. */
export const SUBMIT_TYPE = 'application/x-ndjson';

/** The documents are stored durably (status 200). */
export const acceptedSchema = z.object({ documents: z.int(), bytes: z.int() });
export type AcceptedDocuments = z.infer<typeof acceptedSchema>;

/** Nothing was accepted (any other status). `error` has the form of `wire.ts`. */
export const refusedSchema = z.object({
  error: z.unknown(),
  /** The first lines that are not documents, at most 1,000. */
  wrong: z.array(z.object({ line: z.int(), reason: z.string() })).default([]),
  wrong_count: z.int().default(0),
});
export type WrongLines = Pick<z.infer<typeof refusedSchema>, 'wrong' | 'wrong_count'>;
