// `sallyport send-logs` as a user sees it while a daemon runs: one daemon in its own process, commands over its sockets.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LogsDetail, LogsJob, LogsPlan } from '#control/uploads/send-logs.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { realFiles } from '#system/real-files.ts';
import { saveState } from '#system/state-file.ts';
import { type GatedRelay, startGatedRelay } from '#test/support/gated-relay.ts';
import { runHere } from '#test/support/run-here.ts';
import { type Running, Site } from '#test/support/site.ts';

/** The size of a request of the upload, and of what passes until the test looks. */
const CHUNK = 65_536;
const PASSED = 1.5 * CHUNK;

let origin: Origin;
let originDir: string;
let relay: GatedRelay;
let site: Site;
let daemon: Running;

beforeAll(async () => {
  originDir = await mkdtemp(join(tmpdir(), 'sallyport-origin-'));
  origin = await startOrigin({ dir: originDir, uploads: {} });
  relay = await startGatedRelay(Number(new URL(origin.url).port));
  site = await Site.make();
  const url = origin.supportLogsUrl.replace(new URL(origin.url).port, String(relay.port));
  // Random, so that it stays large when it is compressed.
  writeFileSync(join(site.dir, 'app.log'), `${randomBytes(150_000).toString('hex')}\n`);
  await site.configure({ support_logs: { enabled: true, url, sources: ['versions', join(site.dir, 'app.log')] } });
  await mkdir(join(site.dir, 'state'), { mode: 0o700 });
  // As if larger requests had failed before.
  const chunk = { bytes: CHUNK, passed: 0, failedAt: 2 * CHUNK, failures: 4 };
  const path = {
    proxy: 'direct',
    origin: new URL(url).origin,
    chunk,
    method: 'patch',
    method_at: null,
    passed_at: null,
  };
  await saveState(realFiles, join(site.dir, 'state', 'upload-paths.json'), { format: 1, value: { paths: [path] } });
  daemon = site.start(['run']);
  await daemon.line('Support logs are enabled');
});
afterAll(async () => {
  await site.remove();
  await relay.close();
  await origin.close();
  await rm(originDir, { recursive: true, force: true });
});

const run = (...args: string[]) => site.run(['send-logs', ...args]);
const json = async <T>(...args: string[]) => JSON.parse((await run(...args, '--json')).out) as T;
const arrived = () => origin.record.bundles.map(({ job, sha256 }) => ({ job, sha256 }));

/** Runs it with a person at the terminal; `shown` has what is on the screen. */
function atTerminal(...args: string[]) {
  const person = Promise.withResolvers<boolean>();
  const shown = { out: '' };
  const ended = runHere(['send-logs', ...args, '--config', site.config], {
    atTerminal: { enter: person.promise, shown: (text) => Object.assign(shown, { out: text }) },
  });
  return { ended, shown, pressEnter: () => person.resolve(true) };
}

/** Lets a part of the next upload pass. */
const hold = () => {
  relay.limit = relay.passed + PASSED;
};
const release = () => {
  relay.limit = Number.POSITIVE_INFINITY;
};

