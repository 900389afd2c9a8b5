import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_SOURCES } from '#config/schema/upload-values.ts';
import { bundleRig } from '#test/support/bundle-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';

const LINE = '2026-11-30T04:12:05 [INFO] [Thread: Main] Checked the feed.\n';

function run(program: string, args: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { maxBuffer: 67_108_864 });
  if (status !== 0) throw new Error(`${program}: ${stderr.toString()}`);
  return stdout;
}

describe('bundle', () => {
  it('bundle: the default sources are these and nothing else', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE);
    rig.put('logs/sallyport.log.1', LINE);
    rig.put('logs/other.log', 'another program');
    rig.put('logs/sallyport.log.bak.txt', 'a copy that a person made');
    const { manifest } = await rig.build(rig.request({ sources: [...BUILT_IN_SOURCES] }));

    expect(BUILT_IN_SOURCES).toEqual([
      'log',
      'journal',
      'configuration',
      'status',
      'diagnosis',
      'timeouts',
      'versions',
    ]);
    expect(manifest.files.map(({ name }) => name)).toEqual([
      'configuration.yaml',
      'diagnosis.json',
      'log/sallyport.log',
      'log/sallyport.log.1',
      'status.json',
      'timeouts.json',
      'versions.json',
    ]);
    expect(manifest.left_out).toEqual([
      { name: 'journal/sallyport.service.log', reason: 'journalctl cannot be started (ENOENT)' },
    ]);
  });

  it('bundle: it is frozen, and its digest and length are those of the file', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE);
    const bundle = await rig.build(rig.request());
    const facts = statSync(bundle.path);

    expect(bundle.fileName).toBe('20261130-k3f9q2.tar.zst');
    expect(facts.mode & 0o777).toBe(0o400);
    expect(facts.size).toBe(bundle.length);
    expect(run('sha256sum', [bundle.path]).toString().split(' ')[0]).toBe(bundle.sha256);
  });

  it('bundle: a second call returns the same bytes without collecting again', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE);
    const first = await rig.build(rig.request());
    rig.put('logs/sallyport.log', 'something else\n');

    expect(await rig.build(rig.request())).toEqual(first);
    expect(await rig.text('log/sallyport.log')).toBe(LINE);
  });

  it('bundle: the same sources make the same archive', async () => {
    const digests: string[] = [];
    for (const archive of ['tar.zst', 'tar.zst', 'zip', 'zip'] as const) {
      const clock = { now: () => 1_800_000_000_000, monotonic: () => 0, after: () => ({ cancel() {}, restart() {} }) };
      const rig = bundleRig({ clock });
      digests.push((await rig.build(rig.request({ archive, sources: ['versions', 'status'] }))).sha256);
    }

    expect(new Set(digests).size).toBe(2);
  });

  it('bundle: case, note and manifest name no secret and no host with pseudonyms', async () => {
    const rig = bundleRig({ secrets: ['hunter2secret'] });
    rig.put('logs/sallyport.log', 'connected to web01.bank.internal with hunter2secret\n');
    const over = { pseudonyms: true, case: 'C-17', note: 'password is hunter2secret on web01.bank.internal' };
    const { manifest } = await rig.build(rig.request({ sources: ['log'] }, over));

    expect(await rig.text('log/sallyport.log')).toBe('connected to host-1 with ***\n');
    expect(manifest).toMatchObject({ case: 'C-17', host: 'host-1', pseudonyms: true, sallyport: '0.1.0' });
    expect(JSON.stringify(manifest)).not.toMatch(/hunter2|bank\.internal/);
    expect(manifest.files[0]?.masked).toContainEqual({ rule: 'configured-secret', count: 1 });
  });

  it('bundle: a source that fails is left out with the reason, and the others stay', async () => {
    const rig = bundleRig({
      over: { builtIn: (name) => (name === 'status' ? Promise.reject(new Error('no')) : Promise.resolve('{}')) },
    });
    const { manifest } = await rig.build(rig.request({ sources: ['status', 'versions'] }));

    expect(manifest.files.map(({ name }) => name)).toEqual(['versions.json']);
    expect(manifest.left_out).toEqual([{ name: 'status.json', reason: 'it cannot be redacted (Error)' }]);
  });
});

