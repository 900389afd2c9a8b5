/**
 * Why our own traffic does not use npm's `proxy-agent`: each claim of docs/architecture.md ("Why not `proxy-agent`")
 * on the installed versions. If one fails after an update, the decision is open again for that claim.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { ProxyAgent } from 'proxy-agent';
import { SocksClient } from 'socks';
import { afterEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { evaluatePac } from '#proxy/pac/evaluate.ts';
import { systemClock } from '#system/clock.ts';
import { FAULTS, type FaultProxy, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { NO_USER, OPEN_5, startSocksServer } from '#test/support/socks-server.ts';

const MODULES = new URL('../../node_modules/', import.meta.url);
const TARGET = 'https://updates.example.com/feed.json';
const closing: { close(): Promise<void> }[] = [];
const requests: ClientRequest[] = [];
afterEach(async () => {
  for (const one of requests.splice(0)) one.on('error', () => {}).destroy();
  for (const one of closing.splice(0)) await one.close();
});

async function faulty(script: Script): Promise<FaultProxy> {
  const proxy = await startFaultProxy(script);
  closing.push(proxy);
  return proxy;
}

function ask(url: string, proxyUrl: string, options: object = {}): ClientRequest {
  const agent = new ProxyAgent({ getProxyForUrl: () => proxyUrl, ...options });
  const made = url.startsWith('https:') ? requestHttps(url, { agent }) : requestHttp(url, { agent });
  requests.push(made);
  return made.end();
}

async function answerTo(request: ClientRequest): Promise<{ status: number | undefined; page: string; via: unknown }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks = (await response.toArray()) as Buffer[];
  return { status: response.statusCode, page: Buffer.concat(chunks).toString(), via: response.headers.via };
}

describe('proxy-agent', () => {
  it('has the versions that the claims are about', () => {
    const versions = Object.fromEntries(
      [
        ...['proxy-agent', 'https-proxy-agent', 'http-proxy-agent', 'socks-proxy-agent', 'socks', 'proxy-from-env'],
        ...['pac-proxy-agent', 'pac-proxy-agent/node_modules/pac-resolver'],
      ].map((name) => [
        name.split('/').at(-1),
        (JSON.parse(readFileSync(new URL(`${name}/package.json`, MODULES), 'utf8')) as { version: string }).version,
      ]),
    );
    expect(versions).toEqual({
      'proxy-agent': '8.0.3',
      'https-proxy-agent': '9.1.0',
      'http-proxy-agent': '9.1.0',
      'socks-proxy-agent': '10.1.0',
      socks: '2.8.11',
      'proxy-from-env': '2.1.0',
      'pac-proxy-agent': '9.1.1',
      'pac-resolver': '9.0.2',
    });
  });

  it.each([403, 407, 503])('returns a refusal of CONNECT (%i) as if the server had answered', async (status) => {
    const head = `HTTP/1.1 ${status} No\r\nVia: 1.1 proxy\r\nContent-Length: 4\r\n\r\n`;
    const { port } = await faulty(says(`${head}page`));
    expect(await answerTo(ask(TARGET, `http://127.0.0.1:${port}`))).toEqual({ status, page: 'page', via: '1.1 proxy' });
  });

  it('waits for a proxy that is silent after CONNECT, despite timeout and signal', async () => {
    const proxy = await faulty(FAULTS.silent);
    const agent = new ProxyAgent({ getProxyForUrl: () => `http://127.0.0.1:${proxy.port}`, timeout: 100 });
    const request = requestHttps(TARGET, { agent, timeout: 100, signal: AbortSignal.timeout(200) });
    requests.push(request);
    const told: string[] = [];
    for (const event of ['error', 'close']) request.on(event, () => told.push(event));
    request.end();
    await pause(1_500);
    // Not a word, and the connection to the proxy is not let go.
    expect({ told, open: proxy.open }).toEqual({ told: [], open: 1 });
  });

  it('calls its hook once for authentication, then uses a new connection', async () => {
    const offers = 'Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm="r"\r\n';
    const proxy = await faulty(says(`HTTP/1.1 407 X\r\n${offers}Content-Length: 0\r\n\r\n`));
    const schemes: string[] = [];
    const onProxyAuth = ({ scheme }: { readonly scheme: string }) => {
      schemes.push(scheme);
      return Promise.resolve({ headers: { 'Proxy-Authorization': 'NTLM TlRMTVNTUAAB' } });
    };
    const agent = new HttpsProxyAgent(`http://127.0.0.1:${proxy.port}`, { onProxyAuth });
    const request = requestHttps(TARGET, { agent });
    requests.push(request);
    const [error] = (await once(request.end(), 'error')) as [Error];
    expect(error.message).toContain('after retry');
    expect({ schemes, connections: proxy.connections }).toEqual({ schemes: ['NTLM'], connections: 2 });
  });

  it('does not call it for a 407 in absolute form', async () => {
    const proxy = await faulty(
      says('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'),
    );
    let asked = 0;
    const onProxyAuth = () => {
      asked += 1;
      return { headers: {} };
    };
    const { status } = await answerTo(
      ask('http://updates.example.com/', `http://127.0.0.1:${proxy.port}`, { onProxyAuth }),
    );
    expect({ status, asked }).toEqual({ status: 407, asked: 0 });
  });
});

/** The result of a PAC file with this body: `yes`, `no`, or its failure. Each result is a proxy of its own. */
async function bothSay(body: string): Promise<{ theirs: string; ours: string }> {
  const [yes, no] = await Promise.all(
    ['yes', 'no'].map((word) => faulty(says(`HTTP/1.1 200 OK\r\nContent-Length: ${word.length}\r\n\r\n${word}`))),
  );
  const names = { YES: `PROXY 127.0.0.1:${yes?.port}`, NO: `PROXY 127.0.0.1:${no?.port}` };
  const script = `var YES = '${names.YES}', NO = '${names.NO}';\n${body}`;
  const data = `pac+data:application/x-ns-proxy-autoconfig;base64,${Buffer.from(script).toString('base64')}`;
  const theirs = await answerTo(ask('http://192.0.2.1/', data)).then(
    ({ page }) => page,
    (error: unknown) => `failed: ${(error as Error).message}`,
  );
  const outcome = await evaluatePac({
    ...{ script, url: 'http://192.0.2.1/', host: '192.0.2.1', limitMs: 15_000, clock: systemClock },
    lookUp: () => Promise.resolve([]),
    signal: new AbortController().signal,
    late: () => coded('INTERNAL', { reason: 'late' }),
  });
  const text = outcome.kind === 'answered' ? outcome.text : `failed: ${outcome.kind}`;
  return { theirs, ours: { [names.YES]: 'yes', [names.NO]: 'no' }[text] ?? text };
}

