// `sallyport send-logs` from the arguments to the receipt of the reference server, without a daemon.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { LogsDetail, LogsJob, LogsPlan } from '#control/uploads/send-logs.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { startGatedRelay } from '#test/support/gated-relay.ts';
import { Site } from '#test/support/site.ts';

const SECRET = 'hunter2-not-for-support';

let origin: Origin;
let originDir: string;
beforeAll(async () => {
  originDir = await mkdtemp(join(tmpdir(), 'sallyport-origin-'));
  origin = await startOrigin({ dir: originDir, uploads: {} });
});
afterAll(async () => {
  await origin.close();
  await rm(originDir, { recursive: true, force: true });
});
let before = 0;
beforeEach(() => {
  before = origin.record.bundles.length;
});
const arrived = () => origin.record.bundles.slice(before);

async function site(section: Record<string, unknown> = {}, others: Record<string, unknown> = {}): Promise<Site> {
  const made = await Site.make();
  onTestFinished(() => made.remove());
  await made.configure({
    support_logs: {
      enabled: true,
      url: origin.supportLogsUrl,
      bearer_token: SECRET,
      sources: ['configuration', 'versions', join(made.dir, 'app', '*.log')],
      ...section,
    },
    ...others,
  });
  return made;
}

function job(out: string): LogsJob {
  return JSON.parse(out) as LogsJob;
}

