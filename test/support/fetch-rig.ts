// Single attempts of `fetchDurably` on a disk that may crash, over real sockets to a server with scripted responses.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { NO_ADVICE, type PathAdvice } from '#path/advice.ts';
import type { Router } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import type { Settled } from '#transfer/copies.ts';
import { fetchDurably } from '#transfer/fetch.ts';
import type { Fetched, FetchPorts } from '#transfer/fetch-types.ts';
import { closeJournal } from '#transfer/journal.ts';
import type { CrashingFiles } from './crashing-files.ts';
import { sha256 } from './jars.ts';
import { type RawServer, startRawServer } from './raw-server.ts';
import { testRouter } from './test-router.ts';

/** How the server answers one request. */
export interface Script {
  /** The file as this server has it. */
  readonly bytes: Uint8Array;
  readonly etag: string;
  /** What becomes of a Range: followed, refused with 403, or ignored. If-Range is always honoured. */
  readonly ranges: 'follow' | 'refuse' | 'ignore';
  /** The connection is reset after this number of bytes of the body; null: never. */
  readonly cutAfter: number | null;
}

const STAGING = '/d/.staging';
export const STAGED = `${STAGING}/u1.jar.unverified`;
export const SECOND_COPY = `${STAGED}.fresh`;
export const JOURNAL = `${STAGING}/u1.journal`;

export interface FetchServer extends RawServer {
  /** Used for the next requests. */
  script: Script;
}

export async function startFetchServer(script: Script): Promise<FetchServer> {
  const state = { script };
  const raw = await startRawServer({ onRequest: (socket, head) => answer(socket, head, state.script) });
  return Object.assign(state, raw);
}

function answer(socket: Socket, head: string, { bytes, etag, ranges, cutAfter }: Script): void {
  socket.on('error', () => undefined);
  const asked = /^range: bytes=(\d+)-/im.exec(head);
  const condition = /^if-range: (.*)$/im.exec(head)?.[1]?.trim();
  if (asked !== null && ranges === 'refuse') {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const isPart = asked !== null && ranges === 'follow' && (condition === undefined || condition === etag);
  const from = isPart ? Number(asked[1]) : 0;
  const lines = isPart
    ? ['HTTP/1.1 206 Partial Content', `Content-Range: bytes ${from}-${bytes.length - 1}/${bytes.length}`]
    : ['HTTP/1.1 200 OK'];
  const body = bytes.subarray(from, cutAfter === null ? bytes.length : from + cutAfter);
  socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${bytes.length - from}\r\nETag: ${etag}\r\n\r\n`);
  socket.write(body, () => {
    // A reset would throw away what the other side has not read yet.
    if (body.length < bytes.length - from) socket.end();
  });
}

/** What one attempt came to. */
export interface Attempted {
  readonly fetched: Fetched | null;
  readonly error: Error | null;
  readonly settled: Settled | null;
}

/** One attempt for the package `right`; a file with another digest is thrown away, as the updates room does. */
export async function attempt(files: CrashingFiles, server: RawServer, right: Uint8Array): Promise<Attempted> {
  const url = new URL(`http://127.0.0.1:${server.port}/u1.jar`);
  return await attemptOver(files, { url, router: testRouter(), right });
}

/** Where an attempt gets its package. */
interface AttemptSource {
  readonly url: URL;
  readonly router: Router;
  readonly right: Uint8Array;
  readonly advice?: PathAdvice;
  /** In place of what the attempt depends on otherwise. */
  readonly over?: Partial<FetchPorts>;
  readonly signal?: AbortSignal;
}

/** The same over any router, on a path with this advice. */
export async function attemptOver(files: CrashingFiles, source: AttemptSource): Promise<Attempted> {
  const { url, router, right, advice = NO_ADVICE, over = {}, signal = new AbortController().signal } = source;
  const model = new ResponseTimeoutModel();
  let settled: Settled | null = null;
  try {
    await files.makeDirectory(STAGING, 0o700);
    const fetched = await fetchDurably(
      {
        files,
        stagingDir: STAGING,
        clock: systemClock,
        router,
        purpose: 'updates',
        configured: url,
        allowedOrigins: [],
        headers: () => ({}),
        timeoutSession: {
          plan: (route, size) => model.plan(route, size, 0),
          words: () => ({ key: 'response_timeout.base_ms' }),
          extend: () => 0,
          observe: () => undefined,
        },
        paths: { adviceFor: () => advice, observeLimit: () => undefined },
        reserve: { bytes: 0, key: 'updates.reserve_bytes' },
        report: () => undefined,
        watch: {
          began: () => undefined,
          startedOver: () => undefined,
          planned: () => undefined,
          inParts: () => undefined,
          progress: () => undefined,
          responded: () => undefined,
          failed: (found) => {
            settled = found;
          },
          led: () => undefined,
        },
        ...over,
      },
      {
        name: 'u1',
        url,
        length: right.length,
        sha256: sha256(right),
        begins: right.subarray(0, 4),
        note: 1,
        fresh: false,
      },
      signal,
    );
    if (fetched.sha256 === sha256(right)) return { fetched, error: null, settled };
    await closeJournal(files, STAGING, 'u1');
    return { fetched: null, error: wrongDigest(fetched, right), settled };
  } catch (thrown) {
    return { fetched: null, error: thrown as Error, settled };
  }
}

function wrongDigest({ sha256: found }: Fetched, right: Uint8Array): CodedError {
  return coded('DIGEST-MISMATCH', { algorithm: 'sha256', found, expected: sha256(right), via: 'no via' });
}
