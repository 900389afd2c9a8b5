// The bandwidth limit in a real process, through a real Squid. No time is measured: with the first limit the download
// would take an hour.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const JAR = makeJar('u1', 4_000_000);

describeWith(['squid'], 'bandwidth limit through Squid', () => {
  const opened: { squid?: RunningSquid; origin?: ScriptedOrigin; daemon?: SallyportProcess; dir?: string } = {};

  afterEach(async () => {
    opened.daemon?.child.kill('SIGTERM');
    await opened.daemon?.ended;
    await opened.squid?.stop();
    await opened.origin?.close();
    if (opened.dir !== undefined) await rm(opened.dir, { recursive: true, force: true });
  });

  it('is removed from a running download without a new request', async () => {
    const origin = await startScriptedOrigin();
    const squid = await startSquid();
    const dir = await mkdtemp(join(tmpdir(), 'bandwidth-'));
    Object.assign(opened, { origin, squid, dir });
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
    origin.serve('/u1.jar', JAR, 'application/java-archive');
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }];
    const feed = { feed_url: `${origin.url}/feed.json` };
    const config = await writeConfig(dir, { updates: { ...feed, bandwidth: { bytes_per_second: 1_000 } }, proxies });
    const limited = await readFile(config, 'utf8');

    opened.daemon = startSallyport(['run', '-c', config]);
    await opened.daemon.said('Downloading update ID u1');
    const staged = join(dir, 'packages', '.staging', 'u1.jar.unverified');
    await expect
      .poll(
        () =>
          readFile(staged).then(
            ({ length }) => length,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    expect((await readFile(staged)).length).toBeLessThan(JAR.length / 2);

    await writeConfig(dir, { updates: feed, proxies });
    expect(await readFile(config, 'utf8')).not.toBe(limited);
    const published = join(dir, 'packages', 'u1.jar');
    await expect
      .poll(
        () =>
          readFile(published).then(
            (bytes) => bytes.equals(JAR),
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(origin.asked.filter((one) => one.includes('/u1.jar'))).toEqual(['GET /u1.jar']);
  }, 120_000);
});
