// Whole rounds through a real Squid: a real JAR, bit for bit, with Basic; and what a wrong password costs.

import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildFeed } from '#origin/feed-builder.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { Secret } from '#redaction/secret.ts';
import { realFiles } from '#system/real-files.ts';
import { describeWith, realJar } from '#test/support/real-parts.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const USER = 'svc_upd';
const PASSWORD = 'p:ss wörd%/@#';

describeWith(['squid'], 'a round through Squid', () => {
  let dir: string;
  let origin: Origin;
  let squid: Awaited<ReturnType<typeof startSquid>>;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-squid-'));
    await copyFile(realJar(), join(dir, '1602503.jar'));
    await buildFeed(dir);
    origin = await startOrigin({ dir });
    squid = await startSquid({ auth: { user: USER, password: PASSWORD } });
  });
  afterEach(async () => {
    await squid.stop();
    await origin.close();
    await rm(dir, { recursive: true, force: true });
  });

  function rigWith(password: string): Promise<Rig> {
    const home = join(dir, 'home');
    const settings = testSettings(home, {
      updates: { feed_url: origin.feedUrl, acknowledge_url: origin.acknowledgeUrl },
      retry: { attempts: 5 },
      proxies: [
        {
          name: 'corp',
          address: '127.0.0.1',
          port: squid.port,
          authentication: 'basic',
          user: USER,
          password,
          default: true,
        },
      ],
    });
    for (const profile of settings.proxies) profile.password = new Secret(password);
    return openRig({ files: realFiles, dir: home, settings });
  }

  it('round through Squid: it publishes the package and sends one receipt, all through Squid', async () => {
    const rig = await rigWith(PASSWORD);

    const report = await rig.round();

    expect(report).toMatchObject({ error: null, published: ['1602503'], failed: [] });
    const wanted = await readFile(realJar());
    const got = await readFile(join(dir, 'home/packages/1602503.jar'));
    expect(got.equals(wanted)).toBe(true);
    const sidecar = JSON.parse(await readFile(join(dir, 'home/packages/1602503.json'), 'utf8')) as {
      item: object;
      via: string;
    };
    expect(sidecar.item).toMatchObject({ id: '1602503', sha256: createHash('sha256').update(wanted).digest('hex') });
    expect(sidecar.via).toMatch(/squid/);
    expect(origin.record.acknowledgements).toHaveLength(1);
    const log = await squid.accessLog(3);
    expect(log).toEqual([
      `200 GET ${origin.feedUrl} ${USER}`,
      `200 GET ${origin.url}/1602503.jar ${USER}`,
      `201 POST ${origin.acknowledgeUrl} ${USER}`,
    ]);
    const via = rig.events.filter(({ name }) => name === 'response-via');
    expect(via).toHaveLength(3);
  });

  it('round through Squid: a wrong password costs one attempt and publishes nothing', async () => {
    const rig = await rigWith('wrong-password');

    const report = await rig.round();
    await rig.round();

    expect(report.error?.code).toBe('AUTH-REJECTED');
    expect(report.error?.message).toMatch(/refused user svc_upd.*[Tt]ried once/);
    expect(report.published).toEqual([]);
    expect(await squid.accessLog(1)).toEqual([expect.stringMatching(/^407 GET /)]);
    expect(origin.record.requests).toEqual([]);
  });

  it('says what a denied target is, in the words of Squid', async () => {
    await squid.stop();
    squid = await startSquid({ auth: { user: USER, password: PASSWORD }, allowPorts: [443] });
    const rig = await rigWith(PASSWORD);

    const report = await rig.round();

    expect(report.error?.code).toBe('POLICY-DENIED');
    expect(report.error?.message).toContain('ERR_ACCESS_DENIED');
  });
});
