import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';
import { HopMemory } from '#proxy/hop-memory.ts';
import { dial } from '#proxy/opening/dial.ts';
import { openTunnel } from '#proxy/opening/tunnel.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { FAULTS, type FaultProxy, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { testAuthSession } from '#test/support/test-auth-session.ts';
import { profile } from '#test/support/test-router.ts';

const AUTHORITY = 'updates.example.com:443';
const never = new AbortController().signal;

let proxy: FaultProxy | undefined;
afterEach(() => proxy?.close());

interface Asking {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly password?: string;
  readonly greeting?: string;
  readonly clock?: Clock;
}

async function tunnel(
  script: Script,
  asking: Asking = {},
): Promise<{ socket: Socket; failure: unknown; verdicts: string[] }> {
  proxy = await startFaultProxy(script, asking.greeting);
  const bounds = { clock: asking.clock ?? systemClock, signal: asking.signal ?? never };
  const target = { host: '127.0.0.1', port: proxy.port, proxy: 'corp', hop: proxyAt('corp', '127.0.0.1:3128') };
  const { socket } = await dial(target, { ...bounds, bulk: false, timeoutMs: 5_000 });
  const basic = asking.password === undefined ? undefined : { password: asking.password };
  const { authSession, credentialGuard } = await testAuthSession(profile(proxy.port, basic));
  const redial = async () => (await dial(target, { ...bounds, bulk: false, timeoutMs: 5_000 })).socket;
  const failure: unknown = await openTunnel(socket, {
    authority: AUTHORITY,
    authSession,
    memory: new HopMemory(systemClock, 'proxy corp'),
    userAgent: 'Sallyport/1.0.0',
    timeoutMs: asking.timeoutMs ?? 5_000,
    redial,
    ...bounds,
  }).then(
    () => null,
    (error: unknown) => error,
  );
  // As the router does.
  if (failure !== null) authSession.unknown();
  const { verdicts } = credentialGuard;
  return { socket, failure, verdicts };
}

async function read(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) text += String((await once(socket, 'data'))[0]);
  return text;
}

describe('a tunnel', () => {
  it('sends one request, with the authority, a name and the credential', async () => {
    const { failure, verdicts } = await tunnel(FAULTS.grantsThenSilence, { password: 'open sesame' });
    expect(failure).toBeNull();
    expect(verdicts).toEqual(['accepted']);
    expect(proxy?.heads).toEqual([
      `CONNECT ${AUTHORITY} HTTP/1.1\r\nHost: ${AUTHORITY}\r\nUser-Agent: Sallyport/1.0.0\r\n` +
        `Proxy-Authorization: Basic ${btoa('svc:open sesame')}\r\nConnection: keep-alive\r\n\r\n`,
    ]);
  });

  it('is a raw pipe in both directions, with no listener of ours left on it', async () => {
    const { socket } = await tunnel((client) => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(client);
    });
    expect(['readable', 'data', 'end'].map((event) => socket.listenerCount(event))).toEqual([0, 0, 1]);
    socket.write('ping');
    expect(await read(socket, 4)).toBe('ping');
    socket.destroy();
  });

  it('keeps the bytes that follow the 200', async () => {
    const { socket } = await tunnel((client) => {
      client.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nglued');
    });
    expect(await read(socket, 5)).toBe('glued');
    socket.destroy();
  });

  it('skips interim responses, even if they arrive one by one', async () => {
    const { socket, failure } = await tunnel((client) => {
      client.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 1');
      setImmediate(() => client.write('02 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\nglued'));
    });
    expect(failure).toBeNull();
    expect(await read(socket, 5)).toBe('glued');
    expect(proxy?.heads).toHaveLength(1);
    socket.destroy();
  });
});

