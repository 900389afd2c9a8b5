import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type RecordedBatch, type RecordedBundle, SENT_FILE, SentRecord } from '#uploads/sent-record.ts';

const STATE = '/state';
const PATH = `${STATE}/${SENT_FILE}`;
const DAY_MS = 86_400_000;

function machine(content?: string): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFolder(STATE);
  if (content !== undefined) files.plantFile(PATH, content);
  return files;
}

async function open(files: CrashingFiles, clock = new FakeClock(), spend?: <T>(work: () => Promise<T>) => Promise<T>) {
  const ballast = spend === undefined ? {} : { ballast: { spend } };
  return await SentRecord.open({ files, stateDir: STATE, clock, report: () => undefined, ...ballast });
}

function bundle(job: string, fields: Partial<RecordedBundle> = {}): RecordedBundle {
  return {
    job,
    requested_by: { how: 'command', user: 'root', request: null },
    approved_by: null,
    case: '4711',
    url: 'https://support.example.com/files/',
    via: 'no proxy',
    file: `${job}.tar.zst`,
    length: 1_000,
    sha256: 'a'.repeat(64),
    files: [{ name: 'log/sallyport.log', bytes: 5_000 }],
    masked: { authorization: 3 },
    receipt: 'r-1',
    ...fields,
  };
}

function batch(fields: Partial<RecordedBatch> = {}): RecordedBatch {
  const url = 'https://analytics.example.com/batches';
  return { url, documents: 10, rejected: 1, bytes: 1_000, wireBytes: 100, via: '1.1 proxy', ...fields };
}

async function jobsOf(record: SentRecord): Promise<string[]> {
  return (await record.read(100)).map((line) => (line.kind === 'bundle' ? line.job : line.day));
}

