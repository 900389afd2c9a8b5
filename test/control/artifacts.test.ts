import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { controlArtifacts } from '#control/artifacts.ts';

it.each(controlArtifacts())('control artifacts: $path matches the schema', ({ path, text }) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
