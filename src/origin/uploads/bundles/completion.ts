// Completes an upload: checks its bytes, stores it, and responds with the receipt.
//
// Guarantees: a repeated completion gets the same receipt. If the bytes are wrong, they are deleted, and the next
// creation for this job starts a new upload.

import { asCoded } from '#errors/coded-error.ts';
import { type JsonReply, problemOf, type ServedExchange } from '#origin/reply.ts';
import { Bodies } from '#origin/uploads/bodies.ts';
import { mediaTypeOf } from '#origin/uploads/upload-headers.ts';
import { later, otherContentDigest, SECONDS_UNTIL_FREE, SECONDS_UNTIL_SPACE } from '#origin/uploads/upload-replies.ts';
import { type Completion, isSameBundle, readCompletion } from './bundle-facts.ts';
import type { BundleParts } from './bundle-parts.ts';
import { bundleReceiptOf } from './bundle-record.ts';
import type { BundleStore, ReceivedBundle } from './bundle-store.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** The reply to `POST {upload}/complete`. Rejects when the client disconnects. */
export async function replyToCompletion(exchange: ServedExchange, id: string, parts: BundleParts): Promise<JsonReply> {
  if (mediaTypeOf(exchange.request.headers) !== 'application/json') {
    return problemOf({ status: 415, detail: 'Send application/json.' });
  }
  const body = await new Bodies(MAX_BODY_BYTES).hold(exchange, MAX_BODY_BYTES, (read) => Promise.resolve(read));
  if (body === 'other digest') return otherContentDigest();
  if (typeof body === 'string') {
    return problemOf({ status: 413, detail: `A completion has at most ${MAX_BODY_BYTES} bytes.` });
  }
  const read = readCompletion(body.toString('utf8'));
  if ('problem' in read) return problemOf({ status: 400, detail: `Not a completion: ${read.problem}.` });
  try {
    return await parts.locks.run(id, () => complete(id, read.facts, parts));
  } catch (thrown) {
    if ((thrown as { status_code?: unknown }).status_code !== 423) throw thrown;
    return later({ status: 423, detail: 'Another request uses this upload.' }, SECONDS_UNTIL_FREE);
  }
}

async function complete(id: string, said: Completion, parts: BundleParts): Promise<JsonReply> {
  const { finished, unfinished, files } = parts;
  const members = { job: said.job };
  const done = finished.ofUpload(id);
  if (done !== undefined) {
    return isSameBundle(said, done) ? { status: 200, body: bundleReceiptOf(done) } : refuseDigest(said);
  }
  const started = unfinished.get(id);
  const file = started === undefined ? null : await files.facts(unfinished.dataPath(id));
  if (started === undefined || file === null) {
    return problemOf({ status: 404, detail: 'There is no such upload.', members });
  }
  if (!isSameBundle(said, started.facts)) {
    await unfinished.remove(id);
    return refuseDigest(said);
  }
  if (file.size < said.length) {
    const detail = `${said.length - file.size} of ${said.length} bytes are missing.`;
    return problemOf({ status: 409, detail, members, headers: { 'Upload-Offset': String(file.size) } });
  }
  const facts = { ...started.facts, case: said.case ?? started.facts.case };
  const path = unfinished.dataPath(id);
  return await replyToCommit(finished, { facts, note: said.note, path, upload: id, by: 'tus' }, parts);
}

/** Stores a received bundle; the unfinished upload of its job is then released, or deleted if its bytes are wrong. */
export async function replyToCommit(
  finished: BundleStore,
  received: Omit<ReceivedBundle, 'at'>,
  { unfinished, linger, files }: BundleParts,
): Promise<JsonReply> {
  const { facts, upload, path } = received;
  try {
    const committed = await finished.commit({ ...received, at: linger.clock.now() });
    if (committed.kind === 'stored') {
      const { record } = committed;
      if (record.upload === upload) await unfinished.release(upload);
      else if (unfinished.get(upload) !== undefined) await unfinished.remove(upload);
      return { status: record.upload === upload ? 201 : 200, body: bundleReceiptOf(record) };
    }
    await files.remove(path);
    if (unfinished.get(upload) !== undefined) await unfinished.remove(upload);
    return refuseDigest(facts);
  } catch (thrown) {
    if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
    return later({ status: 507, detail: 'The disk is full.', members: { job: facts.job } }, SECONDS_UNTIL_SPACE);
  }
}

function refuseDigest({ job }: Pick<Completion, 'job'>): JsonReply {
  return problemOf({ status: 422, detail: 'The bytes do not have this digest and length.', members: { job } });
}
