// Random work on the spool with random crashes, against a model that is a list and a set.
//
// An operation that a crash interrupted may have happened or not; which one is seen after reopening and then held to.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SallyportEvent } from '#logging/events.ts';
import { openSpool, type Spool } from '#spool/spool.ts';
import { CRASH_MODES, CrashError, CrashingFiles, type CrashMode, type Faults } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const DIR = '/state/spool';
const QUOTA = 4;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

type Work =
  | { readonly do: 'accept' | 'settle' | 'postpone'; readonly key: string }
  | { readonly do: 'step'; readonly ms: number }
  | { readonly do: 'crash'; readonly mode: CrashMode; readonly seed: number };

/** A piece of work, and at which of its operations the machine dies, if at all. */
interface Action {
  readonly work: Work;
  readonly dies: {
    readonly at: number;
    readonly after: boolean;
    readonly mode: CrashMode;
    readonly seed: number;
  } | null;
}

interface Model {
  /** Waiting keys in order, with their attempts. */
  readonly waiting: Map<string, number>;
  readonly settled: Set<string>;
}

const workArbitrary: fc.Arbitrary<Work> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('accept', 'settle', 'postpone'), key: fc.constantFrom(...KEYS) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('step'), ms: fc.integer({ min: -1e10, max: 1e10 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('crash'), mode: fc.constantFrom(...CRASH_MODES), seed: fc.nat() }),
  },
) as fc.Arbitrary<Work>;

const actionArbitrary: fc.Arbitrary<Action> = fc.record({
  work: workArbitrary,
  dies: fc.option(
    fc.record({
      at: fc.integer({ min: 1, max: 12 }),
      after: fc.boolean(),
      mode: fc.constantFrom(...CRASH_MODES),
      seed: fc.nat(),
    }),
    { freq: 3 },
  ),
});

function faultsOf(dies: Action['dies']): Faults {
  if (dies === null) return {};
  return dies.after ? { crashAfter: dies.at } : { crashBefore: dies.at };
}

class Trial {
  readonly model: Model = { waiting: new Map(), settled: new Set() };
  readonly #clock = new FakeClock();
  readonly #events: SallyportEvent[] = [];
  #files = new CrashingFiles();
  #spool: Spool | null = null;

  async run(actions: readonly Action[]): Promise<void> {
    await this.#reopen();
    for (const { work, dies } of actions) {
      this.#files.arm(faultsOf(dies));
      const before = new Map(this.model.waiting);
      try {
        await this.#perform(work);
        this.#files.arm({});
      } catch (thrown) {
        if (!(thrown instanceof CrashError)) throw thrown;
        this.#files = this.#files.afterCrash(dies?.mode ?? 'killed', dies?.seed);
        await this.#reopen();
        await this.#adopt(work, before);
      }
      await this.#compare();
    }
  }

  async #perform(work: Work): Promise<void> {
    if (work.do === 'step') return this.#clock.stepWall(work.ms);
    if (work.do === 'crash') {
      this.#files = this.#files.afterCrash(work.mode, work.seed);
      return await this.#reopen();
    }
    const { waiting, settled } = this.model;
    if (work.do === 'accept') {
      const known = waiting.has(work.key) || settled.has(work.key);
      if (!known && waiting.size >= QUOTA) {
        await expect(this.#accept(work.key)).rejects.toMatchObject({ code: 'SPOOL-FULL' });
        return;
      }
      expect(await this.#accept(work.key)).toBe(known ? 'already' : 'accepted');
      if (!known) waiting.set(work.key, 0);
      return;
    }
    const entry = await this.#entry(work.key);
    expect(entry !== undefined).toBe(waiting.has(work.key));
    if (entry === undefined) return;
    if (work.do === 'settle') {
      await this.#open.settle(entry);
      waiting.delete(work.key);
      settled.add(work.key);
    } else {
      await this.#open.postpone(entry, { notBefore: this.#clock.now() + 1_000, error: 'TCP-REFUSED' });
      waiting.set(work.key, entry.attempts + 1);
    }
  }

  /** After a crash in the middle: the operation happened or it did not, nothing in between. */
  async #adopt(work: Work, before: ReadonlyMap<string, number>): Promise<void> {
    if (work.do === 'step' || work.do === 'crash') return;
    const { waiting, settled } = this.model;
    const entry = await this.#entry(work.key);
    if (work.do === 'accept' && entry !== undefined && !before.has(work.key)) waiting.set(work.key, 0);
    if (work.do === 'settle' && entry === undefined && before.has(work.key)) {
      waiting.delete(work.key);
      settled.add(work.key);
    }
    if (work.do === 'postpone' && entry?.attempts === (before.get(work.key) ?? 0) + 1) {
      waiting.set(work.key, entry.attempts);
    }
  }

  async #compare(): Promise<void> {
    const seen = await this.#open.due(Number.MAX_SAFE_INTEGER);
    expect(seen.map(({ key, attempts }) => [key, attempts])).toEqual([...this.model.waiting]);
    expect(this.#open.size).toBe(this.model.waiting.size);
    for (const key of this.model.settled) expect(await this.#accept(key)).toBe('already');
    expect(this.#events).toEqual([]);
    const next = this.#open.nextDueAt();
    expect(next === null).toBe(this.model.waiting.size === 0);
    if (next !== null) expect(next - this.#clock.now()).toBeLessThanOrEqual(604_800_000);
  }

  async #reopen(): Promise<void> {
    const report = (event: SallyportEvent) => void this.#events.push(event);
    this.#spool = await openSpool({ files: this.#files, dir: DIR, clock: this.#clock, quotaEntries: QUOTA, report });
  }

  async #entry(key: string) {
    return (await this.#open.due(Number.MAX_SAFE_INTEGER)).find((entry) => entry.key === key);
  }

  #accept(key: string) {
    return this.#open.accept({ key, kind: 'receipt', body: { id: key } });
  }

  get #open(): Spool {
    if (this.#spool === null) throw new Error('not open');
    return this.#spool;
  }
}

it('does what a list and a set would do, whatever happens and wherever it dies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(actionArbitrary, { maxLength: 40 }), async (actions) => {
      await new Trial().run(actions);
    }),
    { numRuns: 1_000 },
  );
});
