// What the daemon answers about a signed feed: its hosts, its status, and the probe of a diagnosis.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listEndpoints } from '#daemon/answers/endpoints.ts';
import { probesFor } from '#daemon/trial/probes.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

let origin: SignedOrigin;
beforeEach(async () => {
  origin = await SignedOrigin.start();
  const jar = makeJar('1', 300);
  origin.offer([{ item: itemFor('1', jar), bytes: jar }]);
});
afterEach(() => origin.close());

const MIRRORS = {
  mirrors: [{ metadata_url: 'http://mirror.example.com/m/', targets_url: 'http://cdn.example.com/t/' }],
};

describe('a signed feed', () => {
  it('needs the hosts of metadata and targets, and those of each mirror', () => {
    const settings = testSettings('/data', { updates: origin.settings('/etc/root.json', MIRRORS) });
    const { endpoints } = listEndpoints({
      settings,
      observedHosts: null,
      placeOf: () => null,
      now: 0,
      version: '1',
      config: '/a.yaml',
      source: 'file',
    });
    const hosts = endpoints.map(({ host, use }) => `${use} ${host}`);
    expect(hosts).toEqual([
      'feed 127.0.0.1',
      'packages 127.0.0.1',
      'feed cdn.example.com',
      'packages cdn.example.com',
      'feed mirror.example.com',
    ]);
  });

  it('is probed with its timestamp, and nothing is stored', async () => {
    const files = new CrashingFiles();
    files.plantFile('/etc/root.json', origin.repository.initialRoot);
    const settings = testSettings('/data', { updates: origin.settings('/etc/root.json', MIRRORS) });
    const { ports } = await openRig({ files, dir: '/data', settings, clock: SIGNED_CLOCK });
    const [probe] = probesFor(ports, settings);
    expect(probe?.target.href).toBe(`${origin.url}/metadata/`);
    const { router, clock, report } = ports;
    const { signal } = new AbortController();
    expect(await probe?.ask({ router, clock, report: report as never, signal })).toBeNull();
    expect(origin.asked).toEqual(['GET /metadata/timestamp.json']);
    expect(files.names().filter((name) => name.includes('/trust/'))).toEqual([]);
  });
});
