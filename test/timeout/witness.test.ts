import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterEvent,
  atLimit,
  isKnownAlive,
  newWitness,
  nextStep,
  phaseOf,
  serverMs,
  WITNESS_TIMES,
} from '#timeout/witness.ts';
import { UNKNOWN_PROXY, type Witness, type WitnessEvent, type WitnessRecord } from '#timeout/witness-types.ts';

const PROVEN: WitnessRecord = { ...UNKNOWN_PROXY, proven: 'get' };
const S = 1_000;

/** How the proxy treats a probe that is sent at a time: when it accepts and answers, or that it ends without an answer. */
type Manner = (atMs: number) => {
  readonly acceptsMs?: number;
  readonly answersMs?: number;
  readonly endsMs?: number;
};

const healthy: Manner = () => ({ acceptsMs: 0, answersMs: 5 });
const hung: Manner = () => ({ acceptsMs: 0 });
const refusing: Manner = () => ({ endsMs: 1 });
const unreachable: Manner = () => ({});

interface Played {
  readonly goneMs: number | null;
  readonly how: string | null;
  readonly sentMs: readonly number[];
  readonly witness: Witness;
}

/** Plays a silence from 0 on, with these other events, until a verdict or `untilMs`. */
function play(
  manner: Manner,
  {
    record = PROVEN,
    deadlineMs = 600 * S,
    untilMs = 590 * S,
    random = 0,
    events = [],
  }: {
    readonly record?: WitnessRecord;
    readonly deadlineMs?: number;
    readonly untilMs?: number;
    readonly random?: number;
    readonly events?: readonly WitnessEvent[];
  } = {},
): Played {
  let witness = afterEvent(newWitness(record), { kind: 'waits', atMs: 0, deadlineMs });
  const queue: WitnessEvent[] = [...events];
  const sentMs: number[] = [];
  let now = 0;
  for (;;) {
    const step = nextStep(witness, now);
    if (step.do === 'gone') return { goneMs: now, how: step.how, sentMs, witness };
    if (step.do === 'close') witness = afterEvent(witness, { kind: 'ended', atMs: now, id: step.id });
    else if (step.do === 'probe') {
      const id = sentMs.push(now);
      witness = afterEvent(witness, { kind: 'sent', atMs: now, id, probe: 'get', random });
      const { acceptsMs, answersMs, endsMs } = manner(now);
      if (acceptsMs !== undefined) queue.push({ kind: 'accepted', atMs: now + acceptsMs, id });
      if (answersMs !== undefined) queue.push({ kind: 'answered', atMs: now + answersMs, id });
      if (endsMs !== undefined) queue.push({ kind: 'ended', atMs: now + endsMs, id });
      queue.sort((one, other) => one.atMs - other.atMs);
    } else {
      const event = queue[0];
      now = Math.min(step.untilMs, event?.atMs ?? Number.POSITIVE_INFINITY);
      if (now > untilMs) return { goneMs: null, how: null, sentMs, witness };
      if (event !== undefined && event.atMs <= now) {
        queue.shift();
        witness = afterEvent(witness, event);
      }
    }
  }
}

