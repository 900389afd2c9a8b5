// A command of a user who cannot write the configuration: the change service writes it, and the output is the same.

import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askService } from '#changes/client.ts';
import { enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { coded } from '#errors/coded-error.ts';
import { ChangeRig } from '#test/support/change-rig.ts';
import { aFailure, aStatus } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const TEXT = 'version: 1\nproxy_enabled: true\nproxies: [{ name: a, address: a, default: true }]\n';

let rig: ChangeRig;
beforeEach(async () => {
  rig = await ChangeRig.make(TEXT);
  rig.daemon();
  // The real path is in /proc, where not even root can write.
  const { files } = rig.parts();
  const realPath = (path: string) => (path === rig.rig.file ? Promise.resolve('/proc/1/x') : files.realPath(path));
  rig.over = { files };
  rig.rig.over = { changeSocket: rig.socket, files: Object.assign(Object.create(files) as typeof files, { realPath }) };
});
afterEach(() => rig.close());

const disable = (confirm?: { confirmWithin?: number; saveAnyway?: boolean }, json = false) =>
  rig.rig.run((context) => enableProxyCommand(context, false, { json, ...(confirm === undefined ? {} : { confirm }) }));

it('change by service: prints the same as a command that writes the file itself', async () => {
  const { status, out, err } = await disable();
  expect({ status, err, out }).toEqual({
    status: 0,
    err: [],
    out: [
      'The new settings work.',
      'No proxy is used: every purpose connects directly. The profiles stay in the file.',
      `Written to ${rig.rig.file}.`,
      'The running daemon has applied the change.',
    ],
  });
  expect(await rig.rig.text()).toContain('proxy_enabled: false');
});

it('change by service: a failure is printed and decides the exit status', async () => {
  rig.daemon({ tryChange: () => Promise.resolve({ confirmed: false, by: 'nobody', failure: aFailure() }) });
  const { status, err } = await disable({ confirmWithin: 5_000 });
  expect(status).toBe(12);
  expect(err[0]).toContain('New settings failed with AUTH-REJECTED');
  expect(await rig.rig.text()).toBe(TEXT);
});

it('change by service: --save-anyway saves what the test rejected, and says so', async () => {
  rig.daemon({ tryChange: () => Promise.resolve({ confirmed: false, by: 'nobody', failure: aFailure() }) });
  const { status, err, out } = await disable({ confirmWithin: 5_000, saveAnyway: true });
  expect(status).toBe(0);
  expect(err[0]).toContain('New settings failed with AUTH-REJECTED; saving them anyway');
  expect(out).not.toContain('The new settings work.');
  expect(await rig.rig.text()).toContain('proxy_enabled: false');
});

it('change by service: Ctrl-C before the write says that nothing was written', async () => {
  const ending = new AbortController();
  rig.rig.over = { ...rig.rig.over, signal: ending.signal };
  rig.daemon({
    tryChange: async (_request, _onEvent, signal) => {
      ending.abort(coded('INTERRUPTED', { reason: 'SIGINT' }));
      if (!signal.aborted) await once(signal, 'abort');
      return { confirmed: true, by: 'stages', failure: null };
    },
  });
  await expect(disable({ confirmWithin: 5_000 })).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await rig.rig.text()).toBe(TEXT);
});

it('change by service: Ctrl-C after the write says that the file was written', async () => {
  const ending = new AbortController();
  rig.rig.over = { ...rig.rig.over, signal: ending.signal };
  const config = { ...aStatus().config, file: rig.rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  const status = () => {
    ending.abort(coded('INTERRUPTED', { reason: 'SIGINT' }));
    return Promise.resolve(aStatus({ config }));
  };
  rig.daemon({ status });
  const { status: exit, out } = await disable({ confirmWithin: 5_000 });
  expect(exit).toBe(0);
  expect(out).toContain(`Written to ${rig.rig.file}.`);
  expect(await rig.rig.text()).toContain('proxy_enabled: false');
});

it('change by service: the JSON is the same, with the verdict', async () => {
  const { out } = await disable(undefined, true);
  expect(JSON.parse(out.join('\n'))).toMatchObject({
    proxy_enabled: false,
    changed: true,
    confirmation: { confirmed: true, by: 'stages' },
    daemon: 'taken',
  });
});

it('change by service: a key that only root may set is refused by name', async () => {
  const load = rig.rig.context(fakeTerminal()).load;
  const loaded = await load();
  if (!loaded.ok) throw loaded.error;
  const { clock, files } = rig.parts();
  const change = { edits: [{ kind: 'set', path: 'updates.feed_url', value: 'https://evil/' } as const] };
  const asked = {
    verb: 'apply',
    change,
    waits: false,
    onEvent: () => undefined,
    signal: new AbortController().signal,
  } as const;
  const content = { file: loaded.file, digest: loaded.digest, stateDir: loaded.settings.daemon.state_dir };
  await expect(askService({ socket: rig.socket, files, clock }, content, asked)).rejects.toMatchObject({
    code: 'KEY-AUTHORITY',
    facts: { key: 'updates.feed_url' },
  });
});
