// A change that is aborted, by Esc or because the menu ends: the result says whether the file was written.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Control } from '#control/control.ts';
import type { ChangeOrder, MenuPorts } from '#menu/ports.ts';
import { ownFilePorts, servicePorts } from '#menu/use-cases.ts';
import { ChangeRig } from '#test/support/change-rig.ts';
import { aStatus } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const TEXT = 'version: 2\nproxy_enabled: true\nproxies: [{ name: a, address: a, default: true }]\n';

let rig: ChangeRig;
let leaving: AbortController;
beforeEach(async () => {
  rig = await ChangeRig.make(TEXT);
  leaving = new AbortController();
});
afterEach(() => rig.close());

function own(): MenuPorts {
  const context = rig.rig.context(fakeTerminal());
  return ownFilePorts({ ...context, context: (signal) => ({ ...context, signal }) });
}

function byService(socket = rig.socket): MenuPorts {
  const { files, clock, keepSecret } = rig.parts();
  return servicePorts({
    clock,
    keepSecret,
    place: { socket, files, clock },
    file: rig.rig.file,
    stateDir: rig.rig.folder.path,
  });
}

/** A daemon that reads the written file only after Esc. */
function slowDaemon(over: Partial<Control> = {}): void {
  const at = { before: new Date(0).toISOString(), after: new Date(Date.now() + 3_600_000).toISOString() };
  const status = async () => {
    const since = leaving.signal.aborted ? at.after : at.before;
    if ((await readFile(rig.rig.file, 'utf8')).includes('proxy_enabled: false')) leaving.abort();
    const config = { ...aStatus().config, file: rig.rig.file, since };
    return aStatus({ config, outcome: { kind: 'unknown' } });
  };
  rig.daemon({ status, ...over });
}

async function disable(ports: MenuPorts, over: Partial<ChangeOrder> = {}) {
  const look = await ports.look(null, new AbortController().signal);
  if (look.kind !== 'seen') throw new Error('the menu is locked');
  return await change(ports, { facts: look.facts, ...over });
}

async function change(ports: MenuPorts, over: Pick<ChangeOrder, 'facts'> & Partial<ChangeOrder>) {
  const order = { direction: 'disable', draft: null, saveAnyway: false, ...over } as const;
  return await ports.change(order, () => undefined, leaving.signal);
}

it.each([
  ['own file', own],
  ['change service', byService],
])('Esc after the write, %s: the result is that the change was saved', async (_name, portsOf) => {
  slowDaemon();
  expect(await disable(portsOf(), { saveAnyway: true })).toMatchObject({ kind: 'made', outcome: { kind: 'unknown' } });
  expect(leaving.signal.aborted).toBe(true);
  expect(await rig.rig.text()).toContain('proxy_enabled: false');
});

it.each([
  ['own file', own],
  ['change service', byService],
])('Esc during the test, %s: the change is cancelled and nothing is written', async (_name, portsOf) => {
  slowDaemon({
    tryChange: async (_request, _onEvent, signal) => {
      leaving.abort();
      if (!signal.aborted) await once(signal, 'abort');
      throw signal.reason;
    },
  });
  expect(await disable(portsOf())).toEqual({ kind: 'cancelled' });
  await rig.served();
  expect(await rig.rig.text()).toBe(TEXT);
});

it('Esc while the menu waits for the outcome: the result is that the change was saved', async () => {
  const config = { ...aStatus().config, file: rig.rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  const mine = leaving;
  const status = async () => {
    // A later test has another one.
    if ((await rig.rig.text()) !== TEXT) setTimeout(() => mine.abort(), 50);
    return aStatus({ config, outcome: { kind: 'unknown' } });
  };
  rig.daemon({ status });
  expect(await disable(own(), { saveAnyway: true })).toEqual({
    kind: 'made',
    note: null,
    outcome: { kind: 'unknown' },
  });
  expect(leaving.signal.aborted).toBe(true);
});

it('Esc, and the service stops without an answer: the change is not called cancelled', async () => {
  slowDaemon();
  const look = await own().look(null, leaving.signal);
  if (look.kind !== 'seen') throw new Error('the menu is locked');
  const path = join(rig.rig.folder.path, 'stops.sock');
  const server = createServer((socket) => {
    socket.once('data', () => leaving.abort()).once('end', () => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  const result = await change(byService(path), { facts: look.facts });
  server.close();
  expect(result).toMatchObject({ kind: 'failed', failure: { code: 'CHANGE-UNREACHABLE' } });
});
