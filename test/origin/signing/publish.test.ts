import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  bytesToSign,
  isSigned,
  type RootDocument,
  readEnvelope,
  renderEnvelope,
  type TimestampDocument,
  topRole,
  validSigners,
} from '#origin/signing/documents.ts';
import { existing } from '#origin/signing/prepare.ts';
import { readRepository } from '#origin/signing/repository.ts';
import { readWhole } from '#system/durable.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { readInitialRoot } from '#trust/tuf/root.ts';
import { DAY_MS, FIRST_KEYS, FOLDER, NOW_MS, Vendor } from './vendor.ts';

const timestampOf = async (files: CrashingFiles) => {
  const bytes = await readWhole(files, `${FOLDER}/metadata/timestamp.json`, 100_000);
  const read = readEnvelope<TimestampDocument>('timestamp', bytes);
  return 'envelope' in read ? read.envelope : expect.fail(read.problem);
};

describe('publish', () => {
  it('publish: the first root comes with empty targets, a snapshot and a timestamp', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    const names = await vendor.files.list(`${FOLDER}/metadata`);
    expect(names).toEqual(['1.root.json', '1.snapshot.json', '1.targets.json', 'timestamp.json']);
    const { root, targets } = await vendor.read();
    expect(root.signed).toMatchObject({ version: 1, consistent_snapshot: true });
    expect(root.signed.roles.root).toMatchObject({ threshold: 2 });
    expect(targets.signed.targets).toEqual({});
  });

  it('publish: a release writes targets, snapshot and timestamp, and keeps the old files', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    await vendor.release({ 'feed.json': 'one' });
    const second = await vendor.release({ 'feed.json': 'two' });
    expect(second).toMatchObject({ files: ['3.targets.json', '3.snapshot.json', 'timestamp.json'], warnings: [] });
    expect(await vendor.files.list(`${FOLDER}/metadata`)).toContain('2.targets.json');
    expect(await vendor.files.list(`${FOLDER}/targets`)).toHaveLength(2);
  });

  it('publish: a draft of an older repository is refused, so no version goes back', async () => {
    const vendor = await Vendor.start(new CrashingFiles(), ['carol']);
    await vendor.found();
    const stale = await vendor.rootDraft({ targets: ['carol'] });
    await vendor.release({ 'feed.json': 'newer' });
    await expect(vendor.publish(stale)).rejects.toMatchObject({ code: 'SIGNING-DRAFT' });
    const older = await vendor.rootDraft({ root: ['ada', 'bob'] });
    await vendor.publish(await vendor.rootDraft({ root: ['ada', 'bob', 'carol'] }));
    await expect(vendor.publish(older)).rejects.toMatchObject({ code: 'SIGNING-DRAFT' });
    expect((await vendor.read()).root.signed.version).toBe(2);
  });

  it.each(['timestamp.json', '1.snapshot.json', '1.targets.json', '1.root.json'])(
    'publish: a repository whose %s was changed or lost is not continued',
    async (name) => {
      const files = new CrashingFiles();
      const vendor = await Vendor.start(files);
      await vendor.found();
      const path = `${FOLDER}/metadata/${name}`;
      const text = files.content(path)?.toString() ?? '';
      files.plantFile(path, text.replace(/"version": 1/, '"version": 7'));
      await expect(readRepository(vendor.folder)).rejects.toMatchObject({ code: 'SIGNING-REPOSITORY' });
      await files.remove(path);
      if (name === '1.root.json') expect(await readRepository(vendor.folder)).toBeNull();
      else await expect(readRepository(vendor.folder)).rejects.toMatchObject({ code: 'SIGNING-REPOSITORY' });
    },
  );

  it('publish: old and new online keys sign, so the timestamp is valid under both roots', async () => {
    const files = new CrashingFiles();
    const vendor = await Vendor.start(files, ['online-2']);
    await vendor.found();
    const before = await vendor.read();
    const rotated = await vendor.publish(await vendor.rootDraft({ timestamp: ['online-2'], snapshot: ['online-2'] }));
    expect(rotated).toMatchObject({ files: ['2.snapshot.json', 'timestamp.json', '2.root.json'], warnings: [] });
    const { root } = await vendor.read();
    const timestamp = await timestampOf(files);
    for (const { signed } of [before.root, root]) expect(isSigned(timestamp, topRole(signed, 'timestamp'))).toBe(true);
    // The next one needs the new key alone.
    await vendor.release({ 'feed.json': 'new' });
    const next = await timestampOf(files);
    expect(isSigned(next, topRole(before.root.signed, 'timestamp'))).toBe(false);
    expect(isSigned(next, topRole(root.signed, 'timestamp'))).toBe(true);
  });

  it('publish: new keys of targets come with targets that both keys sign', async () => {
    const vendor = await Vendor.start(new CrashingFiles(), ['release-2']);
    await vendor.found();
    await vendor.release({ 'feed.json': 'kept' });
    const before = await vendor.read();
    await vendor.publish(await vendor.rootDraft({ targets: ['release-2'] }));
    const { root, targets } = await vendor.read();
    expect(Object.keys(targets.signed.targets)).toEqual(['feed.json']);
    for (const { signed } of [before.root, root]) expect(isSigned(targets, topRole(signed, 'targets'))).toBe(true);
  });

  it('publish: a root needs the threshold of the previous root and its own', async () => {
    const vendor = await Vendor.start(new CrashingFiles(), ['carol', 'dave']);
    await vendor.found();
    await vendor.publish(await vendor.rootDraft({ root: ['carol', 'dave'] }));
    for (const name of ['ada', 'bob', 'eve']) await vendor.files.remove(`/keys/${name}.key`);
    vendor.again();
    await vendor.publish(await vendor.rootDraft({}));
    await vendor.files.remove('/keys/carol.key');
    vendor.again();
    await expect(vendor.publish(await vendor.rootDraft({}))).rejects.toThrow('root 4 still needs signatures');
    expect((await vendor.read()).root.signed.version).toBe(3);
  });

  it('publish: without the keys of snapshot and timestamp, nothing is written', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    await vendor.files.remove('/keys/online.key');
    vendor.again();
    const released = await vendor.release({ 'feed.json': 'waits' });
    expect(released).toEqual({ kind: 'keys-missing', roles: ['snapshot'] });
    expect(await vendor.files.list(`${FOLDER}/metadata`)).toHaveLength(4);
  });

  it('publish: a target that is not in the repository is noticed before anything is written', async () => {
    const files = new CrashingFiles();
    const vendor = await Vendor.start(files);
    await vendor.found();
    await vendor.release({ 'feed.json': 'x' });
    const [name = ''] = await files.list(`${FOLDER}/targets`);
    await files.remove(`${FOLDER}/targets/${name}`);
    const draft = await vendor.rootDraft({ targets: ['online'] });
    await expect(vendor.publish(draft)).rejects.toMatchObject({ code: 'SIGNING-REPOSITORY' });
    expect((await vendor.read()).root.signed.version).toBe(1);
  });

  it.each([
    ['half of its life', 8 * DAY_MS, ['2.snapshot.json', 'timestamp.json']],
    ['1.4 days', 1.4 * DAY_MS, []],
    ['1.6 days', 1.6 * DAY_MS, ['timestamp.json']],
  ])('publish: after %s, what is due is renewed and nothing else', async (_name, afterMs, files) => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    const draft = { ...(await vendor.rootDraft({})), root: null };
    expect(await vendor.publish(draft, NOW_MS + afterMs)).toMatchObject({ kind: 'published', files });
  });
});

