// `status` over a real composition: the reason and last result of each route, passwords that wait, observed paths.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Status, statusSchema } from '#control/status.ts';
import type { CheckHealth } from '#daemon/answers/health.ts';
import { Outcomes } from '#daemon/outcomes.ts';
import { nextReport } from '#daemon/platform/report-facts.ts';
import { progressed } from '#daemon/transfer-progress.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { aFailure } from '#test/support/fake-control.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('1602503', 20_000);
const NEVER = new AbortController().signal;
const USER = { user: 'svc', password: 'right', domain: '' };

let origin: ScriptedOrigin;
let proxy: LoginProxy;
let composed: Composed | undefined;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('1602503', JAR)]), 'application/json');
  origin.serve('/1602503.jar', JAR);
  proxy = await startLoginProxy('basic', USER, Number(new URL(origin.url).port));
});
afterEach(async () => {
  await composed?.remove();
  await proxy.close();
  await origin.close();
});

async function compose(password: string, more: Record<string, unknown> = {}): Promise<Composed> {
  const corp = { name: 'corp', address: '127.0.0.1', port: proxy.port, default: true, tunnel_http: true };
  const login = { authentication: 'basic', user: 'svc', password: { env: 'PROXY_PASSWORD' } };
  composed = await composeIn(
    {
      updates: { feed_url: `${origin.url}/feed.json` },
      proxies: [{ ...corp, ...login }],
      ...more,
    },
    'daemon',
    { environment: { PROXY_PASSWORD: password } },
  );
  return composed;
}

const check = ({ agent }: Composed) => agent.check(() => undefined, NEVER);
const tell = async ({ agent }: Composed): Promise<Status> => statusSchema.parse(await agent.status());
const updatesOf = ({ routes }: Status) => routes.find(({ purpose }) => purpose === 'updates');

describe('a purpose', () => {
  it('names each setting that decided its route, with its line or as a default', async () => {
    const why = updatesOf(await tell(await compose('right')))?.why;
    expect(why).toEqual([
      'use_proxy_for.updates is default (not set in the file)',
      expect.stringMatching(/^the default proxy is proxies\[0\] corp \(sallyport\.yaml:\d+\)$/),
    ]);
  });

  it('says when its work last succeeded, and when it failed, with the code', async () => {
    const open = await compose('right');
    expect(updatesOf(await tell(open))).toMatchObject({ last_success: null, last_failure: null });
    await check(open);
    const first = updatesOf(await tell(open));
    expect(first).toMatchObject({ last_success: expect.any(String) as string, last_failure: null, next_try: null });

    origin.forget('/feed.json');
    await check(open);

    const then = await tell(open);
    expect(updatesOf(then)).toMatchObject({
      last_success: first?.last_success,
      last_failure: { failure: { code: 'ORIGIN-REFUSED' } },
    });
    expect(then.updates.last_failure).toMatchObject({ code: 'ORIGIN-REFUSED' });
  });

  it('has its last result as the outcome, whatever the clock said', async () => {
    const open = await compose('right', { platform: { report: 'basic' } });
    const { outcomes } = open.parts;
    const outcome = async () => {
      const status = await tell(open);
      const report = await nextReport(open.parts);
      return [status.outcome.kind, updatesOf(status)?.last_failure?.open, report?.purposes['updates']?.result];
    };
    const [wrong, right] = [Date.UTC(2099, 0, 1), Date.UTC(2026, 10, 30)];
    await outcomes.note('updates', { at: wrong, failure: aFailure() });
    expect(await outcome()).toEqual(['configuration-error', true, 'failed']);
    await outcomes.note('updates', { at: right, failure: null });
    expect(await outcome()).toEqual(['connected', false, 'ok']);

    await outcomes.note('updates', { at: wrong, failure: null });
    await outcomes.note('updates', { at: right, failure: aFailure() });
    expect(await outcome()).toEqual(['configuration-error', true, 'failed']);
    outcomes.outdate('updates');
    expect(await outcome()).toEqual(['unknown', true, 'failed']);
  });
});

