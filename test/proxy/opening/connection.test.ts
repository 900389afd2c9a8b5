import { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { HopMemories } from '#proxy/hop-memory.ts';
import { forwardConnection, originConnection } from '#proxy/opening/connection.ts';
import type { HopFacts } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { testAuthSession } from '#test/support/test-auth-session.ts';
import { profile } from '#test/support/test-router.ts';

const memories = new HopMemories(systemClock);
const facts: HopFacts = {
  proxy: 'corp',
  proxyUrl: 'http://127.0.0.1:3128',
  how: 'forward',
  host: 'updates.example.com',
  port: 80,
  hop: proxyAt('corp', '127.0.0.1:3128'),
  passed: ['dial'],
};

async function forward() {
  const socket = new Duplex({ read() {} });
  const { authSession, credentialGuard } = await testAuthSession(profile(3128, { password: 'open sesame' }));
  await authSession.readyAlone();
  const answered: boolean[] = [];
  const memory = memories.of('http://a:1', 'proxy a');
  const onAnswered = (is: boolean) => answered.push(is);
  const checkRefusal = () => Promise.reject(new Error('no refusal is unclear here'));
  const connection = forwardConnection(facts, { socket, bulk: null, authSession, memory, onAnswered, checkRefusal });
  return { connection, credentialGuard, verdicts: credentialGuard.verdicts, socket, answered };
}

const URL_OF_IT = 'http://updates.example.com/';

describe('a forward connection', () => {
  it.each([
    [200, [], 'accepted'],
    [403, [], 'accepted'],
    [407, ['Proxy-Authenticate', 'Basic'], 'rejected'],
    [403, ['X-Squid-Error', 'ERR_ACCESS_DENIED 0'], 'unknown'],
  ])('treats a %i with %j as: credential %s', async (status, rawHeaders, verdict) => {
    const { connection, verdicts } = await forward();
    try {
      connection.validateResponse({ status, reason: '', rawHeaders }, URL_OF_IT);
    } catch {}
    expect(verdicts[0]).toBe(verdict);
  });

  it('a forward connection: a rejection is on disk before it is reported', async () => {
    const { connection, credentialGuard } = await forward();
    let isWritten = false;
    credentialGuard.flush = () => {
      isWritten = true;
      return Promise.resolve();
    };
    expect(() => connection.validateResponse({ status: 407, reason: '', rawHeaders: [] }, URL_OF_IT)).toThrow();
    await connection.settled();
    expect(isWritten).toBe(true);
  });

  it('returns the credential when it is released, and its socket ends', async () => {
    const { connection, verdicts, socket } = await forward();
    connection.release();
    connection.release();
    expect(verdicts[0]).toBe('unknown');
    expect(socket.destroyed).toBe(true);
  });

  it('a forward connection: it stays open after a proxy response, so that its page can be read', async () => {
    const { connection, verdicts, socket } = await forward();
    expect(() => connection.validateResponse({ status: 407, reason: '', rawHeaders: [] }, URL_OF_IT)).toThrow();
    expect([verdicts[0], socket.destroyed]).toEqual(['rejected', false]);
    connection.release();
    expect([verdicts.length, socket.destroyed]).toEqual([2, true]);
  });

  it('a forward connection: inspecting it does not show its credential', async () => {
    expect(inspect((await forward()).connection)).not.toContain(btoa('svc:open sesame'));
  });
});

describe('a connection to the origin', () => {
  it('needs no header, checks nothing, and ends both sockets', () => {
    const [socket, under] = [new Duplex(), new Duplex()];
    const memory = memories.of('updates.example.com:80', 'updates.example.com');
    const connection = originConnection({ ...facts, how: 'tunnel' }, { socket, under, bulk: null, memory });
    const rawHeaders = ['Date', 'Wed, 25 Nov 2026 12:00:00 GMT'];
    connection.validateResponse({ status: 407, reason: '', rawHeaders }, URL_OF_IT);
    expect(memory.observedTime).toMatchObject({
      by: 'updates.example.com',
      dateMs: Date.parse('2026-11-25T12:00:00Z'),
    });
    expect(connection.headersFor('GET', '/')).toEqual({});
    connection.release();
    expect([socket.destroyed, under.destroyed]).toEqual([true, true]);
  });
});
