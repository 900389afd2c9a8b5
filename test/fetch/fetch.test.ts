// `sallyport fetch` in this process against scripted servers on loopback.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readUmask } from '#system/process/umask.ts';
import { type RawServer, startRawServer } from '#test/support/raw-server.ts';
import { type RanHere, type RunHereOptions, runHere } from '#test/support/run-here.ts';

const FILE = randomBytes(300_000);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const DIGEST = sha256(FILE);
const OTHER = randomBytes(300_000);

/** How the server answers each request; the last answer is repeated. */
interface Answer {
  readonly bytes?: Uint8Array;
  readonly etag?: string | null;
  /** Cuts the body after this many bytes. */
  readonly cut?: number;
  readonly framing?: 'length' | 'chunked' | 'close';
  readonly ranges?: 'checked' | 'blind' | 'ignored';
  readonly head?: string;
}

let dir = '';
let servers: RawServer[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fetch-'));
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await rm(dir, { recursive: true });
});

async function serve(...answers: Answer[]): Promise<RawServer & { readonly url: string }> {
  let next = 0;
  const server = await startRawServer({
    onRequest: (socket, head) => {
      socket.on('error', () => undefined);
      socket.end(responseTo(head, answers[Math.min(next, answers.length - 1)] ?? {}));
      next += 1;
    },
  });
  servers.push(server);
  return Object.assign(server, { url: `http://127.0.0.1:${server.port}/tool.tar` });
}

function responseTo(request: string, answer: Answer): Buffer {
  const { bytes = FILE, etag = '"v1"', cut = Infinity, framing = 'length', ranges = 'checked', head } = answer;
  if (head !== undefined) return Buffer.from(`${head}\r\n\r\n`);
  const asked = Number(/^range: bytes=(\d+)-/im.exec(request)?.[1] ?? 0);
  const condition = /^if-range: (.*)$/im.exec(request)?.[1]?.trim();
  const isPart = asked > 0 && (ranges === 'blind' || (ranges === 'checked' && condition === etag));
  const from = isPart ? asked : 0;
  const lines = [
    isPart ? 'HTTP/1.1 206 Partial Content' : 'HTTP/1.1 200 OK',
    ...(isPart ? [`Content-Range: bytes ${from}-${bytes.length - 1}/${bytes.length}`] : []),
    ...(etag === null ? [] : [`ETag: ${etag}`]),
    ...(framing === 'length' ? [`Content-Length: ${bytes.length - from}`] : []),
    ...(framing === 'chunked' ? ['Transfer-Encoding: chunked'] : []),
  ];
  const body = bytes.subarray(from, Math.min(bytes.length, from + cut));
  const ending = cut === Infinity ? '0\r\n\r\n' : '';
  const framed =
    framing === 'chunked'
      ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from(`\r\n${ending}`)])
      : body;
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), framed]);
}

/** Runs the command with the state and the target of this test. */
async function fetch(args: readonly string[], options: RunHereOptions = {}): Promise<RanHere> {
  const environment = { XDG_STATE_HOME: join(dir, 'state'), ...options.environment };
  return await runHere(['fetch', '-o', join(dir, 'tool.tar'), ...args], { ...options, environment });
}

const target = () => join(dir, 'tool.tar');
const ranges = ({ requests }: RawServer) => requests.map((head) => /^range: (.*)$/im.exec(head)?.[1]?.trim() ?? null);

