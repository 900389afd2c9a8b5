import { join } from 'node:path';
import type { Upload } from '@tus/server';
import { describe, expect, it } from 'vitest';
import type { BundleFacts } from '#origin/uploads/bundles/bundle-facts.ts';
import { BundleStore } from '#origin/uploads/bundles/bundle-store.ts';
import { UnfinishedUploads } from '#origin/uploads/bundles/unfinished-uploads.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { sha256 } from '#test/support/upload-client.ts';

const [BUNDLES, UNFINISHED] = ['/received/support-logs', '/received/unfinished'];
const ID = 'ab'.repeat(16);
const BYTES = Buffer.from('a bundle of support logs');
const FACTS: BundleFacts = {
  job: '20261130-ab12cd',
  agent: 'agent-1',
  sha256: sha256(BYTES),
  length: BYTES.length,
  filename: '20261130-ab12cd.tar.zst',
  filetype: 'application/zstd',
  case: null,
};
const RECEIVED = { facts: FACTS, note: null, path: join(UNFINISHED, ID), upload: ID, by: 'tus', at: 0 } as const;

/** Opens both as the server does at its start. */
async function open(files: CrashingFiles): Promise<{ finished: BundleStore; unfinished: UnfinishedUploads }> {
  const finished = await BundleStore.open(files, BUNDLES);
  const unfinished = await UnfinishedUploads.open({ files, dir: UNFINISHED, keepMs: 1_000 });
  await finished.recover(unfinished);
  await unfinished.sweep();
  return { finished, unfinished };
}

/** A server whose only upload has all of its bytes; nothing has synced them. */
async function uploaded(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  for (const dir of [BUNDLES, UNFINISHED]) await files.makeDirectory(dir, 0o700);
  const { unfinished } = await open(files);
  const data = await files.create(unfinished.dataPath(ID), 0o600);
  await unfinished.add({ id: ID, facts: FACTS, createdAt: 0, upload: { id: ID } as Upload });
  data.write(BYTES, 0);
  await data.close();
  return files;
}

const bundleIn = (files: CrashingFiles) => files.content(join(BUNDLES, FACTS.job, FACTS.filename));

describe('the store of bundles', () => {
  it('bundle store: a bundle with a receipt is whole and keeps it, wherever the server crashes', async () => {
    let receipt: string | null = null;
    let lost = 0;
    const trials = await everyCrash({
      prepare: () => {
        receipt = null;
        return uploaded();
      },
      act: async (files) => {
        const { finished, unfinished } = await open(files);
        const committed = await finished.commit(RECEIVED);
        if (committed.kind === 'stored') receipt = committed.record.receipt;
        await unfinished.release(ID);
      },
      check: async ({ files }) => {
        const { finished, unfinished } = await open(files);
        const record = finished.ofUpload(ID);
        if (receipt !== null) expect(record?.receipt).toBe(receipt);
        if (record !== undefined) {
          expect([bundleIn(files)?.equals(BYTES), unfinished.all]).toEqual([true, []]);
          return;
        }
        // Without a receipt the sender resumes the upload, if the crash has left it, or starts another one.
        const data = files.content(unfinished.dataPath(ID));
        if (data === null || !data.equals(BYTES)) {
          lost += 1;
          return;
        }
        expect(unfinished.get(ID)?.facts).toEqual(FACTS);
        expect((await finished.commit(RECEIVED)).kind).toBe('stored');
      },
    });
    expect([trials > 50, lost < trials / 2]).toEqual([true, true]);
  });

  it('bundle store: a commit that fails at any operation leaves the upload, and can be repeated', async () => {
    const rehearsal = await uploaded();
    const rehearsed = await BundleStore.open(rehearsal, BUNDLES);
    rehearsal.arm({});
    await rehearsed.commit(RECEIVED);
    const steps = [...rehearsal.trace];
    expect(steps.filter(({ operation }) => operation === 'rename')).toHaveLength(2);
    let failures = 0;
    for (const [{ n }, then] of steps.flatMap((step) => [[step, 'repeat'] as const, [step, 'restart'] as const])) {
      const files = await uploaded();
      const finished = await BundleStore.open(files, BUNDLES);
      files.arm({ failAt: { n, error: Object.assign(new Error('no space'), { code: 'ENOSPC' }) } });
      const committed = await finished.commit(RECEIVED).catch(() => null);
      files.arm({});
      if (committed !== null) continue;
      failures += 1;
      if (then === 'restart') {
        const again = await open(files.afterCrash('killed'));
        expect([again.finished.ofUpload(ID), again.unfinished.get(ID)?.facts]).toEqual([undefined, FACTS]);
        expect((await again.finished.commit(RECEIVED)).kind).toBe('stored');
      } else {
        expect((await finished.commit(RECEIVED)).kind).toBe('stored');
        expect(bundleIn(files)?.equals(BYTES)).toBe(true);
      }
    }
    expect(failures).toBeGreaterThan(20);
  });

  it('bundle store: files of a person among the bundles are left alone', async () => {
    const files = await uploaded();
    await files.makeDirectory(join(BUNDLES, 'notes'), 0o700);
    for (const path of ['README', 'notes/case.json', 'notes/bundle.tar.zst'])
      await files.create(join(BUNDLES, path), 0o600);
    const { finished } = await open(files);
    expect(finished.recent).toEqual([]);
    expect(files.names().filter((name) => name.startsWith(BUNDLES))).toHaveLength(3);
  });

  it('bundle store: a record that is not its own is not opened', async () => {
    const files = await uploaded();
    await files.makeDirectory(join(BUNDLES, FACTS.job), 0o700);
    (await files.create(join(BUNDLES, FACTS.job, `${FACTS.job}.json`), 0o600)).write(Buffer.from('{}'), 0);
    await expect(open(files)).rejects.toThrow('is not a record of a bundle');
  });

  it('unfinished uploads: files without a counterpart are deleted at the start', async () => {
    const files = await uploaded();
    for (const name of ['cd'.repeat(16), `${'ef'.repeat(16)}.json`, `${ID}.json.new`]) {
      await files.create(join(UNFINISHED, name), 0o600);
    }
    const { unfinished } = await open(files);
    expect(unfinished.all.map(({ id }) => id)).toEqual([ID]);
    expect((await files.list(UNFINISHED)).sort()).toEqual([ID, `${ID}.json`]);
  });
});
