// Gets the password of a proxy: from a question, standard input, or a named file. A password is never taken from an
// argument, because every user of the host can read the arguments of a process.

import { relative } from 'node:path';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Plain } from '#config/editing/edit-render.ts';
import { validateNoControl } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { CommandContext } from './command-context.ts';

/** The flags that say where the password comes from. */
export interface PasswordFlags {
  readonly passwordFile?: string | undefined;
  readonly passwordStdin?: boolean | undefined;
}

/** A typed password, a reference to the file that contains it, or the unchanged password. */
export type Password =
  | { readonly kind: 'typed'; readonly value: Secret }
  | { readonly kind: 'elsewhere'; readonly value: Plain }
  | { readonly kind: 'kept' };

export interface PasswordRequest {
  readonly name: string;
  /** A password is stored and may be kept. */
  readonly mayKeep: boolean;
  /** A password is stored, but would be sent to a different server. */
  readonly isBoundElsewhere: boolean;
  /** False if flags give all values, so that no question is needed. */
  readonly mustPrompt: boolean;
  /** Folder of the configuration file, which relative paths refer to. */
  readonly folder: string;
}

const MAX_PASSWORD_BYTES = 65_536;

type Profile = Settings['proxies'][number];

/** Whether an authentication method needs a password from the profile. */
export function needsPassword(authentication: Profile['authentication']): boolean {
  return authentication !== 'transparent' && authentication !== 'negotiate';
}

/** Gets the password. @throws UsageError without a password and a terminal; CodedError PASSWORD-ANEW, CANCELLED */
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

/** Why the password is invalid; null if it is valid. The sentence does not contain the password. */
function validatePassword(text: string): string | null {
  return text === '' ? 'The password is empty.' : validateNoControl(text);
}
