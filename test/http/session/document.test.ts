import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type DocumentOptions, requestDocument } from '#http/session/document.ts';
import type { SmallResponse } from '#http/session/running-request.ts';
import { systemClock } from '#system/clock.ts';
import {
  openPlainConnection,
  type PlainConnection,
  type PlainConnectionOptions,
} from '#test/support/plain-connection.ts';
import { type RawServer, startRawServer } from '#test/support/raw-server.ts';

const servers: RawServer[] = [];
const PATIENT = { firstByteMs: 2_000, silenceMs: 2_000, totalMs: 3_000, key: 'response_timeout.base_ms' };

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(onRequest: (socket: Socket, head: string) => void): Promise<RawServer> {
  const server = await startRawServer({ onRequest });
  servers.push(server);
  return server;
}

interface Asking {
  readonly connection?: Partial<PlainConnectionOptions>;
  readonly options?: Partial<DocumentOptions>;
  readonly request?: Partial<DocumentOptions['request']>;
  readonly url?: string;
}

async function ask(
  server: RawServer,
  asking: Asking = {},
): Promise<{ connection: PlainConnection; outcome: Promise<SmallResponse> }> {
  const connection = await openPlainConnection({ port: server.port, ...asking.connection });
  const outcome = requestDocument({
    connection,
    request: {
      method: 'GET',
      url: new URL(asking.url ?? `http://127.0.0.1:${server.port}/feed.json?token=abc`),
      headers: { 'User-Agent': 'Sallyport/0' },
      ...asking.request,
    },
    deadlines: PATIENT,
    limitBytes: 1_000,
    clock: systemClock,
    signal: new AbortController().signal,
    ...asking.options,
  });
  outcome.catch(() => {});
  return { connection, outcome };
}

async function failure(server: RawServer, asking: Asking = {}): Promise<CodedError> {
  const { outcome } = await ask(server, asking);
  return outcome.then(
    () => expect.fail('it succeeded'),
    (error: CodedError) => error,
  );
}

