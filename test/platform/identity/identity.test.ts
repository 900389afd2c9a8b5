import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HostIdentity, type IdentityPorts } from '#platform/identity/identity.ts';
import { makeIdentityKey, publicText } from '#platform/identity/identity-key.ts';
import { isOtherMachine } from '#platform/identity/machine-binding.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';

const PATH = '/state/identity.json';
const CREDENTIAL = '/run/credentials/sallyport-identity';
const HERE = '0123456789abcdef0123456789abcdef';
const ELSEWHERE = 'fedcba9876543210fedcba9876543210';
const AGENT = randomUUID();

async function machine(id: string | null = HERE): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  await files.makeDirectory('/state', 0o700);
  await files.makeDirectory('/etc', 0o755);
  if (id !== null) await setMachineId(files, id);
  return files;
}

const setMachineId = (files: CrashingFiles, id: string) =>
  writeDurably(files, '/etc/machine-id', Buffer.from(`${id}\n`), 0o444);

function portsOf(files: CrashingFiles, more: Partial<IdentityPorts> = {}): IdentityPorts {
  return { files, path: PATH, credential: null, now: () => 1_790_000_000_000, keepSecret: () => undefined, ...more };
}

const openOn = async (files: CrashingFiles, more?: Partial<IdentityPorts>) =>
  await HostIdentity.open(portsOf(files, more));

async function made(id: string | null = HERE, more?: Partial<IdentityPorts>) {
  const files = await machine(id);
  const { identity } = await openOn(files, more);
  await identity.ensure(AGENT);
  return { files, identity };
}

