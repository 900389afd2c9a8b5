import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MODULES } from '#test/architecture/layers.ts';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/architecture.md', ROOT), 'utf8');

describe('docs/architecture.md', () => {
  it('docs/architecture.md: it describes every module', () => {
    const described = [...page.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, module]) => module);
    expect(MODULES.map(({ name }) => name).filter((name) => !described.includes(name))).toEqual([]);
  });

  it.each(MODULES)('docs/architecture.md: it draws $name in its layer', ({ name, layer }) => {
    const drawing = page.split('```')[1] ?? '';
    const line = drawing.split('\n').find((row) => row.startsWith(layer < 0 ? '-  ' : `${layer}  `)) ?? '';
    expect(line.split(/\s+/)).toContain(name);
  });

  it('says of every dependency why it is there, and of no other', () => {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(new URL('package.json', ROOT), 'utf8'),
    ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>;
    const needed = [...Object.keys(dependencies), ...Object.keys(optionalDependencies)].filter(
      (name) => !name.startsWith('node-linux-'),
    );
    const chapter = page.slice(page.indexOf('## Dependencies'), page.indexOf('**Why not `proxy-agent`'));
    const described = [...chapter.matchAll(/^\| `([a-z0-9@/-]+)`/gm)].map(([, name]) => name);
    expect(described.toSorted()).toEqual(needed.toSorted());
  });

  it('names files that are there', () => {
    const files = [...page.matchAll(/`((?:[a-z-]+\/)+[a-z-]+\.ts)`/g)].map(([, path = '']) => path);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((path) => ![path, `src/${path}`].some((one) => existsSync(new URL(one, ROOT))))).toEqual([]);
  });
});
