// The leaves that are treated apart: paths, and secrets, which are written as where their value comes from or as the
// value itself.

import { z } from 'zod';
import { markKind, validatedText } from './key.ts';
import { validatePath } from './values.ts';

/** What a shell takes as the name of a variable, and systemd as that of a credential. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CREDENTIAL = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/;

const validateVariable = (text: string) =>
  VARIABLE.test(text)
    ? null
    : 'The name of an environment variable may contain letters, digits and underscores, and does not begin with a digit.';
const validateCredential = (text: string) =>
  CREDENTIAL.test(text)
    ? null
    : 'The name of a credential may contain letters, digits, dashes, dots, colons and underscores.';

export const SECRET_ALLOWED = '{file: PATH}, {env: NAME}, {credential: NAME}, or the value itself in quotes';

/** A path; a relative one starts at the folder of the configuration file. */
export const path = markKind(validatedText(validatePath), 'path');
/** The same, of a file that is read: it is watched, and read again when it changes. */
export const filePath = markKind(validatedText(validatePath), 'file');
export const PATH_ALLOWED = 'a path; a relative one starts at the folder of this file';

export const secretSource = markKind(
  z.union([
    z.string(),
    z.strictObject({ file: validatedText(validatePath) }),
    z.strictObject({ env: validatedText(validateVariable) }),
    z.strictObject({ credential: validatedText(validateCredential) }),
  ]),
  'secret',
);

/** A secret as the file has it. */
export type SecretSource = z.output<typeof secretSource>;
