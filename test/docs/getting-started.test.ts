import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readHelp } from '#test/support/help.ts';
import { couldBePrinted, logLinesOf } from '#test/support/page-log-lines.ts';

const page = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8');
const run = page.slice(page.indexOf('<!-- run:begin -->'), page.indexOf('<!-- run:end -->'));

describe('the run of docs/getting-started.md', () => {
  const commands = [...run.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command);

  it('has fewer than ten commands, and those of ours exist', async () => {
    const known = (await readHelp()).map(({ path }) => path.join(' '));
    const ours = commands.flatMap((command) => /sallyport -- (.*)$/.exec(command)?.[1] ?? []);
    expect(commands.length).toBeLessThan(10);
    expect(ours.length).toBeGreaterThan(3);
    expect(ours.filter((command) => !known.includes(command))).toEqual([]);
  });

  it('docs/getting-started.md: the run ends with a package that came through a proxy with Basic', () => {
    expect(run).toContain('basic');
    expect(run).toMatch(/Connected to \S+ through proxy corp/);
    expect(run).toContain('Round ended: 2 published, 0 failed');
  });

  it('shows what a held package looks like, in 80 columns', () => {
    const held = page.slice(page.indexOf('<!-- held:begin -->'), page.indexOf('<!-- held:end -->'));
    expect(held).toMatch(/^1602503 {2}waiting .* proxy corp is probably scanning$/m);
    const after = run.slice(run.indexOf('-- proxy list'));
    const outside = `${after}\n${held}`.split('\n').filter((line) => !/^(?:\d{4}-|\$ )/.test(line));
    expect(outside.filter(({ length }) => length > 80)).toEqual([]);
  });

  it.each(logLinesOf(run))('could be printed: %s', (line) => {
    expect(couldBePrinted(line)).toBe(true);
  });
});
