/**
 * Finds the texts that people read: paragraphs of pages, texts and comments of source files, names of tests. Source files
 * are parsed, so code is never taken for prose. Code in backticks and in fences is left out: it quotes what runs.
 */
import { type ESTree, parseSync, Visitor } from 'rolldown/utils';

export interface Prose {
  readonly kind: 'page' | 'text' | 'comment' | 'test name';
  /** As written, with its line breaks. */
  readonly text: string;
  /** The line in the file where the text begins, from 1. */
  readonly line: number;
}

/** Prose of a Markdown page or man page. */
export function proseOfPage(text: string): Prose[] {
  const blank = (code: string) => code.replaceAll(/[^\n]/g, ' ');
  const bare = text
    .replaceAll(/^```[\s\S]*?^```/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/`[^`]*`/g, (code) => `{}${blank(code.slice(2))}`)
    .replaceAll(/\]\([^)]*\)/g, blank);
  return [{ kind: 'page', text: bare, line: 1 }];
}

/** Comments of a script whose comments begin with `#`. */
export function proseOfScript(text: string): Prose[] {
  return blocksOf(text, /^[ \t]*#(?!!) ?(.*)$/);
}

/** Comments, and either the texts of the program or the names of its tests. */
export function proseOfSource(code: string, kind: 'text' | 'test name', lang: 'ts' | 'tsx' = 'ts'): Prose[] {
  const { program, comments } = parseSync('file', code, { lang });
  const lineAt = lineFinder(code);
  const strings = kind === 'text' ? textsOf(program) : testNamesOf(program).map(({ at, name }) => ({ at, text: name }));
  return [
    ...joinLines(comments.map(({ value, start }) => ({ text: unstarred(value), line: lineAt(start) }))),
    ...strings.map(({ at, text }): Prose => ({ kind, text, line: lineAt(at) })),
  ];
}

interface NamedCall {
  readonly at: number;
  readonly name: string;
  /** Names of the suites around it, outermost first. */
  readonly suites: readonly string[];
  readonly isSuite: boolean;
}

export interface TestName {
  readonly line: number;
  /**
   * The name as a reader of a CI log needs it: alone if it begins with its subject and a colon, as in `spool: a full spool
   * refuses new entries`, else with the names of its suites, as in `a full spool > refuses new entries`.
   */
  readonly shown: string;
}

export function readTestNames(code: string): TestName[] {
  const lineAt = lineFinder(code);
  const tests = testNamesOf(parseSync('file.ts', code, { lang: 'ts' }).program).filter(({ isSuite }) => !isSuite);
  return tests.map(({ at, name, suites }) => ({
    line: lineAt(at),
    shown: /^[\w`{}][^:]*: /.test(name) ? name : [...suites, name].join(' > '),
  }));
}

const SUITES = ['describe', 'describeWith'];
const TESTS = ['it', 'test'];

/** The names of all suites and tests, in order. The value of a template is shown as `{}`. */
function testNamesOf(program: ESTree.Program): NamedCall[] {
  const names: NamedCall[] = [];
  const suites: { readonly name: string; readonly end: number }[] = [];
  new Visitor({
    CallExpression(node) {
      const called = rootName(node.callee);
      const text = node.arguments
        .slice(0, 2)
        .map(stringOf)
        .find((value) => value !== null);
      if (text === undefined || text === null || ![...SUITES, ...TESTS].includes(called)) return;
      while ((suites.at(-1)?.end ?? Number.POSITIVE_INFINITY) < node.end) suites.pop();
      const isSuite = SUITES.includes(called);
      names.push({ at: node.start, name: text, suites: suites.map(({ name }) => name), isSuite });
      if (isSuite) suites.push({ name: text, end: node.end });
    },
  }).visit(program);
  return names;
}

function rootName(callee: ESTree.Node): string {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type === 'MemberExpression') return rootName(callee.object);
  if (callee.type === 'CallExpression') return rootName(callee.callee);
  return callee.type === 'TaggedTemplateExpression' ? rootName(callee.tag) : '';
}

function stringOf(node: ESTree.Node): string | null {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type !== 'TemplateLiteral') return null;
  // A constant is a number that is known where the text is written, so it is not a placeholder.
  const values = node.expressions.map((one) =>
    one.type === 'Identifier' && /^[A-Z]/.test(one.name) ? one.name : '{}',
  );
  return node.quasis.map(({ value }, index) => `${value.cooked ?? value.raw}${values[index] ?? ''}`).join('');
}

/** String literals with a blank in them: a single word is a name, not a sentence. */
function textsOf(program: ESTree.Program): { at: number; text: string }[] {
  const texts: { at: number; text: string }[] = [];
  const add = (node: ESTree.StringLiteral | ESTree.TemplateLiteral) => {
    const text = stringOf(node);
    if (text?.includes(' ')) texts.push({ at: node.start, text });
  };
  new Visitor({
    Literal(node) {
      if (typeof node.value === 'string') add(node);
    },
    TemplateLiteral: add,
    JSXText({ value, start }) {
      if (value.trim().includes(' ')) texts.push({ at: start, text: value });
    },
  }).visit(program);
  return texts;
}

/** A block comment without the stars at its margin. */
function unstarred(value: string): string {
  return value.replaceAll(/\n[ \t]*\*/g, '\n').replace(/^\*/, '');
}

/** Line comments that follow each other are one text, so that a phrase across two lines is found. */
function joinLines(comments: readonly { readonly text: string; readonly line: number }[]): Prose[] {
  const joined: { kind: 'comment'; text: string; line: number }[] = [];
  for (const { text, line } of comments) {
    const last = joined.at(-1);
    if (last !== undefined && last.line + last.text.split('\n').length === line) last.text += `\n${text}`;
    else joined.push({ kind: 'comment', text, line });
  }
  return joined;
}

function blocksOf(text: string, pattern: RegExp): Prose[] {
  const lines = text.split('\n').flatMap((row, index) => {
    const comment = pattern.exec(row)?.[1];
    return comment === undefined ? [] : [{ text: comment, line: index + 1 }];
  });
  return joinLines(lines);
}

function lineFinder(code: string): (offset: number) => number {
  const starts = [0];
  for (let at = code.indexOf('\n'); at >= 0; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
