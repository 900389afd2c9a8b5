// Breaks lines between words. A terminal would break a long line at its last column, inside a word. Pure.

import type { Command } from 'commander';
import { wrapWords } from '#errors/template.ts';

/** The width that commander assumes without a window. */
const HELP_COLUMNS = 80;
/** Wider paragraphs are hard to read. */
const MAX_HELP_COLUMNS = 100;

/** Wraps the text after the options: paragraphs are filled, indented lines wrap within their last column. */
export function wrapHelp(text: string, columns: number): string {
  const width = Math.min(columns, MAX_HELP_COLUMNS);
  const paragraphs: string[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    const isProse = line !== '' && !line.startsWith(' ');
    if (isProse && isOpen) paragraphs.push(`${paragraphs.pop() ?? ''} ${line}`);
    else paragraphs.push(line);
    isOpen = isProse && !line.endsWith(':');
  }
  return paragraphs.flatMap((line) => wrapWords(line, width, hangingIndentOf(line))).join('\n');
}

/** The position of the last column of an indented line. */
function hangingIndentOf(line: string): number {
  if (!line.startsWith(' ')) return 0;
  const columns = [...line.matchAll(/ {2,}(?=[^ ])/g)];
  const last = columns.at(-1);
  return last === undefined ? 0 : last.index + last[0].length;
}

/** An error about the arguments, wrapped for a window of 80 columns. */
export function wrapUsageError(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => wrapWords(line, HELP_COLUMNS))
    .join('\n');
}

/** A help text that is wrapped to the width of the window when it is shown. */
export function filled(text: string): (shown: { readonly command: Command }) => string {
  return ({ command }) => wrapHelp(text, command.configureOutput().getOutHelpWidth?.() ?? HELP_COLUMNS);
}
