// Runs `sallyport activate`, `activation` and `identity`: reads keys and licenses from the files that the user names,
// and writes the activation request to a file.

import { resolve } from 'node:path';
import type { ActivationActions } from '#cli/program/program-activation.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import { realFiles } from '#system/real-files.ts';

/** A license has about 500 bytes, and a key 19 characters. */
const MAX_FILE_BYTES = 65_536;
/** A request holds nothing secret, and has to be sent to the vendor by hand. */
const REQUEST_MODE = 0o644;

/** What these commands need. */
export interface ActivationActionParts {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
  readonly known: Pick<KnownSecrets, 'add'>;
}

/** The commands, under the names that the program calls. */
export function activationActions(parts: ActivationActionParts): ActivationActions {
  const { terminal, signal, withControl, known } = parts;
  const keepSecret = (text: string) => known.add(text);
  const commands = () => import('#cli/platform/activate.ts');
  const reader = (file: string | undefined) => (file === undefined ? null : () => readText(file));
  return {
    activate: async (globals, { keyFile, keyStdin, file, replace, json }) => {
      const { activateCommand } = await commands();
      const options = { keyFile: reader(keyFile), license: reader(file), keyStdin, replace, json, signal, keepSecret };
      return await withControl(globals, (control) => activateCommand(control, terminal, options));
    },
    activationRequest: async (globals, { output }) => {
      const { requestCommand } = await commands();
      const write = (text: string) => writeDurably(realFiles, resolve(output), Buffer.from(text), REQUEST_MODE);
      return await withControl(globals, (control) => requestCommand(control, terminal, { output, write }));
    },
    activationShow: async (globals, options) => {
      const { showActivationCommand } = await commands();
      return await withControl(globals, (control) => showActivationCommand(control, terminal, options));
    },
    activationRelease: async (globals, { json }) => {
      const { releaseActivationCommand } = await commands();
      return await withControl(globals, (control) => releaseActivationCommand(control, terminal, { json, signal }));
    },
    identityShow: async (globals, options) => {
      const { showIdentityCommand } = await commands();
      return await withControl(globals, (control) => showIdentityCommand(control, terminal, options));
    },
    identityReset: async (globals, options) => {
      const { resetIdentityCommand } = await commands();
      return await withControl(globals, (control) => resetIdentityCommand(control, terminal, options));
    },
  };
}

/** @throws CodedError FILE-FAILED */
async function readText(file: string): Promise<string> {
  return Buffer.from(await readWhole(realFiles, await realFiles.realPath(resolve(file)), MAX_FILE_BYTES)).toString(
    'utf8',
  );
}
