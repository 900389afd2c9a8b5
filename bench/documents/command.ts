// `sallyport submit` as users run it: a command of its own that hands a file to a running daemon.

import { readFileSync } from 'node:fs';
import { FLAGS, timed } from './measure.ts';

/** The daemon with its commands. */
export interface Submitting {
  /** Runs `sallyport submit FILE`. Returns its time with the start of its process, in ms. */
  submit(file: string): Promise<number>;
  /** The largest resident memory of the daemon so far (VmHWM), in MiB. */
  peakMib(): number;
  stop(): Promise<void>;
}

/** Starts a daemon in a folder, which must be the temporary folder: the program is built there. */
export async function startSubmitting(dir: string, url: string): Promise<Submitting> {
  const { startSallyport, writeConfig } = await import('#test/support/sallyport-process.ts');
  const config = await writeConfig(dir, { exposure_analytics: { enabled: true, url, spool_max_bytes: 1_000_000_000 } });
  const daemon = startSallyport(['run', '-c', config], { execArgv: FLAGS });
  await daemon.said('Listening for documents');
  return {
    submit: async (file) =>
      await timed(async () => {
        const command = startSallyport(['submit', file, '-c', config], { execArgv: FLAGS });
        const status = await command.ended;
        if (status !== 0) throw new Error(`submit ended with ${status}: ${command.lines.join(' ')}`);
      }),
    peakMib: () =>
      Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8'))?.[1]) / 1_024),
    stop: async () => {
      daemon.child.kill('SIGTERM');
      await daemon.ended;
    },
  };
}
