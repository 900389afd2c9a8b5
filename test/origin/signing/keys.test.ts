import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSignerCommand } from '#origin/signing/external-signer.ts';
import { addKey, listSigningKeys } from '#origin/signing/key-folder.ts';
import { openPrivateKey } from '#origin/signing/private-key.ts';
import type { Files } from '#system/files.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunHereOptions, runHere } from '#test/support/run-here.ts';
import { PASSPHRASE, Vendor } from './vendor.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-keys-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const feed = (args: readonly string[], options: RunHereOptions = {}) =>
  runHere(['feed', ...args, '--keys', join(dir, 'keys')], options);
const TYPED: RunHereOptions['answers'] = [
  ['New passphrase of ada', PASSPHRASE],
  ['Again', PASSPHRASE],
];

describe('feed keys', () => {
  it('feed keys: the private half is encrypted, for its owner only, and never replaced', async () => {
    expect((await feed(['keys', 'make', 'ada'], { answers: TYPED })).code).toBe(0);
    const path = join(dir, 'keys/ada.key');
    const sealed = await readFile(path, 'utf8');
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe('600');
    expect(((await stat(join(dir, 'keys'))).mode & 0o777).toString(8)).toBe('700');
    expect(sealed).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/);
    expect(await openPrivateKey(sealed, ['another one', PASSPHRASE])).toMatchObject({ asymmetricKeyType: 'ed25519' });
    expect(await openPrivateKey(sealed, ['another one'])).toBe('wrong-passphrase');
    expect(await openPrivateKey(sealed.slice(0, 200), [PASSPHRASE])).toBe('damaged');
    const again = await feed(['keys', 'make', 'ADA'], {
      answers: [
        ['New passphrase', PASSPHRASE],
        ['Again', PASSPHRASE],
      ],
    });
    expect(again).toMatchObject({ code: 19, err: expect.stringContaining('[SIGNING-KEY]') });
    expect(await readFile(path, 'utf8')).toBe(sealed);
  });

  it('feed keys: a passphrase that is short or mistyped is asked for again', async () => {
    const answers: RunHereOptions['answers'] = [
      ['New passphrase', 'short'],
      ['New passphrase', PASSPHRASE],
      ['Again', 'correct horse batery'],
      ['New passphrase', PASSPHRASE],
      ['Again', PASSPHRASE],
    ];
    const { code, err } = await feed(['keys', 'make', 'ada'], { answers });
    expect(code).toBe(0);
    expect(err).toContain('fewer than 12 characters');
    expect(err).toContain('differ');
  });

  it.each(['', '../up', 'a b', '-a', 'a.b', 'x'.repeat(65)])('feed keys: refuses the name %j', async (name) => {
    const { code } = await feed(['keys', 'make', '--', name], { answers: TYPED });
    expect(code).toBeGreaterThan(0);
  });

  it('feed keys: without a terminal, a passphrase comes from a file', async () => {
    expect(await feed(['keys', 'make', 'ada'])).toMatchObject({
      code: 64,
      err: expect.stringContaining('--passphrase-file'),
    });
    await writeFile(join(dir, 'short'), 'short\n');
    const short = await feed(['keys', 'make', 'ada', '--passphrase-file', join(dir, 'short')]);
    expect(short).toMatchObject({ code: 64, err: expect.stringContaining('12 characters') });
  });

  it('feed keys: shows the public half, which others add under a name of theirs', async () => {
    await feed(['keys', 'make', 'ada'], { answers: TYPED });
    const { out } = await feed(['keys', 'show', 'ada']);
    await writeFile(join(dir, 'from-ada'), out);
    expect((await feed(['keys', 'make', 'hers', '--public', join(dir, 'from-ada')])).code).toBe(0);
    const list = JSON.parse((await feed(['keys', 'list', '--json'])).out) as { keyid: string; signs_by: string }[];
    expect(list.map(({ signs_by }) => signs_by)).toEqual(['file', 'nothing']);
    expect(list[0]?.keyid).toBe(list[1]?.keyid);
    expect(JSON.stringify(list)).not.toContain('PRIVATE');
  });

  it('feed keys: a crash while a key is added leaves no key that looks complete', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const add = (files: Files) => addKey({ files, dir: '/keys' }, 'hsm', { pem, command: '/bin/sign' });
    await everyCrash({
      prepare: () => Promise.resolve(new CrashingFiles()),
      act: async (files) => void (await add(files)),
      check: async ({ files }) => {
        const [known] = await listSigningKeys({ files, dir: '/keys' });
        if (known !== undefined) expect(await readSignerCommand(files, '/keys/hsm.signer')).toBe('/bin/sign');
      },
    });
  });
});

