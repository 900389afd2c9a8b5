import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import {
  type Inputs,
  type LinkEvent,
  type Machine,
  type Phase,
  type Step,
  TRANSITIONS,
} from '#platform/link/machine.ts';
import { OFF, step } from '#platform/link/state.ts';

const refused = coded('TCP-REFUSED', { host: 'proxy.example.com', port: 3_128, elapsed: 1, hop: null });
const blocked = coded('WS-BLOCKED', {
  host: 'platform.example.com',
  target: 'platform.example.com:443',
  url: 'wss://platform.example.com/',
  answer: '200 OK',
  hop: null,
});
const lost = coded('LINK-LOST', { host: 'platform.example.com', elapsed: 1_000, hop: null });
const cut = coded('CONNECTION-LOST', {
  host: 'h',
  url: 'u',
  received: 0,
  expected: null,
  elapsed: 1,
  reason: 'r',
  next: 'n',
  hop: null,
});
const denied = coded('AUTH-REJECTED', {
  proxy: 'corp',
  user: 'u',
  scheme: 'basic',
  since: 0,
  history: 'h',
  retry: 'r',
});

/** A machine that is moved by events, with a clock of its own. */
class Rig {
  machine: Machine = OFF;
  nowMs = 1_000;
  random = 0.5;
  effects: Step['effects'] = [];

  feed(event: LinkEvent): this {
    const inputs: Inputs = {
      nowMs: this.nowMs,
      random: this.random,
      silent: () => coded('LINK-SILENT', { host: 'h', elapsed: 1, hop: null }),
    };
    const { machine, effects } = step(this.machine, event, inputs);
    this.machine = machine;
    this.effects = effects;
    return this;
  }

  start(mode: 'websocket' | 'poll' = 'websocket'): this {
    return this.feed({ kind: 'start', mode, pingMs: 25_000 });
  }

  connect(): this {
    return this.feed({ kind: 'opened' }).feed({ kind: 'upgraded' }).feed({ kind: 'heard', isMessage: true });
  }

