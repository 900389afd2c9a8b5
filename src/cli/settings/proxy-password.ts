// Where the password of a proxy comes from: the answer to a question, standard input, or a file that is named. Never an
// argument, which everybody on the machine can read.

import { relative } from 'node:path';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Plain } from '#config/editing/edit-render.ts';
import { validateNoControl } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { CommandContext } from './command-context.ts';

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

export interface PasswordRequest {
  readonly name: string;
  /** One is stored, and may stay. */
  readonly mayKeep: boolean;
  /** One is stored, and would be shown to another proxy. */
  readonly isBoundElsewhere: boolean;
  /** Without a question where flags say all. */
  readonly mustPrompt: boolean;
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
export async function getPassword(
  context: CommandContext,
  flags: PasswordFlags,
  request: PasswordRequest,
): Promise<Password> {
  if (flags.passwordFile !== undefined) {
    const path = context.absolute(flags.passwordFile);
    const inside = relative(request.folder, path);
    return { kind: 'elsewhere', value: { file: inside.startsWith('..') ? path : inside } };
  }
  if (flags.passwordStdin === true) {
    const text = (await context.terminal.answers.piped(MAX_PASSWORD_BYTES)).replace(/\r?\n$/, '');
    const wrong = validatePassword(text);
    if (wrong !== null) throw new UsageError(`The password on standard input is not valid. ${wrong}`);
    return typed(context, text);
  }
  const { interactive } = context.terminal.answers;
  if (request.mustPrompt && interactive) return await askPassword(context, request);
  if (request.isBoundElsewhere) {
    if (interactive) return await askPassword(context, request);
    throw coded('PASSWORD-ANEW', { name: request.name });
  }
  if (request.mayKeep) return { kind: 'kept' };
  if (interactive) return await askPassword(context, request);
  throw new UsageError('This authentication needs a password. Use --password-stdin or --password-file.');
}

async function askPassword(context: CommandContext, { mayKeep, isBoundElsewhere }: PasswordRequest): Promise<Password> {
  const { answers } = context.terminal;
  const hint = isBoundElsewhere ? ' (again, because it would be sent to a different server)' : '';
  const question = `Password${mayKeep && !isBoundElsewhere ? ' (ENTER keeps the stored one)' : hint}: `;
  for (;;) {
    const text = await answers.hidden(question);
    if (text === null) throw coded('CANCELLED', { reason: 'the password was not given' });
    if (text === '' && mayKeep && !isBoundElsewhere) return { kind: 'kept' };
    const wrong = validatePassword(text);
    if (wrong === null) return typed(context, text);
    context.terminal.err(wrong);
  }
}

function typed(context: CommandContext, text: string): Password {
  const value = new Secret(text);
  context.keepSecret(value);
  return { kind: 'typed', value };
}

/** The sentence does not repeat the text. */
function validatePassword(text: string): string | null {
  return text === '' ? 'The password is empty.' : validateNoControl(text);
}
