// `sallyport trust` over a composed Sallyport: what it shows, imports, replaces and forgets, and what `updates verify` adds.

import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trustImportCommand, trustStatusCommand } from '#cli/updates/trust.ts';
import { coded } from '#errors/coded-error.ts';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import { aTrust, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { raiseTrust } from '#updates/signed/raise-trust.ts';
import { importRoot, readStoredTrust } from '#updates/signed/trust-state.ts';

const ROOT = '/etc/root.json';
const JAR = makeJar('1', 3_000);
let origin: SignedOrigin;
let files: CrashingFiles;
beforeEach(async () => {
  origin = await SignedOrigin.start();
  origin.offer([{ item: itemFor('1', JAR), bytes: JAR }]);
  files = new CrashingFiles();
  files.plantFile(ROOT, origin.repository.initialRoot);
});
afterEach(() => origin.close());

function rig(updates: Record<string, unknown> = origin.settings(ROOT), on = files) {
  return openRig({ files: on, dir: '/data', settings: testSettings('/data', { updates }), clock: SIGNED_CLOCK });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const request = (bytes: Uint8Array, replace = false) => ({ bytes, fingerprint: sha256(bytes), replace, by: 'root' });
const code = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: { code: string }) => error.code,
  );
const withoutRoot = () => ({ trust: 'tuf', tuf: { metadata_url: `${origin.url}/metadata/` } });

const tufOf = () => origin.settings(ROOT)['tuf'] as object;

describe('trust in a signed feed', () => {
  it('shows root, versions and signatures of every role after a check', async () => {
    const { ports, round } = await rig();
    await round();
    const { status, rootFile } = await readStoredTrust(ports);
    expect(rootFile).toBe(ROOT);
    expect(status.roles.map(({ role, version }) => [role, version])).toEqual([
      ['root', 1],
      ['timestamp', 2],
      ['snapshot', 2],
      ['targets', 2],
    ]);
    expect(status.roles.every(({ signers }) => signers.length === 1)).toBe(true);
    expect(status.rootCheckedMs).toBe(SIGNED_CLOCK.now());
  });

  it('begins with an imported root', async () => {
    const first = await rig(withoutRoot());
    expect((await first.round()).error?.code).toBe('CONFIG-INCOMPLETE');
    await importRoot(first.ports, request(origin.repository.initialRoot));
    expect((await first.round()).published).toEqual(['1']);
  });

  it('refuses an invalid root, a wrong fingerprint and a second root', async () => {
    const { ports } = await rig();
    const other = new SimulatedRepository().initialRoot;
    expect(await code(importRoot(ports, { ...request(other), fingerprint: 'a'.repeat(64) }))).toBe('TUF-ROOT-FILE');
    expect(await code(importRoot(ports, request(Buffer.from('{}'))))).toBe('TUF-ROOT-FILE');
    expect(await code(importRoot(ports, request(other)))).toBe('TRUST-OTHER-ROOT');
  });

  it('demands a replacement where the trusted root cannot be read', async () => {
    await importRoot((await rig(withoutRoot())).ports, request(origin.repository.initialRoot));
    files.plantFile('/data/state/trust/imported-root.json', Buffer.from('{'));
    const { ports } = await rig(withoutRoot());
    const other = new SimulatedRepository().initialRoot;
    expect(await code(importRoot(ports, request(other)))).toBe('TUF-ROOT-FILE');
    expect((await importRoot(ports, request(other, true))).replaced).toMatchObject({ to: sha256(other), by: 'root' });
  });

  it('keeps versions next to the packages while a feed is not a target', async () => {
    const { ports, round } = await rig({ ...origin.settings(ROOT), tuf: { ...tufOf(), feed_target: 'other.json' } });
    expect((await round()).error?.code).toBe('TUF-TARGET-UNKNOWN');
    expect(ports.trust.besidePackages).toMatchObject({ timestamp: 2 });
    expect(ports.trust.isSigned).toBe(false);
  });

  it('accepts another vendor after its root was replaced', async () => {
    await (await rig()).round();
    const next = await SignedOrigin.start();
    const jar = makeJar('2', 3_000);
    next.offer([{ item: itemFor('2', jar), bytes: jar }]);
    const { ports, round } = await rig(next.settings(ROOT));
    expect((await round()).error?.code).toMatch(/^TUF-/);
    const { replaced } = await importRoot(ports, request(next.repository.initialRoot, true));
    expect(replaced).toMatchObject({ from: sha256(origin.repository.initialRoot), by: 'root' });
    expect((await round()).published).toEqual(['2']);
    const again = await rig(next.settings(ROOT));
    expect(again.ports.trust.replaced?.to).toBe(sha256(next.repository.initialRoot));
    await next.close();
  });

  it('can be forgotten: versions start over, and the host stays signed', async () => {
    const { ports, round } = await rig();
    await round();
    await ports.trust.forget();
    const again = await rig();
    expect(again.ports.trust.isSigned).toBe(true);
    expect(files.names().filter((name) => name.includes('/trust/updates/'))).toEqual([]);
    expect((await again.round()).error).toBeNull();
  });

  it('never trusts the old root without its versions after a crash', async () => {
    const other = await SignedOrigin.start();
    other.offer([]);
    const published = origin.repository.copy();
    origin.repository.publishAll();
    await (await rig()).round();
    // What an attacker would send: files that the old root has signed, older than those that were accepted.
    origin.repository.serve(published);
    const before = files.afterCrash('killed');
    let composed = 0;
    const replace = async (disk: CrashingFiles) => {
      const { ports } = await rig(origin.settings(ROOT), disk);
      composed = disk.trace.length;
      await importRoot(ports, request(other.repository.initialRoot, true));
    };
    const ends = { old: 0, next: 0 };
    const places = await crashPlaces(before.afterCrash('killed'), replace);
    for (const [index, { n, when }] of places.filter((place) => place.n > composed).entries()) {
      const where = `${when} ${n}`;
      const disk = before.afterCrash('killed');
      disk.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await replace(disk).catch(() => undefined);
      const survived = () => disk.afterCrash(CRASH_MODES[index % CRASH_MODES.length] ?? 'torn', n);
      const left = survived();
      const replayed = await rig(origin.settings(ROOT), survived());
      expect((await replayed.round()).error?.code, where).toMatch(/^TUF-(?:ROLLBACK|SIGNATURE)$/);

      const { ports, round } = await rig(other.settings(ROOT), left);
      const { error } = await round();
      const isNew = error === null;
      ends[isNew ? 'next' : 'old'] += 1;
      expect(ports.trust.replaced?.to ?? null, where).toBe(isNew ? sha256(other.repository.initialRoot) : null);
      if (isNew) continue;
      await replace(left);
      expect((await (await rig(other.settings(ROOT), left)).round()).error, where).toBeNull();
    }
    expect(Math.min(ends.old, ends.next)).toBeGreaterThan(3);
    await other.close();
  });

  it('completes an interrupted replacement at the next check', async () => {
    const other = await SignedOrigin.start();
    other.offer([]);
    await (await rig()).round();
    const { ports, round } = await rig(other.settings(ROOT));
    const diskFull = coded('DISK-FULL', { operation: 'write', path: '/data', reason: 'ENOSPC' });
    const isStored = () => files.names().some((name) => name.endsWith('/trust/imported-root.json'));
    files.arm({ failAt: { n: () => isStored(), error: diskFull } });
    expect(await code(importRoot(ports, request(other.repository.initialRoot, true)))).toBe('DISK-FULL');
    files.arm({});
    expect((await round()).error).toBeNull();
    expect(ports.trust.replaced?.to).toBe(sha256(other.repository.initialRoot));
    await other.close();
  });
});

