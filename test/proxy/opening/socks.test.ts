import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';
import { dial } from '#proxy/opening/dial.ts';
import { openSocks, resolveForSocks, resolvesHere, type SocksScheme } from '#proxy/opening/socks.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import {
  bytes,
  LOGIN_REFUSED,
  LOGIN_TAKEN,
  NO_USER,
  NONE_FITS,
  OPEN_4,
  OPEN_5,
  reply4,
  reply5,
  type SocksServer,
  type SocksStep,
  startSocksServer,
  WANTS_USER,
} from '#test/support/socks-server.ts';
import { SpyCredentialGuard, testAuthSession } from '#test/support/test-auth-session.ts';
import { profile } from '#test/support/test-router.ts';

const never = new AbortController().signal;
const AUTHORITY = 'updates.example.com:443';

let server: SocksServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Asking {
  readonly scheme?: SocksScheme;
  readonly host?: string;
  readonly password?: string;
  readonly user?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly credentialGuard?: SpyCredentialGuard;
}

async function socks(script: readonly SocksStep[], asking: Asking = {}) {
  server = await startSocksServer(script);
  const bounds = { clock: asking.clock ?? systemClock, signal: asking.signal ?? never };
  const target = { host: '127.0.0.1', port: server.port, proxy: 'corp', hop: proxyAt('corp', '127.0.0.1:1080') };
  const { socket } = await dial(target, { ...bounds, bulk: false, timeoutMs: 5_000 });
  const listening = socket.eventNames().map((name) => [name, socket.listenerCount(name)]);
  const { user = 'svc', password } = asking;
  const { authSession, credentialGuard } = await testAuthSession(
    profile(server.port, password === undefined ? undefined : { user, password }),
    asking.credentialGuard,
  );
  const failure: unknown = await openSocks(socket, {
    scheme: asking.scheme ?? 'socks5h',
    host: asking.host ?? 'updates.example.com',
    port: 443,
    authority: AUTHORITY,
    authSession,
    timeoutMs: asking.timeoutMs ?? 5_000,
    ...bounds,
  }).then(
    () => null,
    (error: unknown) => error,
  );
  // As the router does.
  if (failure !== null) authSession.unknown();
  return { socket, listening, failure, verdicts: credentialGuard.verdicts };
}

async function read(socket: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(socket, 'data'))[0]);
  return text;
}

describe('a connection through SOCKS', () => {
  it.each<[SocksScheme, string, readonly SocksStep[], RegExp]>([
    ['socks5h', 'updates.example.com', [NO_USER, OPEN_5], /^050100,05010003137570/],
    ['socks5', '192.0.2.7', [NO_USER, OPEN_5], /^050100,05010001c000020701bb$/],
    ['socks4a', 'updates.example.com', [OPEN_4], /^040101bb00000001007570/],
    ['socks4', '192.0.2.7', [OPEN_4], /^040101bbc000020700$/],
  ])('of %s is a raw pipe, with no listener of ours left on it', async (scheme, host, script, sent) => {
    const { socket, failure, listening } = await socks([...script, Buffer.from('pong')], { scheme, host });
    expect(failure).toBeNull();
    expect(server?.messages.join()).toMatch(sent);
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.eventNames().map((name) => [name, socket.listenerCount(name)])).toEqual(listening);
    socket.write('ping');
    expect(await read(socket, 4)).toBe('pong');
    socket.destroy();
  });

  it.each<[string, SocksScheme, Buffer]>([
    ['5', 'socks5h', OPEN_5],
    ['4a', 'socks4a', OPEN_4],
  ])('a SOCKS connection: version %s keeps the bytes that came with the reply', async (_version, scheme, grant) => {
    const glued = Buffer.concat([grant, Buffer.from('glued')]);
    const { socket } = await socks(scheme === 'socks5h' ? [NO_USER, glued] : [glued], { scheme });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read(socket, 5)).toBe('glued');
    socket.destroy();
  });

  it('succeeds even if the replies arrive byte by byte', async () => {
    const slowly = (reply: Buffer) => (client: Socket) => {
      let at = 0;
      const next = () => {
        client.write(reply.subarray(at, at + 1));
        at += 1;
        if (at < reply.length) setImmediate(next);
      };
      next();
    };
    const script = [slowly(WANTS_USER), slowly(LOGIN_TAKEN), slowly(OPEN_5)];
    const { failure, socket } = await socks(script, { password: 'open sesame' });
    expect(failure).toBeNull();
    socket.destroy();
  });

  it('a SOCKS connection: it sends user and password on request and reports their acceptance', async () => {
    const { failure, verdicts } = await socks([WANTS_USER, LOGIN_TAKEN, reply5(5)], { password: 'open sesame' });
    expect(server?.messages.slice(0, 2)).toEqual([
      '05020002',
      `0103${Buffer.from('svc').toString('hex')}0b${Buffer.from('open sesame').toString('hex')}`,
    ]);
    // What became of the target says nothing against them.
    expect(failure).toMatchObject({ code: 'PROXY-UPSTREAM' });
    expect(verdicts[0]).toBe('accepted');
  });

  it('a SOCKS connection: it sends no password unless the proxy requests it', async () => {
    const { failure, verdicts } = await socks([NO_USER, OPEN_5], { password: 'open sesame' });
    expect(failure).toBeNull();
    expect(server?.messages.join('')).not.toContain(Buffer.from('sesame').toString('hex'));
    expect(verdicts).toEqual(['unknown']);
  });

  it('of version 4 names the user, and no password', async () => {
    await socks([OPEN_4], { scheme: 'socks4a', password: 'open sesame' });
    expect(server?.messages[0]).toContain(`00000001${Buffer.from('svc\0').toString('hex')}`);
    expect(server?.messages.join('')).not.toContain(Buffer.from('sesame').toString('hex'));
  });
});

