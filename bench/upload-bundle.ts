// Uploads a bundle of 300 MB through Squid and a relay that passes 7 MB/s and cuts each connection after 10 MB. The
// daemon is killed ten times meanwhile. The bundle must arrive whole in one upload. At most 5 % and 4 MiB per kill may
// be sent again, counted at the relay, and the resident memory of the daemon must stay within 130 MiB. About 2 minutes.
// Exit status 1 if a limit is exceeded. Needs Linux and Squid.
//
// Run: npx node bench/upload-bundle.ts

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createZstdCompress } from 'node:zlib';
import { pack } from 'tar-stream';
import { startOrigin } from '#origin/server.ts';
import { startByteRelay } from '#test/support/byte-relay.ts';
import { createCa } from '#test/support/certificates.ts';
import type { SallyportProcess } from '#test/support/sallyport-process.ts';
import { startSquid } from '#test/support/squid.ts';
import { startTlsFront } from '#test/support/tls-front.ts';

const MB = 1_000_000;
const MIB = 1_048_576;
const BYTES = 300 * MB;
const KILLS = 10;
/** As systemd starts the daemon. */
const FLAGS = ['--max-semi-space-size=1'];
const LIMIT_MS = 540_000;
const PROMISED = { againShare: 0.05, againPerKill: 4 * MIB, residentMiB: 130 };

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
// If root runs this, Squid runs as a user of its own.
await chmod(dir, 0o755);
// The program is built in the temporary folder, where an older build would otherwise be used.
process.env['TMPDIR'] = dir;
const { startSallyport, writeConfig } = await import('#test/support/sallyport-process.ts');
const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
const limit = setTimeout(() => {
  console.error(`not done after ${LIMIT_MS / 1_000} s`);
  process.exitCode = 2;
  void stopAll().then(() => process.exit());
}, LIMIT_MS);

async function stopAll(): Promise<void> {
  clearTimeout(limit);
  for (const stop of stops.reverse()) await stop().catch(() => undefined);
}

function* randomBytesOf(length: number): Generator<Buffer> {
  for (let at = 0; at < length; at += MB) yield randomBytes(MB);
}

/** A bundle as `send-logs --output` makes it, with one file of random bytes. */
async function makeBundle(path: string): Promise<void> {
  const manifest = {
    format: 1,
    job: '20261130-k3f9q2',
    case: null,
    note: null,
    asked_by: 'bench',
    created_at: '2026-11-30T08:00:00Z',
    sallyport: '0.1.0',
    host: 'bench',
    pseudonyms: false,
    since: null,
    sources: [],
    rules: [],
    files: [],
    left_out: [],
  };
  const tar = pack();
  const written = pipeline(tar, createZstdCompress(), createWriteStream(path));
  tar.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
  await pipeline(randomBytesOf(BYTES), tar.entry({ name: 'random.log', size: BYTES }) as unknown as Writable);
  tar.finalize();
  await written;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The largest resident memory of a process so far (proc(5), VmHWM), in bytes. */
function residentOf({ child }: SallyportProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024;
}

async function startDaemon(config: string): Promise<SallyportProcess> {
  const daemon = startSallyport(['run', '-c', config], { execArgv: FLAGS });
  await daemon.said('Listening for commands');
  return daemon;
}

async function measure(): Promise<boolean> {
  const file = join(dir, 'bundle.tar.zst');
  await makeBundle(file);
  const sha256 = await sha256Of(file);

  const ca = createCa();
  await writeFile(join(dir, 'ca.pem'), ca.cert);
  const received = join(dir, 'received');
  await mkdir(received);
  const origin = await startOrigin({ dir: received });
  stops.push(() => origin.close());
  const front = await startTlsFront(ca.issue(), Number(new URL(origin.url).port));
  stops.push(() => front.close());
  const relay = await startByteRelay(front.port, { cutsAfter: 10 * MB, rate: 7 * MB });
  stops.push(() => relay.close());
  const squid = await startSquid();
  stops.push(() => squid.stop());

  const config = await writeConfig(dir, {
    proxies: [{ name: 'squid', address: '127.0.0.1', port: squid.port, default: true }],
    support_logs: {
      enabled: true,
      url: `https://localhost:${relay.port}/support-logs`,
      ca_file: join(dir, 'ca.pem'),
      max_bytes: 2_000_000_000,
    },
  });
  let daemon = await startDaemon(config);
  stops.push(() => Promise.resolve(daemon.child.kill('SIGKILL')));
  const command = startSallyport(['send-logs', file, '-c', config]);
  stops.push(() => Promise.resolve(command.child.kill('SIGKILL')));
  while (relay.passed < MB) await delay(20);
  const imported = residentOf(daemon);
  command.child.kill('SIGINT');

  const start = performance.now();
  let resident = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    while (relay.passed < (kill * BYTES) / (KILLS + 1)) await delay(20);
    // The first process also took the file in through its socket.
    if (kill > 1) resident = Math.max(resident, residentOf(daemon));
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    daemon = await startDaemon(config);
  }
  while (origin.record.bundles.length === 0) {
    resident = Math.max(resident, residentOf(daemon));
    await delay(50);
  }
  const seconds = (performance.now() - start) / 1_000;

  const [bundle] = origin.record.bundles;
  const creations = origin.record.requests.filter(
    ({ method, target }) => method === 'POST' && target === '/support-logs',
  ).length;
  const [name = ''] = (await readdir(join(origin.bundlesDir, bundle?.job ?? ''))).filter((one) => one.endsWith('.zst'));
  const isWhole = (await sha256Of(join(origin.bundlesDir, bundle?.job ?? '', name))) === sha256;
  const again = relay.passed - (bundle?.length ?? 0);
  const mayAgain = BYTES * PROMISED.againShare + KILLS * PROMISED.againPerKill;
  const residentMiB = resident / MIB;
  const isSmall = Math.max(imported, resident) / MIB <= PROMISED.residentMiB;
  console.log(
    `${(BYTES / MB).toFixed(0)} MB in ${seconds.toFixed(0)} s; connections: ${relay.connections}, kills: ${KILLS}`,
  );
  console.log(`whole: ${isWhole ? 'yes' : 'NO'}; uploads created: ${creations} (promised: 1)`);
  console.log(
    `sent again: ${(again / MB).toFixed(1)} MB, ${((100 * again) / BYTES).toFixed(1)} % (promised: at most ${(mayAgain / MB).toFixed(1)} MB)`,
  );
  const promised = `(promised: at most ${PROMISED.residentMiB})`;
  console.log(
    `largest resident memory while the daemon took the file in: ${(imported / MIB).toFixed(0)} MiB ${promised}`,
  );
  console.log(`largest resident memory during the upload: ${residentMiB.toFixed(0)} MiB ${promised}`);
  return isWhole && creations === 1 && again <= mayAgain && isSmall;
}

try {
  if (!(await measure())) process.exitCode = 1;
} finally {
  await stopAll();
}
