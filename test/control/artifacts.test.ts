import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { controlArtifacts } from '#control/artifacts.ts';

it.each(controlArtifacts())('$path is what the schema says', ({ path, text }) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
