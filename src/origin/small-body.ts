// Reads a whole request body into memory, and refuses one that is longer than its limit.

import { letContinue, type ServedExchange } from './reply.ts';

/** Null when it is longer; rejects when the client disconnects. */
export async function readBody(exchange: ServedExchange, maxBytes: number): Promise<Buffer | null> {
  const { request } = exchange;
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return null;
  letContinue(exchange);
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early must not destroy the request: the refusal is sent on its socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
