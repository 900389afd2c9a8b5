// Runs a piece of work once for every point at which the machine can crash and every state that the crash can leave.
//
// The points come from the trace of the work: before and after each operation that changes the disk. None is skipped.

import { CRASH_MODES, type CrashingFiles, type CrashMode, crashPoints } from './crashing-files.ts';

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
  /** What must hold of what is left. */
  readonly check: (survived: Survived) => Promise<void>;
}

/** How often the torn disk is looked at, each time torn at other places. */
const TORN_SEEDS = [1, 2, 3, 4, 5];

/** Number of trials; a failed check says where it was. */
export async function everyCrash({ prepare, act, check }: CrashTrial): Promise<number> {
  const rehearsal = await prepare();
  rehearsal.arm({});
  await act(rehearsal);
  let trials = 0;
  for (const n of crashPoints(rehearsal.trace)) {
    for (const when of ['before', 'after'] as const) {
      for (const { mode, seed } of ways()) {
        const files = await prepare();
        files.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
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
  }
  return trials;
}

function ways(): { mode: CrashMode; seed: number }[] {
  return CRASH_MODES.flatMap((mode) => (mode === 'torn' ? TORN_SEEDS : [1]).map((seed) => ({ mode, seed })));
}
