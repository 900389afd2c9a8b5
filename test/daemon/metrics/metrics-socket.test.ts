// `metrics.sock` of a daemon, the verb, and the command: who gets what, and that nothing is there while metrics are off.

import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { serveSockets } from '#daemon/service/control-sockets.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { Site } from '#test/support/site.ts';

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

async function serve(sections: Readonly<Record<string, unknown>>): Promise<Composed> {
  const composed = await composeIn(sections);
  const server = await serveSockets(composed.parts, composed.agent, composed.parts.ports.settings());
  ending.push(
    () => composed.remove(),
    () => server.close(),
  );
  return composed;
}

function get(socketPath: string, { path = '/metrics', method = 'GET', accept = '*/*' } = {}) {
  return new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
    const sent = request({ socketPath, path, method, headers: { accept }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}

describe('metrics.sock', () => {
  it('gives the events of the daemon in the format that the caller accepts', async () => {
    const { dir, parts } = await serve({ metrics: { enabled: true } });
    const socket = join(dir, 'metrics.sock');
    parts.report({ name: 'up-to-date' });

    const open = await get(socket, { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' });
    expect(open).toMatchObject({ status: 200, type: 'application/openmetrics-text; version=1.0.0; charset=utf-8' });
    expect(open.body).toContain('sallyport_log_events_total{level="info"}');
    expect(open.body).toContain('sallyport_daemon_running 1\n');
    expect(open.body).toMatch(/# EOF\n$/);
    expect(await get(socket)).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    expect((await stat(socket)).mode & 0o777).toBe(0o660);
  });

  it('answers nothing but GET /metrics', async () => {
    const { dir } = await serve({ metrics: { enabled: true } });
    const socket = join(dir, 'metrics.sock');

    expect((await get(socket, { path: '/v1/status' })).status).toBe(404);
    expect((await get(socket, { path: '/metricsx' })).status).toBe(404);
    expect((await get(socket, { method: 'POST' })).status).toBe(405);
    expect(await get(socket, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('is not there while metrics are off', async () => {
    const { dir } = await serve({});

    expect(await readdir(dir)).not.toContain('metrics.sock');
  });
});

describe('sallyport metrics', () => {
  async function site(sections: Readonly<Record<string, unknown>>): Promise<Site> {
    const made = await Site.make();
    ending.push(() => made.remove());
    await made.configure(sections);
    return made;
  }

  it('prints OpenMetrics, also without a daemon', async () => {
    const { out, code } = await (await site({ metrics: { enabled: true } })).run(['metrics']);

    expect(code).toBe(0);
    expect(out).toContain('sallyport_daemon_running 0\n');
    expect(out).toMatch(/# EOF\n$/);
  });

  it('replaces the file for node_exporter, which every user can read', async () => {
    const made = await site({ metrics: { enabled: true } });
    const file = join(made.dir, 'sallyport.prom');
    await writeFile(file, 'old', { mode: 0o600 });

    expect(await made.run(['metrics', '--textfile', file])).toMatchObject({ code: 0, out: '' });

    expect(await readFile(file, 'utf8')).toContain('# TYPE sallyport_checks_total counter\n');
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect((await readdir(made.dir)).filter((name) => name.includes('prom'))).toEqual(['sallyport.prom']);
  });

  it('refuses while metrics are off, and leaves the file', async () => {
    const made = await site({});
    const file = await made.write('sallyport.prom', 'old');

    const { err, code } = await made.run(['metrics', '--textfile', file]);

    expect(code).toBe(78);
    expect(err).toContain('[METRICS-OFF]');
    expect(await readFile(file, 'utf8')).toBe('old');
  });

  it('refuses a name that node_exporter would not read', async () => {
    const made = await site({ metrics: { enabled: true } });

    expect(await made.run(['metrics', '--textfile', 'sallyport.txt'])).toMatchObject({ code: 64 });
  });
});