describe('a tunnel fault: it ends within its deadline, with a code:', () => {
  const faults: readonly [string, Script, string, Asking?][] = [
    ['silent', FAULTS.silent, 'TUNNEL-TIMEOUT', { timeoutMs: 40 }],
    ['slow header bytes', FAULTS.slowHeaders, 'TUNNEL-TIMEOUT', { timeoutMs: 60 }],
    ['closes before answering', FAULTS.closesBeforeAnswering, 'TUNNEL-CLOSED'],
    ['resets in the middle', FAULTS.resetsInTheMiddle, 'TUNNEL-CLOSED'],
    ['closes in the middle', FAULTS.closesInTheMiddle, 'TUNNEL-CLOSED'],
    ['407 without challenge', FAULTS.challengesWithoutChallenge, 'AUTH-REQUIRED'],
    ['1 MiB of headers', FAULTS.hugeHeaders, 'PROXY-PROTOCOL'],
    ['HTML instead of a reply', FAULTS.htmlInsteadOfAReply, 'NOT-A-PROXY'],
    ['garbage', FAULTS.garbage, 'NOT-A-PROXY'],
    ['an SSH server', FAULTS.silent, 'NOT-A-PROXY', { greeting: 'SSH-2.0-OpenSSH_9.2\r\n' }],
    ['a TLS server', says('\u0015\u0003\u0001\u0000\u0002\u0002\u0046'), 'PROXY-SCHEME'],
    ['a web server', FAULTS.webServer, 'NOT-A-PROXY'],
    ['50,000 interim responses', FAULTS.endlessInterim, 'TOO-MANY-INTERIM'],
    ['two lengths', says('HTTP/1.1 403 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'), 'PROXY-PROTOCOL'],
  ];

  it.each(faults)('%s', async (_name, script, code, asking) => {
    const { failure } = await tunnel(script, asking);
    expect(failure).toBeInstanceOf(CodedError);
    expect(failure).toMatchObject({ code, hop: expect.stringContaining('proxy corp') });
    await proxy?.allClosed();
  });

  it.each([
    ['an SSH server', FAULTS.silent, { greeting: 'SSH-2.0-OpenSSH_9.2\r\n' }, 'SSH-2.0-OpenSSH_9.2'],
    ['a TLS server', says('\u0015\u0003\u0001\u0000\u0002\u0002\u0046'), {}, 'a TLS record'],
    ['HTML', FAULTS.htmlInsteadOfAReply, {}, '<html><title>Welcome</title></html>'],
    ['a web server', FAULTS.webServer, {}, '405 Not Allowed'],
  ])('names what answered instead: %s', async (_name, script, asking, answer) => {
    const { failure } = await tunnel(script, asking);
    expect((failure as CodedError).facts['answer']).toBe(answer);
  });

  it('leaves no timer behind', async () => {
    const clock = new CountingClock();
    for (const [, script, , asking] of faults) {
      await tunnel(script, { ...asking, clock });
      await proxy?.close();
    }
    proxy = undefined;
    expect(clock.made).toBeGreaterThan(faults.length);
    expect(clock.pending).toBe(0);
  });

  it('ends at the abort, at once', async () => {
    const controller = new AbortController();
    const { failure } = await tunnel(() => controller.abort(new Error('stop')), { signal: controller.signal });
    expect(failure).toMatchObject({ message: 'stop' });
  });

  it('a tunnel fault: the failure names the key of its deadline', async () => {
    const { failure } = await tunnel(FAULTS.silent, { timeoutMs: 30 });
    expect((failure as CodedError).facts).toMatchObject({
      key: 'response_timeout.tunnel_timeout_ms',
      target: AUTHORITY,
      proxy: 'corp',
    });
  });
});

