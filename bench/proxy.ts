// Measures the cost of a tunnel, new and reused, by kind of proxy and authentication: Sallyport, curl and npm's
// https-proxy-agent. All run on loopback in one run. They alternate in each round in a changing order, so that the ratios are
// from the same minutes. Proxies and origins run in another process; Negotiate needs a Squid and a KDC. About 40 s, at most
// 60 s. Exit status 1 if a contender opened a wrong number of tunnels.
//
// Run: node bench/proxy.ts

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKdc } from '#test/support/kdc.ts';
import { missingParts } from '#test/support/real-parts.ts';
import { startSquid } from '#test/support/squid.ts';
import { type Contender, curl, proxyAgent, sallyport } from './proxy/contenders.ts';
import { CLOSING, startTarget } from './proxy/far-side.ts';
import { byTicket, type Kind, kindsOf, throughSquid } from './proxy/kinds.ts';
import { printTable, type Round, type Times } from './proxy/report.ts';

const MAX_ROUNDS = 15;
/** Requests of one contender in one round, for each kind. */
const BATCH = 30;
/** No round starts after this time. */
const MEASURE_MS = 35_000;
const LIMIT_MS = 60_000;

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const limit = setTimeout(() => {
  // Child processes end with this one.
  rmSync(dir, { recursive: true, force: true });
  console.error(`not done after ${LIMIT_MS / 1_000} s`);
  process.exit(2);
}, LIMIT_MS);
const target = await startTarget();
const stops: (() => Promise<void>)[] = [target.close, () => rm(dir, { recursive: true, force: true })];
let isHonest = true;
try {
  const ca = { pem: target.ports.ca, file: join(dir, 'ca.pem') };
  await writeFile(ca.file, ca.pem);
  const makers = hasCurl() ? [sallyport, curl, proxyAgent] : [sallyport, proxyAgent];
  const kinds = [...kindsOf(target.ports), ...(await realKinds())];
  const rows = kinds.map((kind) => ({ kind, contenders: makers.flatMap((make) => make(kind, ca) ?? []) }));
  const rounds = await compare(rows);
  console.log(
    `${rounds.length} rounds of ${BATCH} requests each way; of each batch the lower quartile, since what other work ` +
      'adds is none of the tunnel; of the rounds the median, also of their ratios.\n',
  );
  printTable(
    kinds.map(({ name }) => name),
    rounds,
  );
  process.exitCode = isHonest ? 0 : 1;
} finally {
  clearTimeout(limit);
  for (const stop of stops) await stop();
}

function hasCurl(): boolean {
  const { status, stdout } = spawnSync('curl', ['--version'], { encoding: 'utf8' });
  console.log(
    status === 0 ? `compared with ${stdout.split(' ', 2).join(' ')}` : 'curl is not installed and is left out',
  );
  return status === 0;
}

/** Through a real Squid, without a user and with a ticket of a real KDC, if they are installed. */
async function realKinds(): Promise<Kind[]> {
  const missing = missingParts(['squid', 'kerberos']);
  if (missing.length > 0) console.log(`without ${missing.join(' and ')}: npm run parts, npm run kerberos`);
  if (missing.includes('squid')) return [];
  const squid = await startSquid();
  stops.push(squid.stop);
  const open = throughSquid(target.ports, squid);
  if (missing.includes('kerberos')) return [open];
  const kdc = await startKdc();
  stops.push(kdc.stop);
  Object.assign(process.env, kdc.ticket);
  const asking = await startSquid({ schemes: kdc.squid });
  stops.push(asking.stop);
  return [open, byTicket(target.ports, asking)];
}

interface Row {
  readonly kind: Kind;
  readonly contenders: readonly Contender[];
}

async function compare(rows: readonly Row[]): Promise<Round[]> {
  const rounds: Round[] = [];
  const begun = performance.now();
  for (let turn = 0; turn <= MAX_ROUNDS && performance.now() - begun < MEASURE_MS; turn += 1) {
    const round: Round = new Map();
    for (const { kind, contenders } of rows) {
      const times = new Map<string, Times>();
      for (const contender of turned(contenders, turn)) {
        const fresh = await batch(kind, contender, CLOSING);
        times.set(contender.name, { fresh, reused: await batch(kind, contender, '/') });
      }
      round.set(kind.name, times);
    }
    // The first warms up.
    if (turn > 0) rounds.push(round);
  }
  return rounds;
}

function turned<T>(all: readonly T[], by: number): T[] {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** The lower quartile of one batch in milliseconds. Names the contender that opened a wrong number of tunnels. */
async function batch(kind: Kind, contender: Contender, path: string): Promise<number> {
  const before = await target.connections();
  const url = new URL(path, kind.target);
  const times = (await contender.run({ url, times: BATCH })).toSorted((a, b) => a - b);
  const made = (await target.connections()) - before;
  const expected = path === CLOSING ? BATCH : 1;
  if (made !== expected) {
    isHonest = false;
    console.log(`${kind.name}: ${contender.name} made ${made} tunnels, not ${expected}`);
  }
  return times[Math.floor(times.length / 4)] ?? Number.NaN;
}