describe('publish: a crash at any write', { timeout: 60_000 }, () => {
  /** Does the work on a disk that dies at every operation; whatever is left can be read, and the work can be done again. */
  const crashes = async (first: Vendor, work: (vendor: Vendor) => Promise<unknown>, versions: readonly unknown[]) => {
    const prepared = first.files as CrashingFiles;
    const signer = await first.signer();
    // Opens the keys, so that no trial has to.
    for (const id of signer.known.keys()) await signer.signBytes(id, Buffer.alloc(1));
    return await everyCrash({
      prepare: () => Promise.resolve(prepared.afterCrash('killed')),
      act: async (files) => void (await work(new Vendor(files, signer))),
      check: async ({ files }) => {
        const found = await readRepository({ files, dir: FOLDER });
        expect(versions).toContain(found?.timestamp.signed.version);
        const vendor = new Vendor(files, signer);
        await work(vendor);
        expect((await vendor.read()).timestamp.signed.version).toBe(versions.at(-1));
      },
    });
  };

  it('leaves no first root, which can be published again', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    const draft = await vendor.rootDraft(FIRST_KEYS);
    expect(await crashes(vendor, (one) => one.publish(draft), [undefined, 1])).toBeGreaterThan(50);
  });

  it('leaves a valid repository during a rotation', async () => {
    const vendor = await Vendor.start(new CrashingFiles(), ['online-2', 'release-2']);
    await vendor.found();
    const draft = await vendor.rootDraft({ targets: ['release-2'], snapshot: ['online-2'], timestamp: ['online-2'] });
    expect(await crashes(vendor, (one) => one.publish(draft), [1, 2])).toBeGreaterThan(50);
  });

  it('is repaired by the same draft, also without the old key', async () => {
    const files = new CrashingFiles();
    const vendor = await Vendor.start(files, ['online-2']);
    await vendor.found();
    const draft = await vendor.rootDraft({ snapshot: ['online-2'], timestamp: ['online-2'] });
    await files.remove('/keys/online.key');
    vendor.again();
    const full = new Error('full');
    const isRoot = (n: number) => files.trace[n - 1]?.path.endsWith('2.root.json.new') === true;
    files.arm({ failAt: { n: isRoot, error: full } });
    await expect(vendor.publish(draft)).rejects.toBe(full);
    files.arm({});
    await expect(vendor.read()).rejects.toMatchObject({ code: 'SIGNING-REPOSITORY' });
    expect(await vendor.publish(draft)).toMatchObject({ files: ['2.root.json'] });
    expect((await vendor.read()).root.signed.version).toBe(2);
  });
});

