// `sallyport fetch` as a process through a real Squid that asks for Basic credentials, over a path that cuts connections.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BadPath, startBadPath } from '#test/support/bad-path.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startSallyport } from '#test/support/sallyport-process.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const USER = { user: 'sensor', password: 'gruen:1' };
const FILE = randomBytes(12_000_000);
const DIGEST = createHash('sha256').update(FILE).digest('hex');

describeWith(['squid'], 'fetch through Squid', () => {
  let squid: RunningSquid;
  let path: BadPath;
  let origin: Server;
  let dir: string;
  let url: string;

  beforeAll(async () => {
    origin = createServer((request, response) => {
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const total = FILE.length;
      const part = { 'content-range': `bytes ${from}-${total - 1}/${total}` };
      response.writeHead(from > 0 ? 206 : 200, {
        'content-length': total - from,
        etag: '"v1"',
        ...(from > 0 ? part : {}),
      });
      response.end(FILE.subarray(from));
    }).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    squid = await startSquid({ auth: USER });
    path = await startBadPath({ targetPort: squid.port, cutAfterBytes: 5_000_000, rate: 3_000_000 });
    dir = await mkdtemp(join(tmpdir(), 'fetch-'));
    url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/tool.tar`;
  });
  afterAll(async () => {
    await path.close();
    await squid.stop();
    origin.close();
    await rm(dir, { recursive: true });
  });

  const run = (password = USER.password) => {
    const credentials = `${USER.user}:${encodeURIComponent(password)}`;
    return startSallyport(['fetch', url, '--sha256', DIGEST, '-o', join(dir, 'tool.tar')], {
      env: {
        http_proxy: `http://${credentials}@127.0.0.1:${path.port}`,
        no_proxy: '',
        NO_PROXY: '',
        XDG_STATE_HOME: join(dir, 'state'),
      },
    });
  };

  it('fetch: a file survives cuts and kill -9, and no stored byte is requested again', async () => {
    const staged = join(dir, 'tool.tar.part', 'file.jar.unverified');
    const first = run();
    const size = async () =>
      await stat(staged).then(
        ({ size }) => size,
        () => 0,
      );
    while ((await size()) < 2_000_000) await sleep(20);
    first.child.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');
    expect(existsSync(join(dir, 'tool.tar'))).toBe(false);

    const second = run();
    expect(await second.ended).toBe(0);
    expect(
      createHash('sha256')
        .update(await readFile(join(dir, 'tool.tar')))
        .digest('hex'),
    ).toBe(DIGEST);
    expect(second.lines.some((line) => line.includes('Resuming from byte'))).toBe(true);
    // What was on its way when the process was killed, and the heads.
    expect(path.passed).toBeLessThan(FILE.length * 1.01 + 2_097_152);
    expect(existsSync(join(dir, 'tool.tar.part'))).toBe(false);
    expect(second.lines.join('\n')).not.toContain(USER.password);
  });

  it('fetch: a password that Squid rejects ends with status 12, and a folder with status 19', async () => {
    await rm(join(dir, 'tool.tar'), { force: true });
    const rejected = run('wrong-password');
    expect(await rejected.ended).toBe(12);
    const { ended } = startSallyport(['fetch', url, '-o', dir], { env: { XDG_STATE_HOME: join(dir, 'state') } });
    expect(await ended).toBe(19);
  });
});
