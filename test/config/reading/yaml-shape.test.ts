// The cost of a text is limited before it is parsed: 1 MiB of structure is refused. The example is far below the limit.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDocument } from '#config/reading/document.ts';
import { lineOfExcess, MAX_YAML_SIGNS } from '#config/reading/yaml-shape.ts';

const MAX_BYTES = 1_048_576;
const example = readFileSync(new URL('../../../config/sallyport.example.yaml', import.meta.url), 'utf8');

describe('configuration size', () => {
  it.each(['""', "''", '[', '{a: ', '- ', '? ', '!a ', '&a ', '*a ', 'k: 1\n', '#\n', '[],', '"', '\r'])(
    'refuses 1 MiB of %j within milliseconds, with the line',
    (unit) => {
      const text = `version: 1\na: ${unit.repeat(MAX_BYTES / unit.length)}`;
      const began = process.threadCpuUsage();
      const { value, findings } = readDocument(text);

      expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(200);
      expect(value).toBeUndefined();
      expect(findings).toHaveLength(1);
      expect(findings[0]?.message).toContain('limit is 18,432');
      expect(findings[0]?.position.line).toBe(lineOfExcess(text));
    },
  );

  it('allows eight times the structure of the example, and 1 MiB of text', () => {
    expect(lineOfExcess(example.repeat(8))).toBeNull();
    expect(lineOfExcess('\n'.repeat(MAX_YAML_SIGNS))).toBeNull();
    expect(lineOfExcess('\n'.repeat(MAX_YAML_SIGNS + 1))).toBe(MAX_YAML_SIGNS + 1);
    expect(readDocument(`version: 1\na: ${'x'.repeat(MAX_BYTES)}`).findings).toEqual([]);
  });
});