describe('the witness for a silent proxy', () => {
  it('witness: probes after 4, 9, 19, 34, 49 s of a silence while each is answered', () => {
    expect(play(healthy, { untilMs: 60 * S }).sentMs).toEqual([4, 9, 19, 34, 49].map((s) => s * S));
  });

  it.each([
    [600, 4],
    [31, 4],
    [30, 15],
    [12, 6],
    [2, 1],
  ])('witness: with a deadline of %i s, the first probe comes after %i s', (deadline, first) => {
    expect(play(healthy, { deadlineMs: deadline * S }).sentMs[0]).toBe(first * S);
  });

  it('witness: pauses are shortened at random, by at most a twelfth', () => {
    expect(play(healthy, { untilMs: 70 * S, random: 0.999 }).sentMs[3]).toBeGreaterThan(4 * S + 27.5 * S - 1);
    expect(play(healthy, { untilMs: 70 * S, random: 0.999 }).sentMs[3]).toBeLessThan(4 * S + 27.6 * S);
  });

  it.each<[string, Manner, Partial<Parameters<typeof play>[1]>, number | null, string | null]>([
    ['a proxy that accepts and is silent is dead after 20 s', hung, {}, 24, 'silent'],
    ['one that answers in time is not', healthy, {}, null, null],
    ['one that refuses is not', refusing, {}, null, null],
    ['one that accepts and closes is not', () => ({ acceptsMs: 0, endsMs: 3 * S }), {}, null, null],
    ['one that completes no connection is not, because a firewall may drop them', unreachable, {}, null, null],
    ['one that was never proven is not', hung, { record: UNKNOWN_PROXY }, null, null],
    ['one whose transfers break by probes is not', hung, { record: { ...PROVEN, harmful: true } }, null, null],
    ['one that once answered after 8 s gets 32 s', hung, { record: { ...PROVEN, worstMs: 8 * S } }, 36, 'silent'],
    [
      'after two disproved probes it takes five, within the same time',
      hung,
      { record: { ...PROVEN, disproved: 2 } },
      24,
      'silent',
    ],
    ['after four it takes seven', hung, { record: { ...PROVEN, disproved: 4 } }, 32, 'silent'],
    [
      'a late answer clears everything',
      (at) => ({ acceptsMs: 0, ...(at === 4 * S ? { answersMs: 19 * S } : {}) }),
      { untilMs: 39 * S },
      null,
      null,
    ],
    ['answers after 15 s each are no death', () => ({ acceptsMs: 0, answersMs: 15 * S }), {}, null, null],
    ['a byte clears everything', hung, { events: [{ kind: 'byte', atMs: 23 * S }], untilMs: 42.9 * S }, null, null],
    [
      'after that byte the silence begins again, and four disproved probes make it take seven',
      hung,
      { events: [{ kind: 'byte', atMs: 23 * S }] },
      63,
      'silent',
    ],
    [
      'a suspend voids what was open',
      hung,
      { events: [{ kind: 'disturbed', atMs: 23 * S }], untilMs: 42.9 * S },
      null,
      null,
    ],
    [
      'after the end of the transfers nothing is probed',
      hung,
      { events: [{ kind: 'waits', atMs: 23 * S, deadlineMs: null }] },
      null,
      null,
    ],
    [
      'a full accept queue after an accepted probe is noticed a minute later',
      (at) => (at < 8 * S ? { acceptsMs: 0 } : {}),
      {},
      68,
      'unreachable',
    ],
  ])('witness: %s', (...[, manner, options, goneS, how]) => {
    const { goneMs, how: found } = play(manner, options);
    expect([goneMs, found]).toEqual([goneS === null ? null : goneS * S, how]);
  });

  it('witness: a proxy that hung just after an answer is dead within 35 s', () => {
    const worst = Math.max(
      ...[0, 1, 5_001, 10_100, 20_001, 35_001, 50_001].map((hangsMs) => {
        const { goneMs } = play((at) => (at < hangsMs ? healthy(at) : hung(at)));
        return (goneMs ?? Number.POSITIVE_INFINITY) - hangsMs;
      }),
    );
    expect(worst).toBeLessThanOrEqual(35 * S);
  });

  it('witness: each failed probe that an answer disproves makes the next verdict need one more', () => {
    const { witness } = play((at) => ({ acceptsMs: 0, ...(at === 4 * S ? { answersMs: 13 * S } : {}) }), {
      untilMs: 17.5 * S,
    });
    // Those of 4, 8 and 12 s had failed by then, that of 16 s had not.
    expect(witness.record).toMatchObject({ disproved: 3 * 0.98, worstMs: 13 * S });
    expect(witness.probes.map(({ counts }) => counts)).toEqual([false, false, false]);
  });

  it('witness: what later answers show makes disproved probes count less and less', () => {
    const before = { ...PROVEN, disproved: 4 };
    const { witness } = play(healthy, { record: before, untilMs: 590 * S });
    expect(witness.record.disproved).toBeLessThan(2);
    const after = { ...PROVEN, disproved: witness.record.disproved };
    expect([play(hung, { record: before }).goneMs, play(hung, { record: after }).goneMs]).toEqual([32 * S, 24 * S]);
  });

  it('witness: at most 8 probes are open, and 2 where none was ever answered', () => {
    const open = (record: WitnessRecord) => play(unreachable, { record, untilMs: 60 * S }).sentMs.length;
    expect([open(PROVEN), open(UNKNOWN_PROXY)]).toEqual([8, 2]);
  });

  it('witness: an unknown proxy is probed once after the first byte, although bytes arrive', () => {
    const events = Array.from({ length: 60 }, (_none, n): WitnessEvent => ({ kind: 'byte', atMs: (n + 1) * 500 }));
    expect(play(healthy, { record: UNKNOWN_PROXY, events, untilMs: 30 * S }).sentMs).toEqual([4.5 * S]);
    expect(play(healthy, { events, untilMs: 30 * S }).sentMs).toEqual([]);
    expect(play(healthy, { record: UNKNOWN_PROXY, events, untilMs: 30 * S }).witness.record.proven).toBe('get');
  });

  it('witness: an answer proves a route only while a transfer is open', () => {
    const sent: WitnessEvent = { kind: 'sent', atMs: 0, id: 1, probe: 'get', random: 0 };
    const idle = afterEvent(afterEvent(newWitness(), sent), { kind: 'answered', atMs: 5, id: 1 });
    expect(idle.record.proven).toBeNull();
  });

  it.each([
    [0.9 * S, true],
    [1.1 * S, false],
  ])('witness: a transfer that breaks %i ms after a probe bars probes: %s', (afterMs, harmful) => {
    const { witness } = play(hung, { events: [{ kind: 'cut', atMs: 4 * S + afterMs }], untilMs: 6 * S });
    expect([witness.record.harmful, phaseOf(witness, 6 * S)]).toEqual([harmful, harmful ? 'off' : 'asking']);
  });

  it('witness: its phase follows its probes', () => {
    const phases = [1, 6, 10].map((s) => phaseOf(play(hung, { untilMs: s * S }).witness, s * S));
    expect(phases).toEqual(['listening', 'asking', 'doubting']);
    expect(phaseOf(newWitness(), 0)).toBe('off');
  });

  it('witness: a proxy is known to live for 45 s after an answer, or until a probe is overdue', () => {
    const { witness } = play(healthy, { untilMs: 6 * S });
    expect([isKnownAlive(witness, 49 * S), isKnownAlive(witness, 49.1 * S)]).toEqual([true, false]);
    const hangs = (at: number) => (at < 6 * S ? healthy(at) : hung(at));
    const isAlive = (untilMs: number) => isKnownAlive(play(hangs, { untilMs }).witness, untilMs);
    // The probe of 9 s is the first one without an answer.
    expect([isAlive(13 * S), isAlive(13.1 * S)]).toEqual([true, false]);
    const slow = play(hangs, { record: { ...PROVEN, worstMs: 8 * S }, untilMs: 17 * S }).witness;
    expect([isKnownAlive(slow, 16.8 * S), isKnownAlive(slow, 16.9 * S)]).toEqual([true, false]);
  });

  it('witness: bytes that are reported late do not clear later probes', () => {
    const { witness } = play(hung, { untilMs: 14 * S });
    expect(afterEvent(witness, { kind: 'byte', atMs: 7 * S }).probes.map(({ counts }) => counts)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

/** Any sequence of treatments of probes, bytes, disturbances and restarts. */
const anyManner = fc.array(
  fc.record({
    acceptsMs: fc.option(fc.nat(8_000), { nil: undefined }),
    answersMs: fc.option(fc.nat(60_000), { nil: undefined }),
    endsMs: fc.option(fc.nat(60_000), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 40 },
);
const anyEvents = fc.array(
  fc.record({ kind: fc.constantFrom('byte' as const, 'disturbed' as const), atMs: fc.nat(590_000) }),
  { maxLength: 20 },
);
const anyRecord = fc.record({
  proven: fc.constantFrom(null, 'get' as const),
  harmful: fc.boolean(),
  worstMs: fc.nat(20_000),
  disproved: fc.nat(4),
  unanswered: fc.nat(9),
});

describe('the witness, whatever a proxy does', () => {
  it('witness: no verdict within 20 s of an answered probe, of a byte, or of a suspend', () => {
    fc.assert(
      fc.property(anyManner, anyEvents, anyRecord, (manners, events, record) => {
        let sent = 0;
        const answered: [sentMs: number, answeredMs: number][] = [];
        const manner: Manner = (at) => {
          const { acceptsMs, answersMs, endsMs } = manners[sent++ % manners.length]!;
          if (acceptsMs === undefined) return {};
          if (answersMs !== undefined) answered.push([at, at + acceptsMs + answersMs]);
          return answersMs === undefined
            ? { acceptsMs, ...(endsMs === undefined ? {} : { endsMs: acceptsMs + endsMs }) }
            : { acceptsMs, answersMs: acceptsMs + answersMs };
        };
        const sorted = events.toSorted((one, other) => one.atMs - other.atMs);
        const { goneMs, sentMs } = play(manner, { record, events: sorted });
        if (goneMs === null) return;
        expect(record.proven !== null || answered.some(([, ms]) => ms <= goneMs)).toBe(true);
        expect(record.harmful).toBe(false);
        expect(sentMs.length).toBeGreaterThanOrEqual(3 + record.disproved);
        const alive = [
          ...answered.filter(([, ms]) => ms <= goneMs).flat(),
          ...events.map(({ atMs }) => atMs).filter((ms) => ms <= goneMs),
        ];
        for (const ms of alive) expect(goneMs - ms).toBeGreaterThanOrEqual(WITNESS_TIMES.windowMs);
      }),
    );
  });

  it('witness: no more than 300 probes in an hour of silence of a proxy that answers', () => {
    fc.assert(
      fc.property(fc.nat(3_900), fc.double({ min: 0, max: 0.999, noNaN: true }), (answersMs, random) => {
        const { sentMs } = play(() => ({ acceptsMs: 0, answersMs }), {
          deadlineMs: 7_200 * S,
          untilMs: 3_600 * S,
          random,
        });
        expect(sentMs.length).toBeLessThanOrEqual(300);
      }),
      { numRuns: 20 },
    );
  });
});

describe('the witness at the limit of a transfer', () => {
  const limit = { atMs: 20 * S, limitMs: 20 * S, isTotal: false };
  const open = (...events: readonly WitnessEvent[]) =>
    events.reduce<Witness>((witness, event) => afterEvent(witness, event), {
      ...afterEvent(newWitness(PROVEN), { kind: 'waits', atMs: 0, deadlineMs: 20 * S }),
    });
  const sent = { kind: 'sent', atMs: 10 * S, id: 1, probe: 'get', random: 0 } as const;

  it('witness: at a limit, an open probe is waited for, up to 20 s and up to the limit again', () => {
    const asked = open(sent);
    expect(atLimit(asked, 20 * S, limit)).toEqual({ do: 'wait', untilMs: 40 * S });
    expect(atLimit(asked, 39_999, limit)).toEqual({ do: 'wait', untilMs: 40 * S });
    expect(atLimit(asked, 40 * S, limit)).toEqual({ do: 'end' });
    expect(atLimit(asked, 20 * S, { ...limit, limitMs: 5 * S })).toEqual({ do: 'wait', untilMs: 25 * S });
    expect(atLimit(asked, 20 * S, { ...limit, limitMs: 900 * S })).toEqual({ do: 'wait', untilMs: 40 * S });
  });

  it('witness: at a limit, the server is asked once the open probe is answered', () => {
    const answered = open(sent, { kind: 'accepted', atMs: 10 * S, id: 1 }, { kind: 'answered', atMs: 31 * S, id: 1 });
    expect(atLimit(answered, 31 * S, limit)).toEqual({ do: 'ask-server' });
  });

  it('witness: at a limit, a transfer ends if no probe is open at a proxy that answered some', () => {
    expect(atLimit(open(), 20 * S, limit)).toEqual({ do: 'end' });
    expect(atLimit(open(sent, { kind: 'ended', atMs: 11 * S, id: 1 }), 20 * S, limit)).toEqual({ do: 'end' });
  });

  describe('of a proxy that never answered a probe', () => {
    const unknown = { ...open(), record: UNKNOWN_PROXY };
    const expired = afterEvent(unknown, { kind: 'expired', atMs: 20 * S });
    const asked = afterEvent(expired, { ...sent, atMs: 20 * S });

    it('witness: a limit makes the first probe due at once, and no second one', () => {
      const silent = afterEvent(unknown, { kind: 'byte', atMs: 19 * S });
      expect(nextStep(silent, 20 * S)).toEqual({ do: 'wait', untilMs: 29 * S });
      expect(nextStep(afterEvent(silent, { kind: 'expired', atMs: 20 * S }), 20 * S)).toEqual({ do: 'probe' });
      expect(nextStep(asked, 20 * S)).toEqual({ do: 'wait', untilMs: 24 * S });
      const refused = afterEvent(asked, { kind: 'ended', atMs: 20 * S, id: 1 });
      expect(nextStep(refused, 20 * S).do).toBe('wait');
    });

    it('witness: a byte after a limit makes no probe due', () => {
      const moved = afterEvent(expired, { kind: 'byte', atMs: 20 * S });
      expect(nextStep(moved, 20 * S).do).toBe('wait');
    });

    it('witness: at a limit, the probe is waited for, and the limit doubles without an answer', () => {
      for (const witness of [expired, asked]) {
        expect(atLimit(witness, 20 * S, limit)).toEqual({ do: 'wait', untilMs: 40 * S });
        expect(atLimit(witness, 39_999, limit)).toEqual({ do: 'wait', untilMs: 40 * S });
        expect(atLimit(witness, 40 * S, limit)).toEqual({ do: 'double' });
      }
      const refused = afterEvent(asked, { kind: 'ended', atMs: 21 * S, id: 1 });
      expect(atLimit(refused, 21 * S, limit)).toEqual({ do: 'double' });
    });

    it('witness: at a limit, the server is asked as soon as the first probe is answered', () => {
      const answered = afterEvent(asked, { kind: 'answered', atMs: 22 * S, id: 1 });
      expect([atLimit(answered, 22 * S, limit), answered.record.proven]).toEqual([{ do: 'ask-server' }, 'get']);
    });
  });

  it.each([
    [0, 8_000],
    [4_000, 8_000],
    [4_001, 8_002],
    [9_999, 19_998],
    [30_000, 20_000],
  ])('witness: after a slowest answer of %i ms, the server may take %i ms', (worstMs, expected) => {
    expect(serverMs(newWitness({ ...PROVEN, worstMs }))).toBe(expected);
  });

  it('witness: at the limit for the whole transfer, the server is asked', () => {
    expect(atLimit(open(), 20 * S, { ...limit, isTotal: true })).toEqual({ do: 'ask-server' });
  });

  it.each<[Partial<WitnessRecord>, string]>([
    [{ harmful: true }, 'double'],
    [{ proven: null, unanswered: 1 }, 'wait'],
    [{ proven: null, unanswered: 2 }, 'double'],
    [{ proven: null, unanswered: 9 }, 'double'],
    [{ proven: 'get', unanswered: 9 }, 'end'],
  ])('witness: at a limit, a proxy with the record %j leads to: %s', (record, expected) => {
    const witness = { ...open(), record: { ...PROVEN, ...record } };
    for (const isTotal of [false, true]) {
      const found = atLimit(witness, 20 * S, { ...limit, isTotal }).do;
      expect(found).toBe(isTotal && expected !== 'double' ? 'ask-server' : expected);
    }
  });

  it.each<[string, Manner]>([
    ['refuses', refusing],
    ['accepts and does not answer', hung],
    ['does not accept', unreachable],
  ])('witness: a proxy that %s each probe and sends bytes counts as one with one connection', (_how, manner) => {
    let record = UNKNOWN_PROXY;
    const counts: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const { witness } = play(manner, { record, untilMs: 30 * S, events: [{ kind: 'byte', atMs: 20 * S }] });
      record = witness.record;
      counts.push(record.unanswered);
    }
    expect(counts.slice(0, 3)).toEqual([1, 2, 3]);
    expect(Math.max(...counts)).toBe(9);
    expect(play(healthy, { record, untilMs: 30 * S }).witness.record.unanswered).toBe(0);
  });

  it('witness: a proxy that answered a probe does not count as one with one connection', () => {
    const { witness } = play(hung, { untilMs: 19 * S, events: [{ kind: 'byte', atMs: 18 * S }] });
    expect(witness.record.unanswered).toBe(0);
  });
});
