// What the change service sends to a menu whose user cannot read the configuration.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { activateByService, lookByService } from '#changes/client.ts';
import { waitBefore } from '#menu/pin-attempts.ts';
import { ChangeRig } from '#test/support/change-rig.ts';

const TEXT =
  'version: 2\nmenu: { pin: { file: pin } }\nproxies:\n  - { name: corp, address: proxy.example, default: true, authentication: basic, user: u, password: "inline secret" }\n';

let rig: ChangeRig;
beforeEach(async () => {
  rig = await ChangeRig.make(TEXT);
  await rig.rig.folder.write('pin', '4711\n', 0o640);
  rig.daemon();
});
afterEach(() => rig.close());

const { signal } = new AbortController();
const place = () => ({ socket: rig.socket, files: rig.parts().files, clock: rig.parts().clock });
const target = () => ({ file: rig.rig.file, stateDir: rig.rig.folder.path });
const look = (pin: string | null) => lookByService(place(), target(), { pin, signal });

it('look: nothing is returned without the PIN', async () => {
  expect(await look(null)).toEqual({ state: 'locked', is_wrong: false });
});

it('look: a wrong PIN is answered late, and logged without it', async () => {
  const startMs = performance.now();
  expect(await look('4712')).toEqual({ state: 'locked', is_wrong: true });
  expect(performance.now() - startMs).toBeGreaterThan(1_900);
  expect(rig.events).toMatchObject([{ name: 'menu-pin-wrong', who: 'user 1501 (process 77)' }]);
  expect(JSON.stringify(rig.events)).not.toContain('4712');
});

it('look: the right PIN returns the proxy settings without secrets', async () => {
  const seen = await look('4711');
  expect(seen).toMatchObject({ state: 'seen', facts: { proxies: [{ name: 'corp', has_password: true }] } });
  expect(JSON.stringify(seen)).not.toContain('inline secret');
});

it('activate: the service passes the key to the daemon, and logs who sent it but not the key', async () => {
  const { failure } = await activateByService(place(), target(), { key: 'AAAA-BBBB-CCCC-DDDD', signal });
  expect(failure).toBeNull();
  expect(rig.events).toEqual([{ name: 'activation-requested', what: 'with a key', by: 'user 1501 (process 77)' }]);
});

it('activate: a text that is not a key hides nothing in the log of the service', async () => {
  const kept: string[] = [];
  rig.over = { keepSecret: (value) => void kept.push(value.reveal()) };
  const asked = activateByService(place(), target(), { key: 'user 1501', signal });
  await expect(asked).rejects.toMatchObject({ code: 'LICENSE-KEY' });
  expect(kept).toEqual([]);
});

it('PIN: the wait after three wrong attempts doubles up to 15 minutes, also if the clock steps', () => {
  const waits = [1, 2, 3, 4, 5, 20].map((failures) => waitBefore({ failures, lastMs: 1_000 }, 1_000));
  expect(waits).toEqual([0, 0, 30_000, 60_000, 120_000, 900_000]);
  expect(waitBefore({ failures: 3, lastMs: 1_000_000 }, 0)).toBe(30_000);
  expect(waitBefore({ failures: 3, lastMs: 0 }, 31_000)).toBe(0);
});