describe('documents', () => {
  it('documents: a changed document is no longer signed', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    const { root } = await vendor.read();
    const changed = { ...root, signed: { ...root.signed, expires: '2099-01-01T00:00:00Z' } };
    expect(isSigned(root, topRole(root.signed, 'root'))).toBe(true);
    expect(isSigned(changed, topRole(root.signed, 'root'))).toBe(false);
  });

  it('documents: two signatures of one key count once', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    const draft = await vendor.rootDraft({ ...FIRST_KEYS, root: ['ada', 'bob'] });
    const ada = (await vendor.keys(['ada']))[0]?.keyId ?? '';
    const signer = await vendor.signer();
    const root = await signer.sign(draft.root ?? expect.fail(), [ada]);
    const twice = { ...root, signatures: [...root.signatures, ...root.signatures] };
    expect(isSigned(root, topRole(root.signed, 'root'))).toBe(false);
    expect(readEnvelope<RootDocument>('root', JSON.stringify(twice))).toHaveProperty('problem');
    expect(bytesToSign(root.signed).toString()).toMatch(/^\{"_type":"root","consistent_snapshot":true,"expires":/);
  });

  it('documents: one public key under two key IDs counts once, as it does for agents', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    const { signed } = (await vendor.rootDraft({ ...FIRST_KEYS, root: ['ada', 'bob'] })).root ?? expect.fail();
    const [ada] = await vendor.keys(['ada']);
    const { keyId, key } = ada ?? expect.fail();
    const keys = { ...signed.keys, capitals: { ...key, keyval: { public: key.keyval.public.toUpperCase() } } };
    const roles = { ...signed.roles, root: { keyids: [keyId, 'capitals'], threshold: 2 } };
    const made = await (await vendor.signer()).sign({ signatures: [], signed: { ...signed, keys, roles } }, [keyId]);
    const signatures = [...made.signatures, { keyid: 'capitals', sig: made.signatures[0]?.sig ?? '' }];
    const root = { ...made, signatures };

    expect(validSigners(root, topRole(root.signed, 'root'))).toEqual([keyId]);
    const agent = await readInitialRoot(renderEnvelope(root), 'root.json').catch((error: unknown) => error);
    expect(agent).toMatchObject({ code: 'TUF-ROOT-FILE' });
  });

  it('documents: name the version of the specification that the pages of the project link to', async () => {
    const vendor = await Vendor.start(new CrashingFiles());
    await vendor.found();
    const { root, targets, snapshot, timestamp } = await vendor.read();
    const page = await readFile(new URL('../../../docs/trust.md', import.meta.url), 'utf8');
    const [, linked] = /specification\/v([\d.]+)\//.exec(page) ?? [];
    const written = [root, targets, snapshot, timestamp].map(({ signed }) => signed.spec_version);
    expect(written).toEqual([linked, linked, linked, linked]);
  });

  it.each([
    ['', 'it is empty'],
    ['<html>', 'it is not JSON'],
    ['{"signed":{}}', 'it is not TUF metadata of this role'],
  ])('documents: a timestamp with the content "%s" is refused in plain words', async (content, reason) => {
    const files = new CrashingFiles();
    const vendor = await Vendor.start(files);
    await vendor.found();
    files.plantFile(`${FOLDER}/metadata/timestamp.json`, content);
    await expect(readRepository(vendor.folder)).rejects.toMatchObject({ facts: { file: 'timestamp.json', reason } });
  });

  it('documents: the advice about a missing root does not ask to put one back', async () => {
    const failure = await Promise.try(() => existing(null)).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringContaining('there is no root yet'),
      check: expect.stringMatching(
        /^Nothing was published\. To continue, make the first root with sallyport feed rotate, or .* folder\.$/,
      ),
    });
  });
});
