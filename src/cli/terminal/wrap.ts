// Lines that break between words: a terminal breaks a long line wherever its last column is. Pure.

import type { Command } from 'commander';

/** What commander takes where there is no window. */
const HELP_COLUMNS = 80;
/** Help is read in paragraphs; wider than this they are hard to read. */
const MAX_HELP_COLUMNS = 100;

/**
 * Breaks a text into lines of at most `width` characters; lines after the first begin with `indent` blanks. A word that is
 * longer than a line, such as a URL, gets a line of its own and stays whole.
 */
export function wrapWords(text: string, width: number, indent = 0): string[] {
  const lines: string[] = [];
  const margin = ' '.repeat(indent);
  let line = /^ */.exec(text)?.[0] ?? '';
  let isEmpty = true;
  // Blanks inside a line may be columns: they stay as they are.
  for (const [, blanks = '', word = ''] of text.trimStart().matchAll(/( *)([^ ]+)/g)) {
    if (!isEmpty && line.length + blanks.length + word.length > width) {
      lines.push(line);
      line = margin;
      isEmpty = true;
    }
    line += isEmpty ? word : `${blanks}${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

/** Text after the options of a command: paragraphs are filled, indented lines stay lines and wrap below their last column. */
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
  return paragraphs.flatMap((line) => wrapWords(line, width, hangOf(line))).join('\n');
}

/** Where the last column of an indented line begins. */
function hangOf(line: string): number {
  if (!line.startsWith(' ')) return 0;
  const columns = [...line.matchAll(/ {2,}(?=[^ ])/g)];
  const last = columns.at(-1);
  return last === undefined ? 0 : last.index + last[0].length;
}

/** Help text that is filled to the width of the window once it is shown. */
export function filled(text: string): (shown: { readonly command: Command }) => string {
  return ({ command }) => wrapHelp(text, command.configureOutput().getOutHelpWidth?.() ?? HELP_COLUMNS);
}
