// The configuration followed while the daemon runs: a file that changes, and SIGHUP, end in `Reloader.take`.
//
// Guarantees: settings are taken one after the other, never two at once; what is taken stood still while it was read.
// SIGHUP is ours only where no terminal is attached: from one it means that the terminal is gone, and ends the process.
// Before and after, `main.ts` sees to it that one to us is harmless.

import { ConfigWatch } from '#config/following/watch.ts';
import type { LoadResult } from '#config/reading/load.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { hasTerminal } from '#system/process/has-terminal.ts';
import type { FileGate } from './file-gate.ts';

/** A watch that runs. */
export interface FollowedConfig {
  /** Reads at once, whatever happened. */
  readNow(): Promise<void>;
  stop(): Promise<void>;
}

/** Begins to follow; `load` reads the file as the program did at its start. */
export function followConfig(
  { config, clock, report }: Pick<Parts, 'config' | 'report'> & { readonly clock: Clock },
  load: () => Promise<LoadResult>,
  gate: FileGate | null = null,
): FollowedConfig {
  const watch = new ConfigWatch(config.loaded.files, {
    clock,
    read: async ({ cause, isUnchanged }) => {
      try {
        const result = await load();
        if (!(await isUnchanged())) return null;
        const isHeld = result.ok && gate !== null && !(await gate.admits(result, () => void watch.readNow()));
        if (isHeld) return config.filesToWatch(result);
        await config.take(result, cause);
        if (result.ok && config.loaded === result) await gate?.keep(result);
        return config.filesToWatch(result);
      } catch (thrown) {
        report({ name: 'fault', error: asCoded(thrown) });
        return config.loaded.files;
      }
    },
    onDeaf: (reason) => report({ name: 'config-deaf', reason }),
    onRestless: (elapsed) => report({ name: 'config-restless', elapsed }),
  });
  const onHangup = () => void watch.readNow();
  if (!hasTerminal()) process.on('SIGHUP', onHangup);
  watch.start();
  return {
    readNow: () => watch.readNow(),
    stop: async () => {
      process.off('SIGHUP', onHangup);
      gate?.close();
      await watch.stop();
    },
  };
}
