import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statusCommand } from '#cli/status.ts';
import { type Status, statusSchema } from '#control/status.ts';
import type { Screen } from '#logging/terminal.ts';
import { shownLimits } from '#path/advice.ts';
import { type LimitObservation, NO_LIMITS, withLimit } from '#path/limits.ts';
import { aFailure, anUpload, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const zone = process.env['TZ'];
beforeEach(() => {
  process.env['TZ'] = 'UTC';
});
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

async function show(
  over: Partial<Status> = {},
  json = false,
  screen: Partial<Screen> & { readonly verbose?: boolean } = {},
): Promise<string[]> {
  const { verbose = true, ...looks } = screen;
  const terminal = { ...fakeTerminal(), screen: { ...fakeTerminal().screen, ...looks } };
  const control = fakeControl({ status: () => Promise.resolve(aStatus(over)) });
  expect(await statusCommand(control, terminal, { json, verbose })).toBe(0);
  return terminal.printed;
}

const { updates, main } = aStatus();

describe('status', () => {
  it('prints a section for each module in a stable form', async () => {
    expect(await show()).toEqual([
      'OK: The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00.',
      'Sallyport',
      '  version  0.1.0',
      '  state    running as process 4711 since 2026-11-20T00:00:00Z (2 h 5 min ago)',
      '  agent    6f1c0c1e-0000-4000-8000-000000000000',
      '  outcome  SENSOR-07-10.9.2.7',
      '  config   /etc/sallyport/sallyport.yaml',
      '  loaded   2026-11-20T00:04:10Z (2 h 1 min ago)',
      'Routes',
      '  updates       tunnel through proxy corp to https://updates.example.com/feed.json: use_proxy_for.updates is default (sallyport.yaml:9); the default proxy is proxies[0] corp (sallyport.yaml:3)',
      '                last success 2026-11-20T00:05:00Z (2 h ago)',
      '  support_logs  not configured',
      'Credentials',
      '  waiting  none',
      'Updates',
      '  feed        https://updates.example.com/feed.json',
      '  serial      17',
      '  last read   2026-11-20T00:05:00Z',
      '  next check  2026-11-20T06:07:00Z',
      '  published   2 packages, 30.0 MB',
      'Hook',
      '  command  none (updates.on_published)',
      'Receipts',
      '  endpoint  https://updates.example.com/acknowledge',
      '  waiting   0',
      'What leaves this host',
      '  receipts            to https://updates.example.com/acknowledge through proxy corp',
      '  support logs        nothing: support_logs.enabled is false',
      '  exposure analytics  nothing: exposure_analytics.enabled is false',
      '  reports             none',
      'Support logs',
      '  waiting  nothing yet',
      'Exposure analytics',
      '  waiting  nothing yet',
      'Platform',
      '  link  not enabled (platform.enabled)',
      'Response timeout',
      '  fixed  an attempt ends after 30000 ms of silence (response_timeout.base_ms)',
      'Paths',
      '  https://updates.example.com through http://proxy.example.com:3128  last response 2026-11-20T00:05:00Z (2 h ago); Via 1.1 proxy.example.com; byte ranges work (tested 24 h ago); ETag strong; held back until scanned',
      'Log',
      '  file  /var/log/sallyport/sallyport.log',
    ]);
  });

  it('lists features not in use in one line, except with --verbose', async () => {
    const told = await show({ paths: [] }, false, { verbose: false });
    expect(told).toContain(
      'Not in use: support_logs, credentials, hook, platform, paths (sallyport status -v shows them)',
    );
    expect(told.filter((line) => /^(?:Credentials|Hook|Paths)|support_logs {2}/.test(line))).toEqual([]);
    // Receipts are waiting although the endpoint was removed, so the feature counts as used.
    const receipts = { ...aStatus().receipts, endpoint: null, waiting: 2 };
    expect(await show({ receipts }, false, { verbose: false })).toContain('Receipts');
  });

  it('breaks lines between words at 80 and at 40 columns, and loses none', async () => {
    const [first, second] = aStatus().routes as [Status['routes'][number], Status['routes'][number]];
    const failed = { at: '2026-11-20T02:00:00.000Z', failure: aFailure(), open: true };
    const over = { routes: [{ ...first, last_failure: failed }, second] };
    const words = (lines: readonly string[]) =>
      lines
        .join(' ')
        .split(/ +/)
        .filter((word) => word !== '');
    const whole = words(await show(over));
    for (const columns of [80, 40]) {
      const told = await show(over, false, { tty: true, columns: () => columns });
      expect(words(told)).toEqual(whole);
      // Only a single word may be longer than the window.
      expect(told.filter((line) => line.length > columns && line.trim().includes(' '))).toEqual([]);
    }
    expect((await show(over, false, { tty: true, columns: () => 80 })).every(({ length }) => length <= 80)).toBe(true);
  });

  it('shows all times in local time with their zone, and in JSON in UTC', async () => {
    process.env['TZ'] = 'Europe/Berlin';
    const told = (await show()).join('\n');
    expect(told).toContain('next check  2026-11-20T07:07:00+01:00');
    expect(told).not.toMatch(/\d\.\d{3}Z/);
    expect((await show({}, true)).join('\n')).toContain('"next_check": "2026-11-20T06:07:00.000Z"');
  });

  it('shows only the code of a failure that a later success follows', async () => {
    const [first] = aStatus().routes as [Status['routes'][number]];
    const failed = { at: '2026-11-20T00:00:00.000Z', failure: aFailure(), open: false };
    expect(await show({ routes: [{ ...first, last_failure: failed }] })).toContain(
      '           last failure 2026-11-20T00:00:00Z (2 h 5 min ago): AUTH-REJECTED, succeeded since',
    );
    const later = { ...failed, at: '2099-01-01T00:00:00.000Z' };
    const shown = (await show({ routes: [{ ...first, last_failure: later }] })).join('\n');
    expect(shown).toMatch(/last failure 2099.*: AUTH-REJECTED, succeeded since/);
  });

  it('shows how long a package has been delayed, the limit, and why', async () => {
    const waiting = {
      id: '1602600',
      elapsed_ms: 9_400,
      limit_ms: 340_000,
      proxy: 'corp',
      scans: true,
      held_ms: 53_000,
      held_size: null,
      proxy_answers_ms: null,
      proxy_silent_ms: null,
    };
    expect(await show({ updates: { ...updates, checking: true, waiting } })).toContain(
      '  transfer    1602600  waiting for the first byte  0:09 of 5:40  proxy corp is probably scanning (held past packages of this size for up to 53 s)',
    );
  });

  it('shows the timeout that an unknown route starts with', async () => {
    const told = await show({ response_timeout: { mode: 'adaptive', base_ms: 30_000, unknown_route_ms: 300_001 } });
    expect(told.join('\n')).toContain('an unknown route starts with 5 min, more for large packages');
    expect(told.join('\n')).not.toContain('30000');
  });

  it('describes a new installation without a feed and a daemon', async () => {
    const told = await show({
      main: { ...main, state: 'not running', pid: null, since: null },
      config: { ...aStatus().config, file: '/x.yaml', warnings: 2 },
      updates: { ...updates, feed: null, serial: null, last_success: null, next_check: null },
      receipts: {
        waiting: 3,
        next_try: '2026-11-20T01:00:00.000Z',
        last_failure: { at: '2026-11-20T00:30:00.000Z', code: 'TCP-REFUSED' },
        endpoint: null,
      },
      paths: [],
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '  state    no daemon is running',
        '  config   /x.yaml (warnings: 2, see: sallyport config check)',
        '  feed        not configured (updates.feed_url or updates.tuf)',
        '  serial      none yet',
        '  last read   none yet',
        '  next check  not scheduled',
        '  endpoint      none; receipts are kept next to the packages',
        '  waiting       3, next try 2026-11-20T01:00:00Z',
        '  last failure  2026-11-20T00:30:00Z: [TCP-REFUSED]',
        '  none  no response received yet',
      ]),
    );
  });

  it('shows what runs, what failed and what to check', async () => {
    const told = await show({
      updates: {
        ...updates,
        checking: true,
        transfer: { id: '1602503', received: 5_000_000, length: 20_000_000, rate: 2_500_000 },
        transfers: [{ id: '1602503', received: 5_000_000, length: 20_000_000, rate: 2_500_000 }],
        failing: [{ id: 'u2', failure: aFailure({ code: 'DIGEST-WRONG' }), next_try: '2026-11-20T00:02:00.000Z' }],
      },
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '  next check  running now',
        '  transfer    update ID 1602503: 5.0 MB of 20.0 MB, 2.5 MB/s',
        '  update u2   [DIGEST-WRONG] Proxy corp rejected user svc. Check user and password of the proxy corp. (next try 2026-11-20T00:02:00Z)',
      ]),
    );
  });

  it('shows the last failure of each purpose, its code, and the next try', async () => {
    const [first, second] = aStatus().routes as [Status['routes'][number], Status['routes'][number]];
    const failed = { at: '2026-11-20T02:00:00.000Z', failure: aFailure(), open: true };
    const told = await show({
      routes: [
        { ...first, last_failure: failed, next_try: '2026-11-20T02:10:00.000Z' },
        { ...second, how: 'direct', enabled: true, target: 'https://support.example.com/' },
      ],
    });
    expect(told).toEqual(
      expect.arrayContaining([
        '                last success 2026-11-20T00:05:00Z (2 h ago)',
        '                last failure 2026-11-20T02:00:00Z (5 min ago): [AUTH-REJECTED] Proxy corp rejected user svc. Check user and password of the proxy corp. Next try 2026-11-20T02:10:00Z.',
        '  support_logs  direct to https://support.example.com/',
        '                no success yet',
      ]),
    );
  });

  it('shows that a disabled purpose is configured, and its route', async () => {
    const [first, second] = aStatus().routes as [Status['routes'][number], Status['routes'][number]];
    const target = 'https://support.example.com/';
    const told = await show({ routes: [first, { ...second, how: 'direct', enabled: false, target }] });
    expect(told).toContain(`  support_logs  configured, not enabled; route: direct to ${target}`);
    expect(told.join('\n')).not.toContain('no success yet');
  });

  it('shows each password on hold, why, since when, and how to send it', async () => {
    const wait = {
      proxy: 'corp',
      user: 'CORP\\svc',
      used: true,
      why: 'rejected',
      entered_for: [],
      since: '2026-11-20T01:05:00.000Z',
      worked_until: '2026-11-19T23:55:00.000Z',
      next_try: '2026-11-20T07:05:00.000Z',
    } as const;
    const never = { since: null, worked_until: null, next_try: null, used: false, entered_for: ['http://old:3128'] };
    const told = await show({
      credentials: [
        { ...wait, entered_for: [] },
        { ...wait, ...never, proxy: 'new', why: 'bound' },
        { ...wait, worked_until: null, next_try: null, proxy: 'far', why: 'interrupted', entered_for: [] },
      ],
    });
    const again = 'to send it once now: sallyport check --retry-credential';
    expect(told.slice(told.indexOf('Credentials') + 1, told.indexOf('Updates'))).toEqual([
      `  corp  the password of CORP\\svc is on hold: rejected since 2026-11-20T01:05:00Z (60 min ago), accepted until 2026-11-19T23:55:00Z; sent again at 2026-11-20T07:05:00Z (in 5 h); ${again}.`,
      `  new   the password of CORP\\svc is on hold: it was entered for http://old:3128, not for this address; not sent again automatically; ${again}. No purpose uses this proxy.`,
      `  far   the password of CORP\\svc is on hold: its attempt at 2026-11-20T01:05:00Z (60 min ago) was interrupted, so the result is unknown; not sent again automatically; ${again}.`,
    ]);
  });

  it("draws a transfer as a bar of the window's width, on a tty only", async () => {
    const over = {
      updates: {
        ...updates,
        transfer: { id: '1602503', received: 5, length: 20, rate: null },
        transfers: [{ id: '1602503', received: 5, length: 20, rate: null }],
      },
    };
    const tty = await show(over, false, { tty: true, columns: () => 60 });
    const bars = tty.filter((line) => /\[#+-+\]/.test(line));
    expect(bars).toEqual(['  1602503 [#####----------------]  25%  5 bytes of 20 bytes']);
    expect((await show(over)).join('\n')).not.toContain('#');
  });

  it('colors the verdict only if colors are allowed', async () => {
    const critical = { health: { ...aStatus().health, level: 'critical' as const, sentence: 'No.' } };
    expect(await show(critical, false, { tty: true, color: true })).toContain('\u001b[31mCRITICAL\u001b[0m: No.');
    expect(await show(critical, false, { tty: true, color: false })).toContain('CRITICAL: No.');
  });

  it('shows no age for a time in the future', async () => {
    const [path] = aStatus().paths as [Status['paths'][number]];
    const told = await show({ paths: [{ ...path, seen: '2027-01-01T00:00:00.000Z' }] });
    expect(told.join('\n')).toContain('last response 2027-01-01T00:00:00Z (age unknown)');
  });

  it('shows where a path cuts connections, how often, and what Sallyport does', async () => {
    const { paths, at } = aStatus();
    const cuts = Array.from({ length: 3 }, (): LimitObservation => ({ kind: 'cut', bytes: 4_096, ms: 1_000 }));
    const seenMs = Date.parse(at) - 60_000;
    const known = cuts.reduce((limits, one) => withLimit(limits, one, seenMs), NO_LIMITS);
    const limits = shownLimits(known, seenMs).map((limit) => ({ ...limit, seen: new Date(seenMs).toISOString() }));
    const told = await show({ paths: paths.map((path) => ({ ...path, limits })) });
    expect(told.find((line) => line.includes('cuts connections'))).toContain(
      '; this path cuts connections after 4.1 KB (last observed 60 s ago, 3 in total), so downloads resume after each cut',
    );
  });

  it('prints one JSON object of the schema with --json', async () => {
    const told = await show({}, true);
    expect(statusSchema.parse(JSON.parse(told.join('\n')))).toEqual(aStatus());
  });

  it.each([false, true])('lets no foreign text control the terminal (--json: %s)', async (json) => {
    const evil = 'x\u001b[2J\u009b31m\r\nSallyport\u202e\u2028\u0000';
    const status = aStatus();
    const lines = (over: Partial<Status>) => show(over, json);
    const plain = (await lines({})).length;
    const told = await lines({
      paths: status.paths.map((path) => ({ ...path, via: evil, origin: evil })),
      routes: status.routes.map((route) => ({ ...route, enabled: true, target: evil })),
      updates: {
        ...updates,
        feed: evil,
        transfer: { id: evil, received: 1, length: 2, rate: null },
        transfers: [{ id: evil, received: 1, length: 2, rate: null }],
      },
      receipts: { ...status.receipts, endpoint: evil },
      config: { ...aStatus().config, file: evil },
      log: { file: evil },
      credentials: [
        {
          proxy: evil,
          user: evil,
          used: true,
          why: 'bound',
          entered_for: [evil],
          since: null,
          worked_until: null,
          next_try: null,
        },
      ],
    });
    // eslint-disable-next-line no-control-regex
    expect(told.join('\n')).not.toMatch(/[^\n\u0020-\u007e]/);
    if (!json) expect(told).toHaveLength(plain + 2);
  });

  it('shows for the hook what runs, waits and failed, and how to run it again', async () => {
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
        '  update u0  failed: "exit status 3"; to retry: sallyport updates hook u0',
      ]),
    );
  });

  it('shows that the work is paused, why, and the next try', async () => {
    const paused = {
      failure: aFailure({ code: 'DISK-FULL', message: 'No room.', check: 'Free some.' }),
      since: '2026-11-20T00:05:00.000Z',
      next_try: '2026-11-20T00:06:00.000Z',
    };
    expect((await show({ paused })).join('\n')).toContain(
      'since 2026-11-20T00:05:00Z, next try 2026-11-20T00:06:00Z: [DISK-FULL] No room. Free some.',
    );
  });

  it('shows what leaves this host, each queue, and the upload in progress', async () => {
    const [updatesRoute] = aStatus().routes as [Status['routes'][number]];
    const queue = {
      kind: 'bundle',
      unit: 'bundles',
      waiting: { items: 1, bytes: 12_000_000 },
      quota: { items: 100, bytes: 1_073_741_824 },
      oldest: '2026-11-20T01:05:00.000Z',
      held: 0,
      rejected: 0,
      quarantined: 0,
      next_try: '2026-11-20T02:15:00.000Z',
    };
    const over: Partial<Status> = {
      routes: [
        updatesRoute,
        { ...updatesRoute, purpose: 'support_logs', target: 'https://support.example.com/files/' },
        {
          ...updatesRoute,
          purpose: 'exposure_analytics',
          target: 'https://c.example.com/b',
          proxy: null,
          how: 'direct',
        },
      ],
      uploads: [
        anUpload({
          purpose: 'support_logs',
          title: 'support logs',
          queue,
          transfer: { id: '20261120-k3f9q2', confirmed: 6_000_000, length: 12_000_000, rate: 500_000 },
        }),
        anUpload({
          queue: {
            ...queue,
            kind: 'batch',
            unit: 'documents',
            waiting: { items: 850_000, bytes: 300_000_000 },
            quota: { items: 1_000_000, bytes: 1_073_741_824 },
            held: 1,
            rejected: 2,
            next_try: null,
          },
        }),
      ],
    };
    const lines = await show(over, false, { tty: true, verbose: false, columns: () => 80 });
    const from = lines.indexOf('What leaves this host');
    expect(lines.slice(from, lines.indexOf('Response timeout'))).toMatchInlineSnapshot(`
      [
        "What leaves this host",
        "  receipts            to https://updates.example.com/acknowledge through proxy",
        "                      corp",
        "  support logs        to https://support.example.com/files/ through proxy corp",
        "  exposure analytics  to https://c.example.com/b directly, without a proxy; to",
        "                      send nothing, set exposure_analytics.enabled to false",
        "  reports             none",
        "Support logs",
        "  transfer  bundle 20261120-k3f9q2: 6.0 MB of 12.0 MB, 500.0 KB/s",
        "  waiting   1 of 100 bundles, 12.0 MB of 1.1 GB, oldest 60 min ago",
        "  next try  2026-11-20T02:15:00Z",
        "  20261120-k3f9q2 [######------]  50%  6.0 MB of 12.0 MB  500.0 KB/s  12 s left",
        "Exposure analytics",
        "  waiting  850000 of 1000000 documents, 300.0 MB of 1.1 GB, oldest 60 min ago; 1",
        "           held, 2 rejected",
        "  details  sallyport queue ls --kind batch",
      ]
    `);
  });

  it('shows that a purpose keeps what it has while it is not enabled', async () => {
    const off = { key: 'uploads_allowed', failure: aFailure({ code: 'POLICY-UPLOADS' }) };
    const queue = {
      kind: 'batch',
      unit: 'documents',
      waiting: { items: 5, bytes: 900 },
      quota: { items: 1_000, bytes: 1_073_741_824 },
      oldest: null,
      held: 0,
      rejected: 0,
      quarantined: 0,
      next_try: '2026-11-20T02:15:00.000Z',
    };
    const lines = await show({ uploads: [anUpload({ off, queue })] }, false, { verbose: false });
    expect(lines).toContain('  exposure analytics  nothing: uploads_allowed is false');
    expect(lines.slice(lines.indexOf('Exposure analytics')).slice(0, 3)).toEqual([
      'Exposure analytics',
      '  waiting  5 of 1000 documents, 900 bytes of 1.1 GB',
      '  kept     sent once it is enabled again',
    ]);
  });
});

