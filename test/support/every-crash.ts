// Runs a piece of work once for every point at which the machine can crash, and for every state that the crash can
// leave.
//
// The points come from the recorded operations of the work: before the first operation that changes the disk, and after
// each. A crash before a later operation leaves the same disk as a crash after the previous one. It is tested
// separately only if the work does something outside of the disk in between, such as sending a request.

import { CRASH_MODES, type CrashingFiles, type CrashMode, crashPoints, type Faults } from './crashing-files.ts';

/** One crash and the state that it leaves. */
interface Survived {
  /** A fresh machine on what survived. */
  readonly files: CrashingFiles;
  readonly mode: CrashMode;
  /** For the message of a failed check: `after write /a (torn, seed 2)`. */
  readonly where: string;
}

interface CrashTrial {
  /** A machine before the work; a new one for each trial. */
  readonly prepare: () => Promise<CrashingFiles>;
  /** The work. What it throws after a crash is of no interest. */
  readonly act: (files: CrashingFiles) => Promise<void>;
  /** Counts what the work did outside of the disk, if it does anything there. */
  readonly outside?: () => number;
  /** What else goes wrong during the work, for example a full disk. The work must not arm the machine itself. */
  readonly faults?: Faults;
  /** What must hold of what is left. */
  readonly check: (survived: Survived) => Promise<void>;
}

/** How often the torn disk is looked at, each time torn at other places. */
const TORN_SEEDS = [1, 2, 3, 4, 5];

/** A place where the machine can die: before or after operation n. */
export interface CrashPlace {
  readonly n: number;
  readonly when: 'before' | 'after';
}

/** Does the work once without a crash; returns every place that differs from the others. */
export async function crashPlaces(
  files: CrashingFiles,
  act: (files: CrashingFiles) => Promise<unknown>,
  { outside = () => 0, faults = {} }: Pick<CrashTrial, 'outside' | 'faults'> = {},
): Promise<CrashPlace[]> {
  const counts: number[] = [];
  files.arm({ ...faults, observe: () => void counts.push(outside()) });
  await act(files);
  return crashPoints(files.trace).flatMap((n, index, points): CrashPlace[] => {
    const previous = points[index - 1];
    const isSame = previous !== undefined && counts[n - 1] === counts[previous - 1];
    return isSame
      ? [{ n, when: 'after' }]
      : [
          { n, when: 'before' },
          { n, when: 'after' },
        ];
  });
}

/** Number of trials; a failed check says where it was. */
export async function everyCrash({ prepare, act, check, ...options }: CrashTrial): Promise<number> {
  const rehearsal = await prepare();
  let trials = 0;
  for (const { n, when } of await crashPlaces(rehearsal, act, options)) {
    for (const { mode, seed } of ways()) {
      const files = await prepare();
      files.arm({ ...options.faults, ...(when === 'before' ? { crashBefore: n } : { crashAfter: n }) });
      await act(files).catch(() => undefined);
      if (!files.crashed) throw new Error(`operation ${n} was not reached again: the work is not the same each time`);
      const step = rehearsal.trace[n - 1];
      const where = `${when} ${step?.operation} ${step?.path} (${mode}, seed ${seed})`;
      await check({ files: files.afterCrash(mode, seed), mode, where }).catch((thrown: unknown) => {
        throw new Error(`crashed ${where}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
          cause: thrown,
        });
      });
      trials += 1;
    }
  }
  return trials;
}

function ways(): { mode: CrashMode; seed: number }[] {
  return CRASH_MODES.flatMap((mode) => (mode === 'torn' ? TORN_SEEDS : [1]).map((seed) => ({ mode, seed })));
}
