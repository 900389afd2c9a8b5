/**
 * Reports the banned forms (banned-forms.ts) in everything that people read, and keeps the number that each directory may
 * still have in test/docs/plain-english.budget.json. That number only ever falls. Usage: tools/plain-english.ts
 * [PATH ...] shows the findings, all or below a path; --check shows those of directories that have more than their number,
 * and ends 1 if there are any; --lower writes the present numbers where they are lower.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BANNED_FORMS, type BannedForm, WRONG_PLURAL } from './banned-forms.ts';
import { type Prose, proseOfPage, proseOfScript, proseOfSource, readTestNames } from './prose.ts';

const ROOT = dirname(import.meta.dirname);
const BUDGET = join(ROOT, 'test', 'docs', 'plain-english.budget.json');

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly kind: Prose['kind'] | 'long test name';
  readonly form: string;
  readonly reason: string;
}

/** What a line of a CI log shows without a break. */
const MAX_TEST_NAME = 90;

/** How many findings a directory may have for each kind of prose, as `src/errors comment`. */
export type Budget = Readonly<Record<string, number>>;

/** Files that show the forms as examples, and a page that is generated from texts which are checked at their source. */
const UNCHECKED = [
  'docs/configuration.md',
  'docs/writing.md',
  'tools/banned-forms.ts',
  'test/docs/plain-english.test.ts',
];
const PAGES = ['*.md', 'docs/**/*.md', 'docs/man/*.1', 'changelog/**/*.md'];
const SCRIPTS = ['.ci/run', 'systemd/**/*.{sh,service,socket,conf}'];
const SOURCES = ['src/**/*.ts', 'test/**/*.ts', 'tools/**/*.{ts,js}', 'bench/**/*.ts', '*.ts'];

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
  if (!/\.[jt]s$/.test(path)) return proseOfScript(text);
  return proseOfSource(text, path.startsWith('test/') ? 'test name' : 'text');
}

export function allFindings(): Finding[] {
  const paths = globSync([...PAGES, ...SCRIPTS, ...SOURCES], { cwd: ROOT, exclude: ['node_modules/**', ...UNCHECKED] });
  const files = paths.filter((path) => /\.\w+$|^\.ci/.test(path)).toSorted();
  return files.flatMap((path) => findingsIn(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** Where a finding is counted: by module rather than by file, so that a renamed file keeps its number. */
export function budgetKey({ path, kind }: Pick<Finding, 'path' | 'kind'>): string {
  const [top = '', module = ''] = path.split('/');
  const place = (top === 'src' || top === 'test') && path.split('/').length > 2 ? `${top}/${module}` : top;
  return `${place} ${kind}`;
}

export function countFindings(findings: readonly Finding[]): Budget {
  const counts: Record<string, number> = {};
  for (const finding of findings) counts[budgetKey(finding)] = (counts[budgetKey(finding)] ?? 0) + 1;
  return counts;
}

export function readBudget(): Budget {
  return JSON.parse(readFileSync(BUDGET, 'utf8')) as Budget;
}

/** The findings of every directory that has more than its budget. */
export function overBudget(findings: readonly Finding[], budget: Budget): Finding[] {
  const counts = countFindings(findings);
  return findings.filter((finding) => (counts[budgetKey(finding)] ?? 0) > (budget[budgetKey(finding)] ?? 0));
}

/** The budget with each number that the present count is below; what is at 0 is left out. */
export function lowered(budget: Budget, counts: Budget): Budget {
  const kept = Object.entries(budget).map(([key, most]) => [key, Math.min(most, counts[key] ?? 0)] as const);
  return Object.fromEntries(kept.filter(([, most]) => most > 0).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function couldBeLowered(findings: readonly Finding[]): boolean {
  const budget = readBudget();
  return JSON.stringify(lowered(budget, countFindings(findings))) !== JSON.stringify(budget);
}

export function shownFinding({ path, line, kind, form, reason }: Finding): string {
  return `${path}:${line} ${kind}: "${form}": ${reason}`;
}

function main(argv: readonly string[]): void {
  const findings = allFindings();
  if (argv[0] === '--lower') {
    writeFileSync(BUDGET, `${JSON.stringify(lowered(readBudget(), countFindings(findings)), null, 2)}\n`);
    return;
  }
  const isCheck = argv[0] === '--check';
  const shown = isCheck
    ? overBudget(findings, readBudget())
    : findings.filter(({ path }) => argv.length === 0 || argv.some((prefix) => path.startsWith(prefix)));
  if (isCheck && shown.length > 0) process.exitCode = 1;
  else if (isCheck && couldBeLowered(findings)) process.stdout.write('run: npm run plain-english -- --lower\n');
  process.stdout.write(shown.map((finding) => `${shownFinding(finding)}\n`).join(''));
  process.stdout.write(`${shown.length} to rewrite\n`);
}

if (import.meta.main) main(process.argv.slice(2));
