// Wrapping for the generated files. No locale, clock or machine is asked: the same schema gives the same bytes anywhere.

/** Breaks a text at spaces into lines that begin with `prefix` and have at most `width` characters where words allow. */
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

/** A sentence: its first letter large, a full stop at its end. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
