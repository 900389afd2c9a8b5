import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';
import { couldBePrinted, logLinesOf } from '#test/support/page-log-lines.ts';

const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe('the configuration of README', () => {
  it.each(['with a login', 'without the last three lines'])('README: the example is valid %s', async (which) => {
    const whole = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const lines = whole.trimEnd().split('\n');
    const keys = lines.slice(-3).map((line) => line.trim().replace(/:.*/, ''));
    expect(keys).toEqual(['authentication', 'user', 'password']);
    const text = which === 'with a login' ? whole : `${lines.slice(0, -3).join('\n')}\n`;
    const folder = await ConfigFolder.make();
    try {
      await folder.write('secrets/proxy-password', 'not-a-real-one\n');
      const { warnings, settings } = await folder.accept(text);
      expect(warnings).toEqual([]);
      expect(settings.proxies).toHaveLength(1);
    } finally {
      await folder.remove();
    }
  });
});

describe('the picture of README', () => {
  const picture = readFileSync(new URL('../../docs/images/demo.svg', import.meta.url), 'utf8');
  const described = /<desc id="desc">\n([\s\S]*?)\n<\/desc>/.exec(picture)?.[1] ?? '';

  it('README: the picture shows a published package and the progress bar of the next one', () => {
    expect(page).toContain('](docs/images/demo.svg)');
    expect(described).toMatch(/ Published update ID 1602510 as /);
    expect(described.split('\n').at(-1)).toMatch(/^1602503 \[#+-+\] +\d+% {2}[\d.]+ MB of 4\.0 MB/);
    expect(picture.length).toBeLessThan(60_000);
  });

  // A line of the screen's top may have lost its beginning.
  it.each(logLinesOf(described))('has a line that the program can print: %s', (line) => {
    expect(couldBePrinted(line)).toBe(true);
  });
});

describe('the run of docs/demo.md', () => {
  const demo = readFileSync(new URL('../../docs/demo.md', import.meta.url), 'utf8');
  const lines = logLinesOf(demo.slice(demo.indexOf('<!-- run:begin -->'), demo.indexOf('<!-- run:end -->')));

  it('docs/demo.md: the run shows at least two updates through a proxy that names itself', () => {
    expect(lines.filter((line) => line.includes('] Acknowledging receipt of update ID ')).length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.includes('] Response via ')).length).toBeGreaterThan(1);
  });
});
