// `sallyport trust`: shows why updates are trusted, imports the root of a signed feed, forgets its metadata.

import { createHash } from 'node:crypto';
import { printJson } from '#cli/terminal/json.ts';
import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Control } from '#control/control.ts';
import { formatRows } from '#control/text/table.ts';
import { trustRows } from '#control/text/trust-rows.ts';
import { EXIT_OK } from '#errors/exit-status.ts';

const SHA256 = /^[0-9a-f]{64}$/i;

/** Shows what is trusted now. */
export async function trustStatusCommand(
  control: Control,
  terminal: Terminal,
  options: { readonly json: boolean },
): Promise<number> {
  const trust = await control.showTrust();
  if (options.json) printJson(terminal, trust);
  else for (const line of formatRows(trustRows(trust), { width: widthOf(terminal.screen) })) terminal.out(line);
  return EXIT_OK;
}

/** A root file to import. */
export interface TrustImport {
  readonly root: Uint8Array;
  readonly fingerprint?: string;
  readonly replace: boolean;
  readonly json: boolean;
}

/**
 * Trusts a root after its fingerprint was entered as the vendor published it.
 * @throws UsageError without a fingerprint; CodedError TUF-ROOT-FILE, TRUST-OTHER-ROOT
 */
export async function trustImportCommand(control: Control, terminal: Terminal, options: TrustImport): Promise<number> {
  const { root, replace, json } = options;
  const { answers } = terminal;
  if (replace && options.fingerprint === undefined)
    throw new UsageError('--replace needs --fingerprint with the SHA-256 that the vendor published.');
  if (options.fingerprint === undefined && !answers.interactive)
    throw new UsageError('Without a terminal, --fingerprint is needed.');
  const typed =
    options.fingerprint ??
    (await answers.line('SHA-256 fingerprint of this root, as the vendor published it elsewhere: ')) ??
    '';
  const fingerprint = typed.replaceAll(/[\s:]/g, '').toLowerCase();
  if (!SHA256.test(fingerprint)) throw new UsageError('A fingerprint has 64 hexadecimal digits.');
  const found = createHash('sha256').update(root).digest('hex');
  if (found !== fingerprint)
    throw new UsageError(
      `The fingerprint of this file is ${found}, which is not the one that you entered. Nothing was imported.`,
    );
  const imported = await control.importRoot({ root: Buffer.from(root).toString('utf8'), fingerprint, replace });
  if (json) printJson(terminal, imported);
  else {
    terminal.out(`Root version ${imported.version} is trusted: ${imported.sha256}.`);
    if (imported.replaced !== null)
      terminal.out(`It replaces ${imported.replaced}. The metadata of the previous root was deleted.`);
  }
  return EXIT_OK;
}

/** Deletes the stored metadata and versions. */
export async function trustForgetCommand(control: Control, terminal: Terminal): Promise<number> {
  await control.forgetTrust();
  terminal.out('Deleted the stored metadata and the highest versions of the signed feed. The trusted root stays.');
  terminal.out('The next check fetches everything again: sallyport check');
  return EXIT_OK;
}