const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('send-logs', () => {
  it('send-logs: the bundle arrives once, the id is printed, and sent lists it', async () => {
    const host = await site();
    const { code, out, err } = await host.run(['send-logs', '--case', '4711', '--note', 'it stops']);

    expect([code, err]).toEqual([0, expect.stringMatching(/^Bundle \d{8}-[a-z2-9]{6}: collecting\.$/m)]);
    const [bundle] = arrived();
    expect(arrived()).toHaveLength(1);
    expect(bundle).toMatchObject({ case: '4711' });
    expect(out).toContain(`Quote ${bundle?.job} to support`);
    const sent = await host.run(['sent', '--json']);
    expect(JSON.parse(sent.out)).toMatchObject([
      { kind: 'bundle', job: bundle?.job, sha256: bundle?.sha256, case: '4711', requested_by: { how: 'command' } },
    ]);
  });

  it('send-logs: what approve sends has the digest that show printed, and no secret', async () => {
    const host = await site();
    const prepared = job((await host.run(['send-logs', '--prepare', '--json'])).out);
    expect([prepared.state, arrived()]).toEqual(['prepared', []]);
    const shown = (await host.run(['send-logs', 'show', prepared.job])).out;
    const detail = JSON.parse((await host.run(['send-logs', 'show', prepared.job, '--json'])).out) as LogsDetail;
    const text = await host.run(['send-logs', 'show', prepared.job, 'configuration.yaml']);
    const approved = job((await host.run(['send-logs', 'approve', prepared.job, '--json'])).out);

    expect(shown).toContain(prepared.sha256);
    expect(detail.files.map(({ name }) => name)).toContain('configuration.yaml');
    expect(text.out).toContain('"support_logs.bearer_token": "***"');
    expect(text.out).not.toContain(SECRET);
    expect([approved.state, arrived().map(({ sha256 }) => sha256)]).toEqual(['sent', [prepared.sha256]]);
    const list = await host.run(['send-logs', 'list', '--json']);
    expect(JSON.parse(list.out)).toMatchObject([{ job: prepared.job, state: 'sent', approved_by: 'root' }]);
  });

  it('send-logs: --output saves a bundle with the rights of the caller, and FILE sends it', async () => {
    const host = await site();
    const file = join(host.dir, 'bundle.tar.zst');
    expect((await host.run(['send-logs', '--output', file])).code).toBe(0);
    expect(arrived()).toEqual([]);
    expect((await host.run(['send-logs', '--output', file])).code).toBe(19);
    expect(JSON.parse((await host.run(['send-logs', 'list', '--json'])).out)).toEqual([]);

    expect((await host.run(['send-logs', file, '--case', '9'])).code).toBe(0);
    expect(arrived()).toMatchObject([{ sha256: digestOf(file), case: '9' }]);
  });

  it('send-logs: without a daemon, requesting a failed job again tries at once', async () => {
    const closed = await startGatedRelay(1);
    await closed.close();
    const url = `http://127.0.0.1:${closed.port}/support-logs`;
    const host = await site({ url });
    for (const _attempt of [1, 2]) {
      const { code, out } = await host.run(['send-logs']);
      expect([code, out]).toEqual([
        11,
        expect.stringContaining('is not sent yet. The daemon tries again when it runs.'),
      ]);
    }
    expect(JSON.parse((await host.run(['send-logs', 'list', '--json'])).out)).toMatchObject([{ failures: 2 }]);
  });

  it('send-logs: a FILE that is not a bundle is refused and not sent', async () => {
    const host = await site();
    const file = join(host.dir, 'passwd');
    writeFileSync(file, 'root:x:0:0\n');
    const { code, err } = await host.run(['send-logs', file]);

    expect([code, arrived()]).toEqual([17, []]);
    expect(err).toContain('[BUNDLE-FOREIGN]');
    expect(JSON.parse((await host.run(['send-logs', 'list', '--json'])).out)).toEqual([]);
  });

  it('send-logs: while it is not enabled nothing is collected, made or connected', async () => {
    const host = await site({ enabled: false });
    const requests = origin.record.requests.length;
    for (const args of [[], ['--prepare'], ['--output', join(host.dir, 'out')]]) {
      const { code, err } = await host.run(['send-logs', ...args]);
      expect([code, err]).toEqual([13, expect.stringContaining('[UPLOADS-OFF]')]);
    }
    await host.configure({ uploads_allowed: false, support_logs: { enabled: true, url: origin.supportLogsUrl } });
    expect((await host.run(['send-logs'])).err).toContain('[POLICY-UPLOADS]');

    expect(origin.record.requests).toHaveLength(requests);
    expect([existsSync(join(host.dir, 'state', 'jobs')), existsSync(join(host.dir, 'out'))]).toEqual([false, false]);
  });

  it('send-logs: --dry-run counts pseudonyms as the bundle has them, and keeps none', async () => {
    const host = await site({ pseudonyms: 'always' });
    await mkdir(join(host.dir, 'app'));
    await host.write(join('app', 'a.log'), 'connected to 10.20.30.40\nconnected to 10.20.30.41\n');
    const logOf = ({ files }: Pick<LogsDetail, 'files'>) => files.find(({ name }) => name.endsWith('a.log'));
    const plan = JSON.parse((await host.run(['send-logs', '--dry-run', '--json'])).out) as LogsPlan;
    const map = join(host.dir, 'state', 'pseudonyms.json');
    const isKept = existsSync(map);
    const { job: id } = job((await host.run(['send-logs', '--prepare', '--json'])).out);
    const built = JSON.parse((await host.run(['send-logs', 'show', id, '--json'])).out) as LogsDetail;

    expect(logOf(plan)?.masked).toEqual({ 'pseudonym-ipv4': 2 });
    expect(logOf(plan)).toEqual(logOf(built));
    expect([isKept, existsSync(map)]).toEqual([false, true]);
  });

  it('send-logs: --dry-run lists files and counts, and keeps nothing', async () => {
    const host = await site();
    const { code, out } = await host.run(['send-logs', '--dry-run', '--json']);

    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      files: expect.arrayContaining([expect.objectContaining({ bytes: expect.any(Number) })]),
    });
    expect([out.includes(SECRET), arrived()]).toEqual([false, []]);
    expect(JSON.parse((await host.run(['send-logs', 'list', '--json'])).out)).toEqual([]);
  });
});