describe('session: a document', () => {
  it('arrives whole, with its head', async () => {
    const server = await serve((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nVia: 1.1 b\r\nContent-Length: 2\r\n\r\n{}'),
    );

    const { connection, outcome } = await ask(server);
    const { head, body, measured } = await outcome;

    expect(body.toString()).toBe('{}');
    expect(head).toMatchObject({ status: 200, reason: 'OK', via: '1.1 a, 1.1 b', contentLength: 2 });
    expect(measured).toMatchObject({ timedOut: null, firstByteMs: expect.any(Number) });
    expect(connection.socket.destroyed).toBe(true);
  });

  it('arrives chunked, also after interim responses', async () => {
    const server = await serve((socket) =>
      socket.end('HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'),
    );

    const { outcome } = await ask(server);

    expect((await outcome).body.toString()).toBe('{}');
  });

  it('ends with the connection if it has no length', async () => {
    const server = await serve((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\n{"a":1}'));

    const { outcome } = await ask(server);

    expect((await outcome).body.toString()).toBe('{"a":1}');
  });

  it('with an error status is returned with its page', async () => {
    const server = await serve((socket) =>
      socket.end('HTTP/1.1 404 Nope\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\npage'),
    );

    const { outcome } = await ask(server);

    expect(await outcome).toMatchObject({ head: { status: 404 }, body: Buffer.from('page') });
  });

  it("has the common headers, and no credentials but its connection's", async () => {
    const server = await serve((socket) => socket.end('HTTP/1.1 204 No\r\n\r\n'));

    const { outcome } = await ask(server, {
      request: { headers: { 'Proxy-Authorization': 'Basic stolen', 'X-Own': 'yes' } },
    });
    await outcome;

    const [head = ''] = server.requests;
    expect(head).toMatch(/^GET \/feed\.json\?token=abc HTTP\/1\.1\r\n/);
    expect(head.toLowerCase()).toContain('\r\nx-own: yes\r\n');
    expect(head.toLowerCase()).toContain('\r\naccept-encoding: identity\r\n');
    expect(head.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(head.toLowerCase()).toContain(`\r\nhost: 127.0.0.1:${server.port}\r\n`);
    expect(head).not.toContain('stolen');
  });

  it('is posted to a forwarding proxy with URL and headers of the hop', async () => {
    let request = '';
    const server = await serve((socket, head) => {
      request = head;
      socket.end('HTTP/1.1 204 No\r\n\r\n');
    });

    const { outcome } = await ask(server, {
      connection: { form: 'absolute', requestHeaders: { 'Proxy-Authorization': 'Basic eA==' } },
      url: 'http://updates.example.com/ack#part',
      request: { method: 'POST', body: '{"id":"1"}', headers: { 'content-type': 'application/json' } },
    });
    await outcome;

    expect(request).toMatch(/^POST http:\/\/updates\.example\.com\/ack HTTP\/1\.1\r\n/);
    expect(request.toLowerCase()).toContain('\r\nhost: updates.example.com\r\n');
    expect(request.toLowerCase()).toContain('\r\nproxy-authorization: basic ea==\r\n');
    expect(request.toLowerCase()).toContain('\r\ncontent-length: 10\r\n');
  });
});

describe('session: a document in another form', () => {
  it.each([
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
    ['a head of 256 KB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(262_000)}\r\nContent-Length: 5\r\n\r\nhello`],
    ['an interim head before', 'HTTP/1.1 103 E\n\nHTTP/1.1 200 OK\n\nhello'],
  ])('is accepted with %s, as RFC 9112 allows', async (_name, said) => {
    const server = await serve((socket) => socket.end(said));
    const { outcome } = await ask(server);
    expect((await outcome).body.toString()).toBe('hello');
  });
});

describe('session: a document fails', () => {
  it.each([
    ['DOCUMENT-TOO-LARGE', 'HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n'],
    ['DOCUMENT-TOO-LARGE', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_001)}`],
    ['CONTENT-ENCODED', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd'],
    ['ORIGIN-407', 'HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'],
    ['CONNECTION-LOST', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'],
    ['CONNECTION-LOST', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['CONNECTION-LOST', 'HTTP/1.1 200 OK\r\nCont'],
    ['CONNECTION-LOST', ''],
    ['BAD-RESPONSE', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['BAD-RESPONSE', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(270_000)}\r\n\r\n`],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['TOO-MANY-INTERIM', 'HTTP/1.1 103 Early\r\n\r\n'.repeat(50_000)],
  ])('with %s', async (code, said) => {
    const server = await serve((socket) => socket.end(said));

    const error = await failure(server);

    expect(error.code).toBe(code);
    expect(error.hop).toBe(`127.0.0.1:${server.port}`);
    expect(error.message).not.toContain('token=abc');
    await server.allClosed();
  });

  it('with CONNECTION-LOST if a body without a length is reset: a reset is not an end', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', () => socket.resetAndDestroy());
    });

    expect((await failure(server)).code).toBe('CONNECTION-LOST');
  });

  it.each([
    ['RESPONSE-TIMEOUT', 'first_byte', '', { firstByteMs: 40 }],
    ['RESPONSE-TIMEOUT', 'first_byte', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', { firstByteMs: 40 }],
    ['RESPONSE-TIMEOUT', 'silence', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab', { silenceMs: 40 }],
    ['DOCUMENT-TIMEOUT', 'total', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab', { totalMs: 40 }],
  ])('with %s (%s) when the server falls silent', async (code, _phase, said, limits) => {
    const server = await serve((socket) => socket.write(said));

    expect((await failure(server, { options: { deadlines: { ...PATIENT, ...limits } } })).code).toBe(code);
    await server.allClosed();
  });

  it("with the proxy's own failure if the hop answered", async () => {
    const server = await serve((socket) => socket.end('HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n'));
    const rejected = coded('AUTH-REJECTED', {
      proxy: 'corp',
      user: 'u',
      scheme: 'Basic',
      since: 0,
      history: 'it never worked',
      retry: 'later',
    });
    const validateResponse = () => {
      throw rejected;
    };

    expect(await failure(server, { connection: { form: 'absolute', validateResponse } })).toBe(rejected);
  });

  it('with the reason of the abort, at once', async () => {
    const aborter = new AbortController();
    const server = await serve(() => aborter.abort(new Error('stop')));

    const { connection, outcome } = await ask(server, { options: { signal: aborter.signal } });

    await expect(outcome).rejects.toThrow('stop');
    expect(connection.socket.destroyed).toBe(true);
  });

  it('without a request on an abort before, or a bulk connection', async () => {
    const server = await serve(() => {});

    const { outcome } = await ask(server, { options: { signal: AbortSignal.abort(new Error('before')) } });

    await expect(outcome).rejects.toThrow('before');
    expect((await failure(server, { connection: { bulk: true } })).code).toBe('INTERNAL');
    expect(server.requests).toEqual([]);
  });
});