describe('send-logs with a daemon', () => {
  it('send-logs: --dry-run over the socket of a daemon lists files and sends nothing', async () => {
    const { code, out } = await run('--dry-run');
    const { files } = await json<LogsPlan>('--dry-run');

    expect([code, out.split('\n')[0]]).toEqual([
      0,
      expect.stringMatching(/^Files of a bundle: 2 \(.+\)\. Nothing was sent\.$/),
    ]);
    for (const { name } of files) expect(out).toContain(name);
    expect([await json('list'), arrived()]).toEqual([[], []]);
  });

  it('send-logs: --prepare stops before the upload, show prints what approve then sends', async () => {
    const prepared = await run('--prepare', '--case', '4711');
    const [job] = await json<LogsJob[]>('list');
    const id = job?.job ?? '';
    expect([prepared.code, prepared.out]).toEqual([0, expect.stringContaining(`Prepared bundle ${id}`)]);
    expect([job?.state, arrived()]).toEqual(['prepared', []]);

    const shown = await run('show', id);
    const detail = await json<LogsDetail>('show', id);
    const file = await run('show', id, 'versions.json');
    expect([shown.code, file.code]).toEqual([0, 0]);
    expect(shown.out).toContain(job?.sha256);
    expect(JSON.parse(file.out)).toMatchObject({ node: process.versions });
    expect(detail.files.map(({ name }) => name)).toContain('versions.json');

    const approved = await run('approve', id);
    expect([approved.code, approved.out]).toEqual([0, expect.stringContaining(`Sent bundle ${id}`)]);
    expect(arrived()).toEqual([{ job: id, sha256: job?.sha256 }]);
    const gone = await run('show', id, 'versions.json');
    expect([gone.code, gone.err]).toEqual([17, expect.stringContaining('[JOB-STATE]')]);
    const again = await run('approve', id);
    expect([again.code, again.err]).toEqual([17, expect.stringContaining('[JOB-STATE]')]);
  });

  it('send-logs: a terminal shows a bar of confirmed bytes; status and list show the same', async () => {
    hold();
    const { ended, shown } = atTerminal();
    await vi.waitFor(() => expect(shown.out).toMatch(/\d{8}-[a-z2-9]{6} \[#+-+\] +\d+% /), { timeout: 10_000 });
    const [job] = (await json<LogsJob[]>('list')).slice(-1);
    const status = JSON.parse((await site.run(['status', '--json'])).out) as Record<string, unknown>;
    const transfer = { id: job?.job, confirmed: job?.confirmed, length: job?.length };
    expect(job).toMatchObject({ state: 'uploading', confirmed: expect.any(Number), length: expect.any(Number) });
    expect((job?.confirmed ?? 0) % CHUNK).toBe(0);
    expect(status['uploads']).toEqual(
      expect.arrayContaining([expect.objectContaining({ transfer: expect.objectContaining(transfer) })]),
    );
    release();

    const { code, out } = await ended;
    expect([code, out]).toEqual([0, expect.stringContaining(`Sent bundle ${job?.job}`)]);
    expect(arrived().at(-1)?.job).toBe(job?.job);
  });

  it('send-logs: ENTER ends the wait, not the upload, and another command joins it', async () => {
    hold();
    const { ended, shown, pressEnter } = atTerminal('--case', '9');
    await vi.waitFor(() => expect(shown.out).toContain('%'), { timeout: 10_000 });
    pressEnter();
    const left = await ended;
    const [job] = (await json<LogsJob[]>('list')).slice(-1);
    expect([left.code, left.err]).toEqual([0, expect.stringContaining(`Stopped waiting for bundle ${job?.job}.`)]);

    const joined = atTerminal('--case', '9');
    await vi.waitFor(() => expect(joined.shown.out).toContain('%'), { timeout: 10_000 });
    release();
    const { code, err } = await joined.ended;
    expect([code, err]).toEqual([0, expect.stringContaining(`Bundle ${job?.job} is already running`)]);
    expect(arrived().at(-1)?.job).toBe(job?.job);
  });

  it('send-logs: a failed upload ends with the status of its class; the daemon tries again', async () => {
    const before = arrived().length;
    const port = relay.port;
    await relay.close();
    const { code, out } = await run();
    expect([code, out]).toEqual([
      11,
      expect.stringMatching(/is not sent yet\. The daemon tries again at .+\n {2}.*\[TCP-REFUSED\]/),
    ]);
    relay = await startGatedRelay(Number(new URL(origin.url).port), port);

    const again = await run();
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('Sent bundle ')]);
    expect(arrived()).toHaveLength(before + 1);
  });

  it('send-logs: no name of a file leads outside the bundle', async () => {
    const { job } = await json<LogsJob>('--prepare');
    for (const name of ['/etc/passwd', '../job.json', '../../../config/sallyport.yaml', 'versions.json/..', '']) {
      const { code, out, err } = await run('show', job, name);
      expect([name, code, out]).toEqual([name, 19, '']);
      expect(err).toContain('[BUNDLE-NO-FILE]');
    }
    const { code } = await run('show', '../../state', 'versions.json');
    expect(code).toBe(17);
  });

  it('send-logs: a job that does not exist is refused by each command', async () => {
    for (const command of ['show', 'approve', 'delete']) {
      const { code, err } = await run(command, '20200101-aaaaaa');
      expect([command, code, err]).toEqual([command, 17, expect.stringMatching(/^\[(?:JOB|REQUEST)-UNKNOWN\]/m)]);
    }
  });
});