describe('a tunnel opens', () => {
  it.each([
    ['bare LF', 'HTTP/1.1 200 OK\nVia: x\n\n'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nX : a\r\n\r\n'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    ['two lengths, which mean nothing here', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a head of 256 KB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(262_000)}\r\n\r\n`],
    ['all of it behind an interim head', 'HTTP/1.1 103 E\nX : a\n b\n\nHTTP/1.1  200\n\n'],
  ])('after an answer with %s, as RFC 9112 allows', async (_name, said) => {
    const { socket } = await tunnel((client) => client.write(`${said}glued`));
    expect(await read(socket, 5)).toBe('glued');
    socket.destroy();
  });
});

describe('a tunnel refusal', () => {
  const page = '<html><title>Access Denied: Software Downloads</title>';

  it.each([
    ['with its length', `Content-Length: ${page.length}\r\n\r\n${page}`],
    [
      'in chunks',
      `Transfer-Encoding: chunked\r\n\r\n1e\r\n${page.slice(0, 30)}\r\n18\r\n${page.slice(30)}\r\n0\r\n\r\n`,
    ],
    ['up to the close', `\r\n${page}`],
  ])('has the title of its page, sent %s', async (_how, rest) => {
    const { failure } = await tunnel((client) => {
      client.write(`HTTP/1.1 403 Forbidden\r\n${rest.slice(0, -10)}`);
      setImmediate(() => client.end(rest.slice(-10)));
    });
    expect(failure).toMatchObject({ code: 'POLICY-DENIED', facts: { said: 'Access Denied: Software Downloads' } });
  });

  it('does not wait for a page that never arrives', async () => {
    const { failure } = await tunnel(
      (client) => client.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 500\r\n\r\n<html>'),
      { timeoutMs: 200 },
    );
    expect(failure).toMatchObject({ code: 'PROXY-UPSTREAM', facts: { said: 'Service Unavailable', status: 503 } });
  });

  it.each([
    ['as it is', (text: string) => `\r\n${text}`],
    ['in one chunk', (text: string) => `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`],
  ])('has the title also for a page beyond the size limit (%s)', async (_how, sent) => {
    const rest = sent(page + 'x'.repeat(300_000));
    const { failure } = await tunnel((client) => client.write(`HTTP/1.1 403 Forbidden\r\n${rest}`));
    expect(failure).toMatchObject({ code: 'POLICY-DENIED', facts: { said: 'Access Denied: Software Downloads' } });
  });

  it('has no more of its page read than needed', async () => {
    const { failure } = await tunnel((client) => {
      client.write('HTTP/1.1 403 Forbidden\r\n\r\n');
      const more = () => {
        while (client.write('x'.repeat(10_000)));
      };
      client.on('drain', more);
      more();
    });
    expect(failure).toMatchObject({ code: 'POLICY-DENIED', facts: { said: 'Forbidden' } });
  });

  it('passes the verdict on the credential to the credential guard', async () => {
    const refused = await tunnel(says('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\n\r\n'), { password: 'wrong' });
    expect(refused.verdicts[0]).toBe('rejected');
    await proxy?.close();
    const denied = await tunnel(says('HTTP/1.1 403 X\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n'), {
      password: 'x',
    });
    expect(denied.verdicts[0]).toBe('unknown');
  });
});

it('a tunnel: a proxy that has already closed the connection is named, without a wait', async () => {
  const server = createServer((client) => client.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { socket } = await dial(
    { host: '127.0.0.1', port, proxy: 'corp', hop: proxyAt('corp', '127.0.0.1:3128') },
    { bulk: false, timeoutMs: 5_000, clock: systemClock, signal: never },
  );
  socket.resume();
  await once(socket, 'close');
  const { authSession } = await testAuthSession(profile(port));
  const redial = () => Promise.reject(new Error('nobody asked for another connection'));
  const memory = new HopMemory(systemClock, 'proxy corp');
  const options = { authority: AUTHORITY, authSession, memory, userAgent: null, timeoutMs: 5_000, redial };
  await expect(openTunnel(socket, { ...options, clock: systemClock, signal: never })).rejects.toMatchObject({
    code: 'TUNNEL-CLOSED',
  });
  server.close();
});
