import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs/', ROOT))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Link {
  readonly target: string;
  readonly path: string;
  readonly anchor: string;
}

function linksOf(page: string): Link[] {
  const text = withoutCode(readFileSync(new URL(page, ROOT), 'utf8'));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => ({ target, path: target.split('#')[0] ?? '', anchor: target.split('#')[1] ?? '' }));
}

function withoutCode(text: string): string {
  return text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Headings as the common renderers name them. */
function anchorsOf(page: URL): string[] {
  const headings = [
    ...readFileSync(page, 'utf8')
      .replaceAll(/```[\s\S]*?```/g, '')
      .matchAll(/^#+ (.+)$/gm),
  ];
  return headings.map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the links of the pages', () => {
  it('are looked at in README and all of docs', () => {
    expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/operations.md', 'docs/configuration.md']));
    expect(linksOf('README.md').length).toBeGreaterThan(5);
  });

  it.each(PAGES)('of %s lead to something', (page) => {
    const here = new URL(page, ROOT);
    const dead = linksOf(page).filter(({ path, anchor }) => {
      const there = path === '' ? here : new URL(path, here);
      return !existsSync(there) || (anchor !== '' && !anchorsOf(there).includes(anchor));
    });
    expect(dead.map(({ target }) => target)).toEqual([]);
  });
});
