// Reads files of the previous format version, in which some keys had other names.
//
// Guarantees: a file of the previous version keeps its meaning. For each old name there is a warning with its position
// and the new name. In a file of the current version, old names are unknown keys. A file with both names of a key is an
// error. Pure.

import { type Finding, keyName } from '#config/problem.ts';
import { FORMAT_VERSION } from '#config/schema/settings.ts';

/** A renamed or moved key. Neither its old nor its new path leads into a list. */
export interface Renamed {
  /** The old path, such as `['updates', 'interval']`. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** The first format version with the new name. */
  readonly since: number;
}

/** The format version that this program writes, and the keys that were renamed. */
export interface FormatHistory {
  readonly version: number;
  readonly renamed: readonly Renamed[];
}

/** Format version 2 gave each purpose its own section. */
export const FORMAT_HISTORY: FormatHistory = {
  version: FORMAT_VERSION,
  renamed: [
    { from: ['endpoints', 'support_logs'], to: ['support_logs', 'url'], since: 2 },
    { from: ['endpoints', 'exposure_analytics'], to: ['exposure_analytics', 'url'], since: 2 },
    { from: ['endpoints', 'platform'], to: ['platform', 'url'], since: 2 },
  ],
};

/** The content of a file with current key names. */
export interface Modernised {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** The name that the file uses for a current key. */
  keyInFile(key: string): string;
}

/** Whether files of this version can be read. */
export function isReadable(version: unknown, history: FormatHistory): boolean {
  return version === history.version || (version === history.version - 1 && version >= 1);
}

/** Gives every key of the previous version its current name. */
export function modernise(value: Readonly<Record<string, unknown>>, history: FormatHistory): Modernised {
  const { version } = value;
  if (version === history.version || !isReadable(version, history)) {
    return { value, findings: [], keyInFile: (key) => key };
  }
  const findings: Finding[] = [];
  const moved: Renamed[] = [];
  let modern: unknown = { ...value, version: history.version };
  const sections = new Set<string>();
  for (const renamed of history.renamed.filter(({ since }) => since === history.version)) {
    const old = partAt(value, renamed.from);
    if (renamed.from.length > 1) sections.add(String(renamed.from[0]));
    if (old === undefined) continue;
    const isTwice = partAt(value, renamed.to) !== undefined;
    findings.push(findingOf(renamed, isTwice));
    if (isTwice) continue;
    modern = withPart(withoutPart(modern, renamed.from), renamed.to, old);
    moved.push(renamed);
  }
  for (const section of sections) modern = withoutEmpty(modern, section);
  if (findings.length === 0) findings.push(outdated(history));
  return { value: modern, findings, keyInFile: (key) => oldName(key, moved) };
}

/** The value without this section if no key is left in it. */
function withoutEmpty(value: unknown, section: string): unknown {
  const part = partAt(value, [section]);
  const isEmpty = part === null || (isSection(part) && Object.keys(part).length === 0);
  return isEmpty ? withoutPart(value, [section]) : value;
}

/** The notice for a file of the previous version that has no old names. */
function outdated({ version }: FormatHistory): Finding {
  const message = `This file has format version ${version - 1}. A later Sallyport with format version ${version + 1} will not read it. To convert it, run: sallyport config upgrade`;
  return { path: ['version'], severity: 'warning', at: 'value', found: '', allowed: '', message };
}

function findingOf({ from, to, since }: Renamed, isTwice: boolean): Finding {
  const now = keyName(to);
  const message = isTwice
    ? `This is the old name of ${now}, and the file has both. Remove this one.`
    : `Since format version ${since} this key is called ${now}. A later Sallyport with format version ${since + 1} will not read the old name. To convert the file, run: sallyport config upgrade`;
  return { path: from, severity: isTwice ? 'error' : 'warning', at: 'key', found: '', allowed: '', message };
}

function oldName(key: string, moved: readonly Renamed[]): string {
  const renamed = moved.find(({ to }) => key === keyName(to) || /^[.[]/.test(restOf(key, keyName(to))));
  return renamed === undefined ? key : keyName(renamed.from) + restOf(key, keyName(renamed.to));
}

/** The part of the key after the name; empty if the key does not begin with it. */
function restOf(key: string, name: string): string {
  return key.startsWith(name) ? key.slice(name.length) : '';
}

function partAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (part, step) => (isSection(part) && Object.hasOwn(part, step) ? part[step] : undefined),
    value,
  );
}

function withPart(value: unknown, path: readonly string[], part: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return part;
  const section = isSection(value) ? value : {};
  return { ...section, [step]: withPart(section[step], rest, part) };
}

function withoutPart(value: unknown, path: readonly string[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined || !isSection(value)) return value;
  const { [step]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...others, [step]: withoutPart(inner, rest) };
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
