// A pushed update while the link is dead: the schedule publishes it without the command.

import { afterEach, expect, it, vi } from 'vitest';
import { HostPlatform } from '#daemon/platform/platform.ts';
import { runRounds } from '#daemon/schedule/rounds.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { startSwitchedRelay } from '#test/support/switched-relay.ts';

const AMPLE = { timeout: 15_000 };
vi.setConfig({ testTimeout: 120_000 });
const NOT_ACTIVATED = { state: 'unactivated', renew: () => Promise.resolve(), signer: () => null } as const;
/** A minute takes 3 s. */
const FACTOR = 20;
const JAR = makeJar('1602503', 5_000);
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it('platform: with a dead link, the next scheduled check publishes the pushed update', async () => {
  const platform = await PlatformRig.start();
  closing.push(() => platform.close());
  const relay = await startSwitchedRelay(Number(new URL(platform.url).port));
  closing.push(() => relay.close());
  const origin = await startScriptedOrigin();
  closing.push(() => origin.close());
  origin.serve('/feed.json', feedOf([]), 'application/json');
  const host: Composed = await composeIn(
    {
      updates: {
        feed_url: `${origin.url}/feed.json`,
        acknowledge_url: `${origin.url}/acknowledge`,
        schedule: '* * * * *',
        jitter_seconds: 0,
      },
      platform: { enabled: true, url: `ws://127.0.0.1:${relay.port}/link` },
    },
    'daemon',
    { clock: scaledClock(FACTOR) },
  );
  const stopping = new AbortController();
  const link = await HostPlatform.start(host.parts, {
    check: () => host.agent.freshRound(),
    activation: NOT_ACTIVATED,
  });
  const rounds = runRounds(host.parts, host.agent, { signal: stopping.signal });
  closing.push(async () => {
    stopping.abort();
    await rounds;
    await link.stop();
    await host.remove();
  });
  const agent = host.parts.ports.agent.id;
  await vi.waitFor(() => expect(platform.agent(agent)?.over).toBe('websocket'), AMPLE);

  relay.mode = 'down';
  await vi.waitFor(() => expect(link.running?.link.state.kind).toBe('waiting'), AMPLE);
  origin.serve('/1602503.jar', JAR, 'application/java-archive');
  origin.serve('/feed.json', feedOf([itemFor('1602503', JAR)], { serial: 2 }), 'application/json');
  const [id] = await platform.push(agent, { command: 'update-available' });
  await vi.waitFor(() => expect(origin.receipts).toMatchObject([{ id: '1602503' }]), AMPLE);
  expect((await host.agent.listUpdates()).map((one) => one.id)).toEqual(['1602503']);
  expect(host.events.filter(({ name }) => name === 'platform-command')).toEqual([]);

  // The command is not lost either: it finds nothing new.
  relay.mode = 'pass';
  const result = () => platform.agent(agent)?.commands.find((one) => one.id === id)?.result?.outcome;
  await vi.waitFor(() => expect(result()).toBe('done'), AMPLE);
  expect(origin.receipts).toHaveLength(1);
});
