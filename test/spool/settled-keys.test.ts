import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { SETTLED_FILE } from '#spool/names.ts';
import { SETTLED_KEPT, SettledKeys } from '#spool/settled-keys.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';

const DIR = '/spool';
const PATH = `${DIR}/${SETTLED_FILE}`;

function machine(content?: string): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFolder(DIR);
  if (content !== undefined) files.plantFile(PATH, content);
  return files;
}

async function open(files: CrashingFiles): Promise<SettledKeys> {
  const { settled, error } = await SettledKeys.open(files, DIR);
  expect(error).toBeNull();
  return settled;
}

describe('settled keys', () => {
  it('are known again after a power cut', async () => {
    const files = machine();
    const settled = await open(files);
    for (const key of ['a', 'b', 'a', 'c']) await settled.add([key]);
    const again = await open(files.afterCrash('power-lost'));

    expect(['a', 'b', 'c', 'd'].map((key) => again.has(key))).toEqual([true, true, true, false]);
    expect(String(files.content(PATH))).toBe('{"format":1}\na\nb\nc\n');
  });

  it('settled keys: a crash anywhere leaves each key known or not, and later ones intact', async () => {
    await everyCrash({
      prepare: async () => machine('{"format":1}\none\n'),
      act: async (files) => {
        const settled = await open(files);
        await settled.add(['second-key']);
        await settled.add(['third-key']);
      },
      check: async ({ files }) => {
        const settled = await open(files);
        const before = settled.has('second-key');
        expect(settled.has('one')).toBe(true);
        expect(settled.has('third-key') && !before).toBe(false);
        await settled.add(['4']);

        const again = await open(files.afterCrash('power-lost'));
        expect(['one', '4'].every((key) => again.has(key))).toBe(true);
        expect(again.has('second-key')).toBe(before);
      },
    });
  });

  it('settled keys: a key that is known after a crash survives a power cut', async () => {
    await everyCrash({
      prepare: async () => machine('{"format":1}\none\n'),
      act: async (files) => await (await open(files)).add(['second-key']),
      check: async ({ files }) => {
        const known = (await open(files)).has('second-key');
        const again = await open(files.afterCrash('power-lost'));

        expect(again.has('second-key')).toBe(known);
      },
    });
  });

  it('are forgotten oldest first, and the newest 10,000 never', async () => {
    const keys = Array.from({ length: 2 * SETTLED_KEPT }, (_, n) => `key-${n}`);
    const files = machine(`{"format":1}\n${keys.join('\n')}\n`);
    const settled = await open(files);
    await settled.add(['one-more']);
    const again = await open(files.afterCrash('power-lost'));

    for (const known of [settled, again]) {
      expect(known.has('one-more')).toBe(true);
      expect(keys.slice(-SETTLED_KEPT).every((key) => known.has(key))).toBe(true);
      expect(keys.slice(0, SETTLED_KEPT).some((key) => known.has(key))).toBe(false);
    }
  });

  it('that did not reach the disk are not settled, and can be tried again', async () => {
    const files = machine('{"format":1}\none\n');
    const settled = await open(files);
    files.arm({ fullAfterBytes: 20 });
    await expect(settled.add(['second-key'])).rejects.toMatchObject({ code: 'DISK-FULL' });

    expect(settled.has('second-key')).toBe(false);
    files.arm({});
    await settled.add(['b']);
    expect(String(files.content(PATH))).toBe('{"format":1}\none\nb\n');
  });

  it('settled keys: a removed, shortened or replaced file is rewritten', async () => {
    for (const meddle of [
      (files: CrashingFiles) => files.remove(PATH),
      async (files: CrashingFiles) => files.plantFile(PATH, ''),
      async (files: CrashingFiles) => files.plantSymlink(PATH, '/etc/passwd'),
      async (files: CrashingFiles) => files.plantLink('/elsewhere', PATH),
    ]) {
      const files = machine();
      files.plantFile('/etc/passwd', 'root');
      const settled = await open(files);
      await settled.add(['a']);
      await meddle(files);
      await settled.add(['b']);

      expect(String(files.content(PATH))).toBe('{"format":1}\na\nb\n');
      expect(String(files.content('/etc/passwd'))).toBe('root');
    }
  });
});

describe('a file of settled keys', () => {
  it('with bad lines is copied aside and keeps its good ones', async () => {
    const files = machine('{"format":1}\na\nb b\n\0\0\nc\n');
    const { settled, error } = await SettledKeys.open(files, DIR);

    expect(error).toMatchObject({ code: 'STATE-DAMAGED', facts: { reason: '2 of its lines are not keys' } });
    expect(['a', 'c'].every((key) => settled.has(key))).toBe(true);
    const after = files.afterCrash('power-lost');
    expect(String(after.content(`${DIR}/quarantine/${SETTLED_FILE}`))).toContain('b b');
    expect(String(after.content(PATH))).toBe('{"format":1}\na\nc\n');
  });

  it('of a newer format is moved aside under its number', async () => {
    const files = machine('{"format":3}\nwhatever\n');
    const { settled, error } = await SettledKeys.open(files, DIR);

    expect(error).toMatchObject({ code: 'STATE-NEWER', facts: { found: 3, known: 1 } });
    await settled.add(['a']);
    expect(files.names()).toEqual([`${DIR}/quarantine/${SETTLED_FILE}.format-3`, PATH]);
  });

  it.each(['', 'no header\n', '{"format":0}\n', '{"format":1}'])('that begins with %j is damaged', async (content) => {
    const { settled, error } = await SettledKeys.open(machine(content), DIR);

    expect(error?.code).toBe('STATE-DAMAGED');
    await settled.add(['a']);
  });

  it('that is a link is moved aside itself', async () => {
    const files = machine();
    files.plantFile('/etc/passwd', 'root');
    files.plantSymlink(PATH, '/etc/passwd');
    const { settled, error } = await SettledKeys.open(files, DIR);
    await settled.add(['a']);

    expect(error?.code).toBe('STATE-DAMAGED');
    expect(String(files.content('/etc/passwd'))).toBe('root');
    expect(String(files.content(PATH))).toBe('{"format":1}\na\n');
  });

  it('that can not be set aside is named, and nothing stops', async () => {
    const files = machine('broken\n');
    const rehearsal = machine('broken\n');
    await SettledKeys.open(rehearsal, DIR);
    const n = rehearsal.trace.find(({ operation }) => operation === 'makeDirectory')?.n ?? 0;
    files.arm({ failAt: { n, error: coded('FILE-FAILED', { operation: 'make', path: DIR, reason: 'EROFS' }) } });
    const { settled, error } = await SettledKeys.open(files, DIR);

    expect(error?.code).toBe('FILE-FAILED');
    await settled.add(['a']);
    expect(String(files.content(PATH))).toBe('{"format":1}\na\n');
  });
});
