import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manifestSchema } from '#uploads/bundle/contents/manifest.ts';

const PAGE = readFileSync(new URL('../../../../docs/bundles.md', import.meta.url), 'utf8');

describe('manifest', () => {
  it('manifest: docs/bundles.md describes every field and no other', () => {
    const table = PAGE.slice(PAGE.indexOf('| Field of the manifest'), PAGE.indexOf('## Reading'));
    const described = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );

    expect(described).toEqual(Object.keys(manifestSchema.shape));
    for (const field of Object.keys(manifestSchema.shape.files.element.shape)) expect(table).toContain(`\`${field}\``);
  });
});
