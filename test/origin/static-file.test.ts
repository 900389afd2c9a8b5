import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServed, pathOf } from '#origin/static-file.ts';

describe('static file: a target', () => {
  it.each([
    ['/feed.json', ['feed.json']],
    ['/feed.json?x=/../y', ['feed.json']],
    ['/a/b.jar#c', ['a', 'b.jar']],
    ['/a%20b.jar', ['a b.jar']],
    ['http://updates.example.com/feed.json', ['feed.json']],
    ['HTTPS://[::1]:80/feed.json', ['feed.json']],
  ])('%s names %j', (target, parts) => {
    expect(pathOf(target)).toEqual(parts);
  });

  it.each([
    '/',
    '//etc/passwd',
    '/..',
    '/../x',
    '/a/../../x',
    '/%2e%2e/x',
    '/.%2e/x',
    '/a%2fb',
    '/a%5Cb',
    '/..%5cx',
    '/a\\b',
    '/%00',
    '/a%0ab',
    '/.hidden',
    '/a/.git/config',
    '/a/',
    `/${'a/'.repeat(9)}x`,
  ])('%s names no file', (target) => {
    expect(pathOf(target)).toBeNull();
  });

  it('of more than 16,384 characters names no file', () => {
    expect(pathOf(`/${'a'.repeat(16_384)}`)).toBeNull();
    expect(pathOf(`/${'a'.repeat(16_383)}`)).not.toBeNull();
  });

  it.each(['*', '', 'feed.json', 'example.com:443', '/%', '/%zz', '/%ff', 'http://example.com'])(
    '%s is malformed',
    (target) => {
      expect(pathOf(target)).toBe('malformed');
    },
  );

  it('never has a part that leaves the folder or is hidden', () => {
    const nasty = fc.array(fc.constantFrom('/', '.', '..', '%2e', '%2f', '%5c', '\\', '%00', 'a', '?', '%25', '%252e'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          nasty.map((all) => `/${all.join('')}`),
        ),
        (target) => {
          const parts = pathOf(target);
          for (const part of Array.isArray(parts) ? parts : []) {
            expect(part).toMatch(/^[^./\\][^/\\]*$/);
          }
        },
      ),
    );
  });
});

describe('the served folder', () => {
  let outer: string;
  let root: string;

  beforeEach(() => {
    outer = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-static-')));
    root = join(outer, 'served');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(outer, 'secret.json'), '{}');
    writeFileSync(join(root, 'sub', 'a.jar'), 'bytes');
  });
  afterEach(() => rmSync(outer, { recursive: true, force: true }));

  const isServed = async (...parts: string[]) => {
    const file = await openServed(root, parts);
    await file?.handle.close();
    return file !== null;
  };

  it('serves a file, also from a folder in it', async () => {
    expect(await isServed('sub', 'a.jar')).toBe(true);
    expect(await isServed('sub', 'b.jar')).toBe(false);
  });

  it('serves no symbolic link at any part of the path', async () => {
    symlinkSync(join(outer, 'secret.json'), join(root, 'link.json'));
    symlinkSync(outer, join(root, 'up'));
    symlinkSync(join(root, 'sub'), join(root, 'inner'));
    expect(await isServed('link.json')).toBe(false);
    expect(await isServed('up', 'secret.json')).toBe(false);
    expect(await isServed('inner', 'a.jar')).toBe(false);
  });

  it('serves no folder and no FIFO, and does not hang on one', async () => {
    execFileSync('mkfifo', [join(root, 'pipe.jar')]);
    expect(await isServed('sub')).toBe(false);
    expect(await isServed('pipe.jar')).toBe(false);
  });

  it('serves no side file, partial file or record of receipts', async () => {
    for (const name of ['1.meta.json', 'feed.json.new', 'acknowledgements.jsonl']) {
      writeFileSync(join(root, name), '{}');
      expect(await isServed(name)).toBe(false);
    }
  });

  it('gives another strong validator for other bytes under the same name', async () => {
    const tag = async () => {
      const file = await openServed(root, ['sub', 'a.jar']);
      await file?.handle.close();
      return file?.etag;
    };
    const before = await tag();
    rmSync(join(root, 'sub', 'a.jar'));
    writeFileSync(join(root, 'sub', 'a.jar'), 'BYTES');
    expect(before).toMatch(/^"[0-9a-f-]+"$/);
    expect(await tag()).not.toBe(before);
    linkSync(join(root, 'sub', 'a.jar'), join(root, 'same.jar'));
    const file = await openServed(root, ['same.jar']);
    await file?.handle.close();
    expect(file?.etag).toBe(await tag());
  });
});
