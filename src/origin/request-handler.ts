// Answers one request to the origin: for a file, for the record of requests, or with an acknowledgement or an upload.
//
// Guarantees: every request gets one response or a closed connection, and no error leaves this module. If a file
// shrinks while it is sent, the connection is closed, so that the body does not look complete.

import { createReadStream } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { isLoopbackAddress } from '#system/network/addresses.ts';
import { readAcknowledgement } from './acknowledgement.ts';
import type { AcknowledgementLog } from './acknowledgement-log.ts';
import { type Answer, decideAnswer, httpDate } from './conditions.ts';
import { RECEIVED_FOLDER } from './platform/folder.ts';
import type { Platform } from './platform/platform.ts';
import { allows, begin, refuse, type ServedExchange, sendReply } from './reply.ts';
import type { RequestRecord } from './request-record.ts';
import { readBody } from './small-body.ts';
import { openServed, pathOf, type ServedFile } from './static-file.ts';
import { isUploadPath, type UploadReceiver } from './uploads.ts';

export interface Served {
  /** Real path of the folder. */
  readonly root: string;
  readonly log: AcknowledgementLog;
  readonly requests: RequestRecord;
  readonly uploads: UploadReceiver;
  readonly platform: Platform;
}

/** A receipt has a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_SHOWN = 1_000;

export const ACKNOWLEDGE_PATH = 'acknowledge';
const RECORD_PATH = 'acknowledge/record';

/** Never rejects. */
export async function answerRequest(served: Served, exchange: ServedExchange): Promise<void> {
  const { request, response } = exchange;
  // A connection error ends the connection; `close` of the response handles the rest.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  try {
    await route(served, exchange);
  } catch {
    if (response.headersSent) response.destroy();
    else refuse(exchange, 500, 'The server failed.');
  }
}

async function route(served: Served, exchange: ServedExchange): Promise<void> {
  const parts = pathOf(exchange.request.url ?? '');
  if (parts === 'malformed') return refuse(exchange, 400, 'The target is not a path.');
  if (parts === null) return refuse(exchange, 404, 'Not here.');
  const path = parts.join('/');
  if (path === ACKNOWLEDGE_PATH) return acknowledge(served, exchange);
  if (path === RECORD_PATH) return showRecord(served, exchange);
  if (await served.platform.answer(exchange, parts)) return;
  const objection = isUploadPath(parts) ? served.platform.objectionTo(exchange.request, null) : null;
  if (objection !== null) return sendReply(exchange, { ...objection, headers: { Connection: 'close' } });
  if (await served.uploads.answer(exchange, parts)) return;
  // What agents have sent is for the vendor alone.
  if (parts[0] === RECEIVED_FOLDER) return refuse(exchange, 404, 'Not here.');
  return serveFile(served.root, parts, exchange);
}

async function serveFile(root: string, parts: readonly string[], exchange: ServedExchange): Promise<void> {
  if (!allows(exchange, ['GET', 'HEAD'])) return;
  const file = await openServed(root, parts);
  if (file === null) return refuse(exchange, 404, 'Not here.');
  try {
    await sendFile(file, exchange);
  } finally {
    await file.handle.close();
  }
}

async function sendFile(file: ServedFile, exchange: ServedExchange): Promise<void> {
  const { request, response } = exchange;
  const answer = decideAnswer(request.method ?? '', request.headers, file);
  begin(exchange, answer.status, { ...headersOf(file), ...bodyHeaders(answer, file) });
  const first = answer.status === 206 ? answer.first : 0;
  const last = answer.status === 206 ? answer.last : file.length - 1;
  if (request.method === 'HEAD' || (answer.status !== 200 && answer.status !== 206) || last < first) {
    response.end();
    return;
  }
  const expected = last - first + 1;
  const source = createReadStream('', { fd: file.handle, start: first, end: last, autoClose: false });
  await pipeline(source, countTo(expected, exchange), response);
}

/** Counts the sent bytes, and fails before the end if some are missing. */
function countTo(
  expected: number,
  { entry }: ServedExchange,
): (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* count(source) {
    for await (const chunk of source) {
      entry.bytes += chunk.length;
      yield chunk;
    }
    if (entry.bytes !== expected) throw new Error(`the file ended after ${entry.bytes} of ${expected} bytes`);
  };
}

function headersOf(file: ServedFile): OutgoingHttpHeaders {
  return {
    'Content-Type': file.type,
    ETag: file.etag,
    'Last-Modified': httpDate(file.modifiedMs),
    'Accept-Ranges': 'bytes',
    'Cache-Control': file.cacheControl,
    'X-Content-Type-Options': 'nosniff',
  };
}

function bodyHeaders(answer: Answer, { length }: ServedFile): OutgoingHttpHeaders {
  switch (answer.status) {
    case 200:
      return { 'Content-Length': length };
    case 206:
      return {
        'Content-Length': answer.last - answer.first + 1,
        'Content-Range': `bytes ${answer.first}-${answer.last}/${length}`,
      };
    case 416:
      return { 'Content-Length': 0, 'Content-Range': `bytes */${length}` };
    case 412:
      return { 'Content-Length': 0 };
    case 304:
      return {};
  }
}

async function acknowledge({ log, platform }: Served, exchange: ServedExchange): Promise<void> {
  if (!allows(exchange, ['POST'])) return;
  const { headers } = exchange.request;
  // A page in a user's browser cannot send this type without a preflight request, which is refused.
  if (!/^application\/json(?:;|$)/i.test(headers['content-type'] ?? '') || 'content-encoding' in headers) {
    return refuse(exchange, 415, 'Send application/json without Content-Encoding.');
  }
  const body = await readBody(exchange, MAX_BODY_BYTES);
  if (body === null) return refuse(exchange, 413, `A body has at most ${MAX_BODY_BYTES} bytes.`);
  const objection = platform.objectionTo(exchange.request, body);
  if (objection !== null) return sendReply(exchange, objection);
  const key = headers['idempotency-key'];
  const read = readAcknowledgement(body.toString('utf8'), Array.isArray(key) ? key.join() : key);
  if ('problem' in read) return refuse(exchange, 400, `Not taken: ${read.problem}.`);
  switch (await log.accept(read.acknowledgement)) {
    case 'first':
      return sendReply(exchange, { status: 201, body: { status: 'recorded' } });
    case 'again':
      return sendReply(exchange, { status: 200, body: { status: 'already recorded' } });
    case 'other':
      return refuse(exchange, 422, 'That key was used for another ID, digest, outcome or agent.');
    case 'full':
      return refuse(exchange, 507, 'No more acknowledgements are kept here.');
  }
}

/** The record of requests, for this host only: agents' ids are not public. */
function showRecord({ log, requests, uploads }: Served, exchange: ServedExchange): void {
  if (!isLoopbackAddress(exchange.request.socket.remoteAddress ?? '')) {
    refuse(exchange, 404, 'Not here.');
  } else if (allows(exchange, ['GET', 'HEAD'])) {
    sendReply(exchange, {
      status: 200,
      body: {
        acknowledgements: log.all.slice(-MAX_SHOWN),
        requests: requests.requests,
        batches: uploads.batches,
        bundles: uploads.bundles,
      },
    });
  }
}