describe('a refused SOCKS user', () => {
  it('is refused once: the password is not sent again', async () => {
    const credentialGuard = new SpyCredentialGuard();
    const first = await socks([WANTS_USER, LOGIN_REFUSED], { password: 'wrong', credentialGuard });
    expect(first.failure).toMatchObject({ code: 'AUTH-REJECTED', hop: expect.stringMatching(/^proxy corp/) });
    expect(first.verdicts[0]).toBe('rejected');
    await server?.close();

    await expect(socks([WANTS_USER, LOGIN_REFUSED], { password: 'wrong', credentialGuard })).rejects.toMatchObject({
      code: 'AUTH-REJECTED',
    });
    expect(server?.messages).toEqual([]);
  });

  it('is recorded as an attempt before the password is sent', async () => {
    const order: string[] = [];
    const credentialGuard = new SpyCredentialGuard();
    const requestPermit = credentialGuard.requestPermit.bind(credentialGuard);
    credentialGuard.requestPermit = async (account, options) => {
      const permit = await requestPermit(account, options);
      if (permit.kind === 'refused') return permit;
      const sending = async () => {
        order.push(`written after ${server?.messages.length} messages`);
        return await permit.attempt.sending();
      };
      return { kind: 'granted', attempt: { ...permit.attempt, sending } };
    };
    await socks([WANTS_USER, LOGIN_TAKEN, OPEN_5], { password: 'open sesame', credentialGuard });
    expect(order).toEqual(['written after 1 messages']);
  });

  it('has no verdict if the proxy closes without one', async () => {
    const { failure, verdicts } = await socks([WANTS_USER, null], { password: 'open sesame' });
    expect(failure).toMatchObject({ code: 'TUNNEL-CLOSED' });
    expect(verdicts).toEqual(['unknown']);
  });

  it.each<[string, Buffer, Asking, string]>([
    ['none is configured and one is wanted', WANTS_USER, {}, 'AUTH-REQUIRED'],
    ['none is configured and nothing fits', NONE_FITS, {}, 'AUTH-REQUIRED'],
    ['the proxy wants another proof', NONE_FITS, { password: 'x' }, 'AUTH-SCHEME'],
    ['the proxy wants what was not offered', bytes(5, 1), { password: 'x' }, 'AUTH-SCHEME'],
    ['the user is too long', WANTS_USER, { user: 'u'.repeat(256), password: 'x' }, 'SOCKS-LIMIT'],
    ['the password is empty', WANTS_USER, { password: '' }, 'SOCKS-LIMIT'],
  ])('is distinguished if %s', async (_what, answer, asking, code) => {
    const { failure } = await socks([answer], asking);
    expect(failure).toMatchObject({ code, hop: expect.stringMatching(/^proxy corp/) });
    expect(server?.messages).toHaveLength(1);
    await server?.allClosed();
  });
});

