// What the process provides for one run of the program: terminal, environment, secrets and the signal to stop. Types
// only.

import type { Terminal } from '#cli/terminal/terminal.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import type { TakenEnvironment } from '#system/process/environment.ts';
import type { LastResort } from '#system/process/last-resort.ts';
import type { SigningHost } from './signing-host.ts';

/** What the process provides for one run of the program. */
export interface Host extends Pick<SigningHost, 'scryptWork'> {
  /** The folder that holds `src/`; the program looks there for a checkout. */
  readonly root: string;
  readonly terminal: Terminal;
  readonly environment: TakenEnvironment;
  readonly known: KnownSecrets;
  readonly lastResort: LastResort;
  /** Aborted with a reason when the run is to stop. */
  readonly stopping: AbortSignal;
}

/** Runs the command of these arguments; returns its exit status. */
export type RunSallyport = (args: readonly string[], host: Host) => Promise<number>;
