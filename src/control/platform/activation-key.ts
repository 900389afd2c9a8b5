// The form of an activation key: four groups of four letters and digits. Pure.
//
// Guarantees: a key with a wrong form is never sent, and no failure text quotes it. Only a key with the right form is
// masked: masking any text would let a caller hide words of the log.

import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';

const GROUPS = 4;
const GROUP_LENGTH = 4;
/** What people and documents put between groups: hyphens, dashes and spaces. */
const SEPARATORS = /[\s\u2010-\u2015-]+/;
const GROUP = /^[A-Z0-9]*$/;

/** The key in its only spelling: capitals, with hyphens. @throws CodedError LICENSE-KEY */
export function readActivationKey(text: string): Secret {
  const groups = text.trim().toUpperCase().split(SEPARATORS);
  const reason = reasonAgainst(groups);
  if (reason !== null) throw coded('LICENSE-KEY', { reason });
  const plain = groups.join('');
  return new Secret(plain.match(/.{4}/g)?.join('-') ?? plain);
}

/** Reads a key, and masks it as it is sent and as it was entered. @throws CodedError LICENSE-KEY; then nothing is masked */
export function readMaskedKey(text: string, mask: (form: string) => void): Secret {
  const key = readActivationKey(text);
  const sent = key.reveal();
  for (const form of new Set([sent, sent.replaceAll('-', ''), text.trim()])) mask(form);
  return key;
}

/** A key without separators is one long group. */
function reasonAgainst(groups: readonly string[]): string | null {
  if (groups.join('') === '') return 'it is empty';
  const wrong = groups.findIndex((group) => !GROUP.test(group));
  if (wrong !== -1) return `group ${wrong + 1} has a character that is neither a letter nor a digit`;
  if (groups.length === 1 && groups[0]?.length === GROUPS * GROUP_LENGTH) return null;
  if (groups.length !== GROUPS) return `it has ${groups.length} group${groups.length === 1 ? '' : 's'}, not ${GROUPS}`;
  const short = groups.findIndex((group) => group.length !== GROUP_LENGTH);
  return short === -1 ? null : `group ${short + 1} has ${groups[short]?.length} characters, not ${GROUP_LENGTH}`;
}
