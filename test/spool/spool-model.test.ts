// Random work on three spools at once, with random crashes and full disks, against a model that is a list and a set for
// each kind.
//
// An operation that a crash interrupted may have happened or not; which one is seen after reopening and then held to.
// Every crash falls on an operation of one kind: the others must be as they were.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SpoolKind } from '#spool/spool.ts';
import { CRASH_MODES, CrashError, CrashingFiles, type CrashMode, type Faults } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import {
  attachmentOf,
  contentOf,
  headOf,
  kindOf,
  type Named,
  type OpenedSpool,
  openKind,
  readAttachment,
} from '#test/support/spool-rig.ts';

const QUOTA = { entries: 4, bytes: 2_000 };
const KINDS: readonly SpoolKind<Named>[] = ['receipt', 'batch', 'bundle'].map((name) => kindOf(name, QUOTA));
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const ATTACHED_BYTES = 200;
const NEVER = new AbortController().signal;

type Work =
  | { readonly do: 'accept' | 'settle' | 'postpone' | 'reject' | 'split'; readonly kind: number; readonly key: string }
  | { readonly do: 'step'; readonly ms: number }
  | { readonly do: 'crash'; readonly mode: CrashMode; readonly seed: number };

/** A piece of work, and at which of its operations the machine dies, or whether the disk is full meanwhile. */
interface Action {
  readonly work: Work;
  readonly full: boolean;
  readonly dies: {
    readonly at: number;
    readonly after: boolean;
    readonly mode: CrashMode;
    readonly seed: number;
  } | null;
}

interface Model {
  /** Keys that wait, with their attempts. */
  readonly waiting: Map<string, number>;
  /** Keys that are never accepted again. */
  readonly done: Set<string>;
  rejected: number;
}

const deeds = fc.constantFrom('accept', 'accept', 'settle', 'postpone', 'reject', 'split');
const workArbitrary: fc.Arbitrary<Work> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      do: deeds,
      kind: fc.integer({ min: 0, max: KINDS.length - 1 }),
      key: fc.constantFrom(...KEYS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('step'), ms: fc.integer({ min: -1e10, max: 1e10 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('crash'), mode: fc.constantFrom(...CRASH_MODES), seed: fc.nat() }),
  },
) as fc.Arbitrary<Work>;

const actionArbitrary: fc.Arbitrary<Action> = fc.record({
  work: workArbitrary,
  full: fc.integer({ min: 0, max: 4 }).map((one) => one === 0),
  dies: fc.option(
    fc.record({
      at: fc.integer({ min: 1, max: 24 }),
      after: fc.boolean(),
      mode: fc.constantFrom(...CRASH_MODES),
      seed: fc.nat(),
    }),
    { freq: 3 },
  ),
});

function faultsOf({ dies, full }: Action): Faults {
  if (dies === null) return full ? { fullAfterBytes: 0 } : {};
  return dies.after ? { crashAfter: dies.at } : { crashBefore: dies.at };
}

const partsOf = (key: string) => [`${key}.1`, `${key}.2`];
const hasAttachment = (kind: number, key: string) => kind === 2 && !key.includes('.');

class Trial {
  readonly models: readonly Model[] = KINDS.map(() => ({ waiting: new Map(), done: new Set(), rejected: 0 }));
  readonly #clock = new FakeClock();
  #files = new CrashingFiles();
  #opened: readonly OpenedSpool[] = [];