describe('fetch', () => {
  it('fetch: a file with the right digest is stored, and nothing else is left', async () => {
    const server = await serve({});
    const { code, out } = await fetch([server.url, '--sha256', DIGEST]);
    expect({ code, bytes: await readFile(target()) }).toEqual({ code: 0, bytes: FILE });
    expect(out).toContain('sha256 verified');
    expect(existsSync(`${target()}.part`)).toBe(false);
    expect((await stat(target())).mode & 0o777).toBe(0o666 & ~readUmask());
  });

  it('fetch: a file with another digest is not stored, and its bytes are deleted', async () => {
    const server = await serve({ bytes: OTHER });
    const { code, err } = await fetch([server.url, '--sha256', DIGEST]);
    expect(code).toBe(17);
    expect(err).toContain('FETCH-DIGEST');
    expect(existsSync(target()) || existsSync(`${target()}.part`)).toBe(false);
    expect(server.requests).toHaveLength(1);
  });

  it('fetch: a file of the right digest that is there already needs no request', async () => {
    const server = await serve({});
    await writeFile(target(), FILE);
    const { code, out } = await fetch([server.url, '--sha256', DIGEST]);
    expect({ code, requests: server.requests.length }).toEqual({ code: 0, requests: 0 });
    expect(out).toContain('Nothing was requested.');
  });

  it('fetch: another file of that name is replaced only with --force', async () => {
    const server = await serve({});
    await writeFile(target(), 'mine');
    expect((await fetch([server.url, '--sha256', DIGEST])).code).toBe(19);
    expect((await fetch([server.url])).err).toContain('FETCH-EXISTS');
    expect(await readFile(target(), 'utf8')).toBe('mine');
    expect(server.requests).toHaveLength(0);
    expect((await fetch([server.url, '--sha256', DIGEST, '--force'])).code).toBe(0);
    expect(await readFile(target())).toEqual(FILE);
  });

  it('fetch: a folder, a symbolic link and a file in a missing folder are refused', async () => {
    const server = await serve({});
    await mkdir(join(dir, 'folder'));
    await symlink(join(dir, 'elsewhere'), join(dir, 'link'));
    for (const name of ['folder', 'link', 'missing/file']) {
      const { code, err } = await fetch([server.url, '-o', join(dir, name), '--force']);
      expect({ code, named: err.includes('FETCH-TARGET') }).toEqual({ code: 19, named: true });
    }
    expect(server.requests).toHaveLength(0);
  });

  it('fetch: with a digest, an interrupted file continues whatever the validator is', async () => {
    const server = await serve({ cut: 200_000, etag: null }, { ranges: 'blind', etag: null });
    const { code } = await fetch([server.url, '--sha256', DIGEST]);
    expect(code).toBe(0);
    expect(ranges(server)).toEqual([null, 'bytes=200000-']);
    expect(await readFile(target())).toEqual(FILE);
  });

  it('fetch: wrong bytes after a resume lead to one request for the whole file past all caches', async () => {
    const server = await serve({ cut: 200_000 }, { bytes: OTHER, ranges: 'blind' }, {});
    const { code } = await fetch([server.url, '--sha256', DIGEST]);
    expect(code).toBe(0);
    expect(server.requests).toHaveLength(3);
    expect(server.requests.at(-1)).toMatch(/^cache-control: no-cache/im);
  });

  it('fetch: without a digest, an interrupted file continues under its strong validator', async () => {
    const server = await serve({ cut: 200_000 }, {});
    expect((await fetch([server.url])).code).toBe(0);
    expect(ranges(server)).toEqual([null, 'bytes=200000-']);
    expect(server.requests[1]).toMatch(/^if-range: "v1"/im);
    expect(await readFile(target())).toEqual(FILE);
  });

  it.each([
    ['a weak validator', { etag: 'W/"v1"' }],
    ['no validator', { etag: null }],
  ])('fetch: without a digest, %s makes an interrupted file start over', async (_what, answer) => {
    const server = await serve({ ...answer, cut: 200_000 }, { ...answer, ranges: 'blind' });
    expect((await fetch([server.url])).code).toBe(0);
    expect(ranges(server)).toEqual([null, null]);
    expect(await readFile(target())).toEqual(FILE);
  });

  it.each([
    ['sent as a whole', 'checked'],
    ['sent as a part that ignores If-Range', 'blind'],
  ] as const)('fetch: without a digest, a changed file %s replaces the kept bytes', async (_how, kind) => {
    const changed = { bytes: OTHER, etag: '"v2"', ranges: kind };
    const server = await serve({ cut: 200_000 }, changed);
    expect((await fetch([server.url])).code).toBe(0);
    expect(ranges(server)).toEqual([null, 'bytes=200000-', null]);
    expect(await readFile(target())).toEqual(OTHER);
  });

  it('fetch: a chunked file without a length is stored, and a cut one is not', async () => {
    const server = await serve({ framing: 'chunked', cut: 200_000, etag: null }, { framing: 'chunked', etag: null });
    expect((await fetch([server.url])).code).toBe(0);
    expect(server.requests).toHaveLength(2);
    expect(await readFile(target())).toEqual(FILE);
  });

  it('fetch: without digest and validator, a path that always cuts ends the attempts', async () => {
    const server = await serve({ cut: 200_000, etag: null });
    const config = join(dir, 'sallyport.yaml');
    await writeFile(config, 'version: 2\nretry: {attempts: 2}\n', { mode: 0o600 });
    const environment = { XDG_STATE_HOME: join(dir, 'state') };
    const { code, err } = await runHere(['-c', config, 'fetch', server.url, '-o', target()], { environment });
    expect(code).not.toBe(0);
    expect(server.requests).toHaveLength(2);
    expect(err).not.toContain('to resume');
    expect(existsSync(`${target()}.part`)).toBe(false);
  });

  it('fetch: a file that ends with its connection needs a digest', async () => {
    const server = await serve({ framing: 'close' });
    const { code, err } = await fetch([server.url]);
    expect({ code, named: err.includes('LENGTH-UNKNOWN') }).toEqual({ code: 17, named: true });
    expect((await fetch([server.url, '--sha256', DIGEST])).code).toBe(0);
  });

  it('fetch: an empty file is a file', async () => {
    const server = await serve({ bytes: new Uint8Array() });
    expect((await fetch([server.url])).code).toBe(0);
    expect((await stat(target())).size).toBe(0);
  });

  it('fetch: --json prints one object, also for a failure', async () => {
    const server = await serve({ head: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0' });
    const failed = await fetch([server.url, '--json']);
    expect(failed.code).toBe(18);
    expect(JSON.parse(failed.out)).toMatchObject({ bytes: null, attempts: 1, failure: { code: 'ORIGIN-REFUSED' } });
    const right = await serve({});
    const { code, out, err } = await fetch([right.url, '--json', '--sha256', DIGEST]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const expected = { file: target(), bytes: FILE.length, sha256: DIGEST, verified: true, failure: null };
    expect(JSON.parse(out)).toMatchObject(expected);
  });

  it('fetch: --quiet prints nothing but failures', async () => {
    const server = await serve({});
    expect(await fetch([server.url, '--quiet'])).toEqual({ code: 0, out: '', err: '' });
  });

  it('fetch: the digest is read from a checksum file under the name of the URL', async () => {
    const server = await serve({});
    await writeFile(join(dir, 'SUMS'), `${'0'.repeat(64)}  other\n${DIGEST}  tool.tar\n`);
    const ran = await fetch([server.url, '-o', join(dir, 'renamed'), '--checksum-file', join(dir, 'SUMS')]);
    expect(ran.code).toBe(0);
    await writeFile(join(dir, 'SUMS'), `${DIGEST}  other\n`);
    expect((await fetch([server.url, '--checksum-file', join(dir, 'SUMS')])).code).toBe(78);
  });

  it('fetch: a redirect to another server is followed only with --allow-origin', async () => {
    const to = await serve({});
    const head = `HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ${to.url}`;
    const from = await serve({ head });
    expect((await fetch([from.url])).code).not.toBe(0);
    expect(to.requests).toHaveLength(0);
    const origin = `http://127.0.0.1:${to.port}`;
    expect((await fetch([from.url, '--allow-origin', origin])).code).toBe(0);
  });

  it('fetch: the proxy comes from the environment, and no_proxy exempts a server', async () => {
    const proxy = await serve({});
    const environment = { http_proxy: `http://127.0.0.1:${proxy.port}` };
    const ran = await fetch(['http://files.example/tool.tar', '--sha256', DIGEST], { environment });
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('Configuration: the environment (http_proxy)');
    expect(proxy.requests[0]).toMatch(/^GET http:\/\/files\.example\/tool\.tar /);
    const server = await serve({});
    const direct = { environment: { ...environment, no_proxy: '127.0.0.1' } };
    expect((await fetch([server.url, '-o', join(dir, 'direct')], direct)).code).toBe(0);
    expect(server.requests).toHaveLength(1);
  });

  it('fetch: a password that http_proxy lacks is typed and never printed', async () => {
    const proxy = await serve({});
    const environment = { http_proxy: `http://sensor@127.0.0.1:${proxy.port}` };
    const answers = [['Password of sensor', 'typed secret']] as const;
    const ran = await fetch(['http://files.example/tool.tar'], { environment, answers });
    expect(ran.code).toBe(0);
    const basic = Buffer.from('sensor:typed secret').toString('base64');
    expect(proxy.requests[0]).toContain(`Basic ${basic}`);
    expect(ran.out + ran.err).not.toContain('typed secret');
  });

  it('fetch: a password that a profile lacks is typed, and sent only to its proxy', async () => {
    const proxy = await serve({});
    const profile = [
      `proxies:\n  - {name: corp, address: 127.0.0.1, port: ${proxy.port}, default: true,`,
      `     authentication: basic, user: sensor, password: {file: ${join(dir, 'absent')}}}\n`,
    ].join('\n');
    const config = join(dir, 'sallyport.yaml');
    await writeFile(config, `version: 2\n${profile}`, { mode: 0o600 });
    const ran = await runHere(['-c', config, 'fetch', 'http://files.example/tool.tar', '-o', target()], {
      environment: { XDG_STATE_HOME: join(dir, 'state') },
      answers: [['Password of sensor at proxy corp', 'typed secret']],
    });
    expect({ code: ran.code, bytes: await readFile(target()) }).toEqual({ code: 0, bytes: FILE });
    expect(proxy.requests.at(-1)).toContain(`Basic ${Buffer.from('sensor:typed secret').toString('base64')}`);
    expect(ran.out + ran.err).not.toContain('typed secret');
    expect(await readFile(config, 'utf8')).not.toContain('typed secret');
  });

  it('fetch: a configuration file with -c is used, and one that cannot be read is an error', async () => {
    const proxy = await serve({});
    const profile = `proxies:\n  - {name: corp, address: 127.0.0.1, port: ${proxy.port}, default: true}\n`;
    await writeFile(join(dir, 'sallyport.yaml'), `version: 2\n${profile}`, { mode: 0o600 });
    const run = async (config: string) =>
      await runHere(['-c', config, 'fetch', 'http://files.example/tool.tar', '-o', target(), '--json'], {
        environment: { XDG_STATE_HOME: join(dir, 'state') },
      });
    const ran = await run(join(dir, 'sallyport.yaml'));
    expect(JSON.parse(ran.out)).toMatchObject({ proxy: 'corp', configuration: join(dir, 'sallyport.yaml') });
    expect((await run(join(dir, 'missing.yaml'))).code).toBe(19);
  });

  it('fetch: an interruption keeps the bytes and says how to resume; a second command continues', async () => {
    const stop = new AbortController();
    const server = await startRawServer({
      onRequest: (socket, head) => {
        socket.on('error', () => undefined);
        const answer = responseTo(head, {});
        if (head.includes('range:')) socket.end(answer);
        else socket.write(answer.subarray(0, 200_000), () => setTimeout(() => stop.abort(), 300));
      },
    });
    servers.push(server);
    const url = `http://127.0.0.1:${server.port}/tool.tar`;
    const first = await fetch([url], { signal: stop.signal });
    expect(first.code).toBe(19);
    expect(first.err).toContain('Repeat the command to resume.');
    expect(existsSync(target())).toBe(false);
    expect((await fetch([url])).out).toContain('resumed from');
    expect(await readFile(target())).toEqual(FILE);
  });

  it('fetch: a second command for the same file is refused while the first one runs', async () => {
    const stop = new AbortController();
    let began = (): void => undefined;
    const running = new Promise<void>((resolve) => {
      began = resolve;
    });
    const server = await startRawServer({ onRequest: () => began() });
    servers.push(server);
    const url = `http://127.0.0.1:${server.port}/tool.tar`;
    const first = fetch([url], { signal: stop.signal });
    await running;
    const second = await fetch([url]);
    expect({ code: second.code, named: second.err.includes('FETCH-BUSY') }).toEqual({ code: 19, named: true });
    stop.abort();
    expect((await first).code).toBe(19);
  });

  it.each([
    [['ftp://files.example/x'], 'Give an http or https URL.'],
    [['http://user:password@files.example/x'], 'without user and password'],
    [['http://files.example/x', '-o', '-'], 'does not write to standard output'],
    [['http://files.example/x', '--sha256', 'abc'], '64 hexadecimal digits'],
  ])('fetch: the arguments %j are refused with status 64', async (args, reason) => {
    const { code, err } = await runHere(['fetch', ...args]);
    expect({ code, named: err.includes(reason) }).toEqual({ code: 64, named: true });
  });
});
