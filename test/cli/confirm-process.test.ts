// `--confirm-within` with real processes: a daemon and the command, and what is left if one is killed. Commands that are not
// killed run in this process.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf } from '#test/support/jars.ts';
import { type RanHere, runHere } from '#test/support/run-here.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

let dir: string;
let origin: ScriptedOrigin;
let proxy: FaultProxy;
let silent: FaultProxy;
let config: string;
let before: string;
let running: SallyportProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-confirm-'));
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([]), 'application/json');
  proxy = await startFaultProxy(honest(Number(new URL(origin.url).port)));
  silent = await startFaultProxy(() => undefined);
  const proxies = [{ name: 'corp', address: '127.0.0.1', port: proxy.port, tunnel_http: true, default: true }];
  config = await writeConfig(dir, { updates: { feed_url: `${origin.url}/feed.json` }, proxies });
  before = await readFile(config, 'utf8');
  running = [];
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  await Promise.all([origin.close(), proxy.close(), silent.close()]);
  await rm(dir, { recursive: true, force: true });
});

function start(...args: string[]): SallyportProcess {
  const process = startSallyport(['--config', config, ...args]);
  running.push(process);
  return process;
}

/** Runs a command to its end. */
function run(...args: string[]): Promise<RanHere> {
  return runHere(['--config', config, ...args]);
}

async function startDaemon(): Promise<SallyportProcess> {
  const daemon = start('run');
  await daemon.said('Next check');
  return daemon;
}

/** A change to a proxy that accepts connections and never responds. */
const tryBad = (...more: string[]) =>
  start('proxy', 'change', '--port', String(silent.port), '--confirm-within', '60s', ...more);
const text = () => readFile(config, 'utf8');

describe('a change with --confirm-within', () => {
  it('that succeeds is written and takes effect', async () => {
    const daemon = await startDaemon();
    const disable = await run('proxy', 'disable', '--confirm-within', '60s');
    expect(disable.code).toBe(0);
    expect(disable.out.split('\n')).toContain('The new settings work.');
    expect(await text()).toBe(`${before}proxy_enabled: false\n`);
    await daemon.said('The new settings were confirmed by stages.');
    await daemon.said('New configuration loaded');
  });

  it('leaves the old settings if the daemon is killed', async () => {
    const daemon = await startDaemon();
    const change = tryBad();
    await change.said('Trying the new settings');
    daemon.child.kill('SIGKILL');
    expect(await change.ended).not.toBe(0);
    expect(await text()).toBe(before);
  });

  it('leaves the old settings if the daemon restarts', async () => {
    const daemon = await startDaemon();
    const change = tryBad();
    await change.said('Trying the new settings');
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(await change.ended).not.toBe(0);
    await startDaemon();
    expect(await text()).toBe(before);
  });

  it('that is killed leaves the old settings, and the next runs', async () => {
    const daemon = await startDaemon();
    const change = tryBad();
    await change.said('Trying the new settings');
    const second = await run('proxy', 'disable', '--confirm-within', '60s');
    expect(second.code).toBe(78);
    expect(second.err).toMatch(/\[CHANGE-PENDING\] Another change, made by (?:root|user \d+) \(process \d+/);
    expect(second.err).toContain(`(process ${change.child.pid}`);
    change.child.kill('SIGKILL');
    await change.ended;
    expect(await run('proxy', 'disable', '--confirm-within', '60s')).toMatchObject({ code: 0 });
    expect(daemon.child.exitCode).toBeNull();
  });

  it('is written if another terminal confirms it', async () => {
    await startDaemon();
    const change = tryBad();
    await change.said('Trying the new settings');
    expect(await run('proxy', 'confirm')).toMatchObject({ code: 0 });
    expect(await change.ended).toBe(0);
    expect(await text()).toBe(before.replace(String(proxy.port), String(silent.port)));
  });

  it('works without a daemon', async () => {
    await proxy.close();
    const enable = await run('proxy', 'change', '--port', '1', '--confirm-within', '5s', '--save-anyway');
    expect(enable.code).toBe(0);
    expect(enable.out + enable.err).toContain('New settings failed with TCP-REFUSED; saving them anyway');
    expect(await text()).toBe(before.replace(`port: ${proxy.port}`, 'port: 1'));
    expect(await run('proxy', 'disable', '--confirm-within', '60s')).toMatchObject({ code: 0 });
  });
});
