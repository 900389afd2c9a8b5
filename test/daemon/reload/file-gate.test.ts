// `proxy_change: confirm` with real processes: an edit by hand is held, reported, kept over a restart, and confirmed.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf } from '#test/support/jars.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

let dir: string;
let origin: ScriptedOrigin;
let proxy: FaultProxy;
let config: string;
let before: string;
let running: SallyportProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-gate-'));
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([]), 'application/json');
  proxy = await startFaultProxy(honest(Number(new URL(origin.url).port)));
  const proxies = [{ name: 'corp', address: '127.0.0.1', port: proxy.port, tunnel_http: true, default: true }];
  config = await writeConfig(dir, { updates: { feed_url: `${origin.url}/feed.json` }, proxies });
  before = `${await readFile(config, 'utf8')}proxy_change: confirm\n`;
  await writeFile(config, before);
  running = [];
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  await Promise.all([origin.close(), proxy.close()]);
  await rm(dir, { recursive: true, force: true });
});

function start(...args: string[]): SallyportProcess {
  const process = startSallyport(['--config', config, ...args]);
  running.push(process);
  return process;
}

async function statusOf(): Promise<{ config: { held: { failure: { code: string } } | null } }> {
  const status = start('status', '--json');
  await status.ended;
  return JSON.parse(status.lines.filter((one) => !one.startsWith('Using the daemon')).join('\n')) as never;
}

describe('an edit by hand', () => {
  it('takes effect by itself when its stages pass', async () => {
    const daemon = start('run');
    await daemon.said('Next check');
    await writeFile(config, `${before}proxy_enabled: false\n`);
    await daemon.said('New configuration loaded');
  });

  it('is held if a stage fails, over kill and restart, until it is confirmed', async () => {
    const first = start('run');
    await first.said('Next check');
    const edited = before.replace(`port: ${proxy.port}`, 'port: 1');
    await writeFile(config, edited);
    expect(await first.said('has been on hold since')).toContain('its test failed with TCP-REFUSED');
    expect((await statusOf()).config.held).toMatchObject({ failure: { code: 'TCP-REFUSED' } });
    first.child.kill('SIGKILL');
    await first.ended;

    const second = start('run');
    await second.said('has been on hold since');
    const kept = join(dir, 'state', 'confirmed-file.json');
    expect(((await stat(kept)).mode & 0o777).toString(8)).toBe('600');
    expect(JSON.parse(await readFile(kept, 'utf8'))).toMatchObject({ text: before });
    expect(await readFile(config, 'utf8')).toBe(edited);

    expect(await start('proxy', 'confirm').ended).toBe(0);
    await second.said('New configuration loaded');
    expect((await statusOf()).config.held).toBeNull();
    expect(JSON.parse(await readFile(kept, 'utf8'))).toMatchObject({ text: edited });
  });
});

describe('an edit by a command', () => {
  const change = (...more: string[]) => start('proxy', 'change', '--port', '1', '--confirm-within', '60s', ...more);

  it('is not held again after a person has confirmed it during its test', async () => {
    const daemon = start('run');
    await daemon.said('Next check');
    const changing = change();
    await changing.said('The new settings failed with TCP-REFUSED');
    expect(await start('proxy', 'confirm').ended).toBe(0);
    expect(await changing.ended).toBe(0);
    expect(changing.lines).toContain('The running daemon has applied the change.');
  }, 120_000);

  it('that is saved despite a failed stage is held, as the command says', async () => {
    const daemon = start('run');
    await daemon.said('Next check');
    const changing = change('--save-anyway');
    expect(await changing.ended).toBe(78);
    expect(changing.lines).toContainEqual(
      expect.stringContaining('The daemon has not applied the change; the previous settings'),
    );
    expect(changing.lines).toContainEqual(expect.stringMatching(/^ {2}\[TCP-REFUSED\] /));
    expect(await readFile(config, 'utf8')).toContain('port: 1');
    expect((await statusOf()).config.held).toMatchObject({ failure: { code: 'TCP-REFUSED' } });
  }, 120_000);
});
