import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { validatePattern } from '#redaction/linear-pattern.ts';
import { knowing, redactText } from '#test/uploads/redaction/redacting.ts';
import { withRuleTable } from './redaction-table.ts';

const page = readFileSync(new URL('../../docs/redaction.md', import.meta.url), 'utf8');
/** The code in the first column of the table below a heading. */
function firstColumn(heading: string): string[] {
  const section = page.slice(page.indexOf(`## ${heading}\n`)).split('\n## ', 1)[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, code = '']) => code);
}

describe('redaction.md', () => {
  it('redaction.md: the table of rules is current', () => {
    expect(withRuleTable(page)).toBe(page);
  });

  it('redaction.md: the page needs the marks of the table', () => {
    expect(() => withRuleTable('# Redaction\n')).toThrow('docs/redaction.md needs the lines');
  });

  it('redaction.md: what it says is never masked is not masked', async () => {
    const examples = firstColumn('What is never masked');
    expect(examples.length).toBeGreaterThan(8);
    for (const example of examples) expect(await redactText(knowing(), `${example}\n`)).toBe(`${example}\n`);
  });

  it('redaction.md: the engine accepts the patterns that it shows, and refuses the others', () => {
    const patterns = firstColumn('Rules of your own');
    expect(patterns.length).toBeGreaterThan(2);
    for (const pattern of patterns) expect(validatePattern(pattern)).toBeNull();
  });
});
