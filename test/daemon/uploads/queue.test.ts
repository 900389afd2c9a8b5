// `sallyport queue` and `status` over a composed daemon whose documents cannot be sent, then can.

import { expect, it, vi } from 'vitest';
import type { QueueEntry } from '#control/queue.ts';
import { statusSchema } from '#control/status.ts';
import { Followers } from '#daemon/answers/followers.ts';
import { MetricsSource } from '#daemon/metrics/metrics-source.ts';
import { handlersOf } from '#daemon/verbs.ts';
import { type AnalyticsRig, openAnalytics } from '#test/support/analytics-rig.ts';
import { FAULTS, startFaultProxy } from '#test/support/fault-proxy.ts';

/** The call of an admin. */
const call = <Q>(request: Q) => {
  const signal = new AbortController().signal;
  return { request, signal, onEvent: () => undefined, authority: 'admin' as const, peer: null };
};

function answersOf({ agent, parts }: AnalyticsRig) {
  const handlers = handlersOf(agent, parts, {
    followers: new Followers(parts),
    metrics: new MetricsSource(parts, agent),
  });
  return {
    entries: async (): Promise<QueueEntry[]> =>
      (await handlers.listQueue(call(undefined))).kinds.flatMap(({ entries }) => entries),
    show: (id: string) => handlers.showQueued(call({ kind: 'batch', id })),
    retry: () => handlers.retryQueued(call({ kind: 'batch', id: null })),
    drop: (id: string) => handlers.dropQueued(call({ kind: 'batch', id })),
    verify: () => handlers.verifyQueue(call(null)),
    status: async () => statusSchema.parse(await agent.status()),
  };
}

it('queue of documents: says why a batch waits, names its documents, and sends it after retry', async () => {
  const proxy = await startFaultProxy(FAULTS.closesBeforeAnswering);
  const rig = await openAnalytics({
    others: { proxies: [{ name: 'corp', address: '127.0.0.1', port: proxy.port, default: true }] },
  });
  try {
    const { entries, show, retry, verify, status } = answersOf(rig);
    await rig.submit(1, 2, 3);
    // The failure is stored after the attempt, and the next attempt may begin soon. So the answers are those between two
    // equal states of the batch.
    const readOnce = async () => {
      const [found] = await entries();
      const [shown, { uploads: rows, routes: listed }] = [await show(found?.id.slice(0, 8) ?? ''), await status()];
      const [after] = await entries();
      expect(after?.attempts).toBe(found?.attempts);
      expect(listed.map(({ next_try }) => next_try)).toContain(found?.next_try ?? 'a time');
      return { entry: found, detail: shown, uploads: rows, routes: listed };
    };
    const { entry, detail, uploads, routes } = await vi.waitFor(readOnce, { timeout: 20_000 });

    expect(entry).toMatchObject({ kind: 'batch', state: 'waiting', content: { items: 3 } });
    expect(detail.failure?.hop).toContain('proxy corp');
    expect(detail.documents).toHaveLength(3);
    expect(JSON.stringify(detail)).not.toContain('"n":');
    expect(await verify()).toEqual([{ kind: 'batch', id: entry?.id, outcome: 'intact' }]);
    expect(uploads).toMatchObject([
      { purpose: 'support_logs', off: { key: 'support_logs.enabled' } },
      { purpose: 'exposure_analytics', off: null, queue: { waiting: { items: 3 }, next_try: entry?.next_try } },
      { purpose: 'telemetry', off: { key: 'telemetry.enabled' } },
    ]);
    expect(routes.find(({ purpose }) => purpose === 'exposure_analytics')).toMatchObject({
      last_failure: { failure: { code: entry?.last_failure?.code } },
      next_try: entry?.next_try,
    });

    const before = proxy.connections;
    expect(await retry()).toEqual({ retried: [{ kind: 'batch', entries: 1 }], sending: true });
    await expect.poll(() => proxy.connections, { timeout: 20_000 }).toBeGreaterThan(before);
  } finally {
    await rig.close();
    await proxy.close();
  }
});

it('queue of documents: a dropped batch is not sent, and its documents no longer count', async () => {
  const rig = await openAnalytics({ section: { url: 'http://127.0.0.1:9/' } });
  try {
    const { entries, drop, status } = answersOf(rig);
    await rig.submit(1, 2);
    await expect.poll(async () => (await entries()).length, { timeout: 20_000 }).toBe(1);
    const [entry] = await entries();

    expect(await drop(entry?.id ?? '')).toMatchObject({ id: entry?.id });

    expect(await entries()).toEqual([]);
    expect((await status()).uploads[1]?.queue).toMatchObject({ waiting: { items: 0, bytes: 0 }, oldest: null });
    expect(rig.events.filter(({ name }) => name === 'queue-dropped')).toHaveLength(1);
  } finally {
    await rig.close();
  }
});
