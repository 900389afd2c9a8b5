// The hold on updates as operators use it over the control socket, and its end in a running daemon.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectControl } from '#control/client.ts';
import { type Control, VERBS } from '#control/control.ts';
import type { SocketServer } from '#control/socket-server.ts';
import { HoldEnd } from '#daemon/schedule/hold-end.ts';
import { serveSockets } from '#daemon/service/control-sockets.ts';
import { systemClock } from '#system/clock.ts';
import { userWords } from '#system/network/peer.ts';
import { realFiles } from '#system/real-files.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('1602503', 20_000);
const TOOL = makeJar('tool4', 2_000);
const NEVER = new AbortController().signal;
const DEAF = () => undefined;
const DAY = 86_400_000;
const SELF = userWords({ uid: realFiles.self });

let origin: ScriptedOrigin;
let composed: Composed;
let server: SocketServer;
let control: Control;
let offset = 0;

beforeEach(async () => {
  origin = await startScriptedOrigin();
  const items = [itemFor('1602503', JAR, { requires: ['tool4'] }), itemFor('tool4', TOOL, { package: 'tool' })];
  origin.serve('/feed.json', feedOf(items), 'application/json');
  origin.serve('/1602503.jar', JAR);
  origin.serve('/tool4.jar', TOOL);
  offset = 0;
  composed = await composeIn(
    { updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` } },
    'daemon',
    { clock: { ...systemClock, now: () => systemClock.now() + offset } },
  );
  const { parts, agent, dir } = composed;
  server = await serveSockets(parts, agent, parts.ports.settings());
  control = await ask('operate', dir);
});
afterEach(async () => {
  await control.close();
  await server.close();
  await composed.remove();
  await origin.close();
});

async function ask(name: string, dir: string): Promise<Control> {
  const path = join(dir, `${name}.sock`);
  const sockets = { admin: path, operate: path, look: path, control: path, stateDir: dir };
  const found = await connectControl(sockets, { clock: systemClock, files: realFiles, self: realFiles.self }, VERBS);
  if (found === null) throw new Error('nobody listens');
  return found.methods;
}

const freeze = () => ({ until: new Date(Date.now() + 7 * DAY).toISOString(), reason: 'change freeze' });
const jar = (id: string) => existsSync(join(composed.dir, 'packages', `${id}.jar`));

describe('hold: over the operate socket', () => {
  it('hold: records who set it, as the kernel reports it, and shows it with what is ready', async () => {
    const { hold, replaced } = await control.holdUpdates(freeze());
    expect(hold).toMatchObject({ reason: 'change freeze', uid: realFiles.self });
    expect(hold.by).toContain(SELF);
    expect(replaced).toBeNull();
    expect(await control.check(DEAF, NEVER)).toMatchObject({ published: [], ready: ['tool4', '1602503'] });

    const { updates, health } = await control.status();
    expect(updates.hold).toEqual(hold);
    expect(updates.ready.map(({ id, length }) => [id, length])).toEqual([
      ['tool4', TOOL.length],
      ['1602503', JAR.length],
    ]);
    expect(updates.published).toBe(0);
    // No schedule is attached here, which is the other sentence.
    expect(health.level).toBe('critical');
    expect(composed.events).toContainEqual(expect.objectContaining({ name: 'hold-set', by: hold.by }));
  });

  it('hold: release publishes what is ready with a round of its own, and says who released it', async () => {
    await control.holdUpdates(freeze());
    await control.check(DEAF, NEVER);
    const { released, ready, publishing } = await control.releaseUpdates();

    expect(released?.reason).toBe('change freeze');
    expect(ready.map(({ id }) => id)).toEqual(['tool4', '1602503']);
    expect(publishing).toBe(true);
    await expect.poll(() => jar('1602503'), { interval: 5, timeout: 10_000 }).toBe(true);
    await expect
      .poll(() => origin.receipts.map(({ id }) => id), { interval: 5, timeout: 10_000 })
      .toEqual(['tool4', '1602503']);
    expect(composed.events).toContainEqual(expect.objectContaining({ name: 'hold-released' }));
    expect(await control.releaseUpdates()).toEqual({ released: null, ready: [], publishing: false, opens_at: null });
  });

  it('hold: publish needs no network, and refuses what requires an unpublished update', async () => {
    await control.holdUpdates(freeze());
    await control.check(DEAF, NEVER);
    const publish = async (id: string) => await control.publishUpdate(id, DEAF, NEVER);
    const requests = origin.asked.length;

    await expect(publish('1602503')).rejects.toMatchObject({ code: 'UPDATE-REQUIRES', facts: { requires: 'tool4' } });
    expect(await publish('tool4')).toMatchObject({ id: 'tool4', already: false });
    expect(await publish('1602503')).toMatchObject({ already: false });
    expect(await publish('1602503')).toMatchObject({ already: true });
    await expect(publish('other')).rejects.toMatchObject({ code: 'UPDATE-NOT-READY' });
    expect([jar('tool4'), jar('1602503')]).toEqual([true, true]);
    expect(origin.asked.slice(requests).filter((asked) => asked.startsWith('GET'))).toEqual([]);
    expect(composed.events.filter(({ name }) => name === 'publish-requested').map(({ id }) => id)).toEqual([
      'tool4',
      '1602503',
    ]);
    await expect.poll(() => origin.receipts.length, { interval: 5, timeout: 10_000 }).toBe(2);
  });

  it('hold: publish refuses what an unsigned feed offered once updates must be signed', async () => {
    await control.holdUpdates(freeze());
    await control.check(DEAF, NEVER);
    await composed.reload({ updates: { trust: 'tuf', tuf: { metadata_url: `${origin.url}/metadata/` } } });

    await expect(control.publishUpdate('tool4', DEAF, NEVER)).rejects.toMatchObject({ code: 'UPDATE-NOT-READY' });
    expect(jar('tool4')).toBe(false);
  });

  it('hold: a second hold replaces the first, and an end in the past or after a year is refused', async () => {
    await control.holdUpdates(freeze());
    const { replaced } = await control.holdUpdates({ ...freeze(), reason: 'longer' });
    expect(replaced?.reason).toBe('change freeze');
    for (const until of ['2020-01-01T00:00:00Z', '2226-01-01T00:00:00Z', 'soon']) {
      await expect(control.holdUpdates({ ...freeze(), until })).rejects.toMatchObject({ code: 'HOLD-INVALID' });
    }
    expect((await control.status()).updates.hold?.reason).toBe('longer');
  });

  it('hold: the look socket refuses all three requests', async () => {
    const look = await ask('look', composed.dir);
    await expect(look.holdUpdates(freeze())).rejects.toMatchObject({ code: 'CONTROL-OPERATE' });
    await expect(look.releaseUpdates()).rejects.toMatchObject({ code: 'CONTROL-OPERATE' });
    await expect(look.publishUpdate('tool4', DEAF, NEVER)).rejects.toMatchObject({ code: 'CONTROL-OPERATE' });
    await look.close();
  });

  it('hold: it ends by itself at its date, and the daemon then publishes what is ready', async () => {
    await control.holdUpdates(freeze());
    await control.check(DEAF, NEVER);
    const { parts, agent } = composed;
    const waits: { readonly ms: number; readonly fire: () => void }[] = [];
    const timer = { cancel: () => undefined, restart: () => undefined };
    const clock = {
      now: () => parts.clock.now(),
      monotonic: () => 0,
      after: (ms: number, fire: () => void) => {
        waits.push({ ms, fire });
        return timer;
      },
    };
    const end = new HoldEnd({ ports: parts.ports, report: parts.report, clock }, agent);
    end.start();
    await expect.poll(() => waits.length, { interval: 2 }).toBe(1);
    expect(waits[0]?.ms).toBeLessThanOrEqual(120_000);
    expect(jar('1602503')).toBe(false);
    offset = 8 * DAY;
    waits[0]?.fire();
    await expect.poll(() => jar('1602503'), { interval: 5, timeout: 10_000 }).toBe(true);
    expect(composed.events.filter(({ name }) => name === 'hold-ended')).toHaveLength(1);
    expect((await control.status()).updates.hold).toBeNull();
    end.stop();
  });
});
