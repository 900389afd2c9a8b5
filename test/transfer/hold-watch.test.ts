import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';
import type { Connection, ProbeListener } from '#proxy/route.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { WitnessMemory } from '#timeout/witness-memory.ts';
import { UNKNOWN_PROXY } from '#timeout/witness-types.ts';
import { type HoldWatch, ProxyWitnesses } from '#transfer/hold-watch.ts';

const PROXY = 'http://proxy.example.com:3128';
const LONG_MS = 600_000;
const LIMIT = { limitMs: LONG_MS, isTotal: false };

interface Sent {
  readonly kind: string;
  readonly listener: ProbeListener;
  isClosed: boolean;
}

/** A witness on a fake clock over a connection whose probes go nowhere by themselves. */
async function rig({ isEnabled = true, isProven = true }: { isEnabled?: boolean; isProven?: boolean } = {}) {
  const clock = new FakeClock();
  const files = new CrashingFiles();
  await files.makeDirectory('/state', 0o700);
  const memory = new WitnessMemory(files, '/state/witness.json');
  if (isProven) await memory.keep(PROXY, { ...UNKNOWN_PROXY, proven: 'options' }, clock.now());
  const sent: Sent[] = [];
  let cooledDown = 0;
  const shown: string[] = [];
  /** How each new probe is treated; nothing happens by default. */
  let manner = (_listener: ProbeListener): void => {};
  const connection = {
    facts: { proxy: 'corp', proxyUrl: PROXY, hop: proxyAt('corp', 'proxy.example.com:3128'), passed: ['dial'] },
    probes: {
      kinds: ['get', 'options'],
      open(kind: string, listener: ProbeListener) {
        const one = { kind, listener, isClosed: false };
        sent.push(one);
        queueMicrotask(() => manner(listener));
        return {
          close() {
            one.isClosed = true;
          },
        };
      },
      gone() {
        cooledDown += 1;
      },
    },
  } as unknown as Connection;
  const failed = (thrown: unknown) => void shown.push(String(thrown));
  const witnesses = new ProxyWitnesses({ clock, random: () => 0, memory, isEnabled: () => isEnabled, failed });
  const watch = (silenceMs = LONG_MS) =>
    witnesses.watch(connection, silenceMs, {
      answered: (tookMs) => shown.push(`answered in ${tookMs}`),
      silent: (unanswered, forMs) => shown.push(`${unanswered} silent for ${forMs}`),
    });
  return {
    ...{ clock, files, memory, sent, shown, watch, connection, witnesses },
    cooledDown: () => cooledDown,
    treat: (how: typeof manner) => {
      manner = how;
    },
  };
}

