import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readPageFiles } from '#console/server/page-files.ts';
import { realFiles } from '#system/real-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pages-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

it('console: only files of the bundle are served, by their exact names', async () => {
  for (const name of ['index.html', 'console.js', 'pages.css', 'notes.txt', '.env', 'Console.js', 'a.js.map', 'x.json'])
    await writeFile(join(folder, name), name);
  const pages = await readPageFiles(realFiles, folder);
  expect([...pages.keys()].sort()).toEqual(['/', '/console.js', '/pages.css']);
  expect([...pages.values()].map(({ type }) => type.split(';')[0]).sort()).toEqual([
    'text/css',
    'text/html',
    'text/javascript',
  ]);
  const script = pages.get('/console.js');
  expect(gunzipSync(script?.gzip ?? new Uint8Array()).toString()).toBe('console.js');
});

it('console: a folder without the first file, or without a readable one, is reported', async () => {
  await writeFile(join(folder, 'console.js'), '');
  await expect(readPageFiles(realFiles, folder)).rejects.toMatchObject({ code: 'CONSOLE-PAGES' });
  await mkdir(join(folder, 'index.html'));
  await expect(readPageFiles(realFiles, folder)).rejects.toMatchObject({ code: 'CONSOLE-PAGES' });
  await expect(readPageFiles(realFiles, join(folder, 'nothing'))).rejects.toMatchObject({ code: 'CONSOLE-PAGES' });
});
