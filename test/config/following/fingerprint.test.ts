import { chmod, mkdtemp, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fingerprints } from '#config/following/fingerprint.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let folder: string;
let file: string;
let clock: FakeClock;
let prints: Fingerprints;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-print-'));
  file = join(folder, 'a');
  await writeFile(file, 'one', { mode: 0o600 });
  clock = new FakeClock();
  prints = new Fingerprints(clock);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function digest(): Promise<string> {
  return (await prints.take([file])).digest;
}

/** Takes it often enough that it relies on the file's metadata alone. */
async function settled(): Promise<string> {
  await digest();
  clock.advance(3_000);
  await digest();
  clock.advance(3_000);
  return await digest();
}

describe('a fingerprint', () => {
  it('is stable as long as nothing changes', async () => {
    const first = await digest();

    expect(await settled()).toBe(first);
  });

  it.each([
    ['another content of the same length', () => writeFile(file, 'two')],
    ['another mode, which may let others read a secret', () => chmod(file, 0o644)],
    ['a deleted file', () => unlink(file)],
    ['an emptied file', () => writeFile(file, '')],
  ])('changes with %s', async (_what, change) => {
    const before = await settled();
    await change();

    expect(await digest()).not.toBe(before);
  });

  it('does not change on touch', async () => {
    const before = await settled();
    await utimes(file, 1, 1);

    expect(await digest()).toBe(before);
  });

  it('changes with a write that the timestamp does not show', async () => {
    await utimes(file, 1, 1);
    const before = await digest();
    await writeFile(file, 'two');
    await utimes(file, 1, 1);

    expect(await digest()).not.toBe(before);
  });

  it('covers the targets of symbolic links', async () => {
    const link = join(folder, 'link');
    await symlink('a', link);
    const before = await prints.take([link]);
    await writeFile(join(folder, 'b'), 'two');
    await unlink(link);
    await symlink('b', link);

    expect((await prints.take([link])).digest).not.toBe(before.digest);
  });

  it('names missing and empty files', async () => {
    const [empty, missing] = [join(folder, 'empty'), join(folder, 'missing')];
    await writeFile(empty, '');
    const taken = await prints.take([file, empty, missing]);

    expect([...taken.gone]).toEqual([empty, missing]);
    expect([...taken.missing]).toEqual([missing]);
  });
});
