import { describe, expect, it } from 'vitest';
import { topRole, validSigners } from '#origin/signing/documents.ts';
import { isComplete, mergeDrafts, progressOf, readDraft, renderDraft } from '#origin/signing/draft.ts';
import { isHalfOver, lifetimeOf, renewalOf } from '#origin/signing/lifetimes.ts';
import { prepareRoot, prepareTeam, removeTeam } from '#origin/signing/prepare.ts';
import { renew } from '#origin/signing/renew.ts';
import { stateOf } from '#origin/signing/repository-status.ts';
import { describeDraft, signDraft } from '#origin/signing/sign-draft.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { DAY_MS, FIRST_KEYS, NOW_MS, Vendor } from './vendor.ts';

/** A vendor with a repository, and two people with one root key each. */
async function withHolders(): Promise<Vendor> {
  const vendor = await Vendor.start(new CrashingFiles(), ['carol', 'bea', 'bea-2']);
  await vendor.found();
  for (const name of ['ada', 'bob']) {
    for (const ending of ['key', 'pub']) {
      const content = (vendor.files as CrashingFiles).content(`/keys/${name}.${ending}`) ?? '';
      (vendor.files as CrashingFiles).plantFile(`/${name}/${name}.${ending}`, content, { mode: 0o600 });
    }
  }
  return vendor;
}

describe('drafts', () => {
  it('drafts: signatures of copies are merged, and invalid ones are left out', async () => {
    const vendor = await withHolders();
    const draft = readDraft(renderDraft(await vendor.rootDraft({ root: ['ada', 'bob', 'carol'] })));
    const copies = await Promise.all(
      ['/ada', '/bob'].map(async (dir) => await signDraft(draft, await vendor.signer(dir))),
    );
    expect(copies.map(({ added }) => added)).toEqual([[{ role: 'root', key: 'ada' }], [{ role: 'root', key: 'bob' }]]);
    expect(copies.map((copy) => isComplete(copy.draft))).toEqual([false, false]);
    const root = draft.root ?? expect.fail();
    const forged = { ...draft, root: { ...root, signatures: [{ keyid: 'f'.repeat(64), sig: '00' }] } };
    const merged = await mergeDrafts(draft, [...copies.map((copy) => copy.draft), forged]);
    expect(merged.root?.signatures).toHaveLength(2);
    expect(isComplete(merged)).toBe(true);
    expect(await vendor.publish(merged)).toMatchObject({ files: ['2.root.json'] });
  });

  it('drafts: a copy with another document is refused', async () => {
    const vendor = await withHolders();
    const one = await vendor.rootDraft({ root: ['ada', 'bob', 'carol'] });
    const other = await vendor.rootDraft({ root: ['ada', 'carol'] });
    await expect(mergeDrafts(one, [other])).rejects.toThrow('different documents');
  });

  it.each([
    ['{', 'not JSON'],
    ['{}', 'not a draft'],
    ['{"format":"sallyport-draft-1","documents":{}}', 'no document'],
    ['{"format":"sallyport-draft-1","documents":{"root":{"signed":{},"signatures":[]}}}', 'root is not valid'],
  ])('drafts: a file with %s is refused', (text, why) => {
    expect(() => readDraft(Buffer.from(text))).toThrow(why);
  });

  it('drafts: show who is added and removed, and what is signed', async () => {
    const vendor = await withHolders();
    const names = new Map(
      (await vendor.keys(['ada', 'bob', 'eve', 'carol', 'online'])).map((key) => [key.keyId, key.name]),
    );
    const draft = await vendor.rootDraft({ root: ['ada', 'carol'] }, { thresholds: { root: 1 } });
    const lines = describeDraft(draft, (id) => names.get(id) ?? '?');
    expect(lines[1]).toBe('  root: 1 of ada, carol (adds carol, removes bob, removes eve, threshold was 2)');
    expect(lines[4]).toBe('  timestamp: 1 of online (unchanged)');
  });

  it('drafts: text of a draft cannot control the terminal of a signer', async () => {
    const vendor = await withHolders();
    await vendor.release({ 'feed.json': 'x' });
    const draft = await vendor.rootDraft({ targets: ['online'] });
    const targets = draft.targets ?? expect.fail();
    const facts = { length: 1, hashes: { sha256: 'a'.repeat(64) } };
    const hostile = { ...targets, signed: { ...targets.signed, targets: { 'a\u001b[2Jb\n': facts } } };
    const lines = describeDraft({ ...draft, targets: hostile }, (id) => id);
    expect(lines.join('')).not.toMatch(/[\u001b\n]/);
    expect(lines.find((line) => line.includes('adds or changes'))).toContain('u{1b}');
    const late = { ...targets, signed: { ...targets.signed, expires: '1 Jan 2030 (\u001b[2J)' } };
    expect(() => readDraft(renderDraft({ ...draft, targets: late }))).toThrow('not a time in UTC');
  });

  it('drafts: a root with too few keys, or with a risk, is refused or warned of', async () => {
    const vendor = await withHolders();
    const [ada, online] = await vendor.keys(['ada', 'online']);
    const repository = await vendor.read();
    const change = (over: object) =>
      prepareRoot(repository, { keys: {}, thresholds: {}, lifetimes: {}, ...over }, NOW_MS);
    expect(() => change({ keys: { root: [ada] } })).toThrow('root needs 2 signatures, but the number of its keys is 1');
    const capitals = { public: ada?.key.keyval.public.toUpperCase() ?? '' };
    const alias = { name: 'alias', keyId: 'alias', key: { ...ada?.key, keyval: capitals } };
    expect(() => change({ keys: { root: [ada, alias] } })).toThrow('the number of its keys is 1');
    expect(() => prepareRoot(null, { keys: {}, thresholds: {}, lifetimes: {} }, NOW_MS)).toThrow(
      'no key is named for root',
    );
    expect(change({}).warnings).toEqual([]);
    expect(change({ keys: { root: [ada, online] } }).warnings).toEqual([
      expect.stringContaining('Every root key must sign'),
      expect.stringContaining('keep root keys offline'),
    ]);
  });
});

