import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { diagnosisArtifact } from '#diagnose/artifact.ts';

it('docs/diagnosis.schema.json is what the schema says', () => {
  const { path, text } = diagnosisArtifact();
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