describe('status: limits of updates', () => {
  const window = { download_opens_at: null, publish_opens_at: null, parked: [] };
  const opens = '2026-11-20T22:00:00.000Z';

  it('shows the present bandwidth limit and its key', async () => {
    const limited = { bytes_per_second: 250_000, key: 'updates.bandwidth.by_time[0]' };
    expect((await show({ updates: { ...updates, bandwidth: limited } })).join('\n')).toMatch(
      /bandwidth +at most 250\.0 KB\/s \(updates\.bandwidth\.by_time\[0\]\)/,
    );
    const free = { ...limited, bytes_per_second: null };
    expect((await show({ updates: { ...updates, bandwidth: free } })).join('\n')).toMatch(/bandwidth +no limit now \(/);
  });

  it('shows what downloads and publications wait for', async () => {
    const ready = [{ id: 'u2', package: 'p', sequence: 1, length: 5, since: '2026-11-20T01:00:00.000Z' }];
    const closed = { download_opens_at: opens, publish_opens_at: opens, parked: ['u1'] };
    const shown = (await show({ updates: { ...updates, ready, window: closed } })).join('\n');
    expect(shown).toMatch(/download +waits for 2026-11-20T22:00:00Z \(updates\.window\.download\): update ID u1/);
    expect(shown).toMatch(/not published, waits for 2026-11-20T22:00:00Z \(updates\.window\.publish\)/);
    expect((await show({ updates: { ...updates, window } })).join('\n')).not.toContain('waits for');
  });
});
