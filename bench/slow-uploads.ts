// Uploads 20 times each to peers that read slowly, with a deadline of 1.5 s: all must complete. An upload to a peer that stops
// reading must fail within 2.5 s, in the phase `request`. Real sockets on loopback with the kernel's buffers.
// Run: npx node bench/slow-uploads.ts   (3 minutes)

import type { RequestBody } from '#http/session/body.ts';
import { Session } from '#http/session/session.ts';
import { systemClock } from '#system/clock.ts';
import { type SlowReaderOptions, startSlowReader } from '#test/support/slow-reader.ts';
import { testRouter } from '#test/support/test-router.ts';

const TIMES = 20;
const DEADLINE_MS = 1_500;
const GIVEN_UP_MS = 2_500;
const MB = 1_000_000;

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly peer: SlowReaderOptions;
  /** How many run at once. */
  readonly concurrent: number;
}

const CASES: readonly Case[] = [
  { name: '60 MB at 5 MB/s', bytes: 60 * MB, peer: { rate: 5 * MB }, concurrent: 4 },
  { name: '2 MB at 100 KB/s', bytes: 2 * MB, peer: { rate: 100_000 }, concurrent: 20 },
  { name: '2 MB at 20 KB/s', bytes: 2 * MB, peer: { rate: 20_000 }, concurrent: 20 },
  { name: 'stalls after 2 MB', bytes: 60 * MB, peer: { rate: 5 * MB, stallsAfter: 2 * MB }, concurrent: 4 },
];

function body(length: number): RequestBody {
  const chunk = Buffer.alloc(65_536);
  return {
    length,
    async *open(offset) {
      for (let at = offset; at < length; at += chunk.length) yield chunk.subarray(0, length - at);
    },
  };
}

interface Ended {
  readonly code: string;
  readonly phase: string | null;
  /** From the last byte that the peer read. */
  readonly afterMs: number;
}

async function upload({ bytes, peer }: Case): Promise<Ended> {
  const reader = await startSlowReader(peer);
  const session = new Session({ router: testRouter(), purpose: 'support_logs', clock: systemClock });
  let last = performance.now();
  let received = 0;
  const watch = setInterval(() => {
    if (reader.read() > received) last = performance.now();
    received = reader.read();
  }, 10);
  try {
    await session.request({
      request: { method: 'PUT', url: new URL(`http://127.0.0.1:${reader.port}/`), headers: {}, body: body(bytes) },
      deadlines: { firstByteMs: DEADLINE_MS, silenceMs: DEADLINE_MS, totalMs: 2_147_483_647, key: 'key' },
      limitBytes: 1_000,
      signal: AbortSignal.timeout(280_000),
    });
    return { code: 'complete', phase: null, afterMs: performance.now() - last };
  } catch (thrown) {
    const { code, trace } = thrown as { code: string; trace?: { phase: string } | null };
    return { code, phase: trace?.phase ?? null, afterMs: performance.now() - last };
  } finally {
    clearInterval(watch);
    session.close();
    await reader.close();
  }
}

let failed = false;
await Promise.all(
  CASES.map(async (one) => {
    const startedMs = performance.now();
    const ended: Ended[] = [];
    while (ended.length < TIMES)
      ended.push(...(await Promise.all(Array.from({ length: one.concurrent }, () => upload(one)))));
    const stalls = one.peer.stallsAfter !== undefined;
    const isRight = ({ code, phase, afterMs }: Ended) =>
      stalls ? code === 'REQUEST-TIMEOUT' && phase === 'request' && afterMs <= GIVEN_UP_MS : code === 'complete';
    const right = ended.filter(isRight).length;
    failed ||= right < ended.length;
    const maxMs = Math.max(...ended.map(({ afterMs }) => afterMs));
    const endings = [...new Set(ended.map(({ code, phase }) => (phase === null ? code : `${code} in ${phase}`)))].join(
      ', ',
    );
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    console.log(
      `${one.name}: ${right} of ${ended.length} (${endings}); ended at most ${Math.round(maxMs)} ms after the last byte read; ${seconds} s`,
    );
  }),
);
process.exitCode = failed ? 1 : 0;
