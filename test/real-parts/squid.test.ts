import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';

const ALADDIN = { user: 'aladdin', password: 'öpen sesame:1' };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

describeWith(['squid'], 'a real Squid', () => {
  let origin: Server;
  let target: string;
  const started: RunningSquid[] = [];

  beforeAll(async () => {
    origin = createServer((_, response) => response.end('from the origin')).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    target = `127.0.0.1:${(origin.address() as AddressInfo).port}`;
    return () => void origin.close();
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((squid) => squid.stop()));
  });

  async function start(options?: SquidOptions): Promise<RunningSquid> {
    const squid = await startSquid(options);
    started.push(squid);
    return squid;
  }

  it('passes a request on and adds Via', async () => {
    const squid = await start();

    const answer = await get(squid, `http://${target}/a?b=c`);

    expect(answer).toMatchObject({ status: 200, body: 'from the origin' });
    expect(answer.headers.via).toContain('proxy.example.com');
    expect(await squid.accessLog(1)).toEqual([`200 GET http://${target}/a?b=c -`]);
  });

  it('opens a tunnel and logs it when it closes', async () => {
    const squid = await start();

    const tunnel = await openTunnel(squid, target);
    tunnel.socket.write(`GET / HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`);

    expect(tunnel.status).toBe(200);
    expect(await text(tunnel.socket)).toContain('from the origin');
    expect(await squid.accessLog(1)).toEqual([`200 CONNECT ${target} -`]);
  });

  it('lets in who knows the password, and logs the name', async () => {
    const squid = await start({ auth: ALADDIN });

    expect(await get(squid, `http://${target}/`, ALADDIN)).toMatchObject({ status: 200, body: 'from the origin' });
    const tunnel = await openTunnel(squid, target, ALADDIN);
    tunnel.socket.destroy();

    expect(tunnel.status).toBe(200);
    expect(await squid.accessLog(2)).toEqual([`200 GET http://${target}/ aladdin`, `200 CONNECT ${target} aladdin`]);
  });

  it('asks for Basic when there is no password or a wrong one', async () => {
    const squid = await start({ auth: ALADDIN });

    const without = await get(squid, `http://${target}/`);
    const wrong = await openTunnel(squid, target, { ...ALADDIN, password: 'wrong' });

    expect(without.status).toBe(407);
    expect(without.headers['proxy-authenticate']).toMatch(/^Basic realm="a test"/);
    expect(wrong.status).toBe(407);
    expect(await squid.accessLog(2)).toEqual([`407 GET http://${target}/ -`, `407 CONNECT ${target} aladdin`]);
  });

  it('refuses a port that is not allowed', async () => {
    const squid = await start({ allowPorts: [443] });

    const answer = await get(squid, `http://${target}/`);

    expect(answer.status).toBe(403);
    expect(answer.headers['x-squid-error']).toContain('ERR_ACCESS_DENIED');
  });

  it('knows the names it is given', async () => {
    const squid = await start({ hosts: ['updates.example.com'] });

    const answer = await get(squid, `http://updates.example.com:${target.split(':')[1]}/`);

    expect(answer).toMatchObject({ status: 200, body: 'from the origin' });
  });

  it('keeps its log readable after it stopped', async () => {
    const squid = await start();
    await get(squid, `http://${target}/`);
    // Squid answers before it writes the line, and its stop does not wait for that.
    await squid.accessLog(1);

    await squid.stop();

    expect(await squid.accessLog(1)).toHaveLength(1);
    await expect(get(squid, `http://${target}/`)).rejects.toThrow('ECONNREFUSED');
  });
});

function credentials(auth?: { user: string; password: string }): Record<string, string> {
  const value = Buffer.from(`${auth?.user}:${auth?.password}`).toString('base64');
  return auth === undefined ? {} : { 'Proxy-Authorization': `Basic ${value}` };
}

async function get(squid: RunningSquid, url: string, auth?: typeof ALADDIN): Promise<Answer> {
  const headers = { Host: new URL(url).host, ...credentials(auth) };
  const asked = request({ host: '127.0.0.1', port: squid.port, path: url, headers, agent: false }).end();
  const [response]: [IncomingMessage] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

async function openTunnel(
  squid: RunningSquid,
  path: string,
  auth?: typeof ALADDIN,
): Promise<{ status: number; socket: Socket }> {
  const headers = { Host: path, ...credentials(auth) };
  const asked = request({ host: '127.0.0.1', port: squid.port, method: 'CONNECT', path, headers, agent: false }).end();
  const [response, socket] = (await once(asked, 'connect')) as [IncomingMessage, Socket];
  return { status: response.statusCode ?? 0, socket };
}
