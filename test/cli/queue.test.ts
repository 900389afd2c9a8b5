import { describe, expect, it } from 'vitest';
import {
  dropQueuedCommand,
  listQueueCommand,
  retryQueuedCommand,
  showQueuedCommand,
  verifyQueueCommand,
} from '#cli/queue.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { QueueDetail, QueueKindRow } from '#control/queue.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { aQueueDetail, aQueueEntry, fakeControl } from '#test/support/fake-control.ts';
import { fakeAnswers, fakeTerminal } from '#test/support/fake-terminal.ts';

const NEVER = new AbortController().signal;
const AT = '2026-11-20T02:00:00.000Z';
const BATCH = '0192f0c1-7d3e-4a10-9f00-1234567890ab';

const RECEIPTS: QueueKindRow = {
  kind: 'receipt',
  title: 'receipts',
  unit: 'receipts',
  waiting: { items: 2, bytes: 610 },
  quota: { items: 10_000, bytes: 67_108_864 },
  oldest: '2026-11-19T23:00:00.000Z',
  held: 0,
  rejected: 0,
  quarantined: 0,
  entries: [
    aQueueEntry({
      state: 'waiting',
      attempts: 3,
      next_try: '2026-11-20T02:10:00.000Z',
      last_failure: { at: '2026-11-20T01:50:00.000Z', code: 'TCP-REFUSED' },
    }),
    aQueueEntry({ id: '77aa91b22c0de44115d8c0f7be1aa99e2c1d2e3f405162738495a6b7c8d9e0ff' }),
  ],
  omitted: 0,
};
const BATCHES: QueueKindRow = {
  ...RECEIPTS,
  kind: 'batch',
  title: 'exposure analytics',
  unit: 'documents',
  waiting: { items: 120_000, bytes: 36_000_000 },
  quota: { items: 1_000_000, bytes: 1_073_741_824 },
  held: 1,
  rejected: 1,
  entries: [
    aQueueEntry({
      kind: 'batch',
      id: BATCH,
      state: 'held',
      attempts: 2,
      last_failure: { at: '2026-11-20T01:50:00.000Z', code: 'CONTENT-BLOCKED' },
      content: { items: 3_500, bytes: 1_048_000 },
    }),
    aQueueEntry({ kind: 'batch', id: `${BATCH}.00000000-310`, state: 'rejected', bytes: 900 }),
  ],
  omitted: 12,
};

/** A terminal with a window of 80 columns. */
function window80(answers = fakeAnswers({ piped: '' })) {
  const terminal = fakeTerminal(answers);
  return Object.assign(terminal, { screen: { ...terminal.screen, tty: true } });
}

async function list(
  kinds: QueueKindRow[],
  options: { kind?: string; json?: boolean; terminal?: ReturnType<typeof fakeTerminal> } = {},
) {
  const { terminal = fakeTerminal(), kind = null, json = false } = options;
  const control = fakeControl({ listQueue: () => Promise.resolve({ at: AT, kinds }) });
  await listQueueCommand(control, terminal, { kind, json });
  return terminal.printed;
}

describe('queue ls', () => {
  it('queue ls: fits in 80 columns', async () => {
    expect(await list([RECEIPTS, BATCHES], { terminal: window80() })).toMatchInlineSnapshot(`
      [
        "  receipt  2 of 10000 receipts, 610 bytes of 67.1 MB, oldest 3 h ago",
        "  batch    120000 of 1000000 documents, 36.0 MB of 1.1 GB, oldest 3 h ago; 1",
        "           held, 1 rejected",
        "",
        "receipt/3fa91b22c0de4411",
        "  STATE         next try 2026-11-20T02:10:00Z",
        "  FAILED        3",
        "  SIZE          305 bytes",
        "  LAST FAILURE  TCP-REFUSED",
        "receipt/77aa91b22c0de441",
        "  STATE         due",
        "  FAILED        0",
        "  SIZE          305 bytes",
        "batch/0192f0c1-7d3e-4a10-9f00-1234567890ab",
        "  STATE         held",
        "  FAILED        2",
        "  SIZE          1.0 MB",
        "  LAST FAILURE  CONTENT-BLOCKED",
        "batch/0192f0c1-7d3e-4a10-9f00-1234567890ab.00000000-310",
        "  STATE         rejected",
        "  FAILED        0",
        "  SIZE          900 bytes",
        "Not listed: 12 more of kind batch.",
        "Held entries are sent again only after: sallyport queue retry KIND/ID",
        "Rejected entries are never sent again. To see why: sallyport queue show KIND/ID",
      ]
    `);
  });

  it('queue ls: prints a table in a stable form where lines never break', async () => {
    expect(await list([RECEIPTS])).toMatchInlineSnapshot(`
      [
        "  receipt  2 of 10000 receipts, 610 bytes of 67.1 MB, oldest 3 h ago",
        "",
        "KIND/ID                   STATE                          FAILED  SIZE       LAST FAILURE",
        "receipt/3fa91b22c0de4411  next try 2026-11-20T02:10:00Z       3  305 bytes  TCP-REFUSED",
        "receipt/77aa91b22c0de441  due                                 0  305 bytes",
      ]
    `);
  });

  it('queue ls: says so when nothing waits', async () => {
    const empty = { ...RECEIPTS, waiting: { items: 0, bytes: 0 }, oldest: null, entries: [] };
    expect(await list([empty])).toEqual(['  receipt  0 of 10000 receipts, 0 bytes of 67.1 MB', 'No entries.']);
  });

  it('queue ls: with --kind and --json prints that kind', async () => {
    const [text = ''] = await list([RECEIPTS, BATCHES], { kind: 'batch', json: true });
    expect(JSON.parse(text)).toEqual({ at: AT, kinds: [BATCHES] });
    await expect(list([RECEIPTS], { kind: 'parcel' })).rejects.toMatchObject({ code: 'QUEUE-KIND' });
  });
});

