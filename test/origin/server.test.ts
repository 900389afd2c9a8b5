import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordedRequest } from '#origin/request-record.ts';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';

let dir: string;
let origin: Origin;
const others: Origin[] = [];
const JAR = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-origin-'));
  writeFileSync(join(dir, '1602503.jar'), JAR);
  writeFileSync(join(dir, 'feed.json'), '{"format":1}');
  writeFileSync(join(dir, 'empty.jar'), '');
  origin = await startOrigin({ dir });
});
afterEach(async () => {
  await Promise.all([origin, ...others.splice(0)].map((one) => one.close()));
  rmSync(dir, { recursive: true, force: true });
});

/** More than the buffers of sockets. Returns the path of /large.jar, which is sparse. */
const LARGE_BYTES = 64 * 1_024 * 1_024;
function writeLarge(): string {
  const path = join(dir, 'large.jar');
  writeFileSync(path, '');
  truncateSync(path, LARGE_BYTES);
  return path;
}

async function start(options: Partial<OriginOptions>): Promise<Origin> {
  const another = await startOrigin({ dir, ...options });
  others.push(another);
  return another;
}

const RECEIPT = {
  key: 'k1',
  id: '1602503',
  sha256: 'ab'.repeat(32),
  length: 300_000,
  elapsed_ms: 5,
  outcome: 'published',
  agent: 'agent-1',
};

function post(receipt: object, headers: Record<string, string> = {}, to = origin): Promise<Response> {
  const key = String((receipt as { key?: string }).key);
  return fetch(to.acknowledgeUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
    body: JSON.stringify(receipt),
  });
}

/** Sends raw bytes and returns everything that is received until the connection ends. */
function raw(text: string, to = origin): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket: Socket = connect(Number(new URL(to.url).port), '127.0.0.1', () => socket.write(text));
    socket.setEncoding('latin1').on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