describe('record of what was sent', () => {
  it('lists bundles newest first, with when they were sent', async () => {
    const clock = new FakeClock(Date.UTC(2026, 10, 30, 8));
    const record = await open(machine(), clock);
    await record.bundle(bundle('one'));
    clock.advance(60_000);
    await record.bundle(bundle('two'));

    expect(await jobsOf(record)).toEqual(['two', 'one']);
    expect((await record.read(1)).map(({ at }) => at)).toEqual(['2026-11-30T08:01:00.000Z']);
  });

  it('record of what was sent: a bundle that is recorded again has one line', async () => {
    const files = machine();
    await (await open(files)).bundle(bundle('one'));
    await (await open(files.afterCrash('killed'))).bundle(bundle('one'));
    const record = await open(files.afterCrash('power-lost'));
    await record.bundle(bundle('one'));

    expect(await jobsOf(record)).toEqual(['one']);
  });

  it('record of what was sent: a crash anywhere loses no line, and later lines are whole', async () => {
    let returned = 0;
    await everyCrash({
      prepare: async () => {
        returned = 0;
        const files = machine();
        await (await open(files)).bundle(bundle('one'));
        return files.afterCrash('power-lost');
      },
      act: async (files) => {
        const record = await open(files);
        for (const job of ['two', 'three']) {
          await record.bundle(bundle(job));
          returned += 1;
        }
      },
      check: async ({ files }) => {
        const record = await open(files);
        await record.bundle(bundle('four'));
        const jobs = (await jobsOf(await open(files.afterCrash('power-lost')))).toReversed();
        expect(['one', 'two', 'three'].slice(0, 1 + returned)).toEqual(jobs.slice(0, 1 + returned));
        expect(jobs.at(-1)).toBe('four');
      },
    });
  });

  it('adds up the documents of a day and a URL', async () => {
    const files = machine();
    const clock = new FakeClock(Date.UTC(2026, 10, 30, 23));
    const record = await open(files, clock);
    await record.batch(batch());
    await record.batch(batch({ via: '1.1 other' }));
    clock.advance(2 * 3_600_000);
    await record.batch(batch({ url: 'https://other.example.com/', via: null }));

    const [today, yesterday] = await (await open(files.afterCrash('power-lost'), clock)).read(9);
    expect(today).toMatchObject({ day: '2026-12-01', url: 'https://other.example.com/', batches: 1, via: [] });
    expect(yesterday).toMatchObject({
      day: '2026-11-30',
      batches: 2,
      documents: 20,
      rejected: 2,
      bytes: 2_000,
      wire_bytes: 200,
      via: ['1.1 proxy', '1.1 other'],
    });
    expect(String(files.content(PATH)).trimEnd().split('\n')).toHaveLength(1);
  });

  it('record of what was sent: a crash at midnight counts each batch once', async () => {
    const clock = new FakeClock(Date.UTC(2026, 10, 30, 23));
    const later = new FakeClock(Date.UTC(2026, 11, 1, 1));
    let isReturned = false;
    await everyCrash({
      prepare: async () => {
        isReturned = false;
        const files = machine();
        await (await open(files, clock)).batch(batch());
        return files.afterCrash('power-lost');
      },
      act: async (files) => {
        await (await open(files, later)).batch(batch());
        isReturned = true;
      },
      check: async ({ files }) => {
        const record = await open(files, later);
        await record.batch(batch());
        const days = (await record.read(9)).map((line) => line.kind === 'analytics' && [line.day, line.batches]);
        const counts = days.map((day) => (day === false ? 0 : day[1]));
        expect(days.at(-1)).toEqual(['2026-11-30', 1]);
        expect(days).toHaveLength(2);
        expect(counts[0]).toBeGreaterThanOrEqual(isReturned ? 2 : 1);
        expect(counts[0]).toBeLessThanOrEqual(2);
      },
    });
  });

  it('removes lines after 400 days, and keeps unknown ones', async () => {
    const clock = new FakeClock();
    const at = (days: number) => new Date(clock.now() - days * DAY_MS).toISOString();
    const line = (job: string, days: number) =>
      JSON.stringify({ ...bundle(job), kind: 'bundle', at: at(days), more_files: 0 });
    const unknown = '{"kind":"later","what":"a newer version wrote this"}';
    const lines = [line('old', 401), unknown, 'damaged', line('young', 399), line('now', 0)];
    const files = machine(`${lines.join('\n')}\n`);
    const record = await open(files, clock);
    await record.bundle(bundle('new'));

    expect(await jobsOf(record)).toEqual(['new', 'now', 'young']);
    expect(String(files.content(PATH)).split('\n').slice(0, 2)).toEqual([unknown, 'damaged']);
  });

  it('record of what was sent: one step of the clock into the future removes nothing', async () => {
    const clock = new FakeClock();
    const files = machine();
    await (await open(files, clock)).bundle(bundle('before'));
    clock.stepWall(1_000 * DAY_MS);
    const record = await open(files, clock);
    await record.bundle(bundle('after'));

    expect(await jobsOf(record)).toEqual(['after', 'before']);
  });

  it('record of what was sent: removing old lines on a full disk keeps all of them', async () => {
    const clock = new FakeClock();
    const at = new Date(clock.now() - 500 * DAY_MS).toISOString();
    const old = JSON.stringify({ ...bundle('old'), kind: 'bundle', at, more_files: 0 });
    const files = machine(`${old}\n${old}\n`);
    files.arm({ fullAfterBytes: 2 * old.length + 1_000 });
    const record = await open(files, clock);
    await record.bundle(bundle('new'));

    expect(await jobsOf(record)).toEqual(['new', 'old', 'old']);
  });

  it('record of what was sent: a full disk spends the ballast, else the caller gets the failure', async () => {
    const files = machine();
    files.arm({ fullAfterBytes: 10 });
    const full = await open(files);
    await expect(full.bundle(bundle('one'))).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(await full.read(9)).toEqual([]);
    const spending = await open(files, new FakeClock(), async (work) => {
      await expect(work()).rejects.toMatchObject({ code: 'DISK-FULL' });
      files.arm({});
      return await work();
    });
    await spending.bundle(bundle('two'));

    expect(await jobsOf(spending)).toEqual(['two']);
  });

  it('record of what was sent: batches on a full disk are counted, and saved when there is space', async () => {
    const files = machine();
    const clock = new FakeClock(Date.UTC(2026, 10, 30, 23, 59));
    const events: string[] = [];
    const record = await SentRecord.open({ files, stateDir: STATE, clock, report: ({ name }) => events.push(name) });
    await record.batch(batch());
    files.arm({ fullAfterBytes: 0 });
    await record.batch(batch());
    clock.advance(120_000);
    await record.batch(batch());
    const counted = [
      { day: '2026-12-01', batches: 1 },
      { day: '2026-11-30', batches: 2 },
    ];
    expect(await record.read(9)).toMatchObject(counted);
    files.arm({});
    await record.batch(batch({ url: 'https://other.example.com/' }));
    const [one, ...others] = await (await open(files, clock)).read(9);
    expect([one, ...others].filter((line) => line?.url !== 'https://other.example.com/')).toMatchObject(counted);
    expect(others).toHaveLength(2);
    expect(events).toEqual(['fault']);
  });
});