describe('identity', () => {
  it('does not exist before it is needed, and then has the agent ID of the host', async () => {
    const files = await machine();
    const { identity } = await openOn(files);
    expect([identity.agent, identity.shown, identity.key]).toEqual([null, null, null]);
    expect(await files.facts(PATH)).toBeNull();
    await identity.ensure(AGENT);
    expect(identity.shown).toMatchObject({ agent: AGENT, keyIn: 'file', isBound: true });
    expect((await files.facts(PATH))?.mode).toBe(0o600);
  });

  it('stays the same after a restore on the same machine', async () => {
    const { files, identity } = await made();
    const before = identity.shown;
    const backup = await readWhole(files, PATH, 10_000);
    await identity.reset();
    await writeDurably(files, PATH, backup, 0o600);
    const again = await openOn(files);
    expect(again.findings).toEqual([]);
    expect(again.identity.shown).toEqual(before);
    expect(publicText(again.identity.requireKey())).toBe(again.identity.shown?.publicKey);
  });

  it('is replaced on another machine: new agent ID, new key, the copy kept aside', async () => {
    const { files, identity } = await made();
    await setMachineId(files, ELSEWHERE);
    const copy = await openOn(files);
    expect(copy.findings.map(({ code }) => code)).toEqual(['IDENTITY-CLONED']);
    expect(copy.findings[0]?.facts['aside']).toBe(`${PATH}.cloned`);
    expect(copy.identity.agent).not.toBe(AGENT);
    expect(copy.identity.shown?.publicKey).not.toBe(identity.shown?.publicKey);
    const aside = JSON.parse(Buffer.from(await readWhole(files, `${PATH}.cloned`, 10_000)).toString()) as object;
    expect(aside).toMatchObject({ agent: AGENT, public_key: identity.shown?.publicKey });
    expect((await openOn(files)).findings).toEqual([]);
  });

  it('on a copy with a full disk, a new agent ID is in memory and is stored later', async () => {
    const { files } = await made();
    await setMachineId(files, ELSEWHERE);
    files.arm({ fullAfterBytes: 0 });
    const { identity, findings } = await openOn(files);
    expect(findings.map(({ code }) => code)).toEqual(['IDENTITY-UNSTORED']);
    expect(findings[0]?.facts['cause']).toMatchObject({ code: 'DISK-FULL' });
    const { agent } = identity;
    expect(agent).toMatch(/^[0-9a-f-]{36}$/);
    expect(agent).not.toBe(AGENT);
    expect([identity.isUnstored, identity.shown, identity.key]).toEqual([true, null, null]);
    await expect(identity.ensure(AGENT)).rejects.toMatchObject({ code: 'IDENTITY-UNSTORED' });
    files.arm({});
    expect(await identity.ensure(AGENT)).toMatchObject({ code: 'IDENTITY-CLONED' });
    expect([identity.isUnstored, identity.agent]).toEqual([false, agent]);
    expect((await openOn(files)).identity.shown).toEqual(identity.shown);
  });

  it('does not store the machine ID', async () => {
    const { files } = await made();
    const text = Buffer.from(await readWhole(files, PATH, 10_000)).toString();
    expect(text).not.toContain(HERE);
    expect(text).not.toContain(Buffer.from(HERE, 'hex').toString('base64'));
  });

  it.each([
    ['no machine ID', null],
    ['a machine ID that is not set yet', 'uninitialized'],
  ])('is kept on a machine with %s, and bound once there is one', async (_what, id) => {
    const { files, identity } = await made(id);
    expect(identity.shown?.isBound).toBe(false);
    await setMachineId(files, ELSEWHERE);
    const later = await openOn(files);
    expect(later.findings).toEqual([]);
    expect(later.identity.shown).toMatchObject({ agent: AGENT, isBound: true });
  });

  it('uses the key of the credential, and has none without the credential', async () => {
    const files = await machine();
    const key = makeIdentityKey();
    await files.makeDirectory('/run/credentials', 0o700);
    await writeDurably(files, CREDENTIAL, Buffer.from(key.export({ format: 'pem', type: 'pkcs8' })), 0o400);
    const { identity } = await openOn(files, { credential: CREDENTIAL });
    await identity.ensure(AGENT);
    expect(identity.shown).toMatchObject({ keyIn: 'credential', publicKey: publicText(key) });
    const text = Buffer.from(await readWhole(files, PATH, 10_000)).toString();
    expect(text).toContain('"private_key":null');
    const outside = await openOn(files);
    expect(outside.identity.shown).toEqual(identity.shown);
    expect(() => outside.identity.requireKey()).toThrow(/IDENTITY-ABSENT/);
  });

  it('has the key of a new credential, with the same agent ID', async () => {
    const { files } = await made();
    await files.makeDirectory('/run/credentials', 0o700);
    const key = makeIdentityKey();
    await writeDurably(files, CREDENTIAL, Buffer.from(key.export({ format: 'pem', type: 'pkcs8' })), 0o400);
    const { identity } = await openOn(files, { credential: CREDENTIAL });
    expect(identity.shown).toMatchObject({ agent: AGENT, publicKey: publicText(key), keyIn: 'credential' });
  });

  it('refuses a credential that is not an Ed25519 key, and does not quote it', async () => {
    const { files } = await made();
    await files.makeDirectory('/run/credentials', 0o700);
    await writeDurably(files, CREDENTIAL, Buffer.from('hunter2 is not a key'), 0o400);
    const failure = await openOn(files, { credential: CREDENTIAL }).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'IDENTITY-KEY' });
    expect(JSON.stringify(failure)).not.toContain('hunter2');
  });

  it('sets a damaged file aside and makes a new key for the same agent ID', async () => {
    const { files, identity } = await made();
    const text = Buffer.from(await readWhole(files, PATH, 10_000)).toString();
    await writeDurably(files, PATH, Buffer.from(text.replace(/"private_key":"....../, '"private_key":"AAAAAA')), 0o600);
    const after = await openOn(files);
    expect(after.findings.map(({ code }) => code)).toEqual(['STATE-DAMAGED']);
    await after.identity.ensure(AGENT);
    expect(after.identity.agent).toBe(AGENT);
    expect(after.identity.shown?.publicKey).not.toBe(identity.shown?.publicKey);
  });

  it('reset gives a new agent ID and key, and keeps the previous one aside', async () => {
    const { files, identity } = await made();
    const { agent, aside } = await identity.reset();
    expect(agent).not.toBe(AGENT);
    expect(identity.agent).toBe(agent);
    expect(aside).toBe(`${PATH}.replaced`);
    expect((await openOn(files)).identity.shown).toEqual(identity.shown);
  });

  it('names every private key as a secret before it is stored', async () => {
    const kept: string[] = [];
    const { files, identity } = await made(HERE, { keepSecret: (text) => void kept.push(text) });
    await identity.reset();
    const text = Buffer.from(await readWhole(files, PATH, 10_000)).toString();
    expect(kept).toHaveLength(2);
    expect(text).toContain(kept[1]);
  });

  it('a crash on a copy never leaves the identity of the other machine', async () => {
    const before = await made();
    const bytes = await readWhole(before.files, PATH, 10_000);
    const trials = await everyCrash({
      prepare: async () => {
        const files = await machine(ELSEWHERE);
        await writeDurably(files, PATH, bytes, 0o600);
        return files;
      },
      act: async (files) => void (await openOn(files)),
      check: async ({ files }) => {
        const { identity } = await openOn(files);
        expect(identity.agent).not.toBeNull();
        expect(identity.agent).not.toBe(AGENT);
        expect(identity.shown?.publicKey).not.toBe(before.identity.shown?.publicKey);
        // The copy is kept, once.
        expect((await files.list('/state')).filter((name) => /\.cloned/.test(name))).toEqual(['identity.json.cloned']);
        expect((await openOn(files)).identity.shown).toEqual(identity.shown);
      },
    });
    expect(trials).toBeGreaterThan(20);
  });

  it('a crash while it is made leaves none or a whole one', async () => {
    await everyCrash({
      prepare: () => machine(),
      act: async (files) => void (await (await openOn(files)).identity.ensure(AGENT)),
      check: async ({ files }) => {
        const { identity, findings } = await openOn(files);
        expect(findings).toEqual([]);
        await identity.ensure(AGENT);
        expect(publicText(identity.requireKey())).toBe(identity.shown?.publicKey);
      },
    });
  });
});

describe('machine binding', () => {
  it('knows nothing without an id or a binding', () => {
    expect(isOtherMachine(null, HERE)).toBe(false);
    expect(isOtherMachine({ salt: '00', digest: '00' }, null)).toBe(false);
    expect(isOtherMachine({ salt: '00', digest: '00' }, HERE)).toBe(true);
  });
});
