// The schemas of paths and secrets. A secret is written either as its value or as the place that has the value, such as
// a file.

import { z } from 'zod';
import { markKind, validatedText } from './key.ts';
import { validatePath } from './values.ts';

/** The names that a shell allows for variables, and the names that systemd allows for credentials. */
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

/** A path. A relative path starts at the folder of the configuration file. */
export const path = markKind(validatedText(validatePath), 'path');
/** The path of a file that is read: the file is watched, and read again when it changes. */
export const filePath = markKind(validatedText(validatePath), 'file');
export const PATH_ALLOWED = 'a path, absolute or relative to the folder of the configuration file';

export const secretSource = markKind(
  z.union([
    z.string(),
    z.strictObject({ file: validatedText(validatePath) }),
    z.strictObject({ env: validatedText(validateVariable) }),
    z.strictObject({ credential: validatedText(validateCredential) }),
  ]),
  'secret',
);

/** A secret as it is written in the file. */
export type SecretSource = z.output<typeof secretSource>;
