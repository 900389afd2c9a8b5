// Reads the JSON body of a request.
//
// Guarantees: at most 64 KiB are kept, and at most 50,000 values, nested at most 24 deep. A longer body is read to its
// end, so that the sender can read why it was refused. Only `application/json` is accepted, which a page of another origin can send only after a question that
// this server does not answer.

import type { IncomingMessage } from 'node:http';
import { coded } from '#errors/coded-error.ts';
import { checkJsonShape, type JsonLimits } from '#system/json-shape.ts';
import { PageRefusal } from './page-refusal.ts';

const MAX_BODY_BYTES = 65_536;
const SHAPE: JsonLimits = { values: 50_000, depth: 24 };
const JSON_TYPE = /^application\/json(?:\s*;|$)/i;

/** The value; `{}` for an empty body. @throws PageRefusal */
export async function readPageBody(incoming: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(incoming);
  if (bytes.length === 0) return {};
  if (!JSON_TYPE.test(incoming.headers['content-type'] ?? '')) throw refused(415, 'its body is not application/json');
  const excess = checkJsonShape(bytes, SHAPE);
  if (excess !== null) throw refused(413, `it has more than ${excess.limit} ${excess.what}`);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw refused(422, 'its body is not JSON', thrown);
  }
}

async function readBytes(incoming: IncomingMessage): Promise<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) chunks = [];
    else chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) throw refused(413, `its body has more than ${MAX_BODY_BYTES} bytes`);
  return Buffer.concat(chunks);
}

function refused(status: number, reason: string, cause?: unknown): PageRefusal {
  return new PageRefusal(status, coded('CONSOLE-REQUEST', { reason }, cause));
}
