// "Send logs" more than ten times to a real daemon that is killed in between, under each value of
// support_logs.on_platform_request; and a real daemon without the link, whose connections are counted from outside.

import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestPlatform, type TestPlatform, WELCOME } from '#test/platform/support/test-platform.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { Site } from '#test/support/site.ts';
import { watchProcess } from '#test/support/watched.ts';

vi.setConfig({ testTimeout: 120_000 });

const DAY = '20261130';
const AMPLE = { timeout: 20_000 };

type Condition = (daemon: SallyportProcess) => Promise<unknown>;

describe('send-logs to a daemon that is killed', () => {
  let platform: TestPlatform;
  let server: PlatformRig;
  let dir: string;
  let daemon: SallyportProcess | null = null;
  const lines: string[] = [];
  beforeAll(async () => {
    [platform, server] = await Promise.all([startTestPlatform(undefined, true), PlatformRig.start({ uploads: {} })]);
  });
  afterEach(async () => {
    daemon?.child.kill('SIGKILL');
    await daemon?.ended;
    daemon = null;
    lines.splice(0);
    platform.received.splice(0);
    await rm(dir, { recursive: true, force: true });
  });
  afterAll(async () => {
    await Promise.all([platform.close(), server.close()]);
  });

  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  };

  /** The platform sends each of these commands so often after each hello. */
  function send(ids: readonly string[], copies: number): void {
    const commands = ids.flatMap((id, index) =>
      Array.from({ length: copies }, () => ({
        ...{ v: 1, type: 'command', id, seq: index + 1 },
        ...{ command: 'send-logs', case: 'C-1042' },
      })),
    );
    platform.greeting = [{ ...WELCOME, seq: ids.length }, ...commands];
  }

  const hellos = () => platform.received.filter(({ type }) => type === 'hello').length;

  /** A request leads to each of these lines once: an earlier daemon may have logged it. */
  const saidOnce =
    (text: string): Condition =>
    async (process) => {
      if (!lines.some((line) => line.includes(text))) await process.said(text);
    };

  /** The moment, in a session of this daemon: what is awaited may have happened in the life of an earlier one. */
  const inSession =
    (reached: Condition): Condition =>
    async (process) => {
      const before = hellos();
      await Promise.all([reached(process), until(() => hellos() > before)]);
    };

  const results = (id: string) =>
    platform.received.flatMap((message) => (message.type === 'result' && message.command === id ? [message] : []));
  const hasResult = (id: string, outcome: string) => results(id).some((one) => one.outcome === outcome);

  async function configure(onPlatformRequest: string): Promise<string> {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-send-logs-'));
    return await writeConfig(dir, {
      updates: { feed_url: 'http://127.0.0.1:9/feed.json' },
      platform: { enabled: true, url: `ws://127.0.0.1:${platform.port}/link` },
      support_logs: {
        enabled: true,
        url: server.origin.supportLogsUrl,
        sources: ['versions'],
        on_platform_request: onPlatformRequest,
      },
    });
  }

  /** Starts it again and again, and kills it at each of these moments. */
  async function killAt(config: string, moments: readonly Condition[]): Promise<void> {
    for (const reached of moments) {
      daemon = startSallyport(['--config', config, 'run']);
      await Promise.race([reached(daemon), daemon.ended]);
      daemon.child.kill('SIGKILL');
      expect(await daemon.ended).toBe('SIGKILL');
      lines.push(...daemon.lines);
    }
  }

  it('send-logs: under allow, one verified bundle has the id of the request', async () => {
    const id = `${DAY}-al10w`;
    send([id], 2);
    const received = () => platform.received.length;
    const bundles = () => server.origin.record.bundles;
    const moments: readonly Condition[] = [
      () => until(() => received() > 0),
      () => until(() => platform.received.some(({ type }) => type === 'ack')),
      saidOnce('was requested by'),
      saidOnce('is ready to be sent'),
      () => until(() => bundles().length > 0),
      () => until(() => hasResult(id, 'done')),
    ];
    await killAt(await configure('allow'), moments.map(inSession));
    expect(hellos() * 2).toBeGreaterThanOrEqual(10);
    // The server lists a bundle once its length and digest are the announced ones.
    expect(bundles().map(({ job }) => job)).toEqual([id]);
    expect(results(id).at(-1)).toMatchObject({ outcome: 'done', code: null, job: id });
  });

  it('send-logs: under ask, ten requests sent 40 times wait once each', async () => {
    const ids = Array.from({ length: 10 }, (_none, index) => `${DAY}-ask${index}`);
    send(ids, 2);
    const config = await configure('ask');
    await killAt(config, [
      () => until(() => ids.slice(0, 5).every((id) => hasResult(id, 'waiting'))),
      () => until(() => ids.every((id) => hasResult(id, 'waiting'))),
    ]);
    const stored = JSON.parse(await readFile(join(dir, 'state', 'platform-requests.json'), 'utf8')) as {
      requests: readonly { id: string; state: string }[];
    };
    expect(stored.requests.map(({ id, state }) => `${id} ${state}`).toSorted()).toEqual(
      ids.map((id) => `${id} waiting`),
    );
    expect(server.origin.record.bundles.filter(({ job }) => ids.includes(job))).toEqual([]);
  });

  it('send-logs: under deny, ten requests are answered and logged, and none makes a bundle', async () => {
    const ids = Array.from({ length: 10 }, (_none, index) => `${DAY}-deny${index}`);
    send(ids, 2);
    await killAt(await configure('deny'), [
      () => until(() => ids.slice(0, 5).every((id) => hasResult(id, 'refused'))),
      () => until(() => ids.every((id) => hasResult(id, 'refused'))),
    ]);
    for (const id of ids) {
      expect(results(id).every(({ outcome, code }) => outcome === 'refused' && code === 'PLATFORM-DENIED')).toBe(true);
      expect(lines.filter((line) => line.includes(`Request ${id} from the platform`)).length).toBeGreaterThan(0);
    }
    expect(server.origin.record.bundles.filter(({ job }) => ids.includes(job))).toEqual([]);
  });
});

describeWith(['strace'], 'a daemon without the link', () => {
  it('platform: with enabled: false, a real daemon makes no connection, counted by strace', async () => {
    const platform = await PlatformRig.start();
    const watched = await watchProcess([]);
    const site = await Site.make();
    try {
      const configure = (enabled: boolean) =>
        site.configure({ updates: { jitter_seconds: 0 }, platform: { enabled, url: platform.url } });
      await configure(false);
      const daemon = site.start(['run'], {}, watched.wrap);
      await daemon.line('Listening for commands');
      await vi.waitFor(async () => expect((await site.run(['status'])).code).toBe(0), AMPLE);
      expect(watched.rest().connects).toEqual([]);
      // The same process, the same counter: with the link enabled there is one.
      await configure(true);
      await vi.waitFor(() => expect(platform.agents).toHaveLength(1), AMPLE);
      expect(watched.rest().connects).toEqual([`127.0.0.1:${new URL(platform.url).port}`]);
      await configure(false);
      await daemon.line('The link to the platform is closed');
      await platform.restart();
      await site.run(['status']);
      for (const pid of childrenOf(daemon.child.pid)) process.kill(pid, 'SIGTERM');
      await daemon.ended;
      expect(watched.rest().connects).toEqual([]);
    } finally {
      await site.remove();
      watched.close();
      await platform.close();
    }
  });
});

/** The traced process: signals for strace do not reach it. */
function childrenOf(pid: number | undefined): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}
