// Which connections are kept, for how long, and what ends them.

import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeptConnections } from '#proxy/kept-connections.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type Loopback, listenOnLoopback } from '#test/support/loopback.ts';
import { openPlainConnection, type PlainConnection } from '#test/support/plain-connection.ts';

const ROUTE = { sharedKey: '1 updates corp http://updates.example.com' };
let clock: FakeClock;
let rerouting: AbortController;
let kept: KeptConnections;
let server: Loopback;
let accepted: Socket[];

beforeEach(async () => {
  accepted = [];
  server = await listenOnLoopback(createServer((socket) => void accepted.push(socket.on('error', () => undefined))));
  clock = new FakeClock();
  rerouting = new AbortController();
  kept = new KeptConnections(clock, () => rerouting.signal);
});
afterEach(async () => {
  kept.close();
  await server.close();
});

const open = (bulk = false): Promise<PlainConnection> => openPlainConnection({ port: server.port, bulk });
async function keepOne(): Promise<PlainConnection> {
  const connection = await open();
  kept.keep(ROUTE, connection);
  return connection;
}

describe('kept connections', () => {
  it('kept: one is used again by one user', async () => {
    const connection = await keepOne();
    expect(kept.take(ROUTE)).toBe(connection);
    expect(kept.take(ROUTE)).toBeNull();
    expect(connection.releases).toBe(0);
    connection.release();
  });

  it('kept: one is not used for another route, and is closed before that opens its own', async () => {
    const connection = await keepOne();
    expect(kept.take({ sharedKey: '2 updates corp http://updates.example.com' })).toBeNull();
    expect(connection.releases).toBe(1);
    expect(kept.take(ROUTE)).toBeNull();
  });

  it('kept: an unused one is closed after four seconds', async () => {
    const connection = await keepOne();
    clock.advance(3_999);
    expect(connection.releases).toBe(0);
    clock.advance(1);
    expect(connection.releases).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('kept: at most four are kept', async () => {
    const all = await Promise.all([open(), open(), open(), open(), open()]);
    for (const connection of all) kept.keep(ROUTE, connection);
    expect(kept.unused).toBe(4);
    expect(all.map(({ releases }) => releases)).toEqual([0, 0, 0, 0, 1]);
  });

  it.each(['end', 'write', 'resetAndDestroy'] as const)(
    'kept: one on which the other side does %s is closed',
    async (act) => {
      const connection = await keepOne();
      const closed = new Promise((resolve) => connection.socket.once('close', resolve));
      while (accepted.length === 0) await new Promise(setImmediate);
      if (act === 'write') accepted[0]?.write('x');
      else accepted[0]?.[act]();
      connection.socket.resume();
      await closed;
      expect(connection.releases).toBe(1);
      expect(kept.take(ROUTE)).toBeNull();
    },
  );

  it('kept: none survives a change of the route, a loss, or the end of the round', async () => {
    const before = await keepOne();
    rerouting.abort();
    expect(kept.take(ROUTE)).toBeNull();
    expect(before.releases).toBe(1);

    rerouting = new AbortController();
    const lost = await keepOne();
    kept.lost(ROUTE);
    expect(lost.releases).toBe(1);
    expect((await keepOne()).releases).toBe(1);

    const other = await open();
    kept.keep({ sharedKey: 'another' }, other);
    kept.close();
    expect(other.releases).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
