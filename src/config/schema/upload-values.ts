// Validates the values of the sections for uploads. Pure: each function returns null, or one sentence that says what is
// wrong and what to write instead.

/** What a bundle contains by default. */
export const BUILT_IN_SOURCES = [
  'log',
  'journal',
  'configuration',
  'status',
  'diagnosis',
  'timeouts',
  'versions',
] as const;

type BuiltInSource = (typeof BUILT_IN_SOURCES)[number];

export const SOURCE_ALLOWED = `${BUILT_IN_SOURCES.join(', ')}, journal:UNIT, or an absolute path of files in which * and ? stand for parts of a name`;

const JOURNAL_PREFIX = 'journal:';
/** systemd.unit(5): the characters of a unit name, and its types. */
const UNIT = /^[A-Za-z0-9:_.\\@-]{1,240}\.(?:service|socket|timer|mount|path|target|scope|slice)$/;
const MAX_PATH_LENGTH = 4_096;
const MAX_PATTERN_LENGTH = 1_000;

/** A source as it is configured, in its parts. */
export type BundleSource =
  | { readonly kind: 'built-in'; readonly name: BuiltInSource }
  | { readonly kind: 'journal'; readonly unit: string }
  | { readonly kind: 'files'; readonly pattern: string };

/** Parses a valid source. */
export function parseSource(text: string): BundleSource {
  if (text.startsWith(JOURNAL_PREFIX)) return { kind: 'journal', unit: text.slice(JOURNAL_PREFIX.length) };
  const name = BUILT_IN_SOURCES.find((known) => known === text);
  return name === undefined ? { kind: 'files', pattern: text } : { kind: 'built-in', name };
}

export function validateSource(text: string): string | null {
  if (text.startsWith(JOURNAL_PREFIX)) {
    return UNIT.test(text.slice(JOURNAL_PREFIX.length))
      ? null
      : 'Write the whole name of a systemd unit, such as journal:example.service.';
  }
  if (BUILT_IN_SOURCES.some((known) => known === text)) return null;
  if (!text.startsWith('/')) return `Write ${SOURCE_ALLOWED}.`;
  return validateFilePattern(text);
}

/** The folder before the first wildcard is the fixed root that a pattern cannot leave. */
function validateFilePattern(text: string): string | null {
  if (text.length > MAX_PATH_LENGTH) return `A path has at most ${MAX_PATH_LENGTH} characters.`;
  if (/\p{Cc}/u.test(text)) return 'A path cannot contain control characters.';
  const parts = text.split('/').slice(1);
  if (parts.some((part) => part === '.' || part === '..')) return 'Remove the parts . and .. from the path.';
  if (parts.at(-1) === '')
    return 'This is a folder. Write which of its files are collected, such as /var/log/example/*.log.';
  if (parts.some((part) => part === '')) return 'Remove the empty part (//) from the path.';
  if (parts.includes('**'))
    return 'Folders below a folder are not searched. List each folder, such as /var/log/example/*/*.log.';
  if (/[*?]/.test(parts[0] ?? '')) return 'The first folder must be written in full, without * and ?.';
  return null;
}

/** A name under which the manifest counts what a rule masks. */
export function validateRuleName(text: string): string | null {
  return /^[a-z][a-z0-9-]{0,63}$/.test(text)
    ? null
    : 'A name may contain at most 64 lowercase letters, digits and dashes, and begins with a letter.';
}

/** Only the length; the engine that runs the pattern checks its syntax (`uploads/redaction`). */
export function validateRulePattern(text: string): string | null {
  if (text === '') return 'The pattern is empty.';
  return text.length > MAX_PATTERN_LENGTH ? `A pattern has at most ${MAX_PATTERN_LENGTH} characters.` : null;
}

/** A date of the calendar, as in RFC 3339: `2027-01-31`. */
export function validateDate(text: string): string | null {
  const example = 'Write a date such as 2027-01-31.';
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return example;
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exists ? null : `This day does not exist. ${example}`;
}

/** A field of a document: names with dots between them. */
export function validateFieldName(text: string): string | null {
  if (text.length > 256) return 'The name of a field has at most 256 characters.';
  return text.split('.').every((part) => part !== '' && !/\p{Cc}/u.test(part))
    ? null
    : 'Write the names of nested fields with single dots between them, such as host.id.';
}

/**
 * An age recipient: bech32 (BIP 173) without its limit of 90 characters, with the prefix age and its checksum. A wrong
 * character would otherwise be noticed only when a bundle is encrypted.
 */
export function validateRecipient(text: string): string | null {
  if (/^AGE-SECRET-KEY-/i.test(text))
    return 'This is a secret key. Write its public recipient, which begins with age1.';
  if (/^ssh-/.test(text)) return 'SSH keys are not supported. Make a recipient with age-keygen; it begins with age1.';
  const separator = text.lastIndexOf('1');
  const prefix = text.slice(0, separator);
  const data = [...text.slice(separator + 1)].map((character) => BECH32.indexOf(character));
  if (!/^age/.test(prefix) || data.length < 6 || data.includes(-1) || text.length > 4_096) {
    return 'This is not an age recipient. It begins with age1 and has only lowercase letters and digits.';
  }
  return hasChecksum(prefix, data) ? null : 'The checksum of this age recipient is wrong. Copy it again, whole.';
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function hasChecksum(prefix: string, data: readonly number[]): boolean {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  const values = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...data];
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((one, bit) => {
      if (((top >> bit) & 1) === 1) sum ^= one;
    });
  }
  return sum === 1;
}
