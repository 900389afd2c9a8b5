// What the commands for signing need from the process: passphrases, programs that sign, and a confirmation from the
// person at the terminal.

import { resolve } from 'node:path';
import type { KeyArguments } from '#cli/program/program-feed.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import { SigningKeys } from '#origin/signing/signing-keys.ts';
import { systemClock } from '#system/clock.ts';
import { SystemCommands } from '#system/process/command.ts';
import { openInput } from '#system/process/input-file.ts';
import { realFiles } from '#system/real-files.ts';

/** What the commands need from the process. */
export interface SigningHost {
  readonly terminal: Terminal;
  readonly stopping: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** log2 of the work of scrypt for new keys; tests lower it. */
  readonly scryptWork?: number;
}

/** Guessing is slow (`private-key.ts`), but not for a word of a dictionary. */
const MIN_PASSPHRASE_LENGTH = 12;
const MAX_INPUT_BYTES = 65_536;

/** The keys of this machine. */
export async function openSigner(
  { terminal, stopping, environment }: SigningHost,
  { keys, passphraseFile = [] }: KeyArguments,
): Promise<SigningKeys> {
  const known: string[] = [];
  for (const file of passphraseFile) known.push(await readPassphrase(file));
  const ask = async (name: string) => {
    const given = await terminal.answers.hidden(`Passphrase of ${name}: `);
    if (given === null) throw coded('CANCELLED', { reason: 'the passphrase was not given' });
    return given;
  };
  return await SigningKeys.open(
    { files: realFiles, dir: resolve(keys) },
    {
      files: realFiles,
      commands: new SystemCommands(systemClock),
      environment: Object.fromEntries(
        Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
      signal: stopping,
      onLine: (line) => terminal.err(showForeign(line)),
      passphrases: { known, ask: terminal.answers.interactive ? ask : null },
    },
  );
}

/** The passphrase of a new key: from a file, or typed twice. */
export async function newPassphrase(
  { terminal }: SigningHost,
  name: string,
  { passphraseFile = [] }: KeyArguments,
): Promise<string> {
  const [file] = passphraseFile;
  const { answers } = terminal;
  const tooShort = `The passphrase has fewer than ${MIN_PASSPHRASE_LENGTH} characters.`;
  if (file !== undefined) {
    const read = await readPassphrase(file);
    if (read.length < MIN_PASSPHRASE_LENGTH) throw new UsageError(tooShort);
    return read;
  }
  if (!answers.interactive) throw new UsageError('A new key needs a passphrase. Use --passphrase-file.');
  for (;;) {
    const given = await answers.hidden(`New passphrase of ${name}: `);
    const again = given === null || given.length < MIN_PASSPHRASE_LENGTH ? given : await answers.hidden('Again: ');
    if (given === null || again === null) throw coded('CANCELLED', { reason: 'the passphrase was not given' });
    if (given.length < MIN_PASSPHRASE_LENGTH) terminal.err(tooShort);
    else if (given !== again) terminal.err('The passphrases differ.');
    else return given;
  }
}

/** Asks whether to sign what was just shown. @throws UsageError without a terminal; CodedError CANCELLED */
export async function confirm({ terminal }: SigningHost, yes: boolean): Promise<void> {
  if (yes) return;
  if (!terminal.answers.interactive) throw new UsageError('Confirm the signature: there is no terminal, so use --yes.');
  const answer = await terminal.answers.line('Sign this? [y/N] ');
  if (answer === null || !/^y(?:es)?$/i.test(answer.trim())) throw coded('CANCELLED', { reason: 'nothing was signed' });
}

/** A small file that the user names. It may be a pipe. */
export async function readInput(file: string): Promise<string> {
  const input = await openInput(resolve(file));
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of input.chunks()) {
      length += chunk.length;
      if (length > MAX_INPUT_BYTES) throw new UsageError(`${file} has more than ${MAX_INPUT_BYTES} bytes.`);
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await input.close();
  }
}

async function readPassphrase(file: string): Promise<string> {
  return (await readInput(file)).split(/\r?\n/, 1)[0] ?? '';
}