describe('private halves', () => {
  it('private halves: one that others can read is refused', async () => {
    const files = new CrashingFiles();
    const vendor = new Vendor(files);
    const { keyId } = await vendor.makeKey('ada');
    await files.give('/keys/ada.key', { owner: files.self, group: files.self, mode: 0o640 });
    const signer = await vendor.signer();
    await expect(signer.signBytes(keyId, Buffer.from('x'))).rejects.toThrow('chmod 600');
  });

  it('private halves: one of another key is noticed before a signature is used', async () => {
    const files = new CrashingFiles();
    const vendor = new Vendor(files);
    const { keyId } = await vendor.makeKey('ada');
    await vendor.makeKey('bob');
    files.plantFile('/keys/ada.key', files.content('/keys/bob.key') ?? '', { mode: 0o600 });
    await expect((await vendor.signer()).signBytes(keyId, Buffer.from('x'))).rejects.toThrow('do not belong together');
  });

  it('private halves: a wrong passphrase is SIGNING-PASSPHRASE after three tries', async () => {
    await feed(['keys', 'make', 'ada'], { answers: TYPED });
    await writeFile(join(dir, 'pass'), 'not this one\n');
    const rotate = ['rotate', '--tuf', join(dir, 'repository'), '--draft', join(dir, 'draft')];
    const roles = [
      '--root',
      'ada',
      '--targets',
      'ada',
      '--snapshot',
      'ada',
      '--timestamp',
      'ada',
      '--threshold',
      'root=1',
    ];
    expect((await feed([...rotate, ...roles])).err).toContain('One key alone');
    const sign = ['sign', join(dir, 'draft'), '--passphrase-file', join(dir, 'pass')];
    const wrong = await feed([...sign, '--yes']);
    expect(wrong).toMatchObject({ code: 19, err: expect.stringContaining('[SIGNING-PASSPHRASE]') });
    const answers: RunHereOptions['answers'] = [
      ['Sign this?', 'y'],
      ...(Array(3).fill(['Passphrase of ada', 'no']) as []),
    ];
    expect((await feed(sign, { answers })).err).toContain('[SIGNING-PASSPHRASE]');
    expect((await feed(sign, { answers: [['Sign this?', 'n']] })).err).toContain('[CANCELLED]');
    expect((await feed(sign)).code).toBe(64);
  });
});

describeWith(['openssl'], 'signers', () => {
  /** Adds a key on P-256, with a script that signs what it reads and passes the signature through `form`. */
  async function addSigner(form: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(dir, 'secret.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(join(dir, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const script = `#!/bin/sh\necho touch the device >&2\n/usr/bin/openssl dgst -sha256 -sign "$1" ${form}\n`;
    await writeFile(join(dir, 'sign'), script, { mode: 0o700 });
    const command = `${join(dir, 'sign')} ${join(dir, 'secret.pem')}`;
    return await feed(['keys', 'make', 'hsm', '--public', join(dir, 'public.pem'), '--signer', command]);
  }

  it.each(['', '| /usr/bin/od -An -v -tx1', '| /usr/bin/openssl base64'])(
    'signers: a command may write the signature as it is or with %j, and its messages are shown',
    async (form) => {
      const { code, err } = await addSigner(form);
      expect({ code, err }).toEqual({ code: 0, err: '"touch the device"\n' });
      expect((await feed(['keys', 'list'])).out).toContain('a command');
    },
  );

  it.each([
    ['>/dev/null; echo nonsense', 'is not a signature'],
    ['>/dev/null; /usr/bin/head -c 20000 /dev/zero', 'more than 8192 bytes'],
    ['>/dev/null; exit 3', 'status 3'],
  ])('signers: a command with %j is refused, and its key is not kept', async (form, why) => {
    const { code, err } = await addSigner(form);
    expect(code).toBe(19);
    expect(err).toContain('[SIGNING-SIGNER]');
    expect(err).toContain(why);
    expect((await feed(['keys', 'list'])).out).toContain('no keys');
  });

  it('signers: a command that another user could change is not run', async () => {
    await addSigner('');
    await chmod(join(dir, 'keys/hsm.signer'), 0o622);
    const given = ['--tuf', join(dir, 'repository'), '--draft', join(dir, 'draft'), '--threshold', 'root=1'];
    await feed(['rotate', ...given, '--root', 'hsm', '--targets', 'hsm', '--snapshot', 'hsm', '--timestamp', 'hsm']);
    const { code, err } = await feed(['sign', join(dir, 'draft'), '--yes']);
    expect(code).toBe(19);
    expect(err).toContain('can be changed by other users');
  });
});
