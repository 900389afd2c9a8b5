// Keys of earlier versions of the format: what a later `version` renamed is read for one major version, with a notice.
//
// Guarantees: a file of the version before this one means what it meant, whatever its keys are called by now; each old
// name is told, with its place and with what to write. A file of this version has no old names: they are unknown keys.
// A file that has both names of a key is a mistake. Pure.

import { type Finding, keyName } from '#config/problem.ts';
import { FORMAT_VERSION } from '#config/schema/settings.ts';

/** A key that got another name or place; neither is inside a list. */
export interface Renamed {
  /** As it was, such as `['updates', 'interval']`. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** The first version that has the new name. */
  readonly since: number;
}

/** The format as this Sallyport writes it. */
export interface FormatHistory {
  readonly version: number;
  readonly renamed: readonly Renamed[];
}

/** Version 2 gave each purpose a section of its own. */
export const FORMAT_HISTORY: FormatHistory = {
  version: FORMAT_VERSION,
  renamed: [
    { from: ['endpoints', 'support_logs'], to: ['support_logs', 'url'], since: 2 },
    { from: ['endpoints', 'exposure_analytics'], to: ['exposure_analytics', 'url'], since: 2 },
    { from: ['endpoints', 'platform'], to: ['platform', 'url'], since: 2 },
  ],
};

/** The file in today's names. */
export interface Modernised {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** What the file calls a key of today. */
  keyInFile(key: string): string;
}

/** Whether a file of this version is read at all. */
export function isReadable(version: unknown, history: FormatHistory): boolean {
  return version === history.version || (version === history.version - 1 && version >= 1);
}

/** Gives every key of the version before its name of today. */
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

/** A section that has nothing left but its name. */
function withoutEmpty(value: unknown, section: string): unknown {
  const part = partAt(value, [section]);
  const isEmpty = part === null || (isSection(part) && Object.keys(part).length === 0);
  return isEmpty ? withoutPart(value, [section]) : value;
}

/** The notice of a file that has no old name. */
function outdated({ version }: FormatHistory): Finding {
  const message = `This file has format version ${version - 1}, which is read until version ${version + 1}. To convert it, run: sallyport config upgrade`;
  return { path: ['version'], severity: 'warning', at: 'value', found: '', allowed: '', message };
}

function findingOf({ from, to, since }: Renamed, isTwice: boolean): Finding {
  const now = keyName(to);
  const message = isTwice
    ? `This is the old name of ${now}, and the file has both. Remove this one.`
    : `Since version ${since} this key is ${now}. The old name is read until version ${since + 1}. To convert the file, run: sallyport config upgrade`;
  return { path: from, severity: isTwice ? 'error' : 'warning', at: 'key', found: '', allowed: '', message };
}

function oldName(key: string, moved: readonly Renamed[]): string {
  const renamed = moved.find(({ to }) => key === keyName(to) || /^[.[]/.test(restOf(key, keyName(to))));
  return renamed === undefined ? key : keyName(renamed.from) + restOf(key, keyName(renamed.to));
}

/** What follows the name; empty where the key is another one. */
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
