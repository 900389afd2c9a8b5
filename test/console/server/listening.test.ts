import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listenForPages } from '#console/server/listening.ts';
import { realFiles } from '#system/real-files.ts';

it('console: a socket that cannot be made leaves no folder behind', async () => {
  const temporaryDir = await mkdtemp(join(tmpdir(), 'listening-'));
  const server = createServer();
  server.listen = () => {
    queueMicrotask(() => server.emit('error', Object.assign(new Error('no'), { code: 'EACCES' })));
    return server;
  };
  const folders = { files: realFiles, runtimeDir: undefined, temporaryDir };
  await expect(listenForPages(server, { kind: 'socket' }, folders)).rejects.toMatchObject({ code: 'CONSOLE-LISTEN' });
  expect(await readdir(temporaryDir)).toEqual([]);
  await rm(temporaryDir, { recursive: true });
});

it('console: a port in use is named', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const folders = { files: realFiles, runtimeDir: undefined, temporaryDir: tmpdir() };
  const failed = listenForPages(createServer(), { kind: 'port', port }, folders);
  await expect(failed).rejects.toMatchObject({ code: 'CONSOLE-LISTEN', facts: { reason: 'EADDRINUSE' } });
  other.close();
});