  async run(actions: readonly Action[]): Promise<void> {
    await this.#reopen();
    for (const action of actions) {
      const { work, dies } = action;
      this.#files.arm(faultsOf(action));
      try {
        await this.#perform(work);
        this.#files.arm({});
      } catch (thrown) {
        if (thrown instanceof CrashError) {
          this.#files = this.#files.afterCrash(dies?.mode ?? 'killed', dies?.seed);
          await this.#reopen();
        } else if ((thrown as { code?: string }).code !== 'DISK-FULL') throw thrown;
        this.#files.arm({});
        this.#clock.advance(60_000);
        for (const { spool } of this.#opened) await spool.finish();
        if ('kind' in work) await this.#adopt(work);
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
    const model = this.#model(work.kind);
    if (work.do === 'accept') return await this.#performAccept(work.kind, work.key);
    if (!model.waiting.has(work.key)) return;
    const { spool } = this.#at(work.kind);
    const head = headOf(spool, work.key);
    if (work.do === 'settle') await spool.settle(head);
    if (work.do === 'reject') await spool.reject(head, 'X');
    if (work.do === 'postpone') await spool.postpone(head, { notBefore: this.#clock.now() + 1_000, error: 'X' });
    if (work.do === 'split') {
      if (hasAttachment(work.kind, work.key)) return;
      await spool.split(
        head,
        partsOf(work.key).map((key) => ({ key, body: { id: key } })),
      );
    }
    this.#happened(work, head.attempts);
  }

  async #performAccept(kind: number, key: string): Promise<void> {
    const { waiting, done } = this.#model(kind);
    const { spool } = this.#at(kind);
    const known = waiting.has(key) || done.has(key);
    if (known) expect(await this.#accept(kind, key)).toBe('already');
    else if (waiting.size >= QUOTA.entries || spool.bytes + ATTACHED_BYTES + 600 > QUOTA.bytes) {
      const outcome = await this.#accept(kind, key).catch((thrown: { code?: string }) => {
        if (thrown.code !== 'SPOOL-FULL') throw thrown;
        return thrown.code;
      });
      if (outcome === 'accepted') waiting.set(key, 0);
    } else {
      expect(await this.#accept(kind, key)).toBe('accepted');
      waiting.set(key, 0);
    }
  }

  #happened(work: Extract<Work, { kind: number }>, attempts: number): void {
    const model = this.#model(work.kind);
    if (work.do === 'postpone') return void model.waiting.set(work.key, attempts + 1);
    model.waiting.delete(work.key);
    model.done.add(work.key);
    if (work.do === 'reject') model.rejected += 1;
    if (work.do !== 'split') return;
    for (const key of partsOf(work.key)) if (!model.done.has(key)) model.waiting.set(key, model.waiting.get(key) ?? 0);
  }

  /** After a failure in the middle: the operation happened or it did not, nothing in between. */
  async #adopt(work: Extract<Work, { kind: number }>): Promise<void> {
    const { spool } = this.#at(work.kind);
    const { waiting, done } = this.#model(work.kind);
    const head = spool.due(Number.MAX_SAFE_INTEGER).find(({ key }) => key === work.key);
    const before = waiting.get(work.key);
    if (work.do === 'accept') {
      if (head !== undefined && before === undefined && !done.has(work.key)) waiting.set(work.key, 0);
    } else if (before !== undefined) {
      if (head === undefined) this.#happened(work, before);
      // A postponement that could not be written counts until the process ends.
      else if (work.do === 'postpone' && head.attempts === before + 1) waiting.set(work.key, head.attempts);
    }
    await Promise.resolve();
  }

  async #compare(): Promise<void> {
    for (const [kind, { waiting, done, rejected }] of this.models.entries()) {
      const { spool, events } = this.#at(kind);
      const seen = spool.due(Number.MAX_SAFE_INTEGER);
      expect(seen.map(({ key }) => key).toSorted()).toEqual([...waiting.keys()].toSorted());
      for (const head of seen) await this.#compareEntry(kind, head.key);
      for (const key of done) expect(await this.#accept(kind, key)).toBe('already');
      expect(events).toEqual([]);
      expect(spool.rejected).toBe(Math.min(rejected, QUOTA.entries));
      const next = spool.nextDueAt();
      expect(next === null).toBe(waiting.size === 0);
      if (next !== null) expect(next - this.#clock.now()).toBeLessThanOrEqual(604_800_000);
    }
  }

  async #compareEntry(kind: number, key: string): Promise<void> {
    const { spool } = this.#at(kind);
    const head = headOf(spool, key);
    expect(await spool.verify(head, NEVER)).toBe(true);
    expect((await spool.read(head))?.body).toEqual({ id: key });
    if (!hasAttachment(kind, key)) return;
    expect((await readAttachment(spool, head)).equals(contentOf(key, ATTACHED_BYTES))).toBe(true);
  }

  async #reopen(): Promise<void> {
    const opened: OpenedSpool[] = [];
    for (const kind of KINDS) opened.push(await openKind(this.#files, kind, { clock: this.#clock }));
    this.#opened = opened;
    for (const { spool } of opened) await spool.finish();
    // What only the memory knew of attempts is gone.
    for (const [kind, { waiting }] of this.models.entries()) {
      for (const { key, attempts } of this.#at(kind).spool.due(Number.MAX_SAFE_INTEGER)) {
        if (waiting.has(key)) waiting.set(key, attempts);
      }
    }
  }

  #accept(kind: number, key: string) {
    const attachment = hasAttachment(kind, key) ? { attachment: attachmentOf(key, ATTACHED_BYTES, 64) } : {};
    return this.#at(kind).spool.accept({ key, body: { id: key }, ...attachment });
  }

  #at(kind: number): OpenedSpool {
    const opened = this.#opened[kind];
    if (opened === undefined) throw new Error('not open');
    return opened;
  }

  #model(kind: number): Model {
    const model = this.models[kind];
    if (model === undefined) throw new Error('no such kind');
    return model;
  }
}

it('three spools: each behaves like a list and a set, also after crashes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(actionArbitrary, { maxLength: 30 }), async (actions) => {
      await new Trial().run(actions);
    }),
    { numRuns: 300 },
  );
});