describe('updates verify', () => {
  it('raises the trust only where the signed feed lists id and package', async () => {
    const [far, moved] = [makeJar('far', 3_000), makeJar('moved', 3_000)];
    origin.offer([
      { item: itemFor('1', JAR), bytes: JAR },
      { item: itemFor('moved', moved, { package: 'moved' }), bytes: moved },
    ]);
    const unsigned = await startScriptedOrigin();
    unsigned.serve(
      '/feed.json',
      feedOf([
        itemFor('1', JAR, { kind: 'product' }),
        itemFor('far', far, { package: 'far' }),
        // The bytes of a signed target, under an id or a package that the vendor has not signed for them.
        itemFor('other-id', JAR, { package: 'other', file: '1.jar' }),
        itemFor('moved', moved, { package: 'core' }),
      ]),
    );
    for (const [name, jar] of [['1', JAR] as const, ['far', far] as const, ['moved', moved] as const])
      unsigned.serve(`/${name}.jar`, jar);
    await (await rig({ feed_url: `${unsigned.url}/feed.json` })).round();
    const { ports } = await rig();
    const intact = new Set((await ports.store.list()).map(({ id }) => id));
    await raiseTrust(ports, intact, new AbortController().signal);
    const found = (await ports.store.list()).map(({ id, sidecar }) => [id, sidecar.trust, sidecar.item.kind]);
    expect(found).toEqual([
      ['1', 'signed', 'content'],
      ['far', 'loopback', 'content'],
      ['moved', 'loopback', 'content'],
      ['other-id', 'loopback', 'content'],
    ]);
    await unsigned.close();
  });
});

describe('the commands of trust', () => {
  it('show one row for each role, and a replacement', async () => {
    const terminal = fakeTerminal();
    const trust = aTrust({
      kind: 'tuf',
      roles: [
        {
          role: 'root',
          version: 3,
          expires: '2027-01-01T00:00:00.000Z',
          threshold: 2,
          signers: [{ key: 'ab'.repeat(32), scheme: 'ed25519' }],
        },
      ],
      replaced: { at: '2026-11-20T00:00:00.000Z', from: null, to: 'cd'.repeat(32), by: 'user 0 (root)' },
    });
    await trustStatusCommand(fakeControl({ showTrust: () => Promise.resolve(trust) }), terminal, { json: false });
    expect(terminal.printed.join('\n')).toMatch(
      /root +version 3, expires .* signed by abababababab \(ed25519\); 2 needed/,
    );
    expect(terminal.printed.join('\n')).toContain('[TRUST-REPLACED]');
  });

  it('compare the fingerprint of the vendor before they send', async () => {
    const terminal = fakeTerminal();
    const root = Buffer.from('{}');
    const control = fakeControl({ importRoot: () => Promise.reject(new Error('it was sent')) });
    const importing = (fingerprint?: string, replace = false) =>
      trustImportCommand(control, terminal, {
        root,
        replace,
        json: false,
        ...(fingerprint === undefined ? {} : { fingerprint }),
      });
    await expect(importing()).rejects.toThrow(/fingerprint/);
    await expect(importing(undefined, true)).rejects.toThrow(/--replace needs --fingerprint/);
    await expect(importing('abc')).rejects.toThrow(/64 hexadecimal/);
    await expect(importing('a'.repeat(64))).rejects.toThrow(/not the one that you entered/);
  });
});
