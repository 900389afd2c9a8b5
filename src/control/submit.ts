// A submission on the socket `submit.sock`: one POST with documents, and a JSON response.
//
// The response may begin before the request has ended. The client then stops sending. The daemon first reads all data
// that was already sent, because closing a socket with unread data would discard the response (unix(7)).

/** Path of the request. Its method is POST, and its body has any length. */
export const SUBMIT_PATH = '/v1/documents';
/** The type of the body: one JSON object on each line, or one JSON text. */
export const SUBMIT_TYPE = 'application/x-ndjson';

/** Status 200: the documents are stored durably. */
export interface AcceptedDocuments {
  readonly documents: number;
  /** As they will be sent. */
  readonly bytes: number;
}

/** Lines that are not documents. */
export interface WrongLines {
  /** The first ones, at most 1,000. `line` is counted from 1. */
  readonly wrong: readonly { readonly line: number; readonly reason: string }[];
  readonly wrong_count: number;
}

/** Any other status: nothing was accepted. `error` has the form of `wire.ts`. */
export interface RefusedDocuments extends WrongLines {
  readonly error: unknown;
}

// Without zod, whose loading takes longer than a short submission.

/** @throws TypeError */
export function readAccepted(value: unknown): AcceptedDocuments {
  const { documents, bytes } = asObject(value);
  return { documents: asCount(documents), bytes: asCount(bytes) };
}

/** @throws TypeError */
export function readRefused(value: unknown): RefusedDocuments {
  const { error, wrong = [], wrong_count: count = 0 } = asObject(value);
  if (!Array.isArray(wrong)) throw new TypeError('a list of lines was expected');
  const lines = wrong.map((one: unknown) => {
    const { line, reason } = asObject(one);
    if (typeof reason !== 'string') throw new TypeError('a reason was expected');
    return { line: asCount(line), reason };
  });
  return { error, wrong: lines, wrong_count: asCount(count) };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object was expected');
  return value as Readonly<Record<string, unknown>>;
}

function asCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new TypeError('a whole number was expected');
  return value;
}
