// Receives a bundle in one PUT, for senders and servers without tus.
//
// Guarantees: the body is written to a file among the unfinished uploads and never held in memory. A repeated PUT gets
// the same receipt. If the connection breaks, no file remains. After a crash, the next start deletes the file.

import { createHash, randomBytes } from 'node:crypto';
import { asCoded } from '#errors/coded-error.ts';
import { type JsonReply, letContinue, problemOf, type ServedExchange } from '#origin/reply.ts';
import { discardBody } from '#origin/uploads/bodies.ts';
import { headerOf, isContentDigest } from '#origin/uploads/upload-headers.ts';
import { later, otherContentDigest, SECONDS_UNTIL_SPACE } from '#origin/uploads/upload-replies.ts';
import { writeAll } from '#system/files.ts';
import { type BundleFacts, isSameBundle, readPut } from './bundle-facts.ts';
import type { BundleParts } from './bundle-parts.ts';
import { bundleReceiptOf } from './bundle-record.ts';
import { replyToCommit } from './completion.ts';

interface PutParts extends BundleParts {
  /** Takes the bytes from the quota until the function is called; a reply when there is no room. */
  reserve(facts: BundleFacts): JsonReply | (() => void);
}

/** The reply to `PUT {address}/{job}.{ending}`. Rejects when the client disconnects. */
export async function replyToPut(exchange: ServedExchange, filename: string, parts: PutParts): Promise<JsonReply> {
  const { headers } = exchange.request;
  const refused = refuseHead(exchange);
  if (refused !== null) return refused;
  const read = readPut(headers, filename);
  if ('problem' in read) return problemOf({ status: 400, detail: `Not a bundle: ${read.problem}.` });
  const { facts } = read;
  const done = parts.finished.ofJob(facts);
  if (done !== undefined) {
    if (!isSameBundle(done, facts)) {
      return problemOf({ status: 409, detail: 'That job was finished with other bytes.', members: { job: facts.job } });
    }
    // A client that sends everything before it reads would lose the receipt if the connection was closed now.
    if (!isWaiting(exchange)) await discardBody(exchange, facts.length);
    return { status: 200, body: bundleReceiptOf(done) };
  }
  const release = parts.reserve(facts);
  if (typeof release !== 'function') return release;
  try {
    return await receive(exchange, facts, parts);
  } finally {
    release();
  }
}

function refuseHead({ request: { headers } }: ServedExchange): JsonReply | null {
  if (headerOf(headers, 'content-length') === undefined) {
    return problemOf({ status: 411, detail: 'Send Content-Length.' });
  }
  // RFC 9110, 14.5: a server without partial PUT must answer 400.
  if (headerOf(headers, 'content-range') !== undefined) {
    return problemOf({ status: 400, detail: 'Send the whole bundle, without Content-Range.' });
  }
  if (headerOf(headers, 'content-encoding') === undefined) return null;
  return problemOf({ status: 415, detail: 'Send the bundle without Content-Encoding.' });
}

function isWaiting({ request: { headers } }: ServedExchange): boolean {
  return headers.expect !== undefined;
}

async function receive(exchange: ServedExchange, facts: BundleFacts, parts: PutParts): Promise<JsonReply> {
  const id = randomBytes(16).toString('hex');
  const path = parts.unfinished.dataPath(id);
  try {
    letContinue(exchange);
    const sha256 = await writeBody(exchange, path, parts);
    if (!isContentDigest(exchange.request.headers, sha256)) return otherContentDigest();
    const reply = await replyToCommit(parts.finished, { facts, note: null, path, upload: id, by: 'put' }, parts);
    const started = parts.unfinished.ofJob(facts);
    if (reply.status < 300 && started !== undefined) {
      await parts.locks.run(started.id, () => parts.unfinished.remove(started.id));
    }
    return reply;
  } catch (thrown) {
    if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
    const members = { job: facts.job };
    return later({ status: 507, detail: 'The disk is full.', members }, SECONDS_UNTIL_SPACE);
  } finally {
    // After a commit it is no longer there.
    await parts.files.remove(path);
  }
}

/** Returns the SHA-256 of the body, hex. */
async function writeBody({ request }: ServedExchange, path: string, { files }: PutParts): Promise<string> {
  const hash = createHash('sha256');
  const file = await files.create(path, 0o600);
  try {
    let position = 0;
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      writeAll(file, chunk, position);
      hash.update(chunk);
      position += chunk.length;
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
