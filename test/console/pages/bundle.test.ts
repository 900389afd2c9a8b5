import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPageFiles } from '#console/server/page-files.ts';
import { RealFiles } from '#system/real-files.ts';
import { bundleConsole, type ConsoleBundle, writeConsole } from '#tools/console-bundle.ts';

const FIRST_LOAD_BYTES = 40 * 1_024;

describe('bundle of the pages', () => {
  let bundle: ConsoleBundle;
  beforeAll(async () => {
    bundle = await bundleConsole();
  });
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-pages-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('pages: the first load is one page, one script and one style, at most 40 KiB with gzip', () => {
    const page = bundle.files.get('index.html') ?? '';
    const first = [...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name = '']) => bundle.files.get(name) ?? '');
    expect(first).toHaveLength(2);
    // A static import would be part of the first load.
    expect(bundle.files.get('console.js')).not.toMatch(/\bimport\s*["'{*]|\bfrom\s*["']/);
    const sizes = [page, ...first].map((content) => gzipSync(content, { level: 6 }).length);
    expect(Math.min(...sizes)).toBeGreaterThan(200);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
  });

  it('pages: the script has Preact and no module that needs Node or a schema', () => {
    expect(bundle.modules.some((id) => id.includes('node_modules/preact/'))).toBe(true);
    expect(bundle.modules.filter((id) => id.includes('node_modules') && !id.includes('/preact/'))).toEqual([]);
    const script = [...bundle.files.values()].join('');
    expect(script).not.toMatch(/["']node:|\brequire\(|\bprocess\./);
  });

  it('pages: no source sets HTML as text, and the page has no script or style of its own', () => {
    const sources = bundle.modules.filter((id) => id.includes('/src/'));
    expect(sources.length).toBeGreaterThan(10);
    const careless = sources.filter((id) =>
      /innerHTML|outerHTML|insertAdjacent|document\.write/i.test(readFileSync(id, 'utf8')),
    );
    expect(careless).toEqual([]);
    const page = bundle.files.get('index.html') ?? '';
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/<style|style=|\bon\w+=/);
  });

  it('pages: without JavaScript the page says what to use', () => {
    expect(bundle.files.get('index.html')).toMatch(/<noscript>[\s\S]*sallyport status[\s\S]*<\/noscript>/);
  });

  it('pages: the console serves each file of the bundle', async () => {
    writeConsole(bundle, folder);
    const served = await readPageFiles(new RealFiles(), folder);
    const paths = [...bundle.files.keys()].map((name) => (name === 'index.html' ? '/' : `/${name}`));
    expect([...served.keys()].sort()).toEqual(paths.sort());
  });

  it('pages: the files replace previous ones, and nothing else is left in the folder', () => {
    writeConsole(bundle, folder);
    writeConsole({ ...bundle, files: new Map([...bundle.files, ['index.html', 'second']]) }, folder);
    expect(readdirSync(folder).sort()).toEqual([...bundle.files.keys()].sort());
    expect(readFileSync(join(folder, 'index.html'), 'utf8')).toBe('second');
    expect(existsSync(join(folder, 'console.js'))).toBe(true);
  });
});
