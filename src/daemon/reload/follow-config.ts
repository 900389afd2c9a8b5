// Follows the configuration while the daemon runs: a changed file or a SIGHUP causes a reload.
//
// Guarantees: settings are applied one after the other. A file is applied only if it did not change while it was read.
// SIGHUP causes a reload only if no terminal is attached. With a terminal, SIGHUP means that the terminal was closed,
// and ends the process. Until `followConfig` listens for SIGHUP, `main.ts` ignores one that is sent to the service.

import { ConfigWatch } from '#config/following/watch.ts';
import type { LoadResult } from '#config/reading/load.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { hasTerminal } from '#system/process/has-terminal.ts';
import type { FileGate } from './file-gate.ts';

/** A running watch. */
export interface FollowedConfig {
  /** Reads the file at once, whether or not it changed. */
  readNow(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts to follow; `load` reads the file as the program did at its start. */
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
