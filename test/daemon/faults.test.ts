// The schedule with its rounds behind a failing proxy, for hours of a clock moved by hand: every fault has its own
// code, the proxy is not hammered, nothing is left over, and once the fault ends the update completes by itself.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import { Schedule } from '#daemon/schedule/schedule.ts';
import type { ScheduleRecord } from '#daemon/schedule/schedule-state.ts';
import { createCa } from '#test/support/certificates.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { FAULTS, type FaultProxy, honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { type Fault, openSockets } from '#test/support/fault-rounds.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { rounds } from '#test/support/rounds.ts';
import { profile } from '#test/support/test-router.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const DIR = '/data';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Timeouts of the proxy in milliseconds: the shortest that the settings accept, and those that must not be needed. */
const SHORT_MS = 100;
const AMPLE_MS = 60_000;
/** Timeouts are this much shorter than in the settings. */
const FASTER = 4;
/** Idle turns of the loop after which anything that still waits is waiting for the clock. */
const QUIET_TURNS = 5;
/** Busy turns of the loop after which the proxy is probably silent until a timeout. */
const BUSY_TURNS = 200;
const IDS = ['u1', 'u2', 'u3', 'u4'];

const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
const jars = new Map(IDS.map((id) => [id, makeJar(id, 2_000)]));
const feed = feedOf(IDS.map((id) => itemFor(id, jars.get(id) ?? Buffer.alloc(0), { package: id })));

let origin: TlsOrigin;
beforeAll(async () => {
  origin = await startTlsOrigin(ca.issue(), {
    answer: (request, response) => {
      const path = request.url ?? '';
      if (request.method === 'POST') response.writeHead(201).end();
      else if (path === '/feed.json') response.setHeader('content-type', 'application/json').end(feed);
      else response.end(jars.get(path.slice(1, -'.jar'.length)));
    },
  });
});
afterAll(() => origin.close());

/** One installation, from its start. */
class House {
  readonly #clock = new FakeClock();
  readonly #deadlines = new CountingClock(FASTER);
  readonly #files = new CrashingFiles();
  readonly #faultOf: (connection: number) => Fault;
  /** When each connection that the proxy failed was made. */
  readonly failedAt: number[] = [];
  #proxy!: FaultProxy;
  #rig!: Rig;
  #schedule!: Schedule;
  #record: ScheduleRecord | null = null;

  readonly #account: Parameters<typeof profile>[1];

  /** `faultOf` says what the proxy does with each connection, counted from 0. */
  constructor(faultOf: (connection: number) => Fault, account?: Parameters<typeof profile>[1]) {
    this.#faultOf = faultOf;
    this.#account = account;
  }