  after(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** Lets the next planned moment come. */
  wake(): this {
    this.nowMs = Math.max(this.nowMs, this.machine.wakeAtMs ?? this.nowMs);
    return this.feed({ kind: 'time' });
  }

  get phase(): Phase {
    return this.machine.phase;
  }

  get does(): string[] {
    return this.effects.map((effect) => (effect.do === 'say' ? `say ${effect.what.kind}` : effect.do));
  }

  get waitMs(): number {
    return (this.machine.wakeAtMs ?? Number.NaN) - this.nowMs;
  }
}

/** The arrows of the picture in docs/architecture.md: `connecting upgrading`. */
function drawn(): string[] {
  const page = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
  const picture = /```mermaid\n(stateDiagram-v2\n {2}\[\*\] --> off[^`]*connecting[^`]*)```/.exec(page)?.[1] ?? '';
  return [...picture.matchAll(/^ {2}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
}

describe('link machine', () => {
  it('link machine: a WebSocket is opened, upgraded and proven by the first message', () => {
    const rig = new Rig().start();
    expect([rig.phase, rig.does]).toEqual(['connecting', ['open']]);
    expect(rig.feed({ kind: 'opened' }).phase).toBe('upgrading');
    expect(rig.feed({ kind: 'upgraded' }).phase).toBe('connected');
    expect(rig.does).toEqual([]);
    expect(rig.feed({ kind: 'heard', isMessage: true }).does).toEqual(['say connected']);
  });

  it('link machine: a platform that never answers the greeting is left after 30 seconds', () => {
    const rig = new Rig().start().feed({ kind: 'opened' }).feed({ kind: 'upgraded' });
    const sinceMs = rig.nowMs;
    while (rig.phase === 'connected') rig.wake().feed({ kind: 'heard', isMessage: false });
    expect(rig.nowMs - sinceMs).toBe(30_000);
    expect(rig.machine.failure?.code).toBe('LINK-SILENT');
  });

  it('link machine: two pings without an answer end the link, within three intervals', () => {
    const rig = new Rig().start().connect();
    const sinceMs = rig.nowMs;
    let pings = 0;
    while (rig.phase === 'connected') {
      rig.wake();
      pings += rig.does.filter((one) => one === 'ping').length;
    }
    expect(pings).toBe(2);
    expect(rig.nowMs - sinceMs).toBeLessThanOrEqual(75_000);
    expect(rig.machine.failure?.code).toBe('LINK-SILENT');
  });

  it('link machine: two links lost in silence make pings twice as frequent, down to 5 s', () => {
    const rig = new Rig().start();
    const intervals: number[] = [];
    for (let at = 0; at < 8; at += 1) {
      rig.connect();
      intervals.push(rig.machine.pingMs);
      rig.after(6_000).feed({ kind: 'ended', error: lost, isOrderly: false }).wake();
    }
    expect(intervals).toEqual([25_000, 25_000, 12_500, 12_500, 6_250, 6_250, 5_000, 5_000]);
    for (let at = 0; at < 4; at += 1)
      rig.connect().after(1_000).feed({ kind: 'ended', error: lost, isOrderly: true }).wake();
    expect(rig.machine.pingMs).toBe(5_000);
    expect(rig.feed({ kind: 'stop' }).start().machine.pingMs).toBe(25_000);
  });

  it('link machine: answered pings keep the link for days, at most one interval apart', () => {
    const rig = new Rig().start().connect();
    for (let at = 0; at < 10_000; at += 1) {
      rig.random = (at % 10) / 10;
      rig.wake();
      expect(rig.waitMs).toBeLessThanOrEqual(25_000);
      expect(rig.waitMs).toBeGreaterThanOrEqual(18_750);
      rig.after(100).feed({ kind: 'heard', isMessage: false });
    }
    expect(rig.phase).toBe('connected');
  });

  it('link machine: failures double the wait from 2 s to 5 min; only a stable minute resets it', () => {
    const rig = new Rig().start();
    rig.random = 0.999_999;
    const waits: number[] = [];
    for (let at = 0; at < 10; at += 1) {
      rig.feed({ kind: 'failed', error: refused });
      waits.push(Math.round(rig.waitMs / 1_000));
      rig.wake();
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    rig.connect().after(59_000).feed({ kind: 'ended', error: lost, isOrderly: false });
    expect(Math.round(rig.waitMs / 1_000)).toBe(300);
    rig.wake().connect().after(61_000).feed({ kind: 'ended', error: lost, isOrderly: false });
    expect(Math.round(rig.waitMs / 1_000)).toBe(32);
  });

  it('link machine: the return of a working link is spread over half a minute', () => {
    const waits = [0, 0.25, 0.5, 0.75].map((random) => {
      const rig = new Rig().start().connect();
      rig.random = random;
      return rig.after(3_600_000).feed({ kind: 'ended', error: lost, isOrderly: true }).waitMs;
    });
    expect(waits).toEqual([1_000, 8_750, 16_500, 24_250]);
  });

  it('link machine: an end after hours is said once a day, and not a failure', () => {
    const rig = new Rig().start().connect();
    const said: number[] = [];
    for (let hour = 0; hour < 72; hour += 1) {
      rig.after(3_600_000).feed({ kind: 'ended', error: lost, isOrderly: false });
      expect(rig.machine.failure).toBeNull();
      if (rig.does.includes('say ended')) said.push(hour);
      rig.wake().connect();
      expect(rig.does).toEqual([]);
    }
    expect(said).toEqual([0, 24, 48]);
  });

  it('link machine: a link that is lost soon is a failure, said once a day', () => {
    const rig = new Rig().start().connect();
    rig.after(20_000).feed({ kind: 'ended', error: lost, isOrderly: false });
    expect(rig.does).toEqual(['drop', 'say failed']);
    expect(rig.wake().connect().does).toEqual(['say connected']);
    rig.after(20_000).feed({ kind: 'ended', error: lost, isOrderly: false });
    expect(rig.does).toEqual(['drop']);
    expect(rig.wake().connect().does).toEqual([]);
  });

  it('link machine: a requested delay is obeyed and spread, at most an hour', () => {
    const rig = new Rig().start().connect().feed({ kind: 'delay', ms: 120_000 });
    rig.random = 0;
    rig.feed({ kind: 'ended', error: lost, isOrderly: true });
    expect(rig.waitMs).toBe(121_000);
    const other = new Rig().start().connect().feed({ kind: 'delay', ms: 120_000 });
    other.random = 0.999_999;
    other.feed({ kind: 'ended', error: lost, isOrderly: true });
    expect(Math.round(other.waitMs)).toBe(152_000);
    const long = new Rig().start().feed({ kind: 'failed', error: refused, retryAfterMs: 86_400_000 });
    expect(long.waitMs).toBeLessThanOrEqual(3_600_000 + 32_000);
    expect(long.waitMs).toBeGreaterThanOrEqual(3_600_000);
  });

  it('link machine: a refused login is not tried again for minutes, whatever came before', () => {
    const waits = [0, 0.5].map((random) => {
      const rig = new Rig().start();
      rig.random = random;
      return rig.feed({ kind: 'failed', error: denied }).waitMs;
    });
    expect(waits[0]).toBeGreaterThanOrEqual(900_000);
    expect(waits[1]).toBeLessThanOrEqual(3_600_000);
  });

  it('link machine: a refused upgrade leads to long polling, and WebSocket is tried later', () => {
    const rig = new Rig().start().feed({ kind: 'opened' }).feed({ kind: 'refused', error: blocked });
    expect([rig.phase, rig.does]).toEqual(['polling', ['say blocked', 'poll']]);
    expect(rig.effects.at(-1)).toEqual({ do: 'poll', waitSeconds: 0, isFirst: true });
    rig.after(50).feed({ kind: 'answered', elapsedMs: 50, messages: 1 });
    expect(rig.does).toEqual(['say connected', 'poll']);
    expect(rig.effects.at(-1)).toEqual({ do: 'poll', waitSeconds: 60, isFirst: false });
    const probes: number[] = [];
    let lastMs = rig.nowMs;
    for (let at = 0; at < 3_000; at += 1) {
      rig.after(60_000).feed({ kind: 'answered', elapsedMs: 60_000, messages: 0 });
      if (rig.phase !== 'probing') continue;
      probes.push(Math.round((rig.nowMs - lastMs) / 60_000));
      lastMs = rig.nowMs;
      expect(rig.does).toEqual(['open']);
      rig.feed({ kind: 'refused', error: blocked });
      expect([rig.phase, rig.does]).toEqual(['polling', ['poll']]);
    }
    expect(probes.slice(0, 8)).toEqual([4, 8, 15, 30, 60, 120, 240, 270]);
    rig.after(60_000).feed({ kind: 'answered', elapsedMs: 60_000, messages: 0 });
    while (rig.phase !== 'probing') rig.after(60_000).feed({ kind: 'answered', elapsedMs: 60_000, messages: 0 });
    rig.feed({ kind: 'opened' }).feed({ kind: 'upgraded' });
    expect([rig.phase, rig.machine.blocked]).toEqual(['connected', null]);
  });

  it('link machine: polls obey the Retry-After of a probe that the platform refused', () => {
    const rig = new Rig().start().feed({ kind: 'opened' }).feed({ kind: 'refused', error: blocked });
    while (rig.phase !== 'probing') rig.after(60_000).feed({ kind: 'answered', elapsedMs: 60_000, messages: 0 });
    rig.feed({ kind: 'failed', error: cut, retryAfterMs: 120_000 });
    expect([rig.phase, rig.does]).toEqual(['polling', []]);
    expect(rig.waitMs).toBeGreaterThanOrEqual(120_000);
    expect(rig.after(119_000).feed({ kind: 'time' }).does).toEqual([]);
    expect(rig.wake().does).toEqual(['poll']);
  });

  it('link machine: three silent upgrades lead to long polling, said once it works', () => {
    const silent = () => {
      const rig = new Rig().start();
      for (let at = 0; at < 3; at += 1) {
        if (at > 0) rig.wake();
        rig.feed({ kind: 'opened' }).feed({ kind: 'failed', error: cut });
      }
      return rig;
    };
    const works = silent();
    expect([works.phase, works.does]).toEqual(['polling', ['poll']]);
    expect(works.feed({ kind: 'answered', elapsedMs: 10, messages: 0 }).does).toContain('say blocked');
    const fails = silent().feed({ kind: 'failed', error: cut, elapsedMs: 10 });
    expect([fails.phase, fails.machine.blocked]).toEqual(['waiting', null]);
    expect(fails.wake().phase).toBe('connecting');
  });

  it('link machine: mode poll opens no WebSocket, whatever happens', () => {
    const rig = new Rig().start('poll');
    fc.assert(
      fc.property(fc.array(anyEvent(), { maxLength: 60 }), (events) => {
        const own = new Rig().start('poll');
        for (const event of events) {
          if (event.kind === 'start') continue;
          own.after(10_000).feed(event);
          expect(own.does).not.toContain('open');
        }
      }),
    );
    expect(rig.does).toEqual(['poll']);
  });

  it('link machine: polls that are cut twice wait for less; after a day the full wait returns', () => {
    const rig = new Rig().start('poll').feed({ kind: 'answered', elapsedMs: 10, messages: 0 });
    for (let at = 0; at < 2; at += 1) {
      rig.after(30_000).feed({ kind: 'failed', error: cut, elapsedMs: 30_000 });
      expect(rig.phase).toBe('waiting');
      rig.wake().feed({ kind: 'answered', elapsedMs: 10, messages: 0 });
      expect(rig.machine.pollWait.seconds).toBe(at === 0 ? 60 : 24);
    }
    for (let passedMs = 0; passedMs < 86_400_000; passedMs += 24_000) {
      rig.after(24_000).feed({ kind: 'answered', elapsedMs: 24_000, messages: 0 });
    }
    expect(rig.machine.pollWait.seconds).toBe(60);
  });

  it('link machine: a server that never holds a poll is asked less and less often', () => {
    const rig = new Rig().start('poll');
    const pauses: number[] = [];
    for (let at = 0; at < 14; at += 1) {
      rig.after(5).feed({ kind: 'answered', elapsedMs: 5, messages: 0 });
      pauses.push(rig.machine.polls > 0 ? 0 : rig.waitMs / 1_000);
      if (rig.machine.polls === 0) rig.wake();
    }
    expect(pauses).toEqual([0, 0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
  });

  it('link machine: an urgent message leads to one second poll, and the next one waits for both', () => {
    const rig = new Rig().start('poll');
    expect(rig.feed({ kind: 'urgent' }).does).toEqual([]);
    rig.feed({ kind: 'answered', elapsedMs: 10, messages: 1 }).after(5_000);
    expect(rig.feed({ kind: 'urgent' }).effects).toEqual([{ do: 'poll', waitSeconds: 60, isFirst: false }]);
    expect(rig.feed({ kind: 'urgent' }).does).toEqual([]);
    expect(rig.feed({ kind: 'answered', elapsedMs: 5_000, messages: 0 }).does).toEqual([]);
    expect(rig.feed({ kind: 'urgent' }).does).toEqual(['poll']);
    rig.feed({ kind: 'answered', elapsedMs: 10, messages: 1 });
    expect(rig.feed({ kind: 'answered', elapsedMs: 10, messages: 1 }).does).toEqual(['poll']);
    expect(rig.after(5_000).feed({ kind: 'failed', error: cut, elapsedMs: 5_000 }).phase).toBe('waiting');
    expect(rig.wake().machine.polls).toBe(1);
  });

  it('link machine: urgent messages wait during a delay, and where polls are not held', () => {
    const delayed = new Rig().start('poll').feed({ kind: 'answered', elapsedMs: 10, messages: 1 });
    delayed.feed({ kind: 'delay', ms: 30_000 });
    expect(delayed.feed({ kind: 'urgent' }).does).toEqual([]);
    expect(delayed.after(30_000).feed({ kind: 'urgent' }).does).toEqual(['poll']);

    const rig = new Rig().start('poll').feed({ kind: 'answered', elapsedMs: 10, messages: 1 });
    const answer = () => rig.after(5).feed({ kind: 'answered', elapsedMs: 5, messages: 1 });
    let seconds = 0;
    for (; rig.feed({ kind: 'urgent' }).does.length > 0; seconds += 1) answer();
    expect(seconds).toBe(4);
    answer();
    expect([rig.machine.polls, rig.waitMs]).toEqual([0, 4_000]);
    expect(rig.feed({ kind: 'urgent' }).does).toEqual([]);
  });

  it('link machine: all listed transitions are reached, and no others', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyEvent(), fc.nat({ max: 400_000 }), fc.double({ min: 0, max: 0.999, noNaN: true })), {
          maxLength: 80,
        }),
        (events) => {
          const rig = new Rig().start();
          // Most sequences begin where WebSocket is blocked, or tried again: random events rarely lead there.
          if (events.length % 3 > 0) rig.feed({ kind: 'opened' }).feed({ kind: 'refused', error: blocked });
          if (events.length % 3 > 1) rig.after(3_600_000).feed({ kind: 'answered', elapsedMs: 60_000, messages: 0 });
          for (const [event, ms, random] of events) {
            const before = rig.phase;
            rig.random = random;
            rig.after(ms).feed(event);
            if (before !== rig.phase) {
              expect(TRANSITIONS[before]).toContain(rig.phase);
              reached.add(`${before} ${rig.phase}`);
            }
            if (rig.phase === 'waiting' || rig.phase === 'connected') expect(rig.machine.wakeAtMs).not.toBeNull();
            if (rig.phase === 'off') expect(rig.machine.wakeAtMs).toBeNull();
          }
        },
      ),
      // The seed is fixed, because it decides whether every transition is reached.
      { numRuns: 2_000, seed: 20_261_130 },
    );
    const listed = Object.entries(TRANSITIONS).flatMap(([from, to]) => to.map((one) => `${from} ${one}`));
    expect([...reached].sort()).toEqual(listed.sort());
  });

  it('link machine: the picture in docs/architecture.md has exactly these states and transitions', () => {
    const listed = Object.entries(TRANSITIONS).flatMap(([from, to]) => to.map((one) => `${from} ${one}`));
    expect(drawn().sort()).toEqual(listed.sort());
  });
});

function anyEvent(): fc.Arbitrary<LinkEvent> {
  const error = fc.constantFrom(refused, blocked, lost, cut, denied);
  return fc.oneof(
    fc.record({
      kind: fc.constant('start' as const),
      mode: fc.constantFrom('websocket' as const, 'poll' as const),
      pingMs: fc.constant(25_000),
    }),
    fc.constant<LinkEvent>({ kind: 'stop' }),
    fc.constant<LinkEvent>({ kind: 'opened' }),
    fc.constant<LinkEvent>({ kind: 'upgraded' }),
    fc.constant<LinkEvent>({ kind: 'time' }),
    fc.constant<LinkEvent>({ kind: 'urgent' }),
    fc.record({ kind: fc.constant('refused' as const), error }),
    fc.record({ kind: fc.constant('failed' as const), error, elapsedMs: fc.nat({ max: 70_000 }) }),
    fc.record({ kind: fc.constant('ended' as const), error, isOrderly: fc.boolean() }),
    fc.record({ kind: fc.constant('heard' as const), isMessage: fc.boolean() }),
    fc.record({ kind: fc.constant('delay' as const), ms: fc.nat({ max: 4_000_000 }) }),
    fc.record({
      kind: fc.constant('answered' as const),
      elapsedMs: fc.nat({ max: 70_000 }),
      messages: fc.nat({ max: 3 }),
    }),
  );
}
