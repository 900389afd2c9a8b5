import { describe, expect, it } from 'vitest';
import { statusCommand } from '#cli/status.ts';
import { type Status, statusSchema } from '#control/control.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

async function show(over: Partial<Status> = {}, json = false): Promise<string[]> {
  const terminal = fakeTerminal();
  const control = fakeControl({ status: () => Promise.resolve(aStatus(over)) });
  expect(await statusCommand(control, terminal, { json })).toBe(0);
  return terminal.told;
}

const { updates, main } = aStatus();

describe('status', () => {
  it('prints a section for each room, and stays the same', async () => {
    expect(await show()).toEqual([
      'Sallyport',
      '  version  0.1.0',
      '  state    running as process 4711 since 2026-11-20T00:00:00.000Z',
      '  health   OK: The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00.',
      '  agent    6f1c0c1e-0000-4000-8000-000000000000',
      '  config   /etc/sallyport/sallyport.yaml',
      'Routes',
      '  updates       tunnel through proxy corp to https://updates.example.com/feed.json (use_proxy_for.updates is default; corp is the default proxy)',
      '  support_logs  not configured',
      'Updates',
      '  feed          https://updates.example.com/feed.json',
      '  serial        17',
      '  last success  2026-11-20T00:05:00.000Z',
      '  next check    2026-11-20T06:07:00.000Z',
      '  published     2 packages, 30.0 MB',
      'Hook',
      '  command  none (updates.on_published)',
      'Receipts',
      '  endpoint  https://updates.example.com/acknowledge',
      '  waiting   0',
      'Response timeout',
      '  fixed  30000 ms of silence end an attempt (response_timeout.base_ms)',
      'Paths',
      '  https://updates.example.com by http://proxy.example.com:3128  seen 2026-11-20T00:05:00.000Z; Via 1.1 proxy.example.com; ranges work; held back until scanned',
      'Log',
      '  file  /var/log/sallyport/sallyport.log',
    ]);
  });

  it('prints a new installation without a feed and without a daemon in words', async () => {
    const told = await show({
      main: { ...main, state: 'not running', pid: null, since: null },
      config: { ...aStatus().config, file: '/x.yaml', warnings: 2 },
      updates: { ...updates, feed: null, serial: null, last_success: null, next_check: null },
      receipts: { waiting: 3, next_try: '2026-11-20T01:00:00.000Z', endpoint: null },
      paths: [],
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '  state    no daemon is running',
        '  config   /x.yaml (warnings: 2, see: sallyport config check)',
        '  feed          not configured (updates.feed_url)',
        '  serial        none yet',
        '  last success  none yet',
        '  next check    not scheduled',
        '  endpoint  none; receipts are kept beside the packages',
        '  waiting   3, next try 2026-11-20T01:00:00.000Z',
        '  none  no response has been seen yet',
      ]),
    );
  });

  it('says what runs, what failed and what to check', async () => {
    const told = await show({
      updates: {
        ...updates,
        checking: true,
        transfer: { id: '1602503', received: 5_000_000, length: 20_000_000 },
        last_failure: aFailure(),
        failing: [{ id: 'u2', failure: aFailure({ code: 'DIGEST-WRONG' }) }],
      },
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '  next check    running now',
        '  transfer      update ID 1602503: 5.0 MB of 20.0 MB',
        '  last failure  [AUTH-REJECTED] Proxy corp rejected user svc. Check user and password of the proxy corp.',
        '  update u2     [DIGEST-WRONG] Proxy corp rejected user svc. Check user and password of the proxy corp.',
      ]),
    );
  });

  it('is one JSON object of the schema with --json', async () => {
    const told = await show({}, true);
    expect(statusSchema.parse(JSON.parse(told.join('\n')))).toEqual(aStatus());
  });

  it.each([false, true])('lets nothing from outside act on a terminal (--json: %s)', async (json) => {
    const evil = 'x\u001b[2J\u009b31m\r\nSallyport\u202e\u2028\u0000';
    const status = aStatus();
    const lines = (over: Partial<Status>) => show(over, json);
    const plain = (await lines({})).length;
    const told = await lines({
      paths: status.paths.map((path) => ({ ...path, via: evil, origin: evil })),
      routes: status.routes.map((route) => ({ ...route, target: evil })),
      updates: { ...updates, feed: evil, transfer: { id: evil, received: 1, length: 2 } },
      receipts: { ...status.receipts, endpoint: evil },
      config: { ...aStatus().config, file: evil },
      log: { file: evil },
    });
    // eslint-disable-next-line no-control-regex
    expect(told.join('\n')).not.toMatch(/[^\n\u0020-\u007e]/);
    if (!json) expect(told).toHaveLength(plain + 1);
  });

  it('says of the hook what runs, what waits and why, and what failed with the way to run it again', async () => {
    const told = await show({
      hook: {
        command: '/opt/hook',
        running: 'u1',
        waiting: ['u2', 'u3'],
        failed: [{ id: 'u0', ending: 'exit status 3' }],
        problem: aFailure({ code: 'HOOK-UNSAFE', message: 'The hook is not run.', check: 'Look.' }),
      },
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '  command    /opt/hook',
        '  running    for update ID u1',
        '  waiting    u2, u3',
        '  problem    [HOOK-UNSAFE] The hook is not run. Look.',
        '  update u0  failed: "exit status 3"; again with: sallyport updates hook u0',
      ]),
    );
  });

  it('says that the work is paused, why, and when it is tried again', async () => {
    const paused = {
      failure: aFailure({ code: 'DISK-FULL', message: 'No room.', check: 'Free some.' }),
      since: '2026-11-20T00:05:00.000Z',
      next_try: '2026-11-20T00:06:00.000Z',
    };
    expect((await show({ paused })).join('\n')).toContain(
      'since 2026-11-20T00:05:00.000Z, next try 2026-11-20T00:06:00.000Z: [DISK-FULL] No room. Free some.',
    );
  });
});
