import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { coded } from '#errors/coded-error.ts';
import { loadState, peekState, saveState } from '#system/state-file.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { withInterference } from '#test/support/interfering-files.ts';

const PATH = '/state/habits.json';
const schema = z.strictObject({ count: z.int(), words: z.array(z.string()) });
const reader = { format: 2, parse: (raw: unknown) => schema.parse(raw) };
const VALUE = { count: 3, words: ['a', 'b'] };

function holding(content: string): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFile(PATH, content);
  return files;
}

describe('state on disk', () => {
  it('state file: saved state loads unchanged from a file that only we can read', async () => {
    const files = new CrashingFiles();
    files.plantFolder('/state');
    await saveState(files, PATH, { format: 2, value: VALUE });

    expect(await loadState(files, PATH, reader)).toEqual({ kind: 'loaded', value: VALUE });
    expect((await files.facts(PATH))?.mode).toBe(0o600);
    expect(JSON.parse(String(files.content(PATH)))).toEqual({ ...VALUE, format: 2 });
  });

  it('state file: state that was never saved is absent', async () => {
    expect(await loadState(new CrashingFiles(), PATH, reader)).toEqual({ kind: 'absent' });
  });

  it('state file: an older format reaches the reader with its number', async () => {
    const files = holding('{"format":1,"n":3}');
    const old = { format: 2, parse: (raw: unknown, format: number) => ({ raw, format }) };

    expect(await loadState(files, PATH, old)).toEqual({ kind: 'loaded', value: { raw: { n: 3 }, format: 1 } });
  });

  it('state file: a newer format is set aside under its number and reported', async () => {
    const text = '{"format":7,"anything":true}';
    const files = holding(text);
    const loaded = await loadState(files, PATH, reader);

    expect(loaded).toMatchObject({
      kind: 'set-aside',
      error: { code: 'STATE-NEWER', facts: { path: PATH, found: 7, known: 2, aside: `${PATH}.format-7` } },
    });
    const after = files.afterCrash('power-lost');
    expect(after.names()).toEqual([`${PATH}.format-7`]);
    expect(String(after.content(`${PATH}.format-7`))).toBe(text);
    expect(await loadState(after, PATH, reader)).toEqual({ kind: 'absent' });
  });

  it.each([
    ['an empty file', '', 'it is empty'],
    ['a torn file', '{"format":2,"count":3,"wo', 'it is not JSON'],
    ['a file of zeros', '\0\0\0\0', 'it is not JSON'],
    ['a list', '[1]', 'it is not a JSON object'],
    ['null', 'null', 'it is not a JSON object'],
    ['no format', '{"count":3,"words":[]}', 'it does not name its format'],
    ['a format that is none', '{"format":"2","count":3,"words":[]}', 'it does not name its format'],
    ['a format below one', '{"format":0,"count":3,"words":[]}', 'it does not name its format'],
    ['a wrong field', '{"format":2,"count":3,"words":[1]}', 'words.0: '],
    ['a foreign field', '{"format":2,"count":3,"words":[],"__proto__":{"x":1}}', 'Unrecognized key'],
  ])('state file: %s is set aside as damaged, with the reason', async (_what, text, reason) => {
    const files = holding(text);
    const loaded = await loadState(files, PATH, reader);

    expect(loaded).toMatchObject({ kind: 'set-aside', error: { code: 'STATE-DAMAGED' } });
    expect(loaded.kind === 'set-aside' && loaded.error.facts['reason']).toContain(reason);
    expect(String(files.content(`${PATH}.damaged`))).toBe(text);
    expect(files.content(PATH)).toBeNull();
  });

  it('state file: a peek never moves the file, whatever its content', async () => {
    const sound = new CrashingFiles();
    sound.plantFolder('/state');
    await saveState(sound, PATH, { format: 2, value: VALUE });
    const damaged = holding('not JSON');

    expect(await peekState(sound, PATH, reader)).toEqual({ kind: 'loaded', value: VALUE });
    expect(await peekState(new CrashingFiles(), PATH, reader)).toEqual({ kind: 'absent' });
    expect(await peekState(damaged, PATH, reader)).toEqual({ kind: 'unreadable' });
    expect(String(damaged.content(PATH))).toBe('not JSON');
  });

  it('state file: the number of damaged files that are set aside is limited', async () => {
    const files = new CrashingFiles();
    for (let time = 1; time <= 30; time += 1) {
      files.plantFile(PATH, `broken ${time}`);
      await loadState(files, PATH, reader);
    }

    expect(files.names()).toHaveLength(20);
    expect(String(files.content(`${PATH}.damaged`))).toBe('broken 1');
    expect(String(files.content(`${PATH}.damaged.2`))).toBe('broken 2');
    expect(String(files.content(`${PATH}.damaged.20`))).toBe('broken 30');
  });

  it('state file: a link or FIFO in its place is set aside, not its target', async () => {
    const files = new CrashingFiles();
    files.plantFile('/etc/passwd', 'root');
    files.plantSymlink(PATH, '/etc/passwd');
    files.plantFifo('/state/other.json');

    expect(await loadState(files, PATH, reader)).toMatchObject({ error: { code: 'STATE-DAMAGED' } });
    expect(await loadState(files, '/state/other.json', reader)).toMatchObject({ error: { code: 'STATE-DAMAGED' } });
    expect((await files.facts(`${PATH}.damaged`))?.kind).toBe('symbolic link');
    expect(String(files.content('/etc/passwd'))).toBe('root');
  });

  it('state file: one that can neither be read nor moved is reported', async () => {
    const files = new CrashingFiles();
    files.plantFile('/state', 'no folder');

    expect(await loadState(files, PATH, reader)).toEqual({ kind: 'absent' });
    const stuck = holding('broken');
    await loadState(stuck, PATH, reader);
    const n = stuck.trace.find(({ operation }) => operation === 'rename')?.n ?? 0;
    stuck.plantFile(PATH, 'broken');
    const error = coded('FILE-FAILED', { operation: 'rename', path: PATH, reason: 'EACCES' });
    await stuck.remove(`${PATH}.damaged`);
    stuck.arm({ failAt: { n, error } });
    expect(await loadState(stuck, PATH, reader)).toEqual({ kind: 'set-aside', error });
    expect(String(stuck.content(PATH))).toBe('broken');
  });

  it('state file: a crash leaves the old or the new state, which is never set aside', async () => {
    const next = { count: 4, words: ['c'.repeat(1_000)] };
    await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        files.plantFolder('/state');
        await saveState(files, PATH, { format: 2, value: VALUE });
        return files;
      },
      act: (files) => saveState(files, PATH, { format: 2, value: next }),
      check: async ({ files }) => {
        const loaded = await loadState(files, PATH, reader);

        expect(loaded.kind).toBe('loaded');
        expect([VALUE, next]).toContainEqual(loaded.kind === 'loaded' && loaded.value);
        expect(await loadState(files.afterCrash('power-lost'), PATH, reader)).toEqual(loaded);
      },
    });
  });

  it('state file: no content makes loading fail or is thrown away', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), async (bytes) => {
        const files = new CrashingFiles();
        files.plantFile(PATH, bytes);
        const loaded = await loadState(files, PATH, reader);

        expect(['loaded', 'set-aside']).toContain(loaded.kind);
        expect(files.names()).toHaveLength(1);
        expect(files.content(files.names()[0] ?? '')).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('a state file that cannot be opened now', () => {
  const closed = (errno: string) =>
    coded('FILE-FAILED', { operation: 'open', path: PATH, reason: `${errno}: no`, errno });
  const failing = (files: CrashingFiles, errno: string) => {
    const look = withInterference(files, (moment, operation) => {
      if (moment === 'before' && operation === 'openToRead') throw closed(errno);
    });
    return look;
  };

  it.each(['EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE'])(
    'state file: after %s the file stays and loading fails',
    async (errno) => {
      const files = holding('{"format":2,"count":3,"words":[]}');
      const loading = loadState(failing(files, errno), PATH, reader);

      await expect(loading).rejects.toMatchObject({ code: 'STATE-UNREADABLE', facts: { path: PATH } });
      expect(files.names()).toEqual([PATH]);
      expect(await peekState(failing(files, errno), PATH, reader)).toEqual({ kind: 'unreadable' });
      expect(await loadState(files, PATH, reader)).toMatchObject({ kind: 'loaded' });
    },
  );

  it.each(['EIO', 'EUCLEAN', 'EFBIG'])('state file: after %s the file is set aside as damaged', async (errno) => {
    const files = holding('{"format":2,"count":3,"words":[]}');
    expect(await loadState(failing(files, errno), PATH, reader)).toMatchObject({ kind: 'set-aside' });
    expect(files.names()).toEqual([`${PATH}.damaged`]);
  });
});
