// Wraps text for the generated files. Independent of locale, clock and machine: a schema gives the same bytes anywhere.

/** Breaks a text at spaces into lines that begin with `prefix`. A line exceeds `width` only for a single long word. */
export function wrap(text: string, prefix: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && prefix.length + line.length + 1 + word.length > width) {
      lines.push(prefix + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, prefix + line];
}

/** The text as a sentence: with a capital letter at the start and a full stop at the end. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
