// The feed (format 1) as the vendor's tools write it: its fields, its limits, and the errors of a field. Pure.
//
// The agent reads the feed with code of its own (`src/updates`), which trusts no field. The two share only
// docs/protocol.md, so that tests of one detect an error in the other. Fields have the same names as in the JSON
// document.

export const FEED_FORMAT = 1;
export const FEED_NAME = 'feed.json';
/** Limits of docs/protocol.md, which every agent enforces. */
export const MAX_ITEMS = 2_000;
export const MAX_FEED_BYTES = 4 * 1024 * 1024;
export const MAX_REQUIRED = 16;
const MAX_NOTES_LENGTH = 2_000;
const MAX_FILE_NAME_LENGTH = 16_384;
/** An end of central directory and nothing else: the shortest archive (APPNOTE.TXT 4.3.16). */
export const MIN_JAR_BYTES = 22;

export interface FeedItem {
  readonly id: string;
  readonly package: string;
  readonly sequence: number;
  readonly file: string;
  readonly length: number;
  readonly sha256: string;
  readonly released: string;
  readonly kind: 'content' | 'product';
  readonly requires?: readonly string[];
  readonly withdrawn?: boolean;
  readonly channel?: string;
  readonly rollout_percent?: number;
  readonly min_agent?: string;
  readonly notes?: string;
}

export interface Feed {
  readonly format: typeof FEED_FORMAT;
  readonly serial: number;
  readonly expires: string;
  readonly items: readonly FeedItem[];
}

/** The fields that a side file `<id>.meta.json` may set for its package. */
export type ItemMeta = Partial<Omit<FeedItem, 'id' | 'file' | 'length' | 'sha256'>>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const OUR_ENDINGS = /\.(?:jar|json|new|unverified|journal|receipt|damaged)$/i;
const SHA256 = /^[0-9a-f]{64}$/;
/** RFC 3339, 5.6, with seconds and a zone. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?$/;

/** What is wrong with an id, as the rest of a sentence after "the id"; null when it is valid. */
export function idProblem(id: unknown): string | null {
  if (typeof id !== 'string' || !NAME.test(id)) {
    return 'must begin with a letter or digit and have at most 64 letters, digits, dots, dashes and underscores';
  }
  if (id.includes('..')) return 'must not have two dots in a row';
  const ending = OUR_ENDINGS.exec(id)?.[0];
  return ending === undefined ? null : `must not end in ${ending}, which is a name of the agent's own files`;
}

type Check = (value: unknown) => boolean;

const isWhole = (min: number, max: number): Check => {
  return (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
};
const isName: Check = (value) => typeof value === 'string' && NAME.test(value);
/** RFC 3339 with seconds and a zone, on a day that exists. */
export const isTime: Check = (value) =>
  typeof value === 'string' && TIME.test(value) && isDay(value) && !Number.isNaN(Date.parse(value));
/** Date.parse accepts the 30th of February as the 2nd of March. */
const isDay = (time: string): boolean => {
  const [year = 0, month = 0, day = 0] = time.slice(0, 10).split('-').map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
};
const isIds: Check = (value) =>
  Array.isArray(value) &&
  value.length <= MAX_REQUIRED &&
  new Set(value).size === value.length &&
  value.every((id) => idProblem(id) === null);

interface Rule {
  readonly valid: Check;
  readonly allowed: string;
}

/** The fields that a side file may set. */
const META_RULES: Readonly<Record<keyof ItemMeta, Rule>> = {
  package: { valid: isName, allowed: 'a name of at most 64 letters, digits, dots, dashes and underscores' },
  sequence: { valid: isWhole(0, Number.MAX_SAFE_INTEGER), allowed: 'a whole number from 0 to 9007199254740991' },
  released: { valid: isTime, allowed: 'a time such as 2026-11-20T00:00:00Z' },
  kind: { valid: (value) => value === 'content' || value === 'product', allowed: 'content or product' },
  requires: { valid: isIds, allowed: `a list of at most ${MAX_REQUIRED} different IDs` },
  withdrawn: { valid: (value) => typeof value === 'boolean', allowed: 'true or false' },
  channel: { valid: isName, allowed: 'a name of at most 64 letters, digits, dots, dashes and underscores' },
  rollout_percent: {
    valid: (value) => typeof value === 'number' && value >= 0 && value <= 100,
    allowed: 'a number from 0 to 100',
  },
  min_agent: {
    valid: (value) => typeof value === 'string' && VERSION.test(value),
    allowed: 'a version such as 1.2.0',
  },
  notes: {
    valid: (value) => typeof value === 'string' && value.length <= MAX_NOTES_LENGTH,
    allowed: `a text of at most ${MAX_NOTES_LENGTH} characters`,
  },
};

/** The other fields of every item, which only the builder sets. */
const ITEM_RULES: Readonly<Record<'id' | 'file' | 'length' | 'sha256', Rule>> = {
  id: { valid: (value) => idProblem(value) === null, allowed: 'an ID' },
  file: {
    valid: (value) => typeof value === 'string' && value !== '' && value.length <= MAX_FILE_NAME_LENGTH,
    allowed: 'a name',
  },
  length: { valid: isWhole(MIN_JAR_BYTES, Number.MAX_SAFE_INTEGER), allowed: 'a number of bytes' },
  sha256: {
    valid: (value) => typeof value === 'string' && SHA256.test(value),
    allowed: '64 hexadecimal digits, small letters',
  },
};

const ALWAYS = ['id', 'package', 'sequence', 'file', 'length', 'sha256', 'released', 'kind'];

/** Reads the content of a side file: its fields, or what is wrong with it. */
export function readMeta(text: string): { readonly meta: ItemMeta } | { readonly problem: string } {
  const document = parseObject(text);
  if (document === null) return { problem: 'is not a JSON object' };
  const problem = fieldProblem(document, META_RULES);
  return problem === null ? { meta: document } : { problem };
}

/** Reads the previous feed, whose items and serial the new one continues. */
export function readFeed(text: string): { readonly feed: Feed } | { readonly problem: string } {
  const document = parseObject(text);
  if (document === null) return { problem: 'is not a JSON object' };
  const { format, serial, expires, items } = document;
  if (format !== FEED_FORMAT) return { problem: `has format ${JSON.stringify(format)}, this builder knows 1` };
  if (!isWhole(0, Number.MAX_SAFE_INTEGER - 1)(serial)) return { problem: 'has no usable serial' };
  if (!isTime(expires)) return { problem: 'has no usable expires' };
  if (!Array.isArray(items)) return { problem: 'has no list of items' };
  for (const [index, item] of items.entries()) {
    const problem = itemProblem(item);
    if (problem !== null) return { problem: `items[${index}] ${problem}` };
  }
  return { feed: document as unknown as Feed };
}

function itemProblem(item: unknown): string | null {
  if (!isObject(item)) return 'is not an object';
  const missing = ALWAYS.find((field) => !(field in item));
  return missing === undefined ? fieldProblem(item, { ...META_RULES, ...ITEM_RULES }) : `has no ${missing}`;
}

function fieldProblem(fields: Readonly<Record<string, unknown>>, rules: Readonly<Record<string, Rule>>): string | null {
  for (const [name, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) return `has the unknown field ${name}; known are ${Object.keys(rules).join(', ')}`;
    if (!rule.valid(value)) return `has a ${name} that is not ${rule.allowed}`;
  }
  return null;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) ? document : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