const accepts = (listener: ProbeListener) => listener.accepted();
const answers = (listener: ProbeListener) => {
  listener.accepted();
  listener.answered();
};
/** One turn of the event loop, in which sockets are read before a verdict. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the watch of a held download', () => {
  it('hold watch: a proxy that accepts probes and is silent ends the download with PROXY-GONE', async () => {
    const { clock, watch, treat, sent, shown, cooledDown } = await rig();
    treat(accepts);
    const hold = watch();
    await clock.advanceAsync(23_900);
    expect(hold?.signal.aborted).toBe(false);
    await clock.advanceAsync(200);
    await turn();
    const error = hold?.signal.reason as CodedError;
    expect(error).toBeInstanceOf(CodedError);
    expect(error.code).toBe('PROXY-GONE');
    expect(error.message).toContain(
      'Proxy corp is dead: 5 probes that it accepted got no answer within 20 s. No byte of the download has arrived for 24 s.',
    );
    expect([cooledDown(), clock.pending]).toEqual([1, 0]);
    expect(sent.map(({ kind, isClosed }) => [kind, isClosed])).toEqual(Array(5).fill(['options', true]));
    expect(shown).toEqual(['2 silent for 4000']);
  });

  it('hold watch: while the bandwidth limit pauses the reading, no proxy is dead', async () => {
    const { clock, watch, treat } = await rig();
    treat(accepts);
    const hold = watch();
    hold?.bytes();
    hold?.reading(true);
    await clock.advanceAsync(120_000);
    await turn();
    expect(hold?.signal.aborted).toBe(false);

    // From now on, it has to be silent for as long as any other.
    hold?.reading(false);
    await clock.advanceAsync(23_900);
    await turn();
    expect(hold?.signal.aborted).toBe(false);
    await clock.advanceAsync(200);
    await turn();
    expect(hold?.signal.reason).toMatchObject({ code: 'PROXY-GONE' });
  });

  it('hold watch: pauses of the reading teach nothing and do not prevent the first probe', async () => {
    const { clock, watch, treat, sent, memory } = await rig({ isProven: false });
    treat(accepts);
    const hold = watch();
    hold?.bytes();
    for (let second = 0; second < 8; second += 1) {
      hold?.reading(true);
      await clock.advanceAsync(900);
      hold?.reading(false);
      hold?.bytes();
      await clock.advanceAsync(100);
    }
    expect(sent).toHaveLength(1);
    sent[0]?.listener.answered();
    hold?.ended('other');
    await turn();
    expect(memory.record(PROXY, clock.now())).toMatchObject({ proven: 'get', disproved: 0, worstMs: 0 });
  });

  it('hold watch: an answer that arrives with the verdict prevents it', async () => {
    const { clock, watch, treat, sent } = await rig();
    treat(accepts);
    const hold = watch();
    clock.advance(23_999);
    await turn();
    clock.advance(1);
    // The timer has fired, and the next read of the sockets brings an answer.
    sent[0]?.listener.answered();
    await clock.advanceAsync(1_000);
    await turn();
    expect(hold?.signal.aborted).toBe(false);
    hold?.ended('other');
  });

  it('hold watch: a proxy that answers ends nothing, is known to be alive, and is shown once', async () => {
    const { clock, watch, treat, sent, shown, memory } = await rig({ isProven: false });
    treat((listener) => {
      listener.accepted();
      clock.after(40, () => listener.answered());
    });
    const hold = watch();
    await clock.advanceAsync(60_000);
    expect([hold?.signal.aborted, hold?.atLimit(LIMIT), sent.length]).toEqual([false, 'ask-server', 5]);
    expect(shown).toEqual(['answered in 40']);
    hold?.ended('other');
    await turn();
    expect(memory.record(PROXY, clock.now())).toMatchObject({ proven: 'get', worstMs: 40 });
    expect(clock.pending).toBe(0);
  });

  it('hold watch: at a limit, the decision waits for the answer to an open probe', async () => {
    const { clock, watch, treat } = await rig();
    treat((listener) => {
      listener.accepted();
      clock.after(15_000, () => listener.answered());
    });
    const hold = watch(8_000);
    await clock.advanceAsync(8_000);
    const decided: string[] = [];
    const decision = hold?.atLimit({ limitMs: 8_000, isTotal: false });
    void Promise.resolve(decision).then((value) => decided.push(String(value)));
    // The deadline is 8 s, so the probe was sent after 4 s and is answered after 19 s; the grace ends after 16 s.
    await clock.advanceAsync(7_999);
    expect(decided).toEqual([]);
    await clock.advanceAsync(1);
    expect(decided).toEqual(['end']);
    const other = hold?.atLimit({ limitMs: 8_000, isTotal: false });
    void Promise.resolve(other).then((value) => decided.push(String(value)));
    await clock.advanceAsync(3_000);
    expect(decided).toEqual(['end', 'ask-server']);
    hold?.ended('other');
  });

  it.each<[string, (hold: HoldWatch) => void]>([
    ['ends', (hold) => hold.ended('other')],
    ['breaks', (hold) => hold.ended('cut')],
  ])('hold watch: a decision at a limit settles when the download %s', async (_how, ends) => {
    const { clock, watch, treat } = await rig();
    treat(accepts);
    const hold = watch(8_000) as HoldWatch;
    await clock.advanceAsync(8_000);
    const decision = hold.atLimit({ limitMs: 8_000, isTotal: false });
    ends(hold);
    expect(await decision).toBe('end');
    expect(clock.pending).toBe(0);
  });

  it('hold watch: a proxy found dead while a decision waits ends the download with PROXY-GONE', async () => {
    const { clock, watch, treat } = await rig();
    treat(accepts);
    const hold = watch(22_000) as HoldWatch;
    await clock.advanceAsync(22_000);
    const decision = hold.atLimit({ limitMs: 22_000, isTotal: false });
    await clock.advanceAsync(20_000);
    await turn();
    expect([await decision, (hold.signal.reason as CodedError).code]).toEqual(['end', 'PROXY-GONE']);
    expect(clock.pending).toBe(0);
  });

  it('hold watch: a proxy that refuses each probe while bytes arrive allows one connection', async () => {
    const { clock, watch, treat, memory } = await rig({ isProven: false });
    treat((listener) => listener.ended());
    for (let n = 0; n < 2; n += 1) {
      const hold = watch() as HoldWatch;
      await clock.advanceAsync(20_000);
      hold.bytes();
      hold.ended('other');
      await turn();
    }
    expect(memory.record(PROXY, clock.now()).unanswered).toBe(2);
    const hold = watch();
    expect(hold?.atLimit(LIMIT)).toBe('double');
    hold?.ended('other');
  });

  it('hold watch: one byte of a proxy that refuses probes is counted once', async () => {
    const { clock, watch, treat, memory } = await rig({ isProven: false });
    treat((listener) => listener.ended());
    const hold = watch() as HoldWatch;
    hold.bytes();
    await clock.advanceAsync(60_000);
    hold.ended('other');
    await turn();
    expect(memory.record(PROXY, clock.now()).unanswered).toBe(0);
  });

  it.each<[string, (listener: ProbeListener, clock: FakeClock) => void, string]>([
    ['answers', (listener, clock) => clock.after(900, () => listener.answered()), 'ask-server'],
    ['refuses', (listener) => listener.ended(), 'double'],
    ['does not answer', (listener) => listener.accepted(), 'double'],
  ])('hold watch: at a limit, an unknown proxy gets a probe; if it %s', async (_how, manner, expected) => {
    const { clock, watch, sent, treat } = await rig({ isProven: false });
    treat((listener) => manner(listener, clock));
    const hold = watch(1_500) as HoldWatch;
    hold.bytes();
    await clock.advanceAsync(500);
    expect(sent.length).toBe(0);
    const decision = hold.atLimit({ limitMs: 1_500, isTotal: false });
    expect(sent.length).toBe(1);
    await clock.advanceAsync(1_500);
    expect(await decision).toBe(expected);
    hold.ended('other');
    expect(clock.pending).toBe(0);
  });

  it('hold watch: the server may take longer behind a slow proxy', async () => {
    const { clock, watch, treat } = await rig();
    treat((listener) => void clock.after(7_000, () => listener.answered()));
    const hold = watch() as HoldWatch;
    expect(hold.serverMs).toBe(8_000);
    await clock.advanceAsync(60_000);
    expect(hold.serverMs).toBe(14_000);
    hold.ended('other');
  });

  it('hold watch: until a probe is answered, each kind is tried in turn, and there is no verdict', async () => {
    const { clock, watch, sent, treat } = await rig({ isProven: false });
    treat((listener) => listener.ended());
    const hold = watch();
    await clock.advanceAsync(40_000);
    expect(sent.map(({ kind }) => kind)).toEqual(['get', 'options', 'get', 'options']);
    treat(accepts);
    await clock.advanceAsync(LONG_MS);
    await turn();
    expect(hold?.signal.aborted).toBe(false);
    hold?.ended('other');
  });

  it('hold watch: a byte of another download over the proxy clears what was held against it', async () => {
    const { clock, watch, treat } = await rig();
    treat(accepts);
    const [held, other] = [watch(), watch()];
    await clock.advanceAsync(23_000);
    other?.bytes();
    await clock.advanceAsync(20_000);
    await turn();
    expect(held?.signal.aborted).toBe(false);
    await clock.advanceAsync(60_000);
    await turn();
    expect([held?.signal.aborted, other?.signal.aborted]).toEqual([true, true]);
  });

  it('hold watch: after a suspend, what was open proves nothing', async () => {
    const { clock, watch, treat } = await rig();
    treat(accepts);
    const hold = watch();
    await clock.advanceAsync(23_000);
    clock.stepWall(3_600_000);
    await clock.advanceAsync(20_000);
    await turn();
    expect(hold?.signal.aborted).toBe(false);
    hold?.ended('other');
  });

  it('hold watch: after a download broke by a probe, its proxy is never probed again', async () => {
    const { clock, watch, treat, sent, files } = await rig();
    treat(answers);
    const hold = watch();
    await clock.advanceAsync(4_400);
    hold?.ended('cut');
    await turn();
    watch();
    await clock.advanceAsync(60_000);
    expect(sent).toHaveLength(1);
    const later = new WitnessMemory(files, '/state/witness.json');
    expect(await later.load()).toBeNull();
    expect(later.record(PROXY, clock.now()).harmful).toBe(true);
  });

  it.each([
    [900, true],
    [1_100, false],
  ])(
    'hold watch: a request that breaks %i ms after a second one connected bars probes: %s',
    async (afterMs, harmful) => {
      const { clock, watch, treat, memory } = await rig();
      treat(answers);
      const hold = watch();
      await clock.advanceAsync(60_000);
      hold?.connected();
      await clock.advanceAsync(afterMs);
      hold?.broke();
      hold?.ended('other');
      await turn();
      expect(memory.record(PROXY, clock.now()).harmful).toBe(harmful);
      expect(clock.pending).toBe(0);
    },
  );

  it('hold watch: a short download opens no probe', async () => {
    const { clock, watch, sent } = await rig({ isProven: false });
    const hold = watch();
    await clock.advanceAsync(3_900);
    hold?.bytes();
    await clock.advanceAsync(3_900);
    hold?.ended('other');
    await clock.advanceAsync(60_000);
    expect([sent.length, clock.pending]).toEqual([0, 0]);
  });

  it('hold watch: nothing is watched on a direct connection, or if probes are off', async () => {
    const { witnesses, connection } = await rig();
    const observer = { answered: () => {}, silent: () => {} };
    const { probes: _none, ...direct } = connection;
    expect(witnesses.watch(direct, LONG_MS, observer)).toBeNull();
    expect((await rig({ isEnabled: false })).watch()).toBeNull();
  });

  it('hold watch: that a proxy was proven is forgotten a week after its last answer', async () => {
    const { memory, clock } = await rig();
    expect(memory.record(PROXY, clock.now() + 6.9 * 86_400_000).proven).toBe('options');
    expect(memory.record(PROXY, clock.now() + 7.1 * 86_400_000).proven).toBeNull();
  });
});
