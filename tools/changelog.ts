/**
 * Collects the fragments in changelog/unreleased/ into a section of CHANGELOG.md. The form of a fragment is described in
 * changelog/unreleased/README.md. A crash between the two steps leaves the new section and some fragments; `git checkout .`
 * restores both. Usage: tools/changelog.ts --check | --draft | VERSION
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gt, valid } from 'semver';

/** In the order of Keep a Changelog. */
const KINDS = ['added', 'changed', 'fixed', 'security'] as const;
type Kind = (typeof KINDS)[number];

interface Fragment {
  readonly file: string;
  readonly text: string;
}

/** Two sentences fit; a longer text is more than one change. */
const MAX_TEXT = 500;
const MAX_COLUMNS = 120;
const FILE_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*\.(?<kind>[a-z]+)\.md$/;
const UNRELEASED = '## [Unreleased]\n';
const RELEASE = /^## \[(?<version>\d[^\]]*)\]/m;

function kindOf(file: string): Kind | undefined {
  const kind = FILE_NAME.exec(file)?.groups?.['kind'];
  return KINDS.find((known) => known === kind);
}

/** Every deviation from the form, as `FILE: problem`. */
export function fragmentProblems({ file, text }: Fragment): string[] {
  const [statement = '', ...lists] = text.trimEnd().split(/\n{2,}/);
  const problems: string[] = [];
  if (kindOf(file) === undefined) problems.push(`the name must be TOPIC.KIND.md, KIND one of ${KINDS.join(', ')}`);
  if (statement.trim() === '') problems.push('it is empty');
  if (/^[-*#]/.test(statement)) problems.push('it must begin with a sentence, without a bullet or heading');
  if (/^[a-z]/.test(statement)) problems.push('it must begin with a capital letter, a name in backticks or a number');
  if (statement.length > MAX_TEXT)
    problems.push(`it has ${statement.length} characters, at most ${MAX_TEXT} are allowed`);
  if (!(lists.length === 0 ? /[.)]$/ : /:$/).test(statement)) {
    problems.push('it must end with a full stop, or with a colon if a list follows');
  }
  if (lists.some((list) => !list.startsWith('- '))) problems.push('only a list with "- " may follow an empty line');
  return problems.map((problem) => `${file}: ${problem}`);
}

function wrap(words: readonly string[], indent: string): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || `${indent}${last} ${word}`.length > MAX_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${indent}`);
}

/** A fragment as an entry of a list; a list in it becomes an inner list. */
function entryOf({ text }: Fragment): string {
  const [statement = '', ...lists] = text.trim().split(/\n{2,}/);
  const items = lists.flatMap((list) => list.split(/^- /m)).filter((item) => item.trim() !== '');
  const inner = items.map((item) => `\n  - ${wrap(item.trim().split(/\s+/), '    ')}`);
  return `- ${wrap(statement.split(/\s+/), '  ')}${inner.join('')}`;
}

/** The groups of a release that have an entry, in the order of `KINDS`; entries in the order of the file names. */
export function releaseBody(fragments: readonly Fragment[]): string {
  const groups = KINDS.map((kind) => {
    const entries = fragments
      .filter(({ file }) => kindOf(file) === kind)
      .toSorted((a, b) => (a.file < b.file ? -1 : 1));
    const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    return entries.length === 0 ? '' : `### ${title}\n\n${entries.map((entry) => `${entryOf(entry)}\n`).join('')}`;
  });
  return groups.filter((group) => group !== '').join('\n');
}

/** The changelog with the section of a release in front of the previous ones. */
export function withRelease(changelog: string, release: { version: string; date: string; body: string }): string {
  const { version, date, body } = release;
  if (valid(version) === null) throw new Error(`${version} is not a version such as 0.2.0`);
  const at = changelog.search(RELEASE);
  const previous = RELEASE.exec(changelog)?.groups?.['version'];
  if (!changelog.includes(UNRELEASED) || previous === undefined) {
    throw new Error('CHANGELOG.md must have the heading [Unreleased] and a release below it');
  }
  if (!gt(version, previous)) throw new Error(`${version} is not later than the last release, ${previous}`);
  if (body === '') throw new Error('there are no fragments, so there is nothing to release');
  return `${changelog.slice(0, at)}## [${version}] - ${date}\n\n${body}\n${changelog.slice(at)}`;
}

export function readFragments(folder: string): Fragment[] {
  const files = readdirSync(folder).filter((file) => file !== 'README.md');
  return files.map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));
}

function main([argument, ...rest]: readonly string[]): number {
  if (argument === undefined || rest.length > 0 || /^--(?!check$|draft$)/.test(argument)) {
    process.stderr.write('Usage: npm run changelog -- --check | --draft | VERSION\n');
    return 64;
  }
  const root = dirname(import.meta.dirname);
  const folder = join(root, 'changelog', 'unreleased');
  const fragments = readFragments(folder);
  const problems = fragments.flatMap(fragmentProblems);
  process.stderr.write(problems.map((problem) => `changelog/unreleased/${problem}\n`).join(''));
  if (problems.length > 0) return 1;
  if (argument === '--check') return 0;
  const body = releaseBody(fragments);
  if (argument === '--draft') {
    process.stdout.write(body);
    return 0;
  }
  const file = join(root, 'CHANGELOG.md');
  const release = { version: argument, date: new Date().toISOString().slice(0, 10), body };
  writeFileSync(file, withRelease(readFileSync(file, 'utf8'), release));
  for (const fragment of fragments) rmSync(join(folder, fragment.file));
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
