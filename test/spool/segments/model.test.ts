// Random work on the store of documents, with crashes, failed operations, full disks, outages, lost replies and refused
// documents. At the end: documents in = acknowledged + rejected, each once, and no refused submission arrived.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { Verdict } from '#spool/delivery.ts';
import type { BatchRange } from '#spool/segments/range.ts';
import { CRASH_MODES, CrashError, CrashingFiles, type CrashMode, type Faults } from '#test/support/crashing-files.ts';
import {
  append,
  FakeServer,
  type OpenedDocuments,
  openStore,
  rejectedNumbers,
  sendAll,
} from '#test/support/documents-rig.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { rounds } from '#test/support/rounds.ts';

const SIZES = { segment: 700, shared: 350 };
const QUOTA = { documents: 25, bytes: 4_000 };
/** Every number that this divides is refused by the server for good. */
const REFUSED = 7;
/** Passes, and says nothing about the content. After an EIO, documents are in `quarantine/`. */
const diskError = coded('FILE-FAILED', { operation: 'use', path: 'x', reason: 'EROFS', errno: 'EROFS' });
const failure = coded('TCP-REFUSED', { host: 'x', port: 1, elapsed: 1 });

type Work =
  | { readonly do: 'append'; readonly count: number }
  | { readonly do: 'send'; readonly server: 'up' | 'down' | 'loses replies'; readonly limit: number }
  | { readonly do: 'seal' | 'restart' }
  | { readonly do: 'pass'; readonly ms: number };

interface Action {
  readonly work: Work;
  readonly full: boolean;
  /** The operation of the disk that fails. */
  readonly fails: number | null;
  readonly dies: { readonly at: number; readonly mode: CrashMode; readonly seed: number } | null;
}

const workArbitrary = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append'), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send'),
      server: fc.constantFrom('up', 'up', 'down', 'loses replies'),
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('seal', 'restart') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.integer({ min: -1e10, max: 1e10 }) }) },
) as fc.Arbitrary<Work>;

const actionArbitrary: fc.Arbitrary<Action> = fc.record({
  work: workArbitrary,
  full: fc.integer({ min: 0, max: 4 }).map((one) => one === 0),
  fails: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 3 }),
  dies: fc.option(
    fc.record({ at: fc.integer({ min: 1, max: 40 }), mode: fc.constantFrom(...CRASH_MODES), seed: fc.nat() }),
    { freq: 3 },
  ),
});

class Trial {
  readonly #clock = new FakeClock();
  readonly #server = new FakeServer();
  readonly #acknowledged: number[] = [];
  readonly #refused: number[] = [];
  /** Submissions that a crash interrupted: accepted or not, but whole. */
  readonly #interrupted: number[][] = [];
  #next = 1;
  #files = new CrashingFiles();
  #faults: Faults = {};
  #made: OpenedDocuments | null = null;

  async run(actions: readonly Action[]): Promise<void> {
    await this.#open();
    for (const { work, full, fails, dies } of actions) {
      this.#faults = {
        ...(full ? { fullAfterBytes: 0 } : {}),
        ...(fails === null ? {} : { failAt: { n: fails, error: diskError } }),
        ...(dies === null ? {} : { crashBefore: dies.at }),
      };
      this.#files.arm(this.#faults);
      try {
        await this.#perform(work);
      } catch (thrown) {
        const isExpected = thrown instanceof CrashError || thrown === diskError;
        if (!isExpected && (thrown as { code?: string }).code !== 'DISK-FULL') throw thrown;
      }
      // Work that the store continues by itself may also meet the crash.
      await this.#clock.advanceAsync(0);
      if (this.#files.crashed) {
        this.#files = this.#files.afterCrash(dies?.mode ?? 'killed', dies?.seed);
        await this.#open();
      }
      this.#files.arm({});
    }
    await this.#check();
  }

  async #perform(work: Work): Promise<void> {
    const made = this.#store;
    if (work.do === 'append') return await this.#append(work.count);
    if (work.do === 'seal') return await made.documents.seal();
    if (work.do === 'restart') return await this.#restart();
    if (work.do === 'send')
      return await sendAll(made, this.#server, {
        limit: work.limit,
        decide: (range) => this.#decide(work.server, range),
      });
    if (work.do === 'pass') this.#clock.stepWall(work.ms);
    await this.#clock.advanceAsync(30_000);
  }

  /** A start that fails is repeated, as the daemon does. */
  async #restart(): Promise<void> {
    this.#files = this.#files.afterCrash('killed');
    this.#files.arm(this.#faults);
    try {
      await this.#open();
    } catch (thrown) {
      if (this.#files.crashed) throw thrown;
      this.#files = this.#files.afterCrash('killed');
      await this.#open();
    }
  }

  async #append(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, at) => this.#next + at);
    this.#next += count;
    try {
      await append(this.#store, ...numbers);
      this.#acknowledged.push(...numbers);
    } catch (thrown) {
      if (this.#files.crashed) this.#interrupted.push(numbers);
      else if (thrown === diskError || ['SPOOL-FULL', 'DISK-FULL'].includes(String((thrown as { code?: string }).code)))
        this.#refused.push(...numbers);
      else throw thrown;
    }
  }

  async #decide(server: string, range: BatchRange): Promise<Verdict<BatchRange> | null> {
    const postponed: Verdict<BatchRange> = { does: 'postpone', failure, holds: true, says: () => [] };
    if (server === 'down') return postponed;
    const { documents } = this.#store;
    const reasons = new Map<string, string>();
    for await (const { id, line } of documents.lines(range)) {
      const { document } = JSON.parse(Buffer.from(line).toString()) as { document: { n: number } };
      if (document.n % REFUSED === 0) reasons.set(id, 'divisible');
    }
    if (reasons.size > 0 && range.documents > 1)
      return { does: 'split', parts: await documents.halve(range), says: [] };
    if (reasons.size > 0) {
      return { does: 'reject', failure, reason: 'divisible', evidence: documents.evidence(range, reasons), says: [] };
    }
    if (server === 'up') return null;
    await this.#server.take(documents, range);
    return postponed;
  }

  async #check(): Promise<void> {
    await this.#open();
    const made = this.#store;
    await made.documents.seal();
    for (const { head } of made.documents.batches.list()) await made.documents.batches.retry(head);
    await sendAll(made, this.#server, { limit: 3, decide: (range) => this.#decide('up', range) });
    expect(made.documents.waiting).toEqual({ documents: 0, bytes: 0, oldestAtMs: null });
    expect(made.events).toEqual([]);
    const arrived = [...this.#server.numbers, ...(await rejectedNumbers(made))] as number[];
    expect(arrived.length).toBe(new Set(arrived).size);
    const whole = this.#interrupted.filter(([first = 0]) => arrived.includes(first)).flat();
    expect(arrived.toSorted((a, b) => a - b)).toEqual([...this.#acknowledged, ...whole].toSorted((a, b) => a - b));
  }

  async #open(): Promise<void> {
    this.#made = await openStore(this.#files, { clock: this.#clock, sizes: SIZES, quota: QUOTA });
  }

  get #store(): OpenedDocuments {
    if (this.#made === null) throw new Error('not open');
    return this.#made;
  }
}

it('documents: in = acknowledged + rejected, each once, through crashes and full disks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(actionArbitrary, { maxLength: 25 }), async (actions) => {
      await new Trial().run(actions);
    }),
    { numRuns: rounds(150) },
  );
});
