import { globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const PAGES = readdirSync(new URL('docs/', ROOT)).filter(
  (name) => name.endsWith('.md') && !['architecture.md', 'seeds.md', 'configuration.md'].includes(name),
);
const SOURCE = globSync('src/**/*.ts', { cwd: ROOT })
  .map((path) => readFileSync(new URL(path, ROOT), 'utf8'))
  .join('\n');

/** Places in a quote that are not words of the program: `...`, names in capitals, codes, numbers, quoted text. */
const FACTS = /\.\.\.|: |\[?\b[A-Z][A-Z0-9-]*\b\]?|"[^"]*"|\bx?\d[\d.:T-]*(?: (?:MB|GB|min|ms|s|h)\b)?/;

/** Quoted output: code that reads as a sentence. */
function quotesOf(page: string): string[] {
  const text = readFileSync(new URL(`docs/${page}`, ROOT), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/`((?:[A-Z][a-z]+|\.\.\.) [^`]* [^`]*)`/g)].map(([, quote = '']) => quote);
}

describe('output quoted in docs', () => {
  it.each(PAGES.flatMap((page) => quotesOf(page).map((quote) => ({ page, quote }))))(
    '$page: the program has the words of "$quote"',
    ({ quote }) => {
      const words = quote.split(FACTS).map((part) => part.replaceAll(/^[\s:;,.()]+|[\s:;,.()]+$/g, ''));
      expect(words.filter((part) => part.length > 2 && !SOURCE.includes(part))).toEqual([]);
    },
  );
});
