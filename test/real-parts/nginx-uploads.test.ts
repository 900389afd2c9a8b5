// Bundles through a real Squid to a real nginx in front of the reference server, which limits the size of a request.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { createCa } from '#test/support/certificates.ts';
import { startNginx } from '#test/support/nginx.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { bundleOf, factsOf, uploadRig } from '#test/support/upload-rig.ts';

const ca = createCa();
const trust = { ca: { key: 'support_logs.ca_file', path: '/ca.pem', pem: ca.cert } };
const BYTES = 12_000_000;

describeWith(['squid', 'nginx'], 'uploads to nginx', () => {
  let dir = '';
  let origin: Origin;
  let squid: RunningSquid;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-nginx-'));
    origin = await startOrigin({ dir });
    squid = await startSquid();
  });
  afterAll(async () => {
    await squid.stop();
    await origin.close();
    await rm(dir, { recursive: true, force: true });
  });

  it.each([
    ['1m', '20261130-aaaaaa', 1_048_576],
    ['5m', '20261130-bbbbbb', 5_242_880],
  ])('nginx: a bundle passes client_max_body_size %s in smaller chunks', async (maxBody, job, most) => {
    const nginx = await startNginx({ ...ca.issue(), behind: Number(new URL(origin.url).port), maxBody });
    const rig = await uploadRig({
      router: testRouter({ trust, proxies: [profile(squid.port)] }),
      settings: { retry: { attempts: 8 } },
    });
    try {
      const url = new URL(`https://localhost:${nginx.port}/support-logs`);
      const outcome = await rig.upload(url, bundleOf(BYTES, { job, fileName: `${job}.tar.zst` }), factsOf());
      expect(outcome).toMatchObject({ ended: 'receipt' });
      expect(origin.record.bundles.map((one) => one.job)).toContain(job);
      const chunk = rig.paths.latest(url.origin, Date.now()).chunk.bytes;
      expect(chunk).toBeLessThanOrEqual(most);
      expect(chunk).toBeGreaterThan(most / 4);
    } finally {
      rig.session.close();
      await nginx.stop();
    }
  });
});
