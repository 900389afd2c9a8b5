// Bytes of terminals to keys, and frames to bytes.

import { expect, it } from 'vitest';
import { KeyReader } from '#menu/terminal/key-reader.ts';
import { ScreenWriter } from '#menu/terminal/screen-writer.ts';

const ESC = '\u001b';
const read = (...parts: readonly string[]) => {
  const reader = new KeyReader();
  return [...parts.flatMap((part) => reader.read(Buffer.from(part))), ...reader.flush()];
};

it('keys: arrows of VT100 and xterm, also in parts', () => {
  expect(read(`${ESC}[A${ESC}OB`, ESC, '[', 'C', `${ESC}[D`).map(({ kind }) => kind)).toEqual([
    'up',
    'down',
    'right',
    'left',
  ]);
});

it('keys: a lone escape character is Esc, and an unknown sequence is ignored', () => {
  expect(read(ESC)).toEqual([{ kind: 'escape' }]);
  expect(read(`${ESC}[17~${ESC}[1;5Ax`)).toEqual([{ kind: 'text', text: 'x' }]);
});

it('keys: a paste never acts as ENTER, also if its end mark arrives in parts', () => {
  expect(read(`${ESC}[200~a\rb${ESC}[2`, '01~\r')).toEqual([{ kind: 'paste', text: 'a\rb' }, { kind: 'enter' }]);
});

it('keys: a character of several bytes is joined', () => {
  const reader = new KeyReader();
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  expect([...reader.read(first), ...reader.read(second)]).toEqual([{ kind: 'text', text: 'é' }]);
});

it('screen: a terminal without cursor control gets lines, and a changed field in its own line', () => {
  let written = '';
  const writer = new ScreenWriter((text) => (written += text), { isDumb: true });
  writer.show({ lines: ['PROXY HOST', 'A'], cursor: { row: 1, column: 0 } });
  writer.show({ lines: ['PROXY HOST', 'B'], cursor: { row: 1, column: 0 } });
  expect(written).toBe('PROXY HOST\r\nA\r\rB\r');
  expect(written).not.toContain(ESC);
});

it('screen: only changed lines are written, without color', () => {
  let written = '';
  const writer = new ScreenWriter((text) => (written += text), { isDumb: false });
  writer.show({ lines: ['PROXY HOST', 'A'], cursor: { row: 1, column: 0 } });
  written = '';
  writer.show({ lines: ['PROXY HOST', 'B'], cursor: { row: 1, column: 1 } });
  expect(written).toBe(`${ESC}[2;1HB${ESC}[K${ESC}[2;2H${ESC}[?25h`);
});
