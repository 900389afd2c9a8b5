// The watchdog of a real systemd, with WatchdogSec=2 and a grace of half a second: what hangs is restarted, what only
// takes long is not.

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Installed, PACKAGES } from '#test/support/installed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('u1', 300_000);
const WATCHDOG_S = 2;
const SILENCE_MS = 2.5 * WATCHDOG_S * 1_000;

describeWith(['systemd'], 'the watchdog of a real systemd', () => {
  let installed: Installed;
  let origin: ScriptedOrigin;
  let withFaults: readonly string[];

  beforeAll(async () => {
    installed = await Installed.take();
    withFaults = await installed.buildWith('test/support/faults/watchdog.ts');
  }, 120_000);
  afterAll(() => installed.release());
  beforeEach(async () => {
    origin = await startScriptedOrigin();
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
    origin.serve('/u1.jar', JAR);
    await installed.reset();
    await installed.edit(...withFaults, `WatchdogSec=${WATCHDOG_S}`, 'RestartSec=100ms');
  });
  afterEach(async () => {
    await origin.close();
  });

  const restarts = async () => Number(await installed.machine.show('NRestarts'));
  const published = () => installed.machine.exists(`${PACKAGES}/u1.json`);

  async function start(responseTimeoutMs: number): Promise<void> {
    const timeout = ['response_timeout:', `  base_ms: ${responseTimeoutMs}`];
    installed.configure(['updates:', `  feed_url: ${origin.url}/feed.json`, ...timeout]);
    await installed.machine.run('systemctl', 'start', 'sallyport.service');
  }

  async function expectRestartedByWatchdog(): Promise<void> {
    await installed.machine.until('it was restarted', async () => (await restarts()) === 1, 20_000);
    await installed.machine.until(
      'it works again',
      async () => (await installed.machine.show('ActiveState')) === 'active',
    );
    expect(await installed.journal()).toContain(`sallyport.service: Watchdog timeout (limit ${WATCHDOG_S}s)!`);
  }

  it('watchdog: a daemon whose event loop is blocked is restarted', async () => {
    await start(30_000);
    await installed.machine.until('the first round is over', published);
    await installed.machine.run('systemctl', 'kill', '--kill-who=main', '--signal=WINCH', 'sallyport.service');
    await expectRestartedByWatchdog();
  }, 120_000);

  it('watchdog: a daemon whose wait exceeds its deadline logs it and is restarted', async () => {
    await start(2_000);
    await installed.machine.until('the first round is over', published);
    await installed.machine.run('systemctl', 'kill', '--kill-who=main', '--signal=URG', 'sallyport.service');
    origin.on('/feed.json', () => undefined);
    const asking = installed.machine.try('sallyport', 'check');
    await expectRestartedByWatchdog();
    await asking;
    expect(installed.log()).toContain('[WAIT-STUCK]');
  }, 120_000);

  it('watchdog: a download that is silent for longer than the limit is not interrupted', async () => {
    origin.on('/u1.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
      response.write(JAR.subarray(0, 100_000));
      setTimeout(() => response.end(JAR.subarray(100_000)), SILENCE_MS);
    });
    await start(30_000);
    await installed.machine.until('it is published', published, SILENCE_MS + 15_000);
    expect(await restarts()).toBe(0);
    expect(await installed.machine.show('ActiveState')).toBe('active');
  }, 120_000);
});
