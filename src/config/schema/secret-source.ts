// How a secret is written: where its value comes from, or the value itself.

import { z } from 'zod';
import { judgedText } from './key.ts';
import { judgePath } from './values.ts';

/** RFC-less, but what a shell and systemd take as the name of a variable or credential. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CREDENTIAL = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/;

const judgeVariable = (text: string) =>
  VARIABLE.test(text) ? null : 'The name of an environment variable is letters, digits and underscores.';
const judgeCredential = (text: string) =>
  CREDENTIAL.test(text) ? null : 'The name of a credential is letters, digits, dash, dot, colon and underscore.';

export const SECRET_ALLOWED = '{file: PATH}, {env: NAME}, {credential: NAME}, or the value itself in quotes';

export const secretSource = z.union([
  z.string(),
  z.strictObject({ file: judgedText(judgePath) }),
  z.strictObject({ env: judgedText(judgeVariable) }),
  z.strictObject({ credential: judgedText(judgeCredential) }),
]);

/** A secret as the file has it. */
export type SecretSource = z.output<typeof secretSource>;
