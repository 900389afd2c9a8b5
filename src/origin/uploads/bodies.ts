// Reads request bodies in bounded memory, and decodes their content coding.
//
// Guarantees: a body never exceeds its limit, before or after decoding, and all bodies together never exceed theirs.
// If a compressed body decodes to more than the limit, it is refused before all of it is in memory.

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, gunzip, zstdDecompress } from 'node:zlib';
import { letContinue, type Messages } from '#origin/reply.ts';
import { isContentDigest } from './upload-headers.ts';
import type { Coding } from './upload-options.ts';

/** A body, or why it was not read to its end. */
export type ReadBody = Buffer | 'too large' | 'no memory' | 'other digest';

/** RFC 9659, 3: a sender may use a window of at most 8 MiB. */
const ZSTD_WINDOW_LOG = 23;
const decodeZstd = promisify(zstdDecompress);
const decodeGzip = promisify(gunzip);

export class Bodies {
  readonly #limit: number;
  #held = 0;

  /** `limit`: bytes of all bodies together. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Reads a body of at most `limit` bytes and passes it to `use`. The body counts until that ends. Rejects when the
   * client disconnects.
   */
  async hold<T>(exchange: Messages, limit: number, use: (body: ReadBody) => Promise<T>): Promise<T> {
    const held = { bytes: 0 };
    try {
      return await use(await this.#read(exchange, limit, held));
    } finally {
      this.#held -= held.bytes;
    }
  }

  async #read({ request, response }: Messages, limit: number, held: { bytes: number }): Promise<ReadBody> {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > limit) return 'too large';
    if (this.#held + announced > this.#limit) return 'no memory';
    letContinue({ request, response });
    const chunks: Buffer[] = [];
    // Leaving the loop early must not destroy the request: the refusal is sent on its socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      held.bytes += chunk.length;
      this.#held += chunk.length;
      if (held.bytes > limit) return 'too large';
      if (this.#held > this.#limit) return 'no memory';
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    return isContentDigest(request.headers, sha256Hex(body)) ? body : 'other digest';
  }
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a body and discards it; returns its bytes, or null when it has more than the limit. */
export async function discardBody(exchange: Messages, limit: number): Promise<number | null> {
  const { request } = exchange;
  if (Number(request.headers['content-length'] ?? 0) > limit) return null;
  letContinue(exchange);
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) return null;
  }
  return bytes;
}

/** The bytes without content coding, at most `limit` of them. */
export async function decodeBody(
  body: Buffer,
  coding: Coding,
  limit: number,
): Promise<Buffer | 'too large' | 'damaged'> {
  if (coding === 'none') return body;
  try {
    if (coding === 'gzip') return await decodeGzip(body, { maxOutputLength: limit });
    const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
    return await decodeZstd(body, { maxOutputLength: limit, params });
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'damaged';
  }
}
