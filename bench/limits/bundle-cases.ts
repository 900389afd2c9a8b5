// Redacts one window of a bundle with all rules, 200 secrets, pseudonyms, and the maximum number of rules of the admin.

import { KnownSecrets } from '#redaction/known-secrets.ts';
import { compilePattern } from '#redaction/linear-pattern.ts';
import { innocentLines } from '#test/uploads/redaction/innocent-lines.ts';
import type { OwnRule } from '#uploads/redaction/findings.ts';
import { Pseudonymizer } from '#uploads/redaction/pseudonymizer.ts';
import { MAX_NAMES, Pseudonyms } from '#uploads/redaction/pseudonyms.ts';
import { BUILT_IN_RULES } from '#uploads/redaction/rules/built-in.ts';
import { Windows } from '#uploads/redaction/windows.ts';
import type { Case } from './cases.ts';

/** One byte less than what is processed at once, so that the end of the text is the only window. */
const WINDOW_LENGTH = 65_535;
const SECRETS = 200;
const OWN_NAMES = { hosts: ['build7.corp.net', 'build7'], users: ['carol'] };

const known = new KnownSecrets();
for (let n = 0; n < SECRETS; n += 1) known.add(`${n.toString(36)}-Secret-of-grüße-${n * n}`);

function windowOf(text: string, own: readonly OwnRule[] = []): Case['make'] {
  return (share) => {
    const length = Math.round(WINDOW_LENGTH * share);
    const bytes = Buffer.from(text.repeat(Math.ceil(length / Buffer.byteLength(text)))).subarray(0, length);
    return () => {
      const pseudonymizer = new Pseudonymizer(new Pseudonyms(null), OWN_NAMES);
      const windows = new Windows({ known, rules: BUILT_IN_RULES, own, pseudonymizer }, new Map());
      return [...windows.take(bytes), ...windows.end()];
    };
  };
}

const ownRule: OwnRule = { name: 'own', pattern: compilePattern('(?i)customer[ =:]+(\\d{6,10})|(\\d)') };

export const BUNDLE_CASES: readonly Case[] = [
  { name: 'bundle: a window of log lines', make: windowOf(innocentLines(1).join('\n')) },
  { name: 'bundle: a window with a secret in each line', make: windowOf('token=***\npassword=hunter2\n') },
  { name: 'bundle: a line of JSON with passwords', make: windowOf('{"user": "bob", "db_password": "corr ect"}') },
  { name: 'bundle: a line of addresses without an end', make: windowOf('a:b@') },
  { name: 'bundle: a line of options', make: windowOf('--token ') },
  { name: 'bundle: a line of quotes in a header', make: windowOf('Authorization: "') },
  { name: 'bundle: a line of backslashes', make: windowOf('\\') },
  { name: 'bundle: a line of hosts', make: windowOf('host=x.com 10.1.2.3 '), maxRatio: 20 },
  {
    name: 'bundle: a window that an own rule matches at each digit',
    make: windowOf('1 customer 1234567\n', [ownRule]),
  },
  {
    name: 'pseudonyms: as many names as are kept',
    // A map of this size no longer fits into the caches of a processor.
    maxRatio: 25,
    make: (share) => () => {
      const pseudonyms = new Pseudonyms(null);
      for (let n = 0; n < MAX_NAMES * share; n += 1) pseudonyms.nameOf('host', `web${n}`);
      return pseudonyms.saved();
    },
  },
];