describe('bundle: the final check', () => {
  /** Redaction that lets a word pass in the first files, although the scan knows it. */
  function leaking(files: number) {
    let left = files;
    const plain = bundleRig({ secrets: ['hunter2secret'] });
    const rig = bundleRig({
      over: {
        redaction: async (request) => {
          const made = await plain.ports.redaction(request);
          const { redactor } = made;
          const redactLines: typeof redactor.redactLines = (source, counts) => {
            left -= 1;
            return left >= 0 ? source : redactor.redactLines(source, counts);
          };
          return { ...made, redactor: { ...redactor, redactLines } };
        },
      },
    });
    return rig;
  }

  it('bundle: a file with a secret is set aside, and the rest is packed again', async () => {
    const rig = leaking(1);
    rig.put('logs/sallyport.log.1', LINE);
    rig.put('logs/sallyport.log', 'hunter2secret\n');
    const bundle = await rig.build(rig.request());

    expect(bundle.manifest.files).toHaveLength(1);
    expect(bundle.manifest.left_out).toEqual([
      { name: expect.stringMatching('log/'), reason: 'the final check found something to mask (configured-secret)' },
    ]);
    expect(run('sh', ['-c', `zstd -dc ${bundle.path}`]).includes('hunter2secret')).toBe(false);
    expect(run('sh', ['-c', `cat ${rig.work}/files/*`]).includes('hunter2secret')).toBe(false);
  });

  it('bundle: a secret in the manifest stops the job and leaves nothing', async () => {
    const rig = leaking(3);
    rig.put('logs/sallyport.log', 'hunter2secret\n');
    const made = rig.build(rig.request({}, { case: 'hunter2secret' }));

    await expect(made).rejects.toMatchObject({ code: 'BUNDLE-SECRET' });
    expect(
      run('sh', ['-c', `find ${rig.work} -type f | wc -l`])
        .toString()
        .trim(),
    ).toBe('0');
  });
});

describeWith(['zstd', 'tar', 'unzip'], 'bundle: read by other programs', () => {
  it('bundle: tar and zstd list it with the manifest first and without an owner', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE.repeat(5_000));
    const { path } = await rig.build(rig.request({ sources: ['log', 'versions'] }));
    const listing = run('sh', ['-c', `zstd -dc ${path} | tar -tv`]).toString();

    expect(listing.split('\n').map((line) => line.split(/\s+/).at(-1))).toEqual([
      'manifest.json',
      'log/sallyport.log',
      'versions.json',
      '',
    ]);
    expect(listing).toMatch(/^-rw-r--r-- 0\/0 /);
    expect(run('sh', ['-c', `zstd -dc ${path} | tar -xO log/sallyport.log`]).toString()).toBe(LINE.repeat(5_000));
  });

  it('bundle: unzip tests and extracts a zip', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE.repeat(5_000));
    rig.put('logs/sallyport.log.1', '');
    const { path, fileName } = await rig.build(rig.request({ archive: 'zip' }));

    expect(fileName).toBe('20261130-k3f9q2.zip');
    expect(run('unzip', ['-t', path]).toString()).toContain('No errors detected');
    expect(run('unzip', ['-p', path, 'log/sallyport.log']).toString()).toBe(LINE.repeat(5_000));
  });
});

describeWith(['age', 'zstd', 'tar'], 'bundle: encrypted', () => {
  it('bundle: age opens it for each recipient, and only the encrypted copy is kept', async () => {
    const identity = await generateX25519Identity();
    const other = await generateX25519Identity();
    const recipients = [await identityToRecipient(identity), await identityToRecipient(other)];
    const rig = bundleRig();
    rig.put('logs/sallyport.log', LINE.repeat(20_000));
    const { path, fileName } = await rig.build(rig.request({ encrypt_to: recipients }));
    writeFileSync(join(rig.root, 'key'), `${other}\n`);
    const opened = run('sh', ['-c', `age -d -i ${rig.root}/key ${path} | zstd -dc | tar -xO log/sallyport.log`]);

    expect(fileName).toBe('20261130-k3f9q2.tar.zst.age');
    expect(opened.toString()).toBe(LINE.repeat(20_000));
    expect(await rig.text('log/sallyport.log')).toBe(LINE.repeat(20_000));
    expect(run('ls', [rig.work]).toString().trim().split('\n')).toEqual([
      '20261130-k3f9q2.tar.zst.age',
      'built.json',
      'files',
      'manifest.json',
    ]);
  });
});
