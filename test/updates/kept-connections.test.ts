// Rounds of many small packages use connections again, and every way in which the other side may end one or misuse it.

import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import { createCa } from '#test/support/certificates.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ProxyLogin, startLoginProxy } from '#test/support/login-proxy.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { openRig } from '#test/support/round-rig.ts';
import { profile } from '#test/support/test-router.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { startTlsOrigin } from '#test/support/tls-origin.ts';

const DIR = '/data';
const USER = { user: 'svc', domain: 'CORP', password: 'open sesame' } as const;
const IDS = Array.from({ length: 10 }, (_, at) => `many${at + 1}`);
const JARS = new Map(IDS.map((id) => [id, makeJar(id, 3_000)]));

/** One request for a package: the number of its connection, and its number on that connection, both from 1. */
interface Asked {
  readonly connection: number;
  readonly number: number;
  readonly head: string;
}

type Respond = (socket: Socket, jar: Buffer, asked: Asked) => void;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const headOf = (length: number, fields = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${fields}\r\n`;
const whole: Respond = (socket, jar) => void socket.write(Buffer.concat([Buffer.from(headOf(jar.length)), jar]));

/** Serves the feed, and each package as `respond` does. Packages are counted, the feed is not. */
async function startOrigin(respond: Respond) {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    let number = 0;
    let connection = 0;
    let rest = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\r\n\r\n'); end !== -1; end = rest.indexOf('\r\n\r\n')) {
        const head = rest.slice(0, end);
        rest = rest.slice(end + 4);
        const name = /^GET (?:http:\/\/[^/]+)?\/(\S+) /.exec(head)?.[1] ?? '';
        if (name === 'feed.json') {
          const feed = Buffer.from(
            feedOf(IDS.map((id) => itemFor(id, JARS.get(id) ?? Buffer.alloc(0), { package: id }))),
          );
          socket.end(Buffer.concat([Buffer.from(headOf(feed.length, 'Connection: close\r\n')), feed]));
          continue;
        }
        if (number === 0) {
          connections += 1;
          connection = connections;
        }
        number += 1;
        asked.push({ connection, number, head });
        respond(socket, JARS.get(name.replace('.jar', '')) ?? Buffer.alloc(0), { connection, number, head });
      }
    });
  });
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return { url: `http://127.0.0.1:${port}`, asked };
}

async function roundWith(respond: Respond, parallel = 1) {
  const origin = await startOrigin(respond);
  const files = new CrashingFiles();
  const settings = testSettings(DIR, { updates: { feed_url: `${origin.url}/feed.json`, parallel } });
  const rig = await openRig({ files, dir: DIR, settings });
  const report = await rig.round();
  const right = IDS.filter((id) => files.content(`${DIR}/packages/${id}.jar`)?.equals(JARS.get(id) ?? Buffer.alloc(0)));
  const failures = rig.events.filter(({ name }) => name === 'download-failed').length;
  const advice = rig.ports.habits.adviceFor({ proxy: 'direct', origin: origin.url });
  return {
    report,
    advice,
    right,
    failures,
    asked: origin.asked,
    connections: new Set(origin.asked.map((one) => one.connection)),
  };
}

