import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { unpacked } from '#test/support/unpacked.ts';
import { documentRules } from '#uploads/analytics/document-rules.ts';
import { DocumentReader, MAX_SUBMITTED_BYTES } from '#uploads/analytics/documents.ts';

const known = new KnownSecrets();
known.add('hunter2-is-long');
const redactor = createRedactor(known);

function read(input: string | Uint8Array, options: { fields?: string[]; chunk?: number } = {}) {
  const documents: string[] = [];
  const reader = new DocumentReader(documentRules(options.fields, redactor), (group) =>
    documents.push(...unpacked(group).map((document) => document.toString())),
  );
  const bytes = Buffer.from(input as string);
  const size = options.chunk ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += size) reader.take(bytes.subarray(at, at + size));
  const { wrong, wrongCount, documents: count } = reader.end();
  expect(count).toBe(documents.length);
  return { documents, wrong, wrongCount };
}

const wrongLines = (input: string | Uint8Array, fields?: string[]) =>
  read(input, fields === undefined ? {} : { fields }).wrong.map(({ line, reason }) => `${line}: ${reason}`);

describe('documents', () => {
  it('are one on each line, with the bytes that were handed in', () => {
    const { documents, wrong } = read('{"a": 1.0}\r\n\n  {"b":12345678901234567890}  \n{"c":"\\u00e4"}');
    expect(documents).toEqual(['{"a": 1.0}', '{"b":12345678901234567890}', '{"c":"\\u00e4"}']);
    expect(wrong).toEqual([]);
  });

  it('every wrong line is named, however the bytes are cut into chunks', () => {
    const text = '{"a":1}\n{"b":\n[1]\n"x"\n{"c":2}\nnull\n{}x';
    for (const chunk of [1, 2, 3, 7, 100]) {
      const { documents, wrong, wrongCount } = read(text, { chunk });
      expect(documents).toEqual(['{"a":1}', '{"c":2}']);
      expect(wrong.map(({ line }) => line)).toEqual([2, 3, 4, 6, 7]);
      expect(wrongCount).toBe(5);
    }
  });

  it('with a secret in one line are refused for that line only', () => {
    const text =
      '{"a":"\\u0041&amp;"}\n{"a":"hunter2-is-long"}\n{"a":"%41"}\nx\n{"a":"hunter2\\u002dis-long"}\n{"a":2}\n';
    const { documents, wrong } = read(text);
    expect(wrong.map(({ line }) => line)).toEqual([2, 4, 5]);
    expect(documents).toEqual(['{"a":"\\u0041&amp;"}', '{"a":"%41"}', '{"a":2}']);
  });

  it.each([
    ['an object over several lines', '{\n  "a": 1,\n  "b": "}"\n}\n', ['{"a":1,"b":"}"}']],
    ['a list over several lines', '[\n{"a":1},\n{"b":2}\n]', ['{"a":1}', '{"b":2}']],
    ['a byte order mark', '\ufeff{"a":1}\n', ['{"a":1}']],
    ['nothing', '\n \n', []],
  ])('can be %s', (_what, text, documents) => {
    expect(read(text, { chunk: 2 })).toMatchObject({ documents, wrong: [] });
  });

  it.each([
    ['a text that never ends', '{\n"a": 1\n', '1: it is not JSON'],
    ['a list with a number', '[\n1\n]', '1: a document is a JSON object'],
    ['bytes that are not UTF-8', Buffer.from('{"a":"\xff"}\n', 'latin1'), '1: it is not UTF-8 text'],
    ['a line over the limit', `{"a":"${'x'.repeat(MAX_SUBMITTED_BYTES)}"}`, '1: it has 1048584 bytes'],
    ['a secret of the configuration', '{"a":"hunter2-is-long"}', '1: it contains a secret'],
    ['a secret in base64', `{"a":"${Buffer.from('hunter2-is-long').toString('base64')}"}`, '1: it contains a secret'],
    ['a secret with escapes', '{"a":"hunter2\\u002dis-long"}', '1: it contains a secret'],
  ])('refuse %s', (_what, text, words) => {
    expect(wrongLines(text)).toEqual([expect.stringContaining(words)]);
  });

  it('a secret of the configuration may be masked, or in a field that is not sent', () => {
    expect(wrongLines('{"a":"***"}')).toEqual([]);
    expect(read('{"a":"hunter2-is-long","b":1}', { fields: ['b'] }).documents).toEqual(['{"b":1}']);
  });

  it('keep only the listed fields', () => {
    const fields = ['a', 'host.id', 'tags.name', 'host'];
    const text = '{"a":{"x":1},"host":{"id":7,"name":"h"},"tags":[{"name":"n","v":1},"s"],"__proto__":{"a":1},"z":0}';
    expect(read(text, { fields }).documents).toEqual([
      '{"a":{"x":1},"host":{"id":7,"name":"h"},"tags":[{"name":"n"}]}',
    ]);
    expect(read(text, { fields: ['host.id', '__proto__.a'] }).documents).toEqual([
      '{"host":{"id":7},"__proto__":{"a":1}}',
    ]);
    expect(read(text, { fields: ['none'] }).documents).toEqual(['{}']);
  });

  it('1,000 wrong lines are named, and the rest is counted', () => {
    const { wrong, wrongCount } = read('x\n'.repeat(5_000));
    expect([wrong.length, wrong.at(-1)?.line, wrongCount]).toEqual([1_000, 1_000, 5_000]);
  });

  it('the first line of brackets takes linear time', () => {
    for (const unit of ['[', '"\\', '{"']) {
      const began = process.threadCpuUsage();
      read(`[${unit.repeat(MAX_SUBMITTED_BYTES / unit.length - 1)}`);
      expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(2_000);
    }
  });

  it('any objects are read back as they were, from any chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.integer({ min: 1, max: 50 }),
        (all, chunk) => {
          const texts = all.map((one) => JSON.stringify(one));
          const { documents, wrong } = read(texts.join('\n'), { chunk });
          expect(documents).toEqual(texts);
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