describe('queue show', () => {
  const show = async (detail: QueueDetail, json = false) => {
    const shown = window80();
    const control = fakeControl({ showQueued: () => Promise.resolve(detail) });
    const clock = new FakeClock(Date.parse(AT));
    expect(await showQueuedCommand(control, shown, { entry: 'receipt/3fa9', json, clock })).toBe(0);
    return shown.printed;
  };
  const [held = aQueueEntry(), rejected = aQueueEntry()] = BATCHES.entries;

  it('queue show: a held batch with its failure, digest and the ids of its documents', async () => {
    const detail = aQueueDetail({
      entry: held,
      failure: {
        message: 'A scanner blocked the upload.',
        hop: 'proxy corp (10.1.1.5:8081)',
        check: 'Ask the team that runs it.',
      },
      sha256: 'ab'.repeat(32),
      facts: { segment: BATCH, offset: 0, length: 1_048_000, sha256: 'ab'.repeat(32), documents: 3_500 },
      documents: [{ id: `${BATCH}-000001`, reason: null }],
    });
    expect(await show(detail)).toMatchInlineSnapshot(`
      [
        "batch/0192f0c1-7d3e-4a10-9f00-1234567890ab",
        "  state         held; it is sent again only after: sallyport queue retry",
        "                batch/0192f0c1-7d3e-4a10-9f00-1234567890ab",
        "  accepted      2026-11-20T01:00:00Z (60 min ago)",
        "  attempts      2 failed",
        "  size          1.0 MB in 3500 documents",
        "  last failure  2026-11-20T01:50:00Z (10 min ago): [CONTENT-BLOCKED] A scanner",
        "                blocked the upload. At proxy corp (10.1.1.5:8081). Ask the team",
        "                that runs it.",
        "  sha256        abababababababababababababababababababababababababababababababab",
        "  segment       0192f0c1-7d3e-4a10-9f00-1234567890ab",
        "  offset        0",
        "Documents (the first 1 of 3500):",
        "  0192f0c1-7d3e-4a10-9f00-1234567890ab-000001",
      ]
    `);
  });

  it('queue show: a rejected batch with the reason of each document', async () => {
    const detail = aQueueDetail({
      entry: rejected,
      reason: '2 of 3 documents',
      facts: {},
      documents: [
        { id: 'd1', reason: 'unknown \u001b[2J field' },
        { id: 'd2', reason: 'too old' },
      ],
    });
    expect(await show(detail)).toMatchInlineSnapshot(`
      [
        "batch/0192f0c1-7d3e-4a10-9f00-1234567890ab.00000000-310",
        "  state     rejected by the server; it is never sent again",
        "  accepted  2026-11-20T01:00:00Z (60 min ago)",
        "  attempts  none failed",
        "  size      900 bytes",
        "  reason    "2 of 3 documents"",
        "Rejected documents (the first 2):",
        "  d1: "unknown \\u{1b}\\u{5b}2J field"",
        "  d2: "too old"",
      ]
    `);
  });

  it.each([
    ['batch', { items: 1, bytes: 310 }, '310 bytes in 1 document'],
    ['bundle', { items: 1, bytes: 5_300 }, '5.3 KB'],
  ])('queue show: the size of a %s with content %j is %s', async (kind, content, size) => {
    const detail = aQueueDetail({ entry: aQueueEntry({ kind, content }) });
    expect(
      (await show(detail)).filter((line) => /^ +size /.test(line)).map((line) => line.trim().replace(/ +/, ' ')),
    ).toEqual([`size ${size}`]);
  });

  it('queue show: prints the same with --json', async () => {
    expect(JSON.parse((await show(aQueueDetail(), true)).join('\n'))).toEqual(aQueueDetail());
  });
});

