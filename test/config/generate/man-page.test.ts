// The manual page of the configuration file: every key, and nothing that man(1) would take for a command.

import { describe, expect, it } from 'vitest';
import { listKeys } from '#config/generate/keys.ts';
import { makeManPage } from '#config/generate/man-page.ts';

const page = makeManPage();
const MACROS = [
  'Dd',
  'Dt',
  'Os',
  'Sh',
  'Ss',
  'Nm',
  'Nd',
  'Xr',
  'Fl',
  'Pa',
  'Ql',
  'Ic',
  'Pp',
  'Bl',
  'It',
  'El',
  'Bd',
  'Ed',
];

describe('sallyport.yaml(5)', () => {
  it('sallyport.yaml(5): has every key once, in the order of the schema', () => {
    const keys = [...page.matchAll(/^\.It Va (.+)$/gm)].map(([, key]) => key);
    expect(keys).toEqual(listKeys().map(({ name }) => name));
  });

  it('sallyport.yaml(5): every line is text or a known macro', () => {
    const commands = page.split('\n').filter((line) => /^[.']/.test(line) && !line.startsWith('.\\"'));
    expect(commands.filter((line) => !MACROS.includes(line.slice(1, 3)))).toEqual([]);
    expect(page.match(/^\.Bl/gm)?.length).toBe(page.match(/^\.El/gm)?.length);
  });

  it('sallyport.yaml(5): a backslash and a quote at the start of a line are escaped', () => {
    expect(page).not.toMatch(/\\(?![e&"])/);
    expect(page).not.toMatch(/^'/m);
  });
});