describe('SOCKS: a fault ends in time, with a code:', () => {
  const say = (text: string): SocksStep => Buffer.from(text);
  const faults: readonly [string, readonly SocksStep[], string, Asking?][] = [
    ['silent', [], 'TUNNEL-TIMEOUT', { timeoutMs: 40 }],
    ['silent after the greeting', [NO_USER], 'TUNNEL-TIMEOUT', { timeoutMs: 40 }],
    ['half a reply', [NO_USER, OPEN_5.subarray(0, 6)], 'TUNNEL-TIMEOUT', { timeoutMs: 40 }],
    ['closes before answering', [null], 'TUNNEL-CLOSED'],
    ['closes after the greeting', [NO_USER, null], 'TUNNEL-CLOSED'],
    ['closes in the middle', [(client) => client.end(bytes(5))], 'TUNNEL-CLOSED'],
    ['resets', [(client) => void client.resetAndDestroy()], 'TUNNEL-CLOSED'],
    ['an HTTP proxy', [say('HTTP/1.1 400 Bad Request\r\n\r\n')], 'PROXY-SCHEME'],
    ['an SSH server', [say('SSH-2.0-OpenSSH_9.2\r\n')], 'NOT-A-PROXY'],
    ['an address of no type', [NO_USER, bytes(5, 0, 0, 9, 0)], 'NOT-A-PROXY'],
    ['not allowed', [NO_USER, reply5(2)], 'POLICY-DENIED'],
    ['general failure', [NO_USER, reply5(1)], 'SOCKS-REFUSED'],
    ['host unreachable', [NO_USER, reply5(4)], 'PROXY-UPSTREAM'],
    ['a refusal without its address', [NO_USER, (client) => client.end(bytes(5, 4))], 'PROXY-UPSTREAM'],
    ['refused by SOCKS 4', [reply4(91)], 'SOCKS-REFUSED', { scheme: 'socks4a' }],
    ['no identd', [reply4(92)], 'SOCKS-REFUSED', { scheme: 'socks4a' }],
    ['SOCKS 5 where 4 is configured', [NO_USER], 'NOT-A-PROXY', { scheme: 'socks4a' }],
    ['a name that does not fit', [], 'SOCKS-LIMIT', { host: 'x'.repeat(256) }],
    ['IPv6 through SOCKS 4', [], 'SOCKS-LIMIT', { scheme: 'socks4a', host: '2001:db8::1' }],
  ];

  it.each(faults)('%s', async (_name, script, code, asking) => {
    const { failure, socket } = await socks(script, asking);
    expect(failure).toBeInstanceOf(CodedError);
    expect(failure).toMatchObject({ code, hop: expect.stringMatching(/^proxy corp/) });
    expect(socket.destroyed).toBe(true);
    await server?.allClosed();
  });

  it('leaves no timer behind', async () => {
    const clock = new CountingClock();
    for (const [, script, , asking] of faults) {
      await socks(script, { ...asking, clock });
      await server?.close();
    }
    server = undefined;
    expect(clock.made).toBeGreaterThan(faults.length);
    expect(clock.pending).toBe(0);
  });

  it('a SOCKS fault: all replies together have one limit', async () => {
    const drip = (client: Socket) => {
      client.write(bytes(5, 0, 0, 3, 255));
      const timer = setInterval(() => client.write(bytes(0)), 2);
      client.on('close', () => clearInterval(timer));
    };
    const { failure } = await socks([NO_USER, drip], {
      timeoutMs: 60,
    });
    expect(failure).toMatchObject({ code: 'TUNNEL-TIMEOUT', facts: { key: 'response_timeout.tunnel_timeout_ms' } });
  });

  it('ends at the abort, at once', async () => {
    const controller = new AbortController();
    const { failure } = await socks([() => controller.abort(new Error('stop'))], { signal: controller.signal });
    expect(failure).toMatchObject({ message: 'stop' });
    await server?.allClosed();
  });

  it('a SOCKS fault: the failure describes the reply in words', async () => {
    const { failure } = await socks([NO_USER, reply5(2)]);
    expect((failure as CodedError).safeText).toBe(
      `Proxy corp refused ${AUTHORITY} ("SOCKS reply 2", "not allowed by its rules").`,
    );
  });
});

describe('SOCKS: a target name', () => {
  it('is resolved here only for schemes that take addresses', () => {
    const schemes = ['socks4', 'socks4a', 'socks5', 'socks5h'] as const;
    expect(schemes.map((scheme) => resolvesHere(scheme, 'updates.example'))).toEqual([true, false, true, false]);
    expect(schemes.map((scheme) => resolvesHere(scheme, '192.0.2.7'))).toEqual(Array(4).fill(false));
  });

  it('that does not resolve is named with what would help', async () => {
    const target = {
      host: 'nowhere.invalid',
      scheme: 'socks5',
      proxy: 'corp',
      hop: proxyAt('corp', '127.0.0.1:1080'),
      variable: null,
      mayResolve: true,
    } as const;
    const bounds = { clock: systemClock, timeoutMs: 15_000, signal: never };
    await expect(resolveForSocks(target, bounds)).rejects.toMatchObject({
      code: 'DNS-SOCKS',
      check: expect.stringContaining('socks5h'),
    });
    await expect(resolveForSocks({ ...target, host: 'localhost', scheme: 'socks4' }, bounds)).resolves.toBe(
      '127.0.0.1',
    );
    await expect(resolveForSocks({ ...target, host: 'localhost', mayResolve: false }, bounds)).rejects.toMatchObject({
      code: 'POLICY-RESOLVE',
    });
    // A profile that is the environment has no scheme of its own to be set.
    await expect(resolveForSocks({ ...target, variable: 'all_proxy' }, bounds)).rejects.toMatchObject({
      check:
        'Set environment variable all_proxy to a URL that begins with socks5h:// or socks4a://; the proxy then resolves names itself.',
    });
  });
});
