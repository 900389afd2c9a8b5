import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { diagnosisArtifact } from '#diagnose/artifact.ts';

it('diagnose: docs/diagnosis.schema.json matches the schema in code', () => {
  const { path, text } = diagnosisArtifact();
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