describe('kept connections', () => {
  it('connections: ten small packages arrive over one', async () => {
    const { right, connections, asked } = await roundWith(whole);
    expect(right).toEqual(IDS);
    expect(connections.size).toBe(1);
    expect(asked.every(({ head }) => /^connection: keep-alive$/im.test(head))).toBe(true);
  });

  it('connections: several downloads at a time never share one', async () => {
    const busy = new Set<number>();
    let isShared = false;
    const { right, connections } = await roundWith((socket, jar, asked) => {
      isShared ||= busy.has(asked.connection);
      busy.add(asked.connection);
      setImmediate(() => {
        busy.delete(asked.connection);
        whole(socket, jar, asked);
      });
    }, 4);
    expect(right).toEqual(IDS);
    expect(isShared).toBe(false);
    expect(connections.size).toBeLessThanOrEqual(4);
  });

  it.each<[string, Respond]>([
    [
      'that says it closes them',
      (socket, jar) => socket.end(Buffer.concat([Buffer.from(headOf(jar.length, 'Connection: close\r\n')), jar])),
    ],
    [
      'of HTTP/1.0',
      (socket, jar) => void socket.write(Buffer.concat([Buffer.from(headOf(jar.length).replace('1.1', '1.0')), jar])),
    ],
    [
      'whose body is chunked',
      (socket, jar) => {
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${jar.length.toString(16)}\r\n`);
        socket.write(Buffer.concat([jar, Buffer.from('\r\n0\r\n\r\n')]));
      },
    ],
    [
      'that sends bytes after a body',
      (socket, jar) =>
        void socket.write(
          Buffer.concat([
            Buffer.from(headOf(jar.length)),
            jar,
            Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'),
          ]),
        ),
    ],
  ])('connections: one of a server %s is not used again', async (_what, respond) => {
    const { right, failures, connections } = await roundWith(respond);
    expect(right).toEqual(IDS);
    expect(failures).toBe(0);
    expect(connections.size).toBe(IDS.length);
  });

  it('connections: one that the server closes without a word costs no attempt', async () => {
    const { right, failures } = await roundWith((socket, jar) =>
      socket.end(Buffer.concat([Buffer.from(headOf(jar.length)), jar])),
    );
    expect(right).toEqual(IDS);
    expect(failures).toBe(0);
  });

  it('connections: a request that a used one does not answer is repeated over a new one', async () => {
    const { right, failures, asked, connections } = await roundWith((socket, jar, one) => {
      if (one.number === 1) whole(socket, jar, one);
      else socket.destroy();
    });
    expect(right).toEqual(IDS);
    expect(failures).toBe(0);
    // After the first loss, no connection is used again.
    expect(asked.length).toBe(IDS.length + 1);
    expect(connections.size).toBe(IDS.length);
  });

  it('connections: a broken response of a used one is resumed, and teaches no limit of the path', async () => {
    const { right, failures, report, advice } = await roundWith((socket, jar, one) => {
      if (one.connection === 1 && one.number === 3) {
        socket.write(Buffer.concat([Buffer.from(headOf(jar.length)), jar.subarray(0, 1_000)]), () => socket.destroy());
      } else whole(socket, jar, one);
    });
    expect(right).toEqual(IDS);
    expect(failures).toBe(1);
    expect(report.failed).toEqual([]);
    expect(advice.rangeBytes).toBeNull();
  });

  it('connections: bytes between two responses end one, and are not taken for a response', async () => {
    const evil = makeJar('evil', 3_000);
    const forged = Buffer.concat([Buffer.from(headOf(evil.length)), evil]);
    const { right, failures, connections } = await roundWith((socket, jar, one) => {
      whole(socket, jar, one);
      setImmediate(() => socket.write(forged));
    });
    expect(right).toEqual(IDS);
    expect(failures).toBe(0);
    expect(connections.size).toBeGreaterThan(1);
  });
});

describe('kept connections through a proxy', () => {
  it.each(['none', 'digest', 'ntlm'] as const)(
    'connections: ten packages over https share one tunnel with proxy scheme %s',
    async (login: ProxyLogin) => {
      const ca = createCa();
      const feed = feedOf(IDS.map((id) => itemFor(id, JARS.get(id) ?? Buffer.alloc(0), { package: id })));
      const origin = await startTlsOrigin(ca.issue(), {
        answer: (request, response) => {
          const jar = JARS.get((request.url ?? '').slice(1, -'.jar'.length));
          const body = jar ?? Buffer.from(feed);
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
          response.end(body);
        },
      });
      closing.push(() => origin.close());
      const proxy = await startLoginProxy(login, USER, origin.port);
      closing.push(() => proxy.close());
      const corp = profile(proxy.port, login === 'none' ? undefined : { ...USER, authentication: login });
      const updates = { feed_url: new URL('feed.json', origin.url).href };
      const settings = { ...testSettings(DIR, { updates }), proxies: [corp] } as unknown as Settings;
      const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
      const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings, updatesTls: trust });

      expect((await rig.round()).published).toHaveLength(IDS.length);
      // One for the feed, and one for the packages.
      expect(proxy.counted.tunnels).toBe(2);
      expect(proxy.counted.refused).toBe(0);
    },
  );

  /** A round through a proxy that forwards plain HTTP, and that `respond` also plays. */
  async function roundBehind(authentication: 'basic' | 'digest', respond: Respond) {
    const proxy = await startOrigin(respond);
    const corp = profile(Number(new URL(proxy.url).port), { ...USER, authentication });
    const updates = { feed_url: 'http://127.0.0.1:9/feed.json' };
    const settings = { ...testSettings(DIR, { updates }), proxies: [corp] } as unknown as Settings;
    const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings });
    return { report: await rig.round(), asked: proxy.asked, codes: rig.codes() };
  }

  const refusal = (challenge: string) =>
    `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`;

  it('connections: a password that a used connection refuses is not sent again', async () => {
    const { report, asked, codes } = await roundBehind('basic', (socket, jar, one) => {
      if (one.number < 4 && one.connection === 1) whole(socket, jar, one);
      else socket.write(refusal('Basic realm="x"'));
    });
    expect(report.published).toHaveLength(3);
    expect(codes[0]).toBe('AUTH-REJECTED');
    const proofs = asked.filter(({ head }) => /^proxy-authorization:/im.test(head));
    // A server could have sent this 407, so one tunnel shows whether the proxy refuses the password.
    expect(proofs.map(({ head }) => head.slice(0, 3))).toEqual(['GET', 'GET', 'GET', 'GET', 'CON']);
  });

  it('connections: a nonce that expires on a used connection is replaced, and costs no attempt', async () => {
    let nonce = 1;
    const { report, asked, codes } = await roundBehind('digest', (socket, jar, one) => {
      if (one.head.includes(`nonce="${nonce}"`)) {
        whole(socket, jar, one);
        if (one.number % 4 === 0) nonce += 1;
        return;
      }
      socket.write(refusal(`Digest realm="x", nonce="${nonce}", qop="auth", stale=${nonce > 1}`));
    });
    expect(report.published).toHaveLength(IDS.length);
    expect(codes).toEqual([]);
    expect(asked.length).toBeGreaterThan(IDS.length);
  });
});