describe('status: a waiting password', () => {
  it('is named with user and start until it is allowed once more', async () => {
    const open = await compose('wrong');
    expect((await tell(open)).credentials).toEqual([]);
    await check(open);
    await check(open);

    const { credentials } = await tell(open);
    expect(credentials).toEqual([
      {
        proxy: 'corp',
        user: 'svc',
        used: true,
        why: 'rejected',
        entered_for: [],
        since: expect.stringMatching(/^\d{4}-/) as string,
        worked_until: null,
        next_try: null,
      },
    ]);
    expect(proxy.counted.refused).toBe(1);
    expect(JSON.stringify(await tell(open))).not.toContain('wrong');

    await expect(open.agent.retryCredentials('crop')).rejects.toMatchObject({ code: 'PROFILE-UNKNOWN' });
    await open.agent.retryCredentials('corp');
    expect((await tell(open)).credentials).toEqual([]);
  });

  it('is named also if no purpose uses its proxy', async () => {
    const open = await compose('wrong', { use_proxy_for: { updates: 'none' } });
    await open.agent.diagnose({ purposes: ['updates'], shell: {}, candidate: null, through: 'corp' }, NEVER);
    expect((await tell(open)).credentials).toMatchObject([{ proxy: 'corp', used: false, why: 'rejected' }]);
  });
});

