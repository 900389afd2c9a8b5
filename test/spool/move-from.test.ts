import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { encodeHead } from '#spool/entry.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import type { FakeClock } from '#test/support/fake-clock.ts';
import { entryOf, headOf, keysOf, kindOf, type OpenedSpool, OUTBOX, openKind } from '#test/support/spool-rig.ts';

const FORMER = '/state/spool';
const DIR = `${OUTBOX}/receipt`;

const open = (files: CrashingFiles, clock?: FakeClock): Promise<OpenedSpool> =>
  openKind(files, kindOf('receipt'), { formerDir: FORMER, ...(clock === undefined ? {} : { clock }) });

/** An entry as 0.1.0 wrote it. */
function formerEntry(key: string, attempts = 0): Uint8Array {
  const head = { key, kind: 'receipt', acceptedAtMs: 1, attempts, postponed: null, held: false, attachment: null };
  return encodeHead({ head, body: { id: key }, ending: null });
}

/** What 0.1.0 left: three entries, one of them settled already, two settled keys, one file in the quarantine. */
function formerMachine(): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFile(`${FORMER}/000000000007.json`, formerEntry('old', 3));
  files.plantFile(`${FORMER}/000000000009.json`, formerEntry('sent'));
  files.plantFile(`${FORMER}/000000000010.json`, formerEntry('new'));
  files.plantFile(`${FORMER}/000000000011.json.new`, 'half');
  files.plantFile(`${FORMER}/settled.log`, '{"format":1}\nsent-long-ago\nsent\n');
  files.plantFile(`${FORMER}/quarantine/000000000003.json`, 'torn');
  return files;
}

async function expectMoved(files: CrashingFiles): Promise<void> {
  const { spool, events } = await open(files);
  expect(events).toEqual([]);
  expect(keysOf(spool)).toEqual(['old', 'new']);
  expect(await entryOf(spool, 'old')).toMatchObject({ body: { id: 'old' }, attempts: 3 });
  for (const key of ['sent', 'sent-long-ago']) expect(await spool.accept({ key, body: { id: key } })).toBe('already');
  expect(files.names().filter((name) => name.startsWith(FORMER))).toEqual([]);
  expect(String(files.content(`${DIR}/quarantine/000000000003.json`))).toBe('torn');
}

describe('spool of 0.1.0', () => {
  it('moves over with its order, attempts, settled keys and quarantine, once', async () => {
    const files = formerMachine();
    await expectMoved(files);
    await expectMoved(files.afterCrash('power-lost'));
  });

  it('loses nothing and sends nothing twice, wherever the move dies', async () => {
    const trials = await everyCrash({
      prepare: () => Promise.resolve(formerMachine()),
      act: async (files) => void (await open(files)),
      check: ({ files }) => expectMoved(files),
    });
    expect(trials).toBeGreaterThan(125);
  });

  it('that came back with a run of 0.1.0 moves over again, behind what waits', async () => {
    const files = formerMachine();
    const first = await open(files);
    await first.spool.settle(headOf(first.spool, 'old'));
    files.plantFile(`${FORMER}/000000000001.json`, formerEntry('old'));
    files.plantFile(`${FORMER}/000000000002.json`, formerEntry('later'));
    files.plantFile(`${FORMER}/settled.log`, '{"format":1}\nsent-by-old\n');
    const { spool, events } = await open(files);

    expect(events).toEqual([]);
    expect(keysOf(spool)).toEqual(['new', 'later']);
    for (const key of ['old', 'sent', 'sent-by-old']) {
      expect(await spool.accept({ key, body: { id: key } })).toBe('already');
    }
  });

  it('spool of 0.1.0: on a full disk it moves, and settled keys stay in the old file', async () => {
    const files = formerMachine();
    files.plantFolder(DIR, { mode: 0o700 });
    files.arm({ fullAfterBytes: 0 });
    const { spool } = await open(files);

    expect(keysOf(spool)).toEqual(['old', 'new']);
    expect(await spool.accept({ key: 'sent', body: { id: 'sent' } })).toBe('already');
    expect(files.names()).toContain(`${FORMER}/settled.log`);
    await expectMoved(files.afterCrash('power-lost'));
  });

  it('on a disk of its own is copied', async () => {
    const rehearsal = formerMachine();
    await open(rehearsal);
    const n = rehearsal.trace.find(({ operation, path }) => operation === 'rename' && path.startsWith(FORMER))?.n ?? 0;
    const files = formerMachine();
    const reason = 'EXDEV: cross-device link not permitted';
    const error = coded('FILE-FAILED', { operation: 'rename', path: FORMER, reason, errno: 'EXDEV' });
    files.arm({ failAt: { n, error } });
    const { spool } = await open(files);

    expect(keysOf(spool)).toEqual(['old', 'new']);
    await expectMoved(files.afterCrash('power-lost'));
  });

  it('spool of 0.1.0: damaged files are set aside, foreign files stay', async () => {
    const files = new CrashingFiles();
    files.plantFile(`${FORMER}/000000000001.json`, 'torn');
    files.plantFile(`${FORMER}/notes.txt`, 'mine');
    files.plantFile(`${FORMER}/settled.log`, 'no log');
    const { spool, events } = await open(files);

    expect(events).toMatchObject([
      { name: 'state-set-aside', error: { code: 'STATE-DAMAGED' } },
      { name: 'receipt-quarantined', error: { code: 'STATE-DAMAGED' } },
    ]);
    expect(spool.size).toBe(0);
    expect(String(files.content(`${FORMER}/notes.txt`))).toBe('mine');
    expect(await files.list(`${DIR}/quarantine`)).toEqual(['000000000001.json', 'settled.log']);
    expect((await open(files)).events).toEqual([]);
  });

  it('that others can write is refused, and not touched', async () => {
    const files = formerMachine();
    files.plantFolder(FORMER, { mode: 0o777 });
    await expect(open(files)).rejects.toMatchObject({ code: 'FOLDER-UNSAFE', facts: { path: FORMER } });
    expect(files.names().filter((name) => name.startsWith(FORMER))).toHaveLength(6);
  });
});
