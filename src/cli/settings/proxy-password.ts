// Where the password of a proxy comes from: the answer to a question, standard input, or a file that is named. Never an
// argument, which everybody on the machine can read.

import { relative } from 'node:path';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Plain } from '#config/editing/edit-render.ts';
import { validateNoControl } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { Desk } from './desk-parts.ts';

/** How the command was told. */
export interface PasswordFlags {
  readonly passwordFile?: string | undefined;
  readonly passwordStdin?: boolean | undefined;
}

/** A password that was typed, the value of the key where it stays elsewhere, or that nothing changes. */
export type Password =
  | { readonly kind: 'typed'; readonly value: Secret }
  | { readonly kind: 'elsewhere'; readonly value: Plain }
  | { readonly kind: 'kept' };

export interface AskedPassword {
  readonly name: string;
  /** One is stored, and may stay. */
  readonly mayKeep: boolean;
  /** One is stored, and would be shown to another proxy. */
  readonly isBoundElsewhere: boolean;
  /** Without a question where flags say all. */
  readonly ask: boolean;
  /** Folder of the configuration file: relative paths start there. */
  readonly folder: string;
}

const MAX_PASSWORD_BYTES = 65_536;

type Profile = Settings['proxies'][number];

/** Whether a way of authentication shows a password. */
export function needsPassword(authentication: Profile['authentication']): boolean {
  return authentication !== 'transparent' && authentication !== 'negotiate';
}

/** Gets the password. @throws UsageError where there is none and nobody to ask; CodedError PASSWORD-ANEW, CANCELLED */
export async function getPassword(desk: Desk, flags: PasswordFlags, asked: AskedPassword): Promise<Password> {
  if (flags.passwordFile !== undefined) {
    const path = desk.absolute(flags.passwordFile);
    const inside = relative(asked.folder, path);
    return { kind: 'elsewhere', value: { file: inside.startsWith('..') ? path : inside } };
  }
  if (flags.passwordStdin === true) {
    const text = (await desk.terminal.answers.piped(MAX_PASSWORD_BYTES)).replace(/\r?\n$/, '');
    const wrong = validatePassword(text);
    if (wrong !== null) throw new UsageError(`The password on standard input cannot be taken. ${wrong}`);
    return typed(desk, text);
  }
  const { interactive } = desk.terminal.answers;
  if (asked.ask && interactive) return await askPassword(desk, asked);
  if (asked.isBoundElsewhere) {
    if (interactive) return await askPassword(desk, asked);
    throw coded('PASSWORD-ANEW', { name: asked.name });
  }
  if (asked.mayKeep) return { kind: 'kept' };
  if (interactive) return await askPassword(desk, asked);
  throw new UsageError('This authentication needs a password: give --password-stdin or --password-file.');
}

async function askPassword(desk: Desk, { mayKeep, isBoundElsewhere }: AskedPassword): Promise<Password> {
  const { answers } = desk.terminal;
  const hint = isBoundElsewhere ? ' (anew, because the proxy is another one)' : '';
  const question = `Password${mayKeep && !isBoundElsewhere ? ' (ENTER keeps the stored one)' : hint}: `;
  for (;;) {
    const text = await answers.hidden(question);
    if (text === null) throw coded('CANCELLED', { reason: 'the password was not given' });
    if (text === '' && mayKeep && !isBoundElsewhere) return { kind: 'kept' };
    const wrong = validatePassword(text);
    if (wrong === null) return typed(desk, text);
    desk.terminal.err(wrong);
  }
}

function typed(desk: Desk, text: string): Password {
  const value = new Secret(text);
  desk.keepSecret(value);
  return { kind: 'typed', value };
}

/** The sentence does not repeat the text. */
function validatePassword(text: string): string | null {
  return text === '' ? 'The password is empty.' : validateNoControl(text);
}
