// Rounds over a real composition and a real loopback origin: one runs at a time, and callers get its events and result.

import { getEventListeners } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statusSchema } from '#control/status.ts';
import { markRounds } from '#daemon/in-process.ts';
import { ScheduleState, schedulesPath } from '#daemon/schedule/schedule-state.ts';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('1602503', 200_000);
const NEVER = new AbortController().signal;
const DEAF = () => undefined;

let origin: ScriptedOrigin;
let composed: Composed;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('1602503', JAR, { notes: 'Monthly' })]), 'application/json');
  origin.serve('/1602503.jar', JAR);
  composed = await composeIn({
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
  });
});
afterEach(async () => {
  await composed.remove();
  await origin.close();
});

/** The package arrives up to its middle and waits; `asked` resolves when the download has begun. */
function hold(): { readonly asked: Promise<void>; finish(): void } {
  const asked = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  origin.on('/1602503.jar', (_request, response) => {
    response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
    response.write(JAR.subarray(0, 100_000), () => asked.resolve());
    void go.promise.then(() => response.end(JAR.subarray(100_000)));
  });
  return { asked: asked.promise, finish: () => go.resolve() };
}

const names = (events: readonly SallyportEvent[]) => events.map(({ name }) => name);

describe('a round', () => {
  it('agent: callers that request a round during one join it and get its events and result', async () => {
    const held = hold();
    const heard: SallyportEvent[][] = [[], []];
    const first = composed.agent.check((event) => heard[0]?.push(event), NEVER);
    await held.asked;
    const second = composed.agent.check((event) => heard[1]?.push(event), NEVER);
    held.finish();

    const results = await Promise.all([first, second]);

    expect(results[0]).toEqual(results[1]);
    expect(results[0]).toMatchObject({ failure: null, published: ['1602503'] });
    expect(origin.asked.filter((asked) => asked === 'GET /feed.json')).toHaveLength(1);
    expect(names(heard[0] ?? [])).toEqual(
      expect.arrayContaining(['checking', 'downloading', 'published', 'round-ended']),
    );
    expect(names(heard[1] ?? [])).toEqual(expect.arrayContaining(['published', 'round-ended']));
    expect(names(heard[1] ?? [])).not.toContain('checking');
  });

  it.each(['99999999999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'that must retry at %s names that time, at most 31 days from now (issue 10)',
    async (retryAfter) => {
      origin.on('/feed.json', (_request, response) => {
        response.writeHead(503, { 'retry-after': retryAfter }).end();
      });

      const { failure, retry_at } = await composed.agent.check(DEAF, NEVER);

      expect(failure?.code).toBe('ORIGIN-STATUS');
      expect(Date.parse(retry_at ?? '') - Date.now()).toBeLessThanOrEqual(31 * 86_400_000);
    },
  );

  it('starts again for a caller that requests it after the previous one ended', async () => {
    await composed.agent.check(DEAF, NEVER);
    expect(await composed.agent.check(DEAF, NEVER)).toMatchObject({ failure: null, published: [] });
    expect(origin.asked.filter((asked) => asked === 'GET /feed.json')).toHaveLength(2);
  });

  it('continues when a caller goes away, and that caller gets no more events', async () => {
    const held = hold();
    const leaving = new AbortController();
    const heard: SallyportEvent[] = [];
    const first = composed.agent.check((event) => heard.push(event), leaving.signal);
    await held.asked;
    const reason = coded('INTERRUPTED', { reason: 'the command went away' });
    leaving.abort(reason);
    await expect(first).rejects.toBe(reason);
    const before = heard.length;

    const second = composed.agent.check(DEAF, NEVER);
    held.finish();

    expect(await second).toMatchObject({ published: ['1602503'] });
    expect(heard).toHaveLength(before);
  });

  it('removes its listener from the signal of a caller when it ends', async () => {
    const { signal } = new AbortController();
    await composed.agent.check(DEAF, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not start for a caller that went away before', async () => {
    const reason = coded('INTERRUPTED', { reason: 'gone' });
    await expect(composed.agent.check(DEAF, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(origin.asked).toEqual([]);
  });

  it('never rejects: a failure is part of its result', async () => {
    origin.on('/1602503.jar', (_request, response) => response.writeHead(404).end());
    const result = await composed.agent.check(DEAF, NEVER);
    expect(result).toMatchObject({ failure: null, failed: [{ id: '1602503', failure: { class: 'http' } }] });
    origin.on('/feed.json', (_request, response) => response.writeHead(500).end());
    const heard: SallyportEvent[] = [];
    expect(await composed.agent.check((event) => heard.push(event), NEVER)).toMatchObject({
      failure: { class: 'http' },
      published: [],
    });
    // "0 failed" would be said of a round whose check failed.
    expect(names(heard).filter((name) => name.startsWith('round-'))).toEqual(['round-failed']);
  });

  it('agent: a round of another process that is cut short leaves its schedule record open', async () => {
    const path = schedulesPath(composed.parts.ports.settings());
    const record = { first_at: 1, last_run_at: 1, succeeded_at: 1, failures: 0, open: false };
    const state = new ScheduleState(composed.parts.files, path);
    state.put('updates', record);
    await state.save();
    composed.agent.watchRounds(markRounds(composed.parts));
    const isOpen = async () => {
      await state.load();
      return state.get('updates')?.open;
    };
    const held = hold();
    const round = composed.agent.check(DEAF, NEVER);
    await held.asked;
    expect(await isOpen()).toBe(true);
    const ended = expect(round).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await composed.agent.stop('SIGINT');
    await ended;
    expect(await isOpen()).toBe(true);
  });

  it('agent: a round of another process that ends normally leaves no open schedule record', async () => {
    const state = new ScheduleState(composed.parts.files, schedulesPath(composed.parts.ports.settings()));
    state.put('updates', { first_at: 1, last_run_at: 1, succeeded_at: 1, failures: 0, open: true });
    await state.save();
    composed.agent.watchRounds(markRounds(composed.parts));
    await composed.agent.check(DEAF, NEVER);
    await state.load();

    expect(state.get('updates')?.open).toBe(false);
  });

  it('and a verification do not overlap', async () => {
    const held = hold();
    const round = composed.agent.check(DEAF, NEVER);
    await held.asked;
    const verified = composed.agent.verifyUpdates(DEAF, NEVER);
    held.finish();
    expect(await round).toMatchObject({ published: ['1602503'] });
    expect(await verified).toMatchObject([{ id: '1602503', failure: null }]);
  });
});

describe('a stop', () => {
  it('ends the running round, which keeps its bytes, and starts no other', async () => {
    const held = hold();
    const round = composed.agent.check(DEAF, NEVER);
    await held.asked;
    const ended = expect(round).rejects.toMatchObject({ code: 'INTERRUPTED', facts: { reason: 'SIGTERM' } });

    await composed.agent.stop('SIGTERM');

    await ended;
    const staging = await readdir(join(composed.dir, 'packages', '.staging'));
    expect(staging.some((name) => name.endsWith('.unverified'))).toBe(true);
    expect(staging.some((name) => name.endsWith('.journal'))).toBe(true);
    await expect(composed.agent.check(DEAF, NEVER)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('ends at once if nothing is running', async () => {
    await composed.agent.stop('SIGTERM');
    expect(origin.asked).toEqual([]);
  });
});

describe('the status', () => {
  it('of a new installation says that nothing has run yet', async () => {
    const status = statusSchema.parse(await composed.agent.status());
    expect(status).toMatchObject({
      main: { version: '9.8.7', state: 'running', pid: process.pid },
      config: { file: join(composed.dir, 'sallyport.yaml'), warnings: 0 },
      updates: {
        feed: `${origin.url}/feed.json`,
        serial: null,
        checking: false,
        last_success: null,
        last_failure: null,
        published: 0,
        transfer: null,
      },
      receipts: { waiting: 0, endpoint: `${origin.url}/acknowledge` },
      response_timeout: { mode: 'adaptive', base_ms: 30_000 },
      paths: [],
      log: { file: join(composed.dir, 'logs', 'sallyport.log') },
    });
    expect(status.routes.map(({ purpose, how }) => [purpose, how])).toEqual([
      ['updates', 'direct'],
      ['support_logs', 'not configured'],
      ['exposure_analytics', 'not configured'],
      ['platform', 'not configured'],
      ['telemetry', 'not configured'],
    ]);
  });

  it('names the running download and its progress', async () => {
    const held = hold();
    const round = composed.agent.check(DEAF, NEVER);
    await held.asked;
    await composed.agent.status();
    const progressed = new Promise<void>((resolve) => {
      composed.parts.events.add((event) => event.name === 'progress' && resolve());
    });
    await Promise.race([progressed, untilTransfer()]);
    const { updates } = await composed.agent.status();
    expect(updates.checking).toBe(true);
    expect(updates.transfer).toMatchObject({ id: '1602503', length: JAR.length });
    expect(updates.transfer?.received).toBeGreaterThan(0);
    held.finish();
    await round;
    expect((await composed.agent.status()).updates).toMatchObject({ checking: false, transfer: null });
  });

  it('agent: a manual check joins a running round only if that round tries every package', async () => {
    origin.serve('/1602503.jar', JAR);
    const feeds = () => origin.asked.filter((one) => one === 'GET /feed.json').length;
    origin.asked.length = 0;

    await Promise.all([composed.agent.round('due'), composed.agent.check(DEAF, NEVER), composed.agent.round('due')]);
    expect(feeds()).toBe(2);

    await Promise.all([composed.agent.round(), composed.agent.check(DEAF, NEVER), composed.agent.round('due')]);
    expect(feeds()).toBe(3);
  });

  it('agent: the status names a package that is held back, and a later caller learns it at once', async () => {
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    origin.on('/1602503.jar', (_request, response) => {
      asked.resolve();
      void go.promise.then(() => response.writeHead(200, { 'content-length': JAR.length }).end(JAR));
    });
    const round = composed.agent.check(DEAF, NEVER);
    await asked.promise;
    const { updates } = statusSchema.parse(await composed.agent.status());
    expect(updates.transfer).toBeNull();
    // Direct: there is no proxy that could scan.
    expect(updates.waiting).toMatchObject({ id: '1602503', proxy: null, scans: false, held_ms: null, held_size: null });
    expect(updates.waiting?.limit_ms).toBeGreaterThanOrEqual(300_000);
    const heard: SallyportEvent[] = [];
    const joined = composed.agent.check((event) => heard.push(event), NEVER);
    expect(heard).toMatchObject([{ name: 'waiting', id: '1602503', waited: expect.any(Number) }]);
    go.resolve();
    await Promise.all([round, joined]);
    expect((await composed.agent.status()).updates.waiting).toBeNull();
  });

  it('agent: the status after a round shows what is published, its route and what failed', async () => {
    origin.serve(
      '/feed.json',
      feedOf([itemFor('1602503', JAR), itemFor('u9', JAR, { package: 'other' })]),
      'application/json',
    );
    await composed.agent.check(DEAF, NEVER);
    const { updates, paths } = statusSchema.parse(await composed.agent.status());
    expect(updates).toMatchObject({ serial: 1, published: 1, published_bytes: JAR.length, last_failure: null });
    expect(updates.last_success).not.toBeNull();
    expect(updates.failing).toMatchObject([{ id: 'u9', failure: { class: 'http' } }]);
    expect(paths).toMatchObject([{ proxy: 'direct', origin: origin.url, via: null }]);
    expect(await composed.agent.listUpdates()).toMatchObject([{ id: '1602503', trust: 'loopback', notes: null }]);
  });
});

/** Progress may have been reported before the listener was added. */
async function untilTransfer(): Promise<void> {
  while ((await composed.agent.status()).updates.transfer === null) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