  /** `silences` are the faults that a timeout must end. */
  async start(...silences: readonly Fault[]): Promise<void> {
    const well = honest(origin.port);
    this.#proxy = await startFaultProxy((client, head, earlier) => {
      const fault = this.#faultOf(earlier);
      if (fault !== 'none') this.failedAt.push(this.#clock.monotonic());
      (fault === 'none' ? well : FAULTS[fault])(client, head, earlier);
    });
    const url = (path: string) => new URL(path, origin.url).href;
    const given = testSettings(DIR, {
      retry: {},
      response_timeout: timeoutsFor(silences),
      updates: { feed_url: url('/feed.json'), acknowledge_url: url('/acknowledge') },
    });
    const settings = { ...given, proxies: [profile(this.#proxy.port, this.#account)] } as Settings;
    const clocks = { clock: this.#clock, routerClock: this.#deadlines };
    this.#rig = await openRig({ files: this.#files, dir: DIR, settings, updatesTls: trust, ...clocks });
    this.#schedule = new Schedule({
      name: 'updates',
      timetable: () => ({ expression: '0 */6 * * *', timeZone: 'UTC', jitterSeconds: 0, maxDelaySeconds: 21_600 }),
      isFirst: () => true,
      agentId: 'agent',
      clock: this.#clock,
      state: {
        get: () => this.#record,
        put: (_name, record) => {
          this.#record = record;
        },
        save: () => Promise.resolve(),
      },
      report: () => {},
      onStep: () => {},
      onUnsaved: () => {},
      onDue: () => void this.#rig.round().then((ended) => this.#schedule.ended(ended)),
    });
    this.#schedule.start();
  }

  /** When a check last succeeded. */
  get succeededAt(): string {
    return new Date(this.#record?.succeeded_at ?? 0).toISOString();
  }

  /** From here on, each event takes this long. */
  take(ms: number): void {
    this.#clock.advance(ms);
  }

  get codes(): string[] {
    return [...new Set(this.#rig.codes())];
  }

  get published(): number {
    return this.#files.names().filter((name) => name.endsWith('.jar')).length;
  }

  /** The most failed connections that the proxy had within a minute. */
  get busiestMinute(): number {
    const within = (from: number) => this.failedAt.filter((at) => at >= from && at - from < MINUTE_MS).length;
    return Math.max(0, ...this.failedAt.map(within));
  }

  /** Moves the clock whenever nothing but the clock is waited for; network traffic takes no time. */
  async pass(ms: number): Promise<void> {
    const end = this.#clock.monotonic() + ms;
    for (let [quiet, busy] = [0, 0]; this.#clock.monotonic() < end; ) {
      await new Promise((resolve) => (busy > BUSY_TURNS ? setTimeout(resolve, 1) : setImmediate(resolve)));
      // A round keeps the connection of its feed, with a timer, while its packages wait.
      const { unused } = this.#rig.ports.session;
      const isBusy = this.#proxy.open > unused || this.#deadlines.pending > unused;
      [quiet, busy] = isBusy ? [0, busy + 1] : [quiet + 1, 0];
      if (quiet < QUIET_TURNS) continue;
      quiet = 0;
      this.#clock.advance(Math.min(this.#clock.untilNext ?? ms, end - this.#clock.monotonic()));
    }
  }

  /** Ends, and expects that nothing is left over. */
  async stop(socketsBefore: number): Promise<void> {
    this.#schedule.stop();
    await this.#proxy.allClosed();
    await this.#proxy.close();
    while (openSockets() > socketsBefore) await new Promise((resolve) => setImmediate(resolve));
    expect([this.#deadlines.pending, this.#clock.pending]).toEqual([0, 0]);
  }
}

/** Tried again after minutes, or with the schedule if a person has to change something. */
const TOLD: readonly [Fault, string][] = [
  ['silent', 'TUNNEL-TIMEOUT'],
  ['slowHeaders', 'TUNNEL-TIMEOUT'],
  ['closesBeforeAnswering', 'TUNNEL-CLOSED'],
  ['resetsInTheMiddle', 'TUNNEL-CLOSED'],
  ['closesInTheMiddle', 'TUNNEL-CLOSED'],
  ['grantsThenSilence', 'TLS-TIMEOUT'],
  ['gluesGarbage', 'TLS-FAILED'],
  ['endlessInterim', 'TOO-MANY-INTERIM'],
  ['hugeHeaders', 'PROXY-PROTOCOL'],
  ['htmlInsteadOfAReply', 'NOT-A-PROXY'],
  ['webServer', 'NOT-A-PROXY'],
  ['challengesWithoutChallenge', 'AUTH-REQUIRED'],
  ['challengesForEver', 'AUTH-REQUIRED'],
];
const SILENCES: readonly Fault[] = ['silent', 'slowHeaders', 'grantsThenSilence'];

/** Only those timeouts are short that end one of these faults. */
function timeoutsFor(silences: readonly Fault[]) {
  const isShort = (...faults: readonly Fault[]) => faults.some((fault) => silences.includes(fault));
  return {
    tunnel_timeout_ms: isShort('silent', 'slowHeaders') ? SHORT_MS : AMPLE_MS,
    tls_timeout_ms: isShort('grantsThenSilence') ? SHORT_MS : AMPLE_MS,
  };
}

describe('a two-hour fault', () => {
  let house: House;
  let before: number;
  afterEach(() => house.stop(before));

  it.each(TOLD)('%s: is reported as %s, is not hammered, and work resumes by itself', async (fault, code) => {
    let broken = true;
    house = new House(() => (broken ? fault : 'none'));
    before = openSockets();
    await house.start(fault);
    await house.pass(2 * HOUR_MS);
    expect([house.codes, house.published]).toEqual([[code], 0]);
    expect(house.busiestMinute).toBeLessThan(10);
    broken = false;
    await house.pass(6 * HOUR_MS);
    expect(house.published).toBe(IDS.length);
  });

  it('faults: failing between feed and packages, two packages are tried and the others wait', async () => {
    let broken = true;
    house = new House((connection) => (broken && connection > 0 ? 'closesBeforeAnswering' : 'none'));
    before = openSockets();
    await house.start();
    await house.pass(2 * HOUR_MS);
    expect([house.codes, house.published]).toEqual([['TUNNEL-CLOSED'], 0]);
    // Each of the two has its own retry, at growing distances. The others follow when these two are complete.
    expect(house.failedAt.length).toBeGreaterThan(2 * 5);
    expect(house.busiestMinute).toBeLessThan(10);
    broken = false;
    await house.pass(6 * HOUR_MS);
    expect(house.published).toBe(IDS.length);
  });

  it('faults: a right password that is refused once is sent once; work resumes when it may', async () => {
    let down = false;
    house = new House(
      () => {
        if (!down) return 'none';
        house.take(300);
        return 'challengesForEver';
      },
      { password: 'open sesame' },
    );
    before = openSockets();
    await house.start();
    await house.pass(5 * HOUR_MS);
    expect([house.codes, house.published]).toEqual([[], IDS.length]);
    // The slot at 06:00 lies within the outage.
    down = true;
    await house.pass(2 * HOUR_MS);
    expect([house.codes, house.failedAt.length]).toEqual([['AUTH-REJECTED'], 1]);
    down = false;
    await house.pass(6 * HOUR_MS);
    // Six hours after the refusal, a moment after the slot at 12:00; not with the slot at 18:00.
    expect(house.succeededAt).toMatch(/T12:0[01]:/);
  });
});

describe('a proxy with random faults', () => {
  it('is never hammered, and nothing is left over once healthy', async () => {
    const faults = fc.constantFrom<Fault>('none', ...TOLD.map(([fault]) => fault));
    await fc.assert(
      fc.asyncProperty(fc.array(faults, { minLength: 1, maxLength: 40 }), async (all) => {
        const sockets = openSockets();
        const trial = new House((connection) => all[connection] ?? 'none');
        await trial.start(...SILENCES);
        await trial.pass(24 * HOUR_MS);
        expect(trial.busiestMinute).toBeLessThan(10);
        await trial.stop(sockets);
      }),
      { numRuns: rounds(4) },
    );
  }, 120_000);
});
