// Refused documents are not sent, even if the store could not clean up after the refusal and the machine then crashed.

import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { CRASH_MODES, CrashingFiles, crashPoints } from '#test/support/crashing-files.ts';
import { append, FakeServer, type OpenedDocuments, openStore, sendAll } from '#test/support/documents-rig.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** A document takes about 110 bytes. */
const SIZES = { segment: 350, shared: 250 };
const SEEDS = [1, 2, 3];

/** Documents that are accepted first, and those that are refused. */
const CASES = [
  ['the first documents of a segment', [], [2]],
  ['documents after others in a segment', [1], [2]],
  ['a submission with a segment of its own', [1], [4, 5, 6]],
  ['a submission of two segments', [1], [4, 5, 6, 7]],
] as const;

interface Prepared {
  readonly files: CrashingFiles;
  readonly made: OpenedDocuments;
  readonly clock: FakeClock;
}

const open = (files: CrashingFiles, clock: FakeClock) => openStore(files, { clock, sizes: SIZES });

async function prepare(accepted: readonly number[]): Promise<Prepared> {
  const clock = new FakeClock();
  const files = new CrashingFiles();
  const made = await open(files, clock);
  for (const n of accepted) await append(made, n);
  return { files, made, clock };
}

const error = coded('FILE-FAILED', { operation: 'write', path: 'x', reason: 'EIO', errno: 'EIO' });

/** Crashes in every mode and sends what is left; `sent` gets the numbers that arrived. */
async function afterEveryCrash({ files, clock }: Prepared, sent: (numbers: unknown[], mode: string) => void) {
  for (const mode of CRASH_MODES) {
    for (const seed of mode === 'torn' ? SEEDS : [1]) {
      const server = new FakeServer();
      const made = await open(files.afterCrash(mode, seed), clock);
      await made.documents.seal();
      await sendAll(made, server);
      sent(server.numbers, mode);
    }
  }
}

/** The operations of an append in which those fail that pass the test. */
async function operationsOf(
  accepted: readonly number[],
  given: readonly number[],
  fails: (n: number) => boolean,
): Promise<readonly number[]> {
  const { files, made } = await prepare(accepted);
  files.arm({ failAt: { n: fails, error } });
  await append(made, ...given).catch(() => undefined);
  return crashPoints(files.trace);
}

describe.each(CASES)('refused: %s', (_, accepted, given) => {
  it('are not sent after a crash, whatever part of the cleanup failed', async () => {
    let refused = 0;
    for (const n of await operationsOf(accepted, given, () => false)) {
      const later = await operationsOf(accepted, given, (at) => at === n);
      for (const m of later.filter((at) => at > n)) {
        const prepared = await prepare(accepted);
        const { files, made } = prepared;
        files.arm({ failAt: { n: (at) => at === n || at === m, error } });
        const isRefused = await append(made, ...given).then(
          () => false,
          () => true,
        );
        if (!isRefused) continue;
        refused += 1;
        const steps = [n, m].map((at) => files.trace[at - 1]).map((step) => `${step?.operation} ${step?.path}`);
        await afterEveryCrash(prepared, (numbers, mode) => {
          expect(numbers, `${steps.join(', ')} failed; ${mode}`).toEqual(accepted);
        });
      }
    }
    expect(refused).toBeGreaterThan(3);
  });

  it('are not sent after a failure of the whole disk, once the store accepts again', async () => {
    for (const n of await operationsOf(accepted, given, () => false)) {
      const prepared = await prepare(accepted);
      const { files, made } = prepared;
      files.arm({ failAt: { n: (at) => at >= n, error } });
      await expect(append(made, ...given)).rejects.toBe(error);
      await expect(append(made, 8)).rejects.toBe(error);
      files.arm({});
      await append(made, 9);
      await afterEveryCrash(prepared, (numbers, mode) => {
        expect(numbers, `all failed from operation ${n} on; ${mode}`).toEqual([...accepted, 9]);
      });
    }
  });
});

it('refused: cleanup that failed is repeated within a minute after the disk works again', async () => {
  const prepared = await prepare([1]);
  const { files, made, clock } = prepared;
  files.arm({ failAt: { n: () => true, error } });
  await expect(append(made, 2)).rejects.toBe(error);
  files.arm({});
  await clock.advanceAsync(60_000);
  await afterEveryCrash(prepared, (numbers, mode) => expect(numbers, mode).toEqual([1]));
});