describe('origin files', () => {
  it('are sent whole, with what a cache and a resume need', async () => {
    const response = await fetch(`${origin.url}/1602503.jar`);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(JAR)).toBe(true);
    expect(response.headers.get('content-type')).toBe('application/java-archive');
    expect(response.headers.get('etag')).toMatch(/^"/);
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    expect(response.headers.get('last-modified')).not.toBeNull();
  });

  it('are sent in part for a range, and resume with If-Range while unchanged', async () => {
    const url = `${origin.url}/1602503.jar`;
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('300000');
    expect(await head.text()).toBe('');
    const etag = head.headers.get('etag') ?? '';
    const part = await fetch(url, { headers: { range: 'bytes=100000-', 'if-range': etag } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 100000-299999/300000');
    expect(Buffer.from(await part.arrayBuffer()).equals(JAR.subarray(100_000))).toBe(true);
    rmSync(join(dir, '1602503.jar'));
    writeFileSync(join(dir, '1602503.jar'), 'other');
    const whole = await fetch(url, { headers: { range: 'bytes=2-', 'if-range': etag } });
    expect([whole.status, await whole.text()]).toEqual([200, 'other']);
  });

  it('answer 416 with their length for a range beyond it, and 304 if known', async () => {
    const url = `${origin.url}/1602503.jar`;
    const beyond = await fetch(url, { headers: { range: 'bytes=300000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
    const known = await fetch(url, { headers: { 'if-none-match': beyond.headers.get('etag') ?? '' } });
    expect([known.status, await known.text()]).toEqual([304, '']);
  });

  it('may be empty', async () => {
    const response = await fetch(`${origin.url}/empty.jar`);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('are read only', async () => {
    const response = await fetch(origin.feedUrl, { method: 'PUT', body: '{}' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('that do not exist answer 404, in any spelling', async () => {
    for (const target of ['/none.jar', '/..%2fsecret', '/.hidden', '/acknowledgements.jsonl', '/']) {
      expect(await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect(await raw('GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 404 /);
    expect(await raw('GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('that shrink while they are sent end in a cut connection', async () => {
    const path = writeLarge();
    const outcome = await new Promise<string>((resolve, reject) => {
      get(`${origin.url}/large.jar`, (response) => {
        truncateSync(path, 1_000);
        response.on('data', () => undefined);
        response.on('end', () => resolve('complete'));
        response.on('error', () => resolve('cut'));
      }).on('error', reject);
    });
    expect(outcome).toBe('cut');
  });
});

describe('acknowledgements', () => {
  it('are recorded once per key: 201 first, 200 again', async () => {
    expect((await post(RECEIPT)).status).toBe(201);
    expect((await post({ ...RECEIPT, elapsed_ms: 9 })).status).toBe(200);
    expect(origin.record.acknowledgements).toEqual([RECEIPT]);
  });

  it('of one key that arrive at once are recorded once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(RECEIPT)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
    expect(origin.record.acknowledgements).toHaveLength(1);
  });

  it('are refused if the key was used for another one', async () => {
    await post(RECEIPT);
    expect((await post({ ...RECEIPT, outcome: 'withdrawn' })).status).toBe(422);
  });

  it('survive a restart', async () => {
    await post(RECEIPT);
    await origin.close();
    origin = await startOrigin({ dir });
    expect(origin.record.acknowledgements).toEqual([RECEIPT]);
    expect((await post(RECEIPT)).status).toBe(200);
  });

  it('are refused if they are invalid, not JSON, encoded or without their key', async () => {
    expect((await post(RECEIPT, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(RECEIPT, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await post({ ...RECEIPT, id: '../x' })).status).toBe(400);
    expect((await post(RECEIPT, { 'idempotency-key': 'other' })).status).toBe(400);
    expect((await fetch(origin.acknowledgeUrl)).status).toBe(405);
    expect(origin.record.acknowledgements).toEqual([]);
  });

  it('are refused if they are too large, announced or not', async () => {
    const head = 'POST /acknowledge HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    expect(await raw(`${head}Content-Length: 65537\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    const status = await new Promise((resolve, reject) => {
      const upload = request(origin.acknowledgeUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      upload.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      upload.write(Buffer.alloc(70_000, 'x'));
    });
    expect(status).toBe(413);
  });

  it('can be read over loopback', async () => {
    await post(RECEIPT);
    const record = (await (await fetch(`${origin.acknowledgeUrl}/record`)).json()) as Record<string, unknown[]>;
    expect(record['acknowledgements']).toEqual([RECEIPT]);
    expect(record['requests']).toHaveLength(2);
  });
});

describe('origin server: the record', () => {
  it('has each request, its answer and bytes, and no credentials', async () => {
    const answered = new Promise<RecordedRequest>((resolve) => {
      void start({ onAnswered: resolve }).then((another) =>
        fetch(`${another.url}/1602503.jar?x=1`, {
          headers: { authorization: 'Bearer hunter2', 'cache-control': 'no-cache' },
        }),
      );
    });
    const entry = await answered;
    expect(entry).toMatchObject({ method: 'GET', target: '/1602503.jar?x=1', status: 200, bytes: 300_000 });
    expect(entry.headers).toMatchObject({ authorization: '***', 'cache-control': 'no-cache' });
    expect(JSON.stringify(others[0]?.record.requests)).not.toContain('hunter2');
  });

  it('keeps the newest thousand', async () => {
    const many = Array.from({ length: 1_010 }, (_, index) => `GET /n${index} HTTP/1.1\r\nHost: x\r\n\r\n`);
    // Each refusal closes its connection.
    for (let at = 0; at < many.length; at += 101) await Promise.all(many.slice(at, at + 101).map((one) => raw(one)));
    expect(origin.record.requests).toHaveLength(1_000);
  });
});

describe('origin server: hostile input', () => {
  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a head without an end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(70_000)}`, /^HTTP\/1\.1 431 /],
    ['no Host', 'GET /feed.json HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'two lengths',
      'POST /acknowledge HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['an unknown expectation', 'GET /feed.json HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n', /^HTTP\/1\.1 417 /],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', /^$/],
  ])('%s does not stop the server', async (_name, bytes, answer) => {
    expect(await raw(bytes)).toMatch(answer);
    expect((await fetch(origin.feedUrl)).status).toBe(200);
  });

  it('of a head that never ends is dropped', async () => {
    const impatient = await start({ limits: { headMs: 50, requestMs: 50 } });
    expect(await raw('GET / HTTP/1.1\r\nHost:', impatient)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('from a client that reads nothing is cut off', async () => {
    writeLarge();
    let socket: Socket | undefined;
    const given = await new Promise<RecordedRequest>((resolve) => {
      void start({ limits: { silenceMs: 100 }, onAnswered: resolve }).then((impatient) => {
        const client = connect(Number(new URL(impatient.url).port), '127.0.0.1', () => {
          client.pause().write('GET /large.jar HTTP/1.1\r\nHost: x\r\n\r\n');
        });
        client.on('error', () => undefined);
        socket = client;
      });
    });
    expect(given).toMatchObject({ status: 200 });
    expect(given.bytes).toBeLessThan(LARGE_BYTES);
    socket?.destroy();
  });

  it('of too many connections is refused, and the others continue', async () => {
    const small = await start({ limits: { connections: 1 } });
    const port = Number(new URL(small.url).port);
    const first = await new Promise<Socket>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket));
    });
    expect(await raw('GET /feed.json HTTP/1.1\r\nHost: x\r\n\r\n', small)).toBe('');
    const answer = new Promise<string>((resolve) => first.once('data', (chunk) => resolve(String(chunk))));
    first.write('GET /feed.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('origin server', () => {
  it('listens on loopback, and its URLs name it', () => {
    expect(origin.feedUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/feed\.json$/);
  });

  it('names the address in brackets for IPv6', async () => {
    const six = await start({ host: '::1' });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(six.feedUrl)).status).toBe(200);
  });

  it('reports why it cannot start', async () => {
    const port = Number(new URL(origin.url).port);
    await expect(startOrigin({ dir, port })).rejects.toMatchObject({ code: 'SERVE-FAILED' });
    await expect(startOrigin({ dir: join(dir, 'none') })).rejects.toMatchObject({ code: 'SERVE-FAILED' });
    writeFileSync(join(dir, 'acknowledgements.jsonl'), 'something else\n');
    await expect(startOrigin({ dir })).rejects.toMatchObject({ code: 'SERVE-FAILED' });
  });

  it('closes in the middle of a download, and may be closed twice', async () => {
    writeLarge();
    const broken = new Promise((resolve) => {
      get(`${origin.url}/large.jar`, (response) => {
        response.on('error', resolve).once('data', () => {
          response.pause();
          void Promise.all([origin.close(), origin.close()]).then(() => response.resume());
        });
      });
    });
    await expect(broken).resolves.toMatchObject({ code: 'ECONNRESET' });
  });
});