describe('queue retry', () => {
  const retry = async (args: { entry?: string; kind?: string; all?: boolean }, sending = true) => {
    const shown = fakeTerminal();
    const requests: unknown[] = [];
    const control = fakeControl({
      retryQueued: (request) => {
        requests.push(request);
        return Promise.resolve({
          retried: [
            { kind: 'receipt', entries: 2 },
            { kind: 'batch', entries: 0 },
          ],
          sending,
        });
      },
    });
    const { entry = null, kind = null, all = false } = args;
    const status = await retryQueuedCommand(control, shown, { entry, kind, all, json: false });
    return { status, requests, printed: shown.printed };
  };

  it.each([
    [{ entry: 'batch/b1' }, { kind: 'batch', id: 'b1' }],
    [{ entry: 'b1' }, { kind: null, id: 'b1' }],
    [{ kind: 'batch' }, { kind: 'batch', id: null }],
    [{ all: true }, { kind: null, id: null }],
  ])('queue retry: %j requests %j', async (args, request) => {
    expect(await retry(args)).toMatchObject({ status: 0, requests: [request] });
  });

  it('queue retry: says when the entries are sent', async () => {
    expect((await retry({ all: true })).printed).toEqual(['receipt: 2 entries are sent now.']);
    expect((await retry({ all: true }, false)).printed).toEqual([
      'receipt: 2 entries are sent when the daemon starts.',
    ]);
  });

  it.each([[{}], [{ entry: 'b1', all: true }], [{ kind: 'batch', all: true }]])(
    'queue retry: %j is a usage error, so that nothing is retried by accident',
    async (args) => {
      await expect(retry(args)).rejects.toThrow(UsageError);
    },
  );
});

describe('queue drop', () => {
  const drop = async (answers: Parameters<typeof fakeAnswers>[0], yes = false) => {
    const shown = fakeTerminal(fakeAnswers(answers));
    const dropped: unknown[] = [];
    const control = fakeControl({
      showQueued: () => Promise.resolve(aQueueDetail({ entry: aQueueEntry({ id: 'whole-id' }) })),
      dropQueued: (request) => {
        dropped.push(request);
        return Promise.resolve(aQueueEntry({ id: 'whole-id' }));
      },
    });
    const ended = dropQueuedCommand(control, shown, { entry: 'receipt/whole', yes, json: false });
    const code = await ended.then(
      () => 'dropped',
      (thrown: unknown) => (thrown as { code?: string }).code ?? (thrown as Error).name,
    );
    return { code, dropped, printed: shown.printed, errors: shown.errors };
  };

  it('queue drop: shows the entry, asks, then drops the whole id', async () => {
    const { dropped, printed, errors } = await drop([['Delete it?', 'y']]);
    expect(dropped).toEqual([{ kind: 'receipt', id: 'whole-id' }]);
    expect(errors).toEqual(['receipt/whole-id, accepted 2026-11-20T01:00:00.000Z, 305 bytes. It was not sent.']);
    expect(printed).toEqual(['Dropped receipt/whole-id. It will not be sent.']);
  });

  it('queue drop: keeps the entry unless the answer is yes', async () => {
    expect(await drop([['Delete it?', '']])).toMatchObject({ code: 'CANCELLED', dropped: [] });
  });

  it('queue drop: without a terminal needs --yes', async () => {
    expect(await drop({ piped: 'y\n' })).toMatchObject({ code: 'UsageError', dropped: [] });
    expect(await drop({ piped: '' }, true)).toMatchObject({ code: 'dropped', errors: [] });
  });
});

describe('queue verify', () => {
  const verify = async (outcomes: readonly ('intact' | 'damaged' | 'unreadable')[]) => {
    const shown = fakeTerminal();
    const rows = outcomes.map((outcome, index) => ({ kind: 'batch', id: `b${index}`, outcome }));
    const control = fakeControl({ verifyQueue: () => Promise.resolve(rows) });
    return { status: await verifyQueueCommand(control, shown, { kind: null, json: false, signal: NEVER }), shown };
  };

  it.each([
    [['intact', 'intact'], 0, ['Intact: 2 of 2.']],
    [['intact', 'damaged'], 17, ['batch/b1: damaged; it is set aside and never sent', 'Intact: 1 of 2.']],
    [['unreadable'], 19, ['batch/b0: cannot be read now; the log says why', 'Intact: 0 of 1.']],
  ] as const)('queue verify: %j exits with %i', async (outcomes, status, printed) => {
    const result = await verify(outcomes);
    expect(result.status).toBe(status);
    expect(result.shown.printed).toEqual(printed);
  });
});
