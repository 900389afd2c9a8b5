// A real process whose configuration changes: the log, `status` and a running download.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('u1', 400_000);

let dir: string;
let origin: ScriptedOrigin;
let running: SallyportProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-reload-'));
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
  origin.serve('/u1.jar', JAR);
  running = [];
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

function configure(over: Record<string, object | boolean> = {}): Promise<string> {
  return writeConfig(dir, { updates: { feed_url: `${origin.url}/feed.json` }, ...over });
}

function start(config: string, ...args: string[]): SallyportProcess {
  const process = startSallyport(['--config', config, ...args]);
  running.push(process);
  return process;
}

describe('a running Sallyport', () => {
  it('refuses a broken edit by line and column, and applies the fixed one', async () => {
    const config = await configure();
    const daemon = start(config, 'run');
    await daemon.said('Next check');
    const whole = await readFile(config, 'utf8');
    await writeFile(config, `${whole}retry:\n  attempts: 0\n`);
    const line = whole.split('\n').length + 1;
    expect(await daemon.said('retry.attempts')).toContain(`${config}:${line}:13 retry.attempts: `);
    await daemon.said('the previous settings remain in effect');

    const status = start(config, 'status', '--json');
    expect(await status.ended).toBe(0);
    const told = status.lines.filter((one) => !one.startsWith('Using the daemon')).join('\n');
    expect(JSON.parse(told)).toMatchObject({
      config: { refused: { count: 1, first: expect.stringContaining(':13: ') } },
    });

    // At a start the same mistake ends the process, with the same words.
    const again = start(config, 'run');
    expect(await again.ended).toBe(78);
    expect(again.lines[0]).toContain(`${config}:${line}:13: retry.attempts: Out of range`);

    await writeFile(config, `${whole}retry:\n  attempts: 2\n`);
    expect(await daemon.said('Setting changed: ')).toContain(
      'Setting changed: retry.attempts, applied to the next transfer.',
    );
    await daemon.said('New configuration loaded');
  });

  it('continues a running download byte for byte when the settings change', async () => {
    const held: ServerResponse[] = [];
    origin.on('/u1.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
      response.write(JAR.subarray(0, 200_000), () => held.push(response));
    });
    const config = await configure();
    const daemon = start(config, 'run');
    await daemon.said('Downloading update ID u1');
    await configure({ response_timeout: { base_ms: 60_000 }, retry: { attempts: 1 } });
    await daemon.said('New configuration loaded');
    expect(held).toHaveLength(1);
    held[0]?.end(JAR.subarray(200_000));
    await daemon.said('Published update ID u1');

    expect(origin.asked.filter((asked) => asked === 'GET /u1.jar')).toHaveLength(1);
    expect((await readFile(join(dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
  });

  it('continues a download over the new route if proxies are disabled', async () => {
    const proxy = await startFaultProxy(honest(Number(new URL(origin.url).port)));
    origin.on('/u1.jar', (request, response) => {
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const head = { 'content-length': JAR.length - from, etag: '"v1"' };
      if (from === 0) {
        response.writeHead(200, head);
        response.write(JAR.subarray(0, 200_000));
        return;
      }
      response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${JAR.length - 1}/${JAR.length}` });
      response.end(JAR.subarray(from));
    });
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: proxy.port, tunnel_http: true, default: true }];
    // One attempt: the change of the route does not count as another.
    const config = await configure({ proxies, retry: { attempts: 1 } });
    const daemon = start(config, 'run');
    await daemon.said('Downloading update ID u1');
    const disable = start(config, 'proxy', 'disable');
    expect(await disable.ended).toBe(0);
    await daemon.said('[ROUTE-CHANGED] The new settings changed the route of updates.');
    await daemon.said('Resuming update ID u1');
    await daemon.said('Published update ID u1');

    expect(origin.asked.filter((asked) => asked === 'GET /u1.jar')).toHaveLength(2);
    expect((await readFile(join(dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
    await proxy.close();
  });

  it('reloads at once at SIGHUP, and ends at SIGTERM as usual', async () => {
    const daemon = start(await configure(), 'run');
    await daemon.said('Next check');
    daemon.child.kill('SIGHUP');
    await daemon.said('again (on request)');
    await daemon.said('Configuration read again: no setting changed');
    daemon.child.kill('SIGTERM');

    expect(await daemon.ended).toBe(0);
  });
});

describe('SIGHUP without a terminal', () => {
  it('does not end a process that does not follow its configuration', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    origin.on('/u1.jar', (_request, response) => held.resolve(response));
    const once = start(await configure(), 'run', '--once');
    const response = await held.promise;
    once.child.kill('SIGHUP');
    response.end(JAR);

    expect(await once.ended).toBe(0);
  });
});

describe('reload: a start', () => {
  it('that would bypass a proxy ends with 78 and says what to write', async () => {
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: 9, default: true }];
    const first = start(await configure({ proxies, retry: { attempts: 1 } }), 'run', '--once');
    await first.ended;
    const second = start(await configure(), 'run', '--once');

    expect(await second.ended).toBe(78);
    expect(second.lines.join('\n')).toMatch(/\[POLICY-DIRECT\].*it used proxy corp until now/);
    expect(second.lines.join('\n')).toContain('proxy_enabled: false');
    expect(origin.asked).toEqual([]);

    const third = start(await configure({ proxy_enabled: false }), 'run', '--once');
    expect(await third.ended).toBe(0);
  });
});
