/**
 * Reports the phrases of banned-forms.ts in everything that people read. Usage: tools/plain-english.ts [PATH ...]
 * prints all of them, or those below a path. Exit status 1 if there are any.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BANNED_FORMS, type BannedForm, WRONG_PLURAL } from './banned-forms.ts';
import { type Prose, proseOfPage, proseOfScript, proseOfSource, readTestNames } from './prose.ts';

const ROOT = dirname(import.meta.dirname);

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly kind: Prose['kind'] | 'long test name';
  readonly form: string;
  readonly reason: string;
}

/** What a line of a CI log shows without a break. */
const MAX_TEST_NAME = 90;

/** Files that show the forms as examples, and a page that is generated from texts which are checked at their source. */
const UNCHECKED = [
  'docs/configuration.md',
  'docs/writing.md',
  'tools/banned-forms.ts',
  'test/docs/plain-english.test.ts',
];
const PAGES = ['*.md', 'docs/**/*.md', 'docs/man/*.8', 'changelog/**/*.md'];
const SCRIPTS = ['.ci/run', 'systemd/**/*.{sh,service,socket,conf}'];
const SOURCES = ['src/**/*.{ts,tsx}', 'test/**/*.ts', 'tools/**/*.{ts,js}', 'bench/**/*.ts', '*.ts'];

/** A code never changes, whatever words it consists of. */
const FAILURE_CODE = /\b[A-Z]+(?:-[A-Z]+)+\b/g;

const FORMS = BANNED_FORMS.map(spanning);
const FORMS_OF_TEXTS = [...FORMS, spanning(WRONG_PLURAL)];

/** The form with any white space where it has a blank. */
function spanning({ pattern, reason }: BannedForm): BannedForm {
  const flags = new Set([...pattern.flags, 'g', 'm']);
  return { pattern: new RegExp(pattern.source.replaceAll(/(?<!\[) (?!\])/g, '\\s+'), [...flags].join('')), reason };
}

export function findingsIn(path: string, text: string): Finding[] {
  const banned = proseOf(path, text).flatMap((prose) => {
    const forms = prose.kind === 'text' ? FORMS_OF_TEXTS : FORMS;
    const words = prose.text.replaceAll(FAILURE_CODE, (code) => '-'.repeat(code.length));
    return forms.flatMap(({ pattern, reason }) =>
      [...words.matchAll(pattern)].map(({ 0: form, index }) => ({
        path,
        line: prose.line + prose.text.slice(0, index).split('\n').length - 1,
        kind: prose.kind,
        form: form.replaceAll(/\s+/g, ' ').trim(),
        reason,
      })),
    );
  });
  return path.endsWith('.test.ts') ? [...banned, ...longTestNames(path, text)] : banned;
}

function longTestNames(path: string, code: string): Finding[] {
  const tooLong = readTestNames(code).filter(({ shown }) => shown.length > MAX_TEST_NAME);
  return tooLong.map(({ line, shown }) => {
    const reason = `${shown.length} characters, at most ${MAX_TEST_NAME} are allowed`;
    return { path, line, kind: 'long test name', form: shown, reason };
  });
}

function proseOf(path: string, text: string): Prose[] {
  if (/\.(?:md|1)$/.test(path)) return proseOfPage(text);
  if (!/\.(?:[jt]s|tsx)$/.test(path)) return proseOfScript(text);
  return proseOfSource(text, path.startsWith('test/') ? 'test name' : 'text', path.endsWith('.tsx') ? 'tsx' : 'ts');
}

export function allFindings(): Finding[] {
  const paths = globSync([...PAGES, ...SCRIPTS, ...SOURCES], { cwd: ROOT, exclude: ['node_modules/**', ...UNCHECKED] });
  const files = paths.filter((path) => /\.\w+$|^\.ci/.test(path)).toSorted();
  return files.flatMap((path) => findingsIn(path, readFileSync(join(ROOT, path), 'utf8')));
}

export function shownFinding({ path, line, kind, form, reason }: Finding): string {
  return `${path}:${line} ${kind}: "${form}": ${reason}`;
}

function main(paths: readonly string[]): void {
  const shown = allFindings().filter(
    ({ path }) => paths.length === 0 || paths.some((prefix) => path.startsWith(prefix)),
  );
  if (shown.length > 0) process.exitCode = 1;
  process.stdout.write(shown.map((finding) => `${shownFinding(finding)}\n`).join(''));
}

if (import.meta.main) main(process.argv.slice(2));
