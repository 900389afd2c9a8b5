import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';
import { couldBePrinted, logLinesOf } from '#test/support/told-lines.ts';

const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe('the configuration of README', () => {
  it.each(['with a user', 'without the line for a user'])('holds without a warning %s', async (which) => {
    const whole = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const lines = whole.trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    const text = which === 'with a user' ? whole : `${lines.slice(0, -1).join('\n').replace(/,$/, ' }')}\n`;
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

describe('the run of README', () => {
  const run = page.slice(page.indexOf('<!-- run:begin -->'), page.indexOf('<!-- run:end -->'));
  const lines = logLinesOf(run);

  it('shows at least two updates that came through a proxy that names itself', () => {
    expect(lines.filter((line) => line.includes('] Acknowledging receipt of update ID ')).length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.includes('] Response via ')).length).toBeGreaterThan(1);
  });

  it.each(lines)('could be printed: %s', (line) => {
    expect(couldBePrinted(line)).toBe(true);
  });
});