const find = (body: string) => `function FindProxyForURL(url, host) { ${body} }`;
/** A range of hours that holds this one and goes over midnight. */
function overMidnight(): string {
  const hour = new Date().getHours();
  return hour === 0 ? 'timeRange(23, 1)' : `timeRange(${hour}, ${hour - 1})`;
}

describe('pac-resolver', () => {
  it.each([
    [
      'takes a promise for a network: isInNet inside of a named callback is always true',
      `function inside(n) { return isInNet('192.0.2.1', n, '255.0.0.0'); }\n${find("return ['10.0.0.0'].some(inside) ? YES : NO;")}`,
      { theirs: 'yes', ours: 'no' },
    ],
    [
      'has a dateRange that is always false',
      find('return dateRange(1, 31) ? YES : NO;'),
      { theirs: 'no', ours: 'yes' },
    ],
    [
      'has a timeRange that does not go over midnight',
      find(`return ${overMidnight()} ? YES : NO;`),
      { theirs: 'no', ours: 'yes' },
    ],
    [
      'has no convert_addr',
      find("return typeof convert_addr === 'function' ? YES : NO;"),
      { theirs: 'no', ours: 'yes' },
    ],
    [
      "has none of Microsoft's functions for IPv6",
      find("return typeof isInNetEx === 'function' ? YES : NO;"),
      { theirs: 'no', ours: 'yes' },
    ],
  ])('%s', async (_claim, script, expected) => {
    expect(await bothSay(script)).toEqual(expected);
  });

  it.each([
    ['JavaScript after 2017', find('const a = { ...{ x: 1 } }; return a?.x === 1 ? YES : NO;')],
    [
      'isInNet inside of a nameless callback',
      find("return ['192.0.0.0'].some(function (n) { return isInNet(host, n, '255.0.0.0'); }) ? YES : NO;"),
    ],
    ['f()()', `function f() { return function () { return YES; }; } ${find('return f()();')}`],
  ])('stops at %s', async (_what, script) => {
    const { theirs, ours } = await bothSay(script);
    expect({ theirs: theirs.slice(0, 7), ours }).toEqual({ theirs: 'failed:', ours: 'yes' });
  });

  it('connects to a public address to find its own', () => {
    const file = fileURLToPath(new URL('pac-proxy-agent/node_modules/pac-resolver/dist/myIpAddress.js', MODULES));
    expect(readFileSync(file, 'utf8')).toContain("host: '8.8.8.8'");
  });
});

describe('socks', () => {
  it('emits the bytes after the reply once, before a listener can exist', async () => {
    const glued = Buffer.concat([OPEN_5, Buffer.from('glued')]);
    const server = await startSocksServer([NO_USER, glued]);
    closing.push(server);
    const existing = connect(server.port, '127.0.0.1');
    await once(existing, 'connect');
    const { socket } = await SocksClient.createConnection({
      proxy: { host: '127.0.0.1', port: server.port, type: 5 },
      destination: { host: 'updates.example.com', port: 443 },
      command: 'connect',
      existing_socket: existing,
    });
    // A step of ours between the reply and TLS: writing down a verdict, for one.
    await pause(50);
    const seen: string[] = [];
    socket.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    await pause(200);
    socket.destroy();
    expect(seen).toEqual([]);
  });
});
