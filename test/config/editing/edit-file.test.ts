import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Edit } from '#config/editing/edit.ts';
import { digestOf, editConfigFile } from '#config/editing/edit-file.ts';
import { coded } from '#errors/coded-error.ts';
import { realFiles } from '#system/real-files.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { codeOf, failureOf } from '#test/system/files-contract.ts';

const FILE = '/etc/sallyport/sallyport.yaml';
const OLD = 'version: 1\n# one\nproxy_enabled: true   # two\n';
const NEW = 'version: 1\n# one\nproxy_enabled: false   # two\n';
const EDITS: readonly Edit[] = [{ kind: 'set', path: 'proxy_enabled', value: false }];
/** Long after the timestamps of all files on the simulated disk. */
const clock = { now: () => 1_900_000_000_000 };

function machine(as: { mode?: number; owner?: number; group?: number } = { mode: 0o640 }): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFile(FILE, OLD, as);
  return files;
}

function edit(files: CrashingFiles, over: Partial<Parameters<typeof editConfigFile>[0]> = {}) {
  return editConfigFile({ file: FILE, edits: EDITS, expectDigest: digestOf(Buffer.from(OLD)), files, clock, ...over });
}

describe('a file edit', () => {
  it('changes the file, keeps its mode and returns the new content', async () => {
    const files = machine();
    expect(await edit(files)).toEqual({ path: FILE, digest: digestOf(Buffer.from(NEW)), changed: true });
    expect(String(files.content(FILE))).toBe(NEW);
    expect(await files.facts(FILE)).toMatchObject({ mode: 0o640, owner: 1_000, group: 1_000 });
    expect(files.names()).toEqual([FILE]);
  });

  it('leaves the old or the new file, complete and readable, at any crash', async () => {
    const seen = new Set<string>();
    await everyCrash({
      prepare: async () => machine(),
      act: async (files) => void (await edit(files)),
      check: async ({ files }) => {
        const text = String(files.content(FILE));
        seen.add(text);
        expect([OLD, NEW]).toContain(text);
        expect((await files.facts(FILE))?.mode).toBe(0o640);
      },
    });
    expect(seen).toEqual(new Set([OLD, NEW]));
  });

  it('succeeds after any crash of an earlier edit', async () => {
    await everyCrash({
      prepare: async () => machine(),
      act: async (files) => void (await edit(files)),
      check: async ({ files }) => {
        await edit(files, { expectDigest: digestOf(files.content(FILE) ?? Buffer.alloc(0)) });
        expect(String(files.afterCrash('power-lost').content(FILE))).toBe(NEW);
      },
    });
  });

  it('survives a power cut once it is done', async () => {
    const files = machine();
    await edit(files);
    expect(String(files.afterCrash('power-lost').content(FILE))).toBe(NEW);
  });

  it('writes nothing if nothing changes', async () => {
    const files = machine();
    expect(await edit(files, { edits: [{ kind: 'set', path: 'proxy_enabled', value: true }] })).toMatchObject({
      changed: false,
    });
    expect(files.trace.map(({ operation }) => operation)).not.toContain('create');
  });

  it('does not overwrite a change made since the file was read', async () => {
    const files = machine();
    files.plantFile(FILE, `${OLD}# by hand\n`, { mode: 0o640 });
    expect(await codeOf(() => edit(files))).toBe('CONFIG-CHANGED');
    expect(String(files.content(FILE))).toBe(`${OLD}# by hand\n`);
  });

  it('does not overwrite a change made during the edit', async () => {
    const files = machine();
    const check = () => files.plantFile(FILE, `${OLD}# by hand\n`, { mode: 0o640 });
    expect(await codeOf(() => edit(files, { check }))).toBe('CONFIG-CHANGED');
    expect(String(files.content(FILE))).toBe(`${OLD}# by hand\n`);
    expect(files.names()).toEqual([FILE]);
  });

  it('lets one of two concurrent commands succeed', async () => {
    const files = machine();
    const soon = { clock: { now: () => 1_800_000_000_010 } };
    const both = await Promise.allSettled([edit(files, soon), edit(files, soon)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFIG-CHANGED' } });
    expect(String(files.content(FILE))).toBe(NEW);
    expect(files.names()).toEqual([FILE]);
  });

  it('is refused as a whole if the new content is rejected', async () => {
    const files = machine();
    const check = (text: string) => {
      expect(text).toBe(NEW);
      throw coded('CONFIG', { file: FILE, count: 1 });
    };
    expect(await codeOf(() => edit(files, { check }))).toBe('CONFIG');
    expect(String(files.content(FILE))).toBe(OLD);
  });

  it('keeps the group of a file of another user, or is refused', async () => {
    const readable = machine({ mode: 0o640, owner: 0, group: 1_000 });
    await edit(readable);
    expect(await readable.facts(FILE)).toMatchObject({ mode: 0o640, owner: 1_000, group: 1_000 });

    const foreign = machine({ mode: 0o640, owner: 0, group: 0 });
    const refused = await failureOf(() => edit(foreign));
    expect(refused).toMatchObject({ code: 'CONFIG-OWNER', facts: { owner: 0, group: 0 } });
    expect(String(foreign.content(FILE))).toBe(OLD);
    expect(foreign.names()).toEqual([FILE]);
  });

  it('reports missing write permission or a read-only disk, with advice', async () => {
    for (const errno of ['EACCES', 'EROFS'] as const) {
      const files = machine();
      const create = () =>
        Promise.reject(coded('FILE-FAILED', { operation: 'create', path: FILE, reason: errno, errno }));
      const refused = await failureOf(() => edit(Object.assign(files, { create })));
      expect(refused).toMatchObject({ code: 'CONFIG-FORBIDDEN', check: expect.stringContaining('as root (sudo)') });
      expect(String(files.content(FILE))).toBe(OLD);
    }
  });

  it('follows a symbolic link and keeps it', async () => {
    const files = new CrashingFiles();
    files.plantFile('/srv/git/site.yaml', OLD, { mode: 0o644 });
    files.plantSymlink(FILE, '/srv/git/site.yaml');
    expect(await edit(files)).toMatchObject({ path: '/srv/git/site.yaml' });
    expect(String(files.content('/srv/git/site.yaml'))).toBe(NEW);
    expect((await files.facts(FILE))?.kind).toBe('symbolic link');
  });

  it('reports a missing file, a binary file and a special file', async () => {
    const none = new CrashingFiles();
    expect((await failureOf(() => edit(none))).message).toContain('there is no such file');
    const binary = new CrashingFiles();
    const bytes = Buffer.from([0x76, 0xff, 0xfe]);
    binary.plantFile(FILE, bytes);
    expect((await failureOf(() => edit(binary, { expectDigest: digestOf(bytes) }))).message).toContain('not UTF-8');
    const fifo = new CrashingFiles();
    fifo.plantFifo(FILE);
    expect(await codeOf(() => edit(fifo))).toBe('FILE-SPECIAL');
  });

  it('keeps the old file if the disk is full', async () => {
    const files = machine();
    files.arm({ fullAfterBytes: OLD.length + 5 });
    expect(await codeOf(() => edit(files))).toBe('DISK-FULL');
    expect(String(files.content(FILE))).toBe(OLD);
    expect(files.names()).toEqual([FILE]);
  });
});

describe('a file edit on the real disk', () => {
  it('keeps bytes, mode, owner, group and the symbolic link', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-edit-'));
    try {
      const [file, link] = [join(dir, 'real.yaml'), join(dir, 'sallyport.yaml')];
      writeFileSync(file, `\ufeff${OLD.replaceAll('\n', '\r\n')}`);
      chmodSync(file, 0o640);
      if (process.geteuid?.() === 0) chownSync(file, 12_345, 54_321);
      symlinkSync('real.yaml', link);
      const before = statSync(file);
      await editConfigFile({
        file: link,
        edits: EDITS,
        expectDigest: digestOf(readFileSync(file)),
        files: realFiles,
        clock: { now: () => before.mtimeMs },
      });
      const { mode, uid, gid } = statSync(file);
      expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid });
      expect(readFileSync(file, 'utf8')).toBe(`\ufeff${NEW.replaceAll('\n', '\r\n')}`);
      expect(readlinkSync(link)).toBe('real.yaml');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
