import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildOptions, buildFeed } from '#origin/feed-builder.ts';
import { endsAsArchive } from '#origin/jar-facts.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-feed-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const makeJar = (text: string): Uint8Array =>
  zipSync({ 'META-INF/MANIFEST.MF': strToU8(`Manifest-Version: 1.0\n${text}`) });
const put = (name: string, content: string | Uint8Array = makeJar(name)) => writeFileSync(join(dir, name), content);
const build = (options?: BuildOptions) => buildFeed(dir, options);
const code = (error: string, text = '') => ({ code: error, message: expect.stringContaining(text) });

describe('feed builder', () => {
  it('lists every .JAR with its length and digest, and nothing else', async () => {
    put('1602503.jar');
    put('1602504.JAR');
    put('readme.txt', 'x');
    put('.1602505.jar', 'half an upload');
    put('1602504.meta.json', '{"kind":"product","requires":["1602503"]}');
    const { feed, path, changed } = await build();
    const bytes = readFileSync(join(dir, '1602503.jar'));
    expect(changed).toBe(true);
    expect(feed.items.map(({ file, kind, requires }) => [file, kind, requires])).toEqual([
      ['1602503.jar', 'content', undefined],
      ['1602504.JAR', 'product', ['1602503']],
    ]);
    expect(feed.items[0]).toMatchObject({
      length: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(feed);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(dir).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('leaves an unchanged file alone, and raises the serial after a change', async () => {
    const clock = new FakeClock();
    put('1.jar');
    const first = await build({ clock });
    const inode = statSync(first.path).ino;
    expect(await build({ clock })).toMatchObject({ changed: false, feed: { serial: 1 } });
    expect(statSync(first.path).ino).toBe(inode);
    put('2.jar');
    expect(await build({ clock })).toMatchObject({ changed: true, feed: { serial: 2 } });
  });

  it('writes an empty feed for an empty folder', async () => {
    expect((await build()).feed).toMatchObject({ serial: 1, items: [] });
  });

  it('reports a file that changed under its old id', async () => {
    put('1.jar');
    await build();
    put('1.jar', makeJar('other'));
    await expect(build()).rejects.toMatchObject(code('ID-REUSED'));
  });
});

describe('no feed is written if', () => {
  it.each([
    ['empty.jar', '', 'the shortest archive'],
    ['page.jar', `<html>${'x'.repeat(100)}</html>`, 'does not begin'],
    ['cut.jar', makeJar('x').subarray(0, -1), 'no end of central directory'],
    ['longer.jar', Buffer.concat([makeJar('x'), Buffer.from('<script>')]), 'no end of central directory'],
  ])('%s is not a .JAR', async (name, content, reason) => {
    put(name, content);
    await expect(build()).rejects.toMatchObject(code('FEED-BUILD', reason));
    expect(existsSync(join(dir, 'feed.json'))).toBe(false);
  });

  it.each(['-x.jar', 'a b.jar', 'a.json.jar', `${'x'.repeat(65)}.jar`])(
    '%s is not a valid name for one',
    async (name) => {
      put(name);
      await expect(build()).rejects.toMatchObject(code('ID-INVALID'));
    },
  );

  it('a package is a link, a folder or a FIFO', async () => {
    put('1.jar');
    symlinkSync(join(dir, '1.jar'), join(dir, '2.jar'));
    await expect(build()).rejects.toMatchObject(code('FEED-BUILD', 'symbolic link'));
    rmSync(join(dir, '2.jar'));
    execFileSync('mkfifo', [join(dir, '2.jar')]);
    await expect(build()).rejects.toMatchObject(code('FEED-BUILD', 'not a regular file'));
  });

  it('a side file is wrong', async () => {
    put('1.jar');
    put('1.meta.json', '{"knid":"product"}');
    await expect(build()).rejects.toMatchObject(code('FEED-BUILD', 'knid'));
  });

  it('the previous feed cannot be read, because its serial would be lost', async () => {
    put('1.jar');
    put('feed.json', '{}');
    await expect(build()).rejects.toMatchObject(code('FEED-BUILD', 'published last'));
    expect(readFileSync(join(dir, 'feed.json'), 'utf8')).toBe('{}');
  });

  it('the folder does not exist', async () => {
    await expect(buildFeed(join(dir, 'none'))).rejects.toMatchObject(code('FEED-BUILD', 'no such folder'));
    put('file');
    await expect(buildFeed(join(dir, 'file'))).rejects.toMatchObject(code('FEED-BUILD', 'not a folder'));
  });

  it.each([0, -1, 3_651, Number.NaN])('the feed would be valid for %s days', async (expiresDays) => {
    await expect(build({ expiresDays })).rejects.toMatchObject(code('FEED-BUILD'));
  });
});

describe('feed builder: the end of an archive', () => {
  const end = (comment: string) => {
    const record = Buffer.alloc(22);
    record.write('PK\x05\x06', 'latin1');
    record.writeUInt16LE(comment.length, 20);
    return Buffer.concat([record, Buffer.from(comment, 'latin1')]);
  };

  it('may have a comment, even one that looks like an end', () => {
    expect(endsAsArchive(Buffer.concat([Buffer.alloc(50), end('')]))).toBe(true);
    expect(endsAsArchive(Buffer.concat([Buffer.alloc(50), end('a comment')]))).toBe(true);
    expect(endsAsArchive(Buffer.concat([Buffer.alloc(50), end(`PK\x05\x06${'x'.repeat(40)}`)]))).toBe(true);
  });

  it('must be at the end', () => {
    expect(endsAsArchive(Buffer.concat([end(''), Buffer.alloc(1)]))).toBe(false);
    expect(endsAsArchive(end('abc').subarray(0, -1))).toBe(false);
  });
});
