// The daily check of the license on the clock of the test, against the reference server.

import { expect, it, vi } from 'vitest';
import { ActivationRig, activatingHost } from '#test/support/activation-rig.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const DAY_MS = 86_400_000;
const AMPLE = { timeout: 10_000, interval: 10 };

it('activation: the daily check renews a license in the last third of its period, not before', async () => {
  const rig = await ActivationRig.start();
  const startMs = Date.now();
  const clock = new FakeClock(startMs);
  const host = await activatingHost(rig.direct(), { clock });
  const renewals = () =>
    rig.platform.origin.record.requests.filter(({ target }) => target === '/activation').length - 1;
  try {
    const { activation } = await host.verbs.activate(await rig.key(new Date(startMs + 9 * DAY_MS).toISOString()));
    const id = activation.license?.id ?? '';
    host.parts.activation.start();
    // Each check is up to an hour later than a day after the previous one.
    for (let day = 1; day <= 5; day += 1) await clock.advanceAsync(DAY_MS + 3_600_000);
    expect(renewals()).toBe(0);
    await rig.platform.origin.platform.extendKey(id, '2099-01-01T00:00:00Z');
    // From timer to timer, with a server whose clock is the same.
    while (renewals() === 0 && clock.now() < startMs + 9 * DAY_MS) {
      const waitMs = clock.untilNext ?? DAY_MS;
      rig.platform.setFaults({ clockOffsetMs: clock.now() + waitMs - Date.now() });
      await clock.advanceAsync(waitMs);
      // The request is real, and none is sent at most of these timers.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await vi.waitFor(async () => {
      expect((await host.verbs.show()).license?.expires).toBe('2099-01-01T00:00:00.000Z');
    }, AMPLE);
    expect(renewals()).toBe(1);
  } finally {
    await host.parts.activation.stop();
    await host.remove();
    await rig.close();
  }
});