describe('teams', () => {
  it('teams: new keys of a team come with its targets signed by them', async () => {
    const vendor = await withHolders();
    const change = async (key: string) => {
      const keys = await vendor.keys([key]);
      return prepareTeam(await vendor.read(), { team: 'team-b', paths: ['team-b/*'], keys, threshold: 1 }, NOW_MS)
        .draft;
    };
    await vendor.publish(await change('bea'));
    const empty = { ...(await change('bea')), targets: null, teams: new Map() };
    const { rule } = topRole((await vendor.read()).root.signed, 'targets');
    expect(rule.threshold).toBe(1);
    expect(progressOf(empty)).toEqual([]);
    const second = await change('bea-2');
    expect(second.teams.size).toBe(0);
    expect(await vendor.publish(second)).toMatchObject({
      files: ['3.targets.json', '3.snapshot.json', 'timestamp.json'],
    });
  });

  it.each(['Team', 'root', '1', '__proto__', '../x', ''])('teams: refuses the name %j', async (team) => {
    const vendor = await withHolders();
    const keys = await vendor.keys(['bea']);
    const repository = await vendor.read();
    expect(() => prepareTeam(repository, { team, paths: ['x/*'], keys, threshold: 1 }, NOW_MS)).toThrow(
      'name of a team',
    );
    expect(() => removeTeam(repository, 'team-b', NOW_MS)).toThrow('nothing is delegated');
  });
});

describe('renewal', () => {
  it('renewal: what is due and can be signed is renewed; the rest is reported', async () => {
    const vendor = await withHolders();
    for (const name of ['release', 'ada', 'bob', 'eve']) await vendor.files.remove(`/keys/${name}.key`);
    vendor.again();
    const signer = await vendor.signer();
    const ports = { folder: vendor.folder, signer, nowMs: NOW_MS + 100 * DAY_MS };
    const renewed = await renew(await vendor.read(), ports);
    expect(renewed).toMatchObject({ files: ['2.snapshot.json', 'timestamp.json'] });
    expect(renewed).toHaveProperty('warnings', [expect.stringContaining('targets is due for renewal')]);
    await vendor.files.remove('/keys/online.key');
    vendor.again();
    const later = { folder: vendor.folder, signer: await vendor.signer(), nowMs: NOW_MS + 102 * DAY_MS };
    expect(await renew(await vendor.read(), later)).toMatchObject({
      files: [],
      warnings: [expect.anything(), expect.anything()],
    });
  });

  it.each([
    [0, [], true],
    [1.9, [], true],
    [2.1, ['timestamp'], false],
    [3.1, ['timestamp expired'], false],
    [9.5, ['snapshot', 'timestamp expired'], false],
    [121, ['targets', 'snapshot expired', 'timestamp expired'], false],
    [306, ['root', 'targets expired', 'snapshot expired', 'timestamp expired'], false],
  ])('renewal: after %d days, the status is %j', async (days, late, isGood) => {
    const vendor = await withHolders();
    const state = await stateOf(await vendor.read(), { folder: vendor.folder, nowMs: NOW_MS + days * DAY_MS });
    const shown = state.roles.filter((role) => role.state !== 'valid');
    expect(shown.map((role) => (role.state === 'expired' ? `${role.role} expired` : role.role))).toEqual(late);
    expect(state.isGood).toBe(isGood);
  });

  it('renewal: a missing file of a target makes the status bad', async () => {
    const vendor = await withHolders();
    await vendor.release({ 'feed.json': 'x' });
    const state = async () => await stateOf(await vendor.read(), { folder: vendor.folder, nowMs: NOW_MS });
    expect(await state()).toMatchObject({ isGood: true, targets: 1, missing: null });
    for (const name of await vendor.files.list('/repository/targets'))
      await vendor.files.remove(`/repository/targets/${name}`);
    expect(await state()).toMatchObject({ isGood: false, missing: expect.stringContaining('.feed.json') });
  });

  it('renewal: lifetimes that the vendor sets hold, and none is overdue from the start', async () => {
    const vendor = await withHolders();
    await vendor.publish(await vendor.rootDraft(FIRST_KEYS, { lifetimes: { timestamp: 1, root: 30 } }));
    const { root } = await vendor.read();
    expect(root.signed.expires).toBe('2026-12-30T12:00:00Z');
    expect(lifetimeOf('timestamp', root.signed.roles.timestamp)).toBe(DAY_MS);
    for (const days of [1, 30, 60, 90, 180, 365, 3_650]) {
      for (const kind of ['root', 'targets', 'snapshot', 'timestamp'] as const) {
        expect(renewalOf(kind, days * DAY_MS)).toBeLessThanOrEqual((days * DAY_MS) / 2);
      }
      const terms = { lifetimeMs: days * DAY_MS, nowMs: NOW_MS };
      expect(isHalfOver(new Date(NOW_MS + days * DAY_MS).toISOString(), terms)).toBe(false);
    }
    expect(validSigners(root, topRole(root.signed, 'root')).length).toBeGreaterThan(1);
  });
});
