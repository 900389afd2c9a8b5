// Runs the commands of `sallyport trust`: reads the root file that the user names, and sends the requests to the
// daemon.

import { resolve } from 'node:path';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { TrustActions } from '#cli/program/program-trust.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { readWhole } from '#system/durable.ts';
import { realFiles } from '#system/real-files.ts';

/** As in the request: a root with the keys of a large vendor has about 20 KB. */
const MAX_ROOT_BYTES = 524_288;

/** What these commands need. */
export interface TrustActionParts {
  readonly terminal: Terminal;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
}

/** The commands, under the names that the program calls. */
export function trustActions({ terminal, withControl }: TrustActionParts): TrustActions {
  const commands = () => import('#cli/updates/trust.ts');
  return {
    trustStatus: async (globals, options) => {
      const { trustStatusCommand } = await commands();
      return await withControl(globals, (control) => trustStatusCommand(control, terminal, options));
    },
    trustImport: async (globals, { file, ...options }) => {
      const { trustImportCommand } = await commands();
      const root = await readWhole(realFiles, await realFiles.realPath(resolve(file)), MAX_ROOT_BYTES);
      return await withControl(globals, (control) => trustImportCommand(control, terminal, { ...options, root }));
    },
    trustForget: async (globals) => {
      const { trustForgetCommand } = await commands();
      return await withControl(globals, (control) => trustForgetCommand(control, terminal));
    },
  };
}
