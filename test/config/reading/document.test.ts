import { describe, expect, it } from 'vitest';
import { readDocument } from '#config/reading/document.ts';

function places(text: string): string[] {
  return readDocument(text).findings.map(({ position }) => `${position.line}:${position.column}`);
}

describe('configuration text', () => {
  it('is parsed to plain data with the position of each key and value', () => {
    const document = readDocument('a: 1\nb:\n  - c: [x, {d: true}]\n');

    expect(document.value).toEqual({ a: 1, b: [{ c: ['x', { d: true }] }] });
    expect(document.findings).toEqual([]);
    expect(document.keyAt('b[0].c')).toEqual({ line: 3, column: 5 });
    expect(document.valueAt('b[0].c[1].d')).toEqual({ line: 3, column: 16 });
    expect(document.keyAt('b[1]')).toBeNull();
  });

  it('is refused if a tab indents a line', () => {
    const document = readDocument('version: 1\nupdates:\n\tchannel: x\n');

    expect(document.value).toBeUndefined();
    expect(document.findings[0]).toMatchObject({ position: { line: 3 }, message: expect.stringContaining('tab') });
  });

  it.each([
    ['a: "hunter2\n', 'missing'],
    ['a: *hunter2\n', 'quotes'],
    ['a: !hunter2 x\n', 'quotes'],
    ['a: @hunter2\n', 'quotes'],
    ['a: "\\hunter2"\n', 'single quotes'],
    ['a: 1\n---\nb: hunter2\n', 'second document'],
    ['a: b: hunter2\n', 'quotes'],
    ['? [hunter2]\n: 1\n', 'plain word'],
  ])('is refused with a plain message that does not repeat it: %j', (text, words) => {
    const { findings } = readDocument(text);

    expect(findings.length).toBeGreaterThan(0);
    expect(findings.map(({ message }) => message).join(' ')).toContain(words);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });

  it('is refused if it has a key twice, naming both lines', () => {
    const { findings } = readDocument('a: 1\nb: 2\na: 3\n');

    expect(findings).toMatchObject([{ path: ['a'], position: { line: 3, column: 1 } }]);
    expect(findings[0]?.message).toContain('line 1');
  });

  it.each(['__proto__', 'constructor', 'prototype', '"__proto__"'])('is refused if it has the key %s', (key) => {
    const document = readDocument(`a:\n  ${key}: {polluted: true}\n`);

    expect(places(`a:\n  ${key}: {polluted: true}\n`)).toEqual(['2:3']);
    expect(document.value).toEqual({ a: {} });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused if it has aliases, which could multiply its size', () => {
    const bomb = [
      'a: &a [x, x, x]',
      ...'bcdefghij'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefghij'[index]}, `.repeat(9)}]`),
    ];
    const { findings } = readDocument(bomb.join('\n'));

    expect(findings).toHaveLength(81);
    expect(findings[0]).toMatchObject({
      position: { line: 2, column: 8 },
      message: expect.stringContaining('Aliases'),
    });
  });

  it('is refused if it is nested too deeply, without a stack overflow', () => {
    expect(readDocument(`a: ${'['.repeat(100)}${']'.repeat(100)}`).findings).toMatchObject([{ position: { line: 1 } }]);
    expect(readDocument(`a: ${'['.repeat(200_000)}`).findings.length).toBeGreaterThan(0);
    expect(readDocument('- '.repeat(200_000)).findings.length).toBeGreaterThan(0);
  });

  it('is parsed quickly with 8000 keys and refused with more', () => {
    const text = Array.from({ length: 8_000 }, (_none, index) => `k${index}: 1\n`).join('');

    expect(readDocument(text).findings).toEqual([]);
    expect(readDocument(text.repeat(2)).findings).toHaveLength(1);
  }, 120_000);
});
