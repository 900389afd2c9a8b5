import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import type { SessionRequest, SessionResponse } from '#http/session/session.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import { decodeOtlp, LOGS_REQUEST } from '#test/support/collector.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import type { QueuedEvent } from '#uploads/telemetry/log-queue.ts';
import { TelemetrySender } from '#uploads/telemetry/sender.ts';

const MINUTE = 60_000;
const event = (message: string): QueuedEvent => ({
  atMs: 0,
  level: 'info',
  name: 'started',
  thread: 'Main',
  message,
  code: null,
});

interface Rig {
  readonly clock: FakeClock;
  readonly sender: TelemetrySender;
  readonly paths: string[];
  readonly said: string[];
  readonly results: (string | null)[];
  /** The messages of each request with log events. */
  readonly logs: string[][];
  status: (path: string) => number | Promise<never>;
  /** Lets so much time pass, and waits for the requests that it starts. */
  pass(ms: number): Promise<void>;
}

function makeRig(): Rig {
  const clock = new FakeClock();
  const paths: string[] = [];
  const said: string[] = [];
  const results: (string | null)[] = [];
  const logs: string[][] = [];
  const rig: Rig = { clock, sender: null as never, paths, said, results, logs, status: () => 200, pass };
  const request = async ({ request: { url, body }, signal }: SessionRequest): Promise<SessionResponse> => {
    paths.push(url.pathname);
    if (url.pathname.endsWith('logs')) logs.push(messagesOf(gunzipSync(body as Uint8Array)));
    const ended = new Promise<never>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('aborted'))),
    );
    const status = await Promise.race([rig.status(url.pathname), ended]);
    const head = {
      status,
      reason: '',
      rawHeaders: [],
      header: () => undefined,
      via: null,
      contentLength: 0,
    };
    return { head, body: Buffer.alloc(0), facts: { proxy: null, how: 'direct' } } as unknown as SessionResponse;
  };
  const report: ScopedReport = (reported) => said.push((reported as SallyportEvent).name);
  const sender = new TelemetrySender({
    session: { request },
    clock,
    random: () => 0,
    report,
    nowMs: () => clock.now(),
    settings: () => ({ response_timeout: { base_ms: 1_000 } }) as never,
    headers: () => ({}),
    source: { version: '1', id: 'a', host: 'h' },
    url: () => 'https://otel.example/base/?tenant=1',
    families: () => Promise.resolve({ families: [], sinceMs: 0 }),
    redacted: (messages) => Promise.resolve(messages.map((message) => message.replace('secret', '***'))),
    noteResult: (failure: CodedError | null) => results.push(failure?.code ?? null),
  });
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await clock.advanceAsync(Math.min(1_000, left));
      if (rig.sender.isBusy) await vi.waitFor(() => expect(rig.sender.isBusy).toBe(false)).catch(() => undefined);
    }
  }
  return Object.assign(rig, { sender });
}

function messagesOf(body: Uint8Array): string[] {
  const { resourceLogs } = decodeOtlp(LOGS_REQUEST, body) as {
    resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[];
  };
  return resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body: { stringValue } }) => stringValue)),
  );
}

let rig: Rig;
beforeEach(() => {
  rig = makeRig();
});
afterEach(async () => {
  await rig.sender.stop();
  expect(rig.clock.pending).toBe(0);
});

