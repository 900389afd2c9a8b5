// A platform that sends more than it should: what it can make this host do, and what it can make it forget.

import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { Handled } from '#platform/inbox/inbox-ports.ts';
import { saveState } from '#system/state-file.ts';
import { TestHost, TestPlatform } from '#test/support/inbox-rig.ts';

const HOUR_MS = 3_600_000;
const failure = coded('PLATFORM-RUNNING', {});

async function started(handler: (id: string) => Handled): Promise<{ host: TestHost; platform: TestPlatform }> {
  const host = new TestHost(handler);
  (await host.open()).start();
  return { host, platform: new TestPlatform() };
}

function push(platform: TestPlatform, count: number, command: string): string[] {
  return Array.from({ length: count }, () => platform.push({ command }));
}

describe('inbox', () => {
  it('inbox: commands in progress count towards the limit, and are not refused later', async () => {
    const ended = new Set<string>();
    const { host, platform } = await started((id) =>
      ended.has(id) ? { kind: 'done', job: null } : { kind: 'later', waitMs: 2 * HOUR_MS, failure, isFailure: false },
    );
    const ids = push(platform, 40, 'update-available');
    await host.connect(platform);
    expect(host.handled.size).toBe(12);
    expect(platform.results.size).toBe(28);
    await host.pass(HOUR_MS);
    push(platform, 12, 'update-available');
    await host.connect(platform);
    expect(host.handled.size).toBe(24);

    for (const id of host.handled.keys()) ended.add(id);
    await host.pass(2 * HOUR_MS);
    await host.connect(platform);
    const done = ids.filter((id) => platform.results.get(id)?.outcome === 'done');
    expect(done).toHaveLength(12);
  });

  it('inbox: a restart does not forget the commands in progress', async () => {
    const { host, platform } = await started(() => ({ kind: 'later', waitMs: HOUR_MS / 2, failure, isFailure: true }));
    push(platform, 12, 'activation-changed');
    await host.connect(platform);
    host.die();
    (await host.open()).start();
    push(platform, 12, 'activation-changed');
    await host.connect(platform);
    expect(host.handled.size).toBe(12);
    expect(platform.results.size).toBe(12);
  });

  it('inbox: only the first welcome of a connection is answered', async () => {
    const { host, platform } = await started(() => ({ kind: 'done', job: null }));
    push(platform, 1, 'advice');
    host.isConnected = false;
    await host.connect(platform, { cut: 2 });
    const welcome = { type: 'welcome', activation: 'activated', seq: 1 } as const;
    expect(await host.inbox?.receive(welcome)).toEqual([]);
    host.inbox?.connected();
    expect(await host.inbox?.receive(welcome)).toHaveLength(1);
  });

  it('inbox: a command that could not be stored is not acknowledged with the next one', async () => {
    const { host, platform } = await started(() => ({ kind: 'done', job: null }));
    push(platform, 2, 'update-available');
    host.inbox?.connected();
    const [first, second] = platform.due();
    const receive = async (message = first) =>
      message?.type === 'command' ? await host.inbox?.receive(message) : undefined;
    host.files.arm({ fullAfterBytes: 0 });
    await expect(receive(first)).rejects.toMatchObject({ code: 'DISK-FULL' });
    host.files.arm({});
    // It was already on its way when the connection ended. An acknowledgment of it includes all before it.
    await expect(receive(second)).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(host.inbox?.after).toBe(0);

    await host.connect(platform);
    expect([...host.handled.keys()]).toEqual(['c1', 'c2']);
    expect(host.inbox?.after).toBe(2);
  });

  it('inbox: a result that could not be sent needs no confirmation of its own', async () => {
    const { host, platform } = await started(() => ({ kind: 'waiting' }));
    push(platform, 1, 'send-logs');
    await host.connect(platform);
    host.isConnected = false;
    await host.inbox?.finish('c1', { kind: 'done', job: 'job-1' });
    const command = { command: 'send-logs', case: null } as const;
    // The platform asks once more, and confirms the answer.
    await host.inbox?.receive({ type: 'command', id: 'c1', seq: 1, command });
    await host.inbox?.receive({ type: 'result-ack', command: 'c1' });
    expect(host.inbox?.done).toMatchObject([{ id: 'c1', outcome: 'done', confirmed: true }]);
  });

  it('inbox: a command whose handler throws is answered as failed after 24 hours', async () => {
    const host = new TestHost(() => {
      throw coded('STATE-UNREADABLE', { path: '/state/x', reason: 'test', aside: '/state/x.bad' });
    });
    (await host.open()).start();
    const platform = new TestPlatform();
    push(platform, 1, 'send-logs');
    await host.connect(platform);
    await host.pass(120_000);
    expect(host.inbox?.waiting).toBe(1);
    host.clock.stepWall(24 * HOUR_MS);
    await host.pass(120_000);
    expect(host.inbox?.waiting).toBe(0);
    expect(host.inbox?.done).toMatchObject([{ outcome: 'failed', code: 'STATE-UNREADABLE' }]);
  });

  it('inbox: a flood of new commands ends the link; none is lost or done twice', async () => {
    const { host, platform } = await started(() => ({ kind: 'done', job: null }));
    push(platform, 12, 'update-available');
    push(platform, 200, 'x');
    await expect(host.connect(platform)).rejects.toMatchObject({ code: 'LINK-PROTOCOL' });
    // A new connection does not begin a new hour.
    await host.pass(60_000);
    await expect(host.connect(platform)).rejects.toMatchObject({ code: 'LINK-PROTOCOL' });
    expect(host.inbox?.done).toHaveLength(200);
    expect(host.inbox?.after).toBe(200);
    expect(host.handled.size).toBe(12);
    expect(host.events.filter(({ name }) => name.startsWith('platform-command'))).toHaveLength(400);

    await host.pass(HOUR_MS);
    await host.connect(platform);
    expect(platform.results.size).toBe(212);
    expect(host.twice).toEqual([]);
    expect([...host.handled.values()]).toEqual(Array.from({ length: 12 }, () => 1));
  });

  it('inbox: a flood of refusals drops neither the counts nor a result that waits', async () => {
    const host = new TestHost(() => ({ kind: 'done', job: null }));
    const at = host.clock.now();
    const common = { at, code: null, job: null, confirmed: true };
    const done: object[] = [{ ...common, id: 'asked', name: 'send-logs', outcome: 'waiting' }];
    done.push({ ...common, id: 'owed', name: 'advice', outcome: 'done', confirmed: false });
    for (let count = 2; count < 2_000; count += 1)
      done.push({ ...common, id: `x${count}`, name: 'x', outcome: 'refused' });
    const counted = Array.from({ length: 12 }, (_, count) => ({ id: `u${count}`, name: 'update-available', at }));
    const value = { after: 0, last: null, series: 0, done, counted };
    await host.files.makeDirectory('/state', 0o700);
    await saveState(host.files, '/state/platform-inbox.json', { format: 1, value });
    const inbox = await host.open();
    inbox.start();

    const platform = new TestPlatform();
    push(platform, 4, 'x');
    push(platform, 2, 'update-available');
    await host.connect(platform);
    expect(host.handled.size).toBe(0);
    expect(inbox.done).toHaveLength(2_000);
    expect(inbox.done.slice(0, 2)).toMatchObject([{ id: 'asked' }, { id: 'owed' }]);
    expect(inbox.done.some(({ id }) => id === 'x2')).toBe(false);
  });
});