describe('status: a path', () => {
  it('shows the ETag and range support that a diagnosis or download found', async () => {
    const open = await compose('right');
    await check(open);
    expect((await tell(open)).paths[0]).toMatchObject({ etag: 'strong', ranges_work: null, ranges_at: null });

    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-1023/${JAR.length}`, etag: 'W/"v2"' });
      response.end(JAR.subarray(0, 1_024));
    });
    await open.agent.diagnose({ purposes: ['updates'], shell: {}, candidate: null, through: null }, NEVER);

    const [path] = (await tell(open)).paths;
    expect(path).toMatchObject({ etag: 'weak', ranges_work: true, ranges_at: expect.any(String) as string });
  });
});

describe('status: requests of the platform', () => {
  const health: CheckHealth = {
    ageMs: 1_000,
    succeededMs: 1,
    interrupted: false,
    failures: 0,
    error: null,
    overdue: null,
  };
  const scheduled = async () => {
    const host = await compose('right', {
      support_logs: { enabled: false, url: 'https://logs.example.com/', on_platform_request: 'ask' },
    });
    host.agent.attach({ nextAt: () => null, health: { current: health } } as never);
    return host;
  };

  it('status: a request that waits is a warning until a person decides', async () => {
    const host = await scheduled();
    const requests = await host.parts.uploads.bundles.requests();
    await requests.receive({ id: 'r-1', case: null });
    expect((await tell(host)).health).toMatchObject({
      level: 'warning',
      sentence: expect.stringContaining('wait for a decision: 1.') as string,
    });

    await requests.decide('r-1', { approve: false, by: 'root' });
    expect((await tell(host)).health.level).toBe('ok');
  });

  it('status: looking for requests creates no file, and all callers share one record', async () => {
    const host = await scheduled();
    const before = await readdir(join(host.dir, 'state'));
    const { bundles } = host.parts.uploads;
    const [one, other] = await Promise.all([bundles.requests(), bundles.requests(), tell(host)]);

    expect(one).toBe(other);
    expect(await readdir(join(host.dir, 'state'))).toEqual(before);
  });
});

describe('results of purposes', () => {
  const PATH = '/state/outcomes.json';
  const open = async (files: CrashingFiles) => {
    await files.makeDirectory('/state', 0o700);
    const outcomes = new Outcomes(files, PATH);
    return { outcomes, error: await outcomes.load() };
  };

  it('are the same after a restart', async () => {
    const files = new CrashingFiles();
    const { outcomes } = await open(files);
    await outcomes.note('updates', { at: 1, failure: null });
    await outcomes.note('updates', { at: 2, failure: aFailure() });
    await outcomes.noteRoute('platform', 'r1');
    await outcomes.note('platform', { at: 3, failure: null });

    const { outcomes: again, error } = await open(files);
    expect(error).toBeNull();
    expect(again.of('updates')).toEqual({
      succeeded_at: 1,
      failed: { at: 2, failure: aFailure() },
      open: true,
      route: null,
      address: null,
    });
    expect(again.of('platform')).toMatchObject({ succeeded_at: 3, failed: null, address: null, route: 'r1' });
    expect(again.of('support_logs')).toMatchObject({ succeeded_at: null, failed: null, route: null });
  });

  it('are in the order in which they came, whatever the clock says', async () => {
    const files = new CrashingFiles();
    const { outcomes } = await open(files);
    const [wrong, right] = [Date.UTC(2099, 0, 1), Date.UTC(2026, 10, 30)];
    await outcomes.note('updates', { at: wrong, failure: aFailure() });
    await outcomes.note('updates', { at: right, failure: null });
    await outcomes.note('platform', { at: wrong, failure: null });
    await outcomes.note('platform', { at: right, failure: aFailure() });

    const { outcomes: again } = await open(files);
    for (const one of [outcomes, again])
      expect([one.of('updates').open, one.of('platform').open]).toEqual([false, true]);
  });

  it('of a file without the order are ordered by time', async () => {
    const [older, newer] = [1, 3].map((at) => ({ at, failure: aFailure() }));
    for (const [failed, isOpen] of [
      [older, false],
      [newer, true],
      [null, false],
    ] as const) {
      const files = new CrashingFiles();
      files.plantFolder('/state');
      const purposes = { updates: { succeeded_at: 2, failed } };
      files.plantFile(PATH, Buffer.from(JSON.stringify({ purposes, format: 1 })));
      const { outcomes, error } = await open(files);
      expect([error, outcomes.of('updates').open]).toEqual([null, isOpen]);
    }
  });

  it('are outdated from a change of the route to the next result', async () => {
    const { outcomes } = await open(new CrashingFiles());
    await outcomes.note('updates', { at: Date.UTC(2099, 0, 1), failure: aFailure() });
    outcomes.outdate('updates');
    expect([outcomes.isOutdated('updates'), outcomes.isOutdated('platform')]).toEqual([true, false]);
    await outcomes.note('updates', { at: 1, failure: null });
    expect(outcomes.isOutdated('updates')).toBe(false);
  });

  it('are the old or the new ones, wherever the machine crashes', async () => {
    await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        await (await open(files)).outcomes.note('updates', { at: 1, failure: null });
        return files;
      },
      act: async (files) => (await open(files)).outcomes.note('updates', { at: 2, failure: null }),
      check: async ({ files, where }) => {
        const { outcomes, error } = await open(files);
        expect(error, where).toBeNull();
        expect([1, 2], where).toContain(outcomes.of('updates').succeeded_at);
      },
    });
  });
});

describe('status: progress', () => {
  const at = (received: number) => ({ id: '1', received, length: 100 });

  it('has no rate at first, then the rate since the first reported bytes', () => {
    const first = progressed(null, at(10), 1_000);
    expect(first.rate).toBeNull();
    expect(progressed(first, at(20), 1_100).rate).toBeNull();
    expect(progressed(first, at(30), 3_000)).toMatchObject({ received: 30, rate: 10 });
  });

  it('starts over with another package, and when a download starts over', () => {
    const first = progressed(null, at(50), 0);
    expect(progressed(first, { ...at(60), id: '2' }, 5_000).rate).toBeNull();
    expect(progressed(first, at(5), 5_000).rate).toBeNull();
  });
});