describe('telemetry: sending', () => {
  it('telemetry: metrics are sent every minute below the URL, with its query', async () => {
    rig.sender.start();
    await rig.pass(2 * MINUTE + 1_000);
    expect(rig.paths).toEqual(['/base/v1/metrics', '/base/v1/metrics', '/base/v1/metrics']);
    expect(rig.results).toEqual([null, null, null]);
  });

  it('telemetry: log events are sent together, masked, within ten seconds', async () => {
    rig.sender.start();
    await rig.pass(1_000);
    for (const message of ['one', 'two secret', 'three']) rig.sender.add(event(message));
    await rig.pass(9_000);
    expect(rig.logs).toEqual([]);
    await rig.pass(2_000);
    expect(rig.logs).toEqual([['one', 'two ***', 'three']]);
  });

  it('telemetry: many log events do not wait, and a request has at most 512', async () => {
    rig.sender.start();
    await rig.pass(1_000);
    for (let count = 0; count < 1_100; count += 1) rig.sender.add(event(`${count}`));
    await rig.pass(1_000);
    expect(rig.logs.map(({ length }) => length)).toEqual([512, 512, 76]);
    expect(rig.logs.flat()).toEqual(Array.from({ length: 1_100 }, (_none, count) => `${count}`));
  });

  it.each([429, 502, 503, 504])('telemetry: after %i the same log events are sent again', async (status) => {
    rig.sender.start();
    await rig.pass(1_000);
    rig.status = (path) => (path.endsWith('logs') ? status : 200);
    rig.sender.add(event('kept'));
    await rig.pass(11_000);
    rig.status = () => 200;
    await rig.pass(5 * MINUTE);
    expect(rig.logs).toEqual([['kept'], ['kept']]);
    expect(rig.said).toEqual(['telemetry-failed', 'telemetry-recovered']);
    expect(rig.results).toContain('ORIGIN-STATUS');
    expect(rig.results.at(-1)).toBeNull();
  });

  it.each([400, 401, 404, 413, 500])('telemetry: after %i the same log events are never sent again', async (status) => {
    rig.sender.start();
    await rig.pass(1_000);
    rig.status = (path) => (path.endsWith('logs') ? status : 200);
    rig.sender.add(event('refused'));
    await rig.pass(11_000);
    rig.status = () => 200;
    rig.sender.add(event('next'));
    await rig.pass(5 * MINUTE);
    expect(rig.logs).toEqual([['refused'], ['next']]);
    expect(rig.said).toEqual(['telemetry-failed', 'telemetry-recovered']);
  });

  it('telemetry: once log events are not sent any more, their failure is no longer shown', async () => {
    rig.sender.start();
    await rig.pass(1_000);
    rig.status = (path) => (path.endsWith('logs') ? 503 : 200);
    rig.sender.add(event('refused'));
    await rig.pass(2 * MINUTE);
    expect(rig.results.at(-1)).toBe('ORIGIN-STATUS');
    const sent = rig.logs.length;

    rig.sender.clearLogs();
    rig.sender.settingsChanged();
    await rig.pass(11_000);
    expect(rig.results.at(-1)).toBeNull();
    expect(rig.logs).toHaveLength(sent);

    rig.sender.add(event('after they are sent again'));
    await rig.pass(11_000);
    expect(rig.said).toEqual(['telemetry-failed', 'telemetry-failed-again', 'telemetry-failed']);
  });

  it('telemetry: a collector that does not answer holds one request, and a stop ends it', async () => {
    rig.status = () => new Promise<never>(() => undefined);
    rig.sender.start();
    await rig.clock.advanceAsync(1_000);
    await vi.waitFor(() => expect(rig.paths).toHaveLength(1));
    for (let count = 0; count < 5_000; count += 1) rig.sender.add(event(`${count}`));
    await rig.clock.advanceAsync(10 * MINUTE);
    expect(rig.paths).toHaveLength(1);
    await rig.sender.stop();
    expect(rig.said).toEqual([]);
  });

  it('telemetry: new settings end the running request and are used soon', async () => {
    rig.status = () => new Promise<never>(() => undefined);
    rig.sender.start();
    await rig.clock.advanceAsync(1_000);
    await vi.waitFor(() => expect(rig.paths).toHaveLength(1));
    rig.status = () => 200;
    rig.sender.settingsChanged();
    await vi.waitFor(() => expect(rig.sender.isBusy).toBe(false));
    await rig.pass(11_000);
    expect(rig.paths).toHaveLength(2);
    expect(rig.results).toEqual([null]);
  });
});
