import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { groupName } from '#system/process/group.ts';
import { type BundleRig, bundleRig } from '#test/support/bundle-rig.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { describeWith } from '#test/support/real-parts.ts';

const LINE = '2026-11-30T04:12:05 [INFO] [Thread: Main] Checked the feed.\n';

/** Builds from a pattern below the root; names are shown without the root. */
async function buildFrom(rig: BundleRig, patterns: readonly string[], maxBytes = 268_435_456) {
  const sources = patterns.map((pattern) => (pattern.startsWith('/') ? pattern : join(rig.root, pattern)));
  const { manifest, sourceBytes } = await rig.build(rig.request({ sources, max_bytes: maxBytes }));
  const short = (name: string) => name.replace(`host${rig.root}/`, '');
  return {
    files: manifest.files.map((file) => ({ ...file, name: short(file.name) })),
    names: manifest.files.map(({ name }) => short(name)),
    leftOut: Object.fromEntries(manifest.left_out.map(({ name, reason }) => [short(name), reason])),
    sourceBytes,
    text: async (name: string) => await rig.text(`host${rig.root}/${name}`),
  };
}

describe('collecting: hostile files', () => {
  it('collecting: links, hard links, FIFOs and sockets are left out with the reason', async () => {
    const rig = bundleRig();
    const app = join(rig.root, 'app');
    rig.put('app/good.log', LINE);
    rig.put('secret/key', 'a key');
    symlinkSync(join(rig.root, 'secret/key'), join(app, 'link.log'));
    linkSync(join(rig.root, 'secret/key'), join(app, 'hard.log'));
    spawnSync('mkfifo', [join(app, 'fifo.log')]);
    mkdirSync(join(app, 'folder.log'));
    const { names, leftOut } = await buildFrom(rig, ['app/*.log']);

    expect(names).toEqual(['app/good.log']);
    expect(leftOut).toEqual({
      'app/link.log': 'it is a symbolic link; links are never followed',
      'app/hard.log': 'it has 2 names (hard links)',
      'app/fifo.log': 'it is a special file',
    });
  });

  it('collecting: no folder of the path may be a link', async () => {
    const rig = bundleRig();
    rig.put('real/app/a.log', LINE);
    symlinkSync(join(rig.root, 'real'), join(rig.root, 'alias'));
    mkdirSync(join(rig.root, 'mixed'));
    symlinkSync(join(rig.root, 'real/app'), join(rig.root, 'mixed/app'));
    const { names, leftOut } = await buildFrom(rig, ['alias/app/*.log', 'mixed/*/*.log']);

    expect(names).toEqual([]);
    expect(Object.keys(leftOut)).toEqual(['alias/app/*.log']);
    expect(leftOut['alias/app/*.log']).toContain('symbolic link');
  });

  it('collecting: state and configuration are never collected, whatever their path is', async () => {
    const rig = bundleRig();
    rig.put('state/secrets.json', '{}');
    rig.put('sallyport.yaml', 'version: 2\n');
    rig.put('other.yaml', 'fine: true\n');
    const { names, leftOut } = await buildFrom(rig, ['*.yaml', 'state/*', 'st*/*.json', '/proc/self/environ']);

    expect(names).toEqual(['other.yaml']);
    expect(Object.values(leftOut)).toEqual([
      'it can contain secrets of Sallyport and is never collected',
      'it belongs to Sallyport or the system and is never collected',
      'it belongs to Sallyport or the system and is never collected',
      'it belongs to Sallyport or the system and is never collected',
    ]);
  });

  it('collecting: hidden files are collected only where the pattern begins with a dot', async () => {
    const rig = bundleRig();
    rig.put('app/.hidden.log', LINE);
    rig.put('app/a.log', LINE);

    expect((await buildFrom(rig, ['app/*'])).names).toEqual(['app/a.log']);
  });

  it('collecting: a binary file is left out with the reason', async () => {
    const rig = bundleRig();
    rig.put('app/core', Buffer.from(Array.from({ length: 5_000 }, (_none, at) => (at * 37) % 256)));
    rig.put('app/utf16.log', Buffer.from(LINE, 'utf16le'));
    const { names, leftOut } = await buildFrom(rig, ['app/*']);

    expect(names).toEqual([]);
    expect(Object.values(leftOut)).toEqual([
      expect.stringContaining('is not text'),
      expect.stringContaining('is not text'),
    ]);
  });

  it('collecting: secrets in a name of a file are masked in every place that shows it', async () => {
    const rig = bundleRig({ secrets: ['hunter2secret'] });
    rig.put('app/hunter2secret.log', LINE);
    rig.put('app/hunter2secret\n.log', LINE);
    symlinkSync('/etc/passwd', join(rig.root, 'app/hunter2secret-link.log'));
    const { names, leftOut } = await buildFrom(rig, ['app/*.log']);

    expect(JSON.stringify([names, leftOut])).not.toContain('hunter2');
    expect(names).toEqual(['app/REDACTED.log', 'app/REDACTED_.log']);
  });
});

describe('collecting: the own log', () => {
  it('collecting: the folder of the log may be a link, and a missing log is left out', async () => {
    const rig = bundleRig();
    rig.put('elsewhere/sallyport.log', LINE);
    const none = await rig.plan(rig.request());
    symlinkSync(join(rig.root, 'elsewhere'), join(rig.root, 'logs'));
    const linked = await rig.plan(rig.request());

    expect(none.leftOut).toEqual([{ name: 'log/sallyport.log', reason: expect.stringContaining('ENOENT') }]);
    expect(linked.files.map(({ name }) => name)).toEqual(['log/sallyport.log']);
  });
});

describe('collecting: changing files', () => {
  /** Changes files when the first source has been listed and opened. */
  function changing(change: (rig: BundleRig) => void) {
    let rig: BundleRig;
    const made = bundleRig({
      over: {
        builtIn: () => {
          change(rig);
          return Promise.resolve('{}');
        },
      },
    });
    rig = made;
    return { rig, build: async (patterns: string[]) => await buildChanging(made, patterns) };
  }

  async function buildChanging(rig: BundleRig, patterns: readonly string[]) {
    const sources = ['versions', ...patterns.map((pattern) => join(rig.root, pattern))];
    const { manifest } = await rig.build(rig.request({ sources }));
    const short = (name: string) => name.replace(`host${rig.root}/`, '');
    return {
      names: manifest.files.map(({ name }) => short(name)).filter((name) => name !== 'versions.json'),
      leftOut: manifest.left_out.map(({ name, reason }) => [short(name), reason]),
    };
  }

  it('collecting: a file that was rotated meanwhile is read under its new name, once', async () => {
    const { rig, build } = changing(({ root }) => {
      renameSync(join(root, 'app/a.log'), join(root, 'app/a.log.1'));
      writeFileSync(join(root, 'app/a.log'), 'new\n');
    });
    rig.put('app/a.log', LINE);
    const { names, leftOut } = await build(['app/a.log*']);

    expect([names, leftOut]).toEqual([['app/a.log'], []]);
    expect(await rig.text(`host${rig.root}/app/a.log`)).toBe(LINE);
  });

  it('collecting: a file that vanished, or became a link, is left out', async () => {
    const { rig, build } = changing(({ root }) => {
      rmSync(join(root, 'app/a.log'));
      rmSync(join(root, 'app/b.log'));
      symlinkSync('/etc/passwd', join(root, 'app/b.log'));
    });
    rig.put('app/a.log', LINE);
    rig.put('app/b.log', LINE);
    const reason = 'it was removed or replaced while the bundle was made';

    expect(await build(['app/*.log'])).toEqual({
      names: [],
      leftOut: expect.arrayContaining([
        ['app/a.log', reason],
        ['app/b.log', reason],
      ]),
    });
  });

  it('collecting: a folder that became a link is not followed', async () => {
    const { rig, build } = changing(({ root }) => {
      renameSync(join(root, 'app'), join(root, 'moved'));
      symlinkSync(join(root, 'moved'), join(root, 'app'));
    });
    rig.put('app/a.log', LINE);
    const { names, leftOut } = await build(['app/*.log']);

    expect(names).toEqual([]);
    expect(leftOut).toEqual([['app/a.log', expect.stringContaining('symbolic link')]]);
  });

  it('collecting: files that grow or shrink are read as far as they go', async () => {
    const { rig, build } = changing(({ root }) => {
      appendFileSync(join(root, 'app/grows.log'), ' of the line\nthe next line\n');
      truncateSync(join(root, 'app/shrinks.log'), LINE.length);
    });
    rig.put('app/grows.log', 'the beginning');
    rig.put('app/shrinks.log', LINE.repeat(3));
    await build(['app/*.log']);

    expect(await rig.text(`host${rig.root}/app/grows.log`)).toBe('the beginning of the line\nthe next line\n');
    expect(await rig.text(`host${rig.root}/app/shrinks.log`)).toBe(LINE);
  });
});

describe('collecting: amounts', () => {
  it('collecting: the newest part of a large file stays, in whole lines', async () => {
    const rig = bundleRig();
    const lines = Array.from({ length: 60_000 }, (_none, at) => `line ${String(at).padStart(6, '0')} of a large log\n`);
    rig.put('app/a.log', lines.join(''));
    const { files, text, sourceBytes } = await buildFrom(rig, ['app/*.log'], 1_048_576);
    const kept = await text('app/a.log');

    expect(kept.startsWith('line ')).toBe(true);
    expect(kept.endsWith(lines.at(-1)!)).toBe(true);
    expect(kept.length).toBeLessThanOrEqual(524_288);
    expect(kept.length).toBeGreaterThan(500_000);
    expect(files[0]?.skipped_bytes).toBe(lines.join('').length - 524_288);
    expect(sourceBytes).toBeLessThanOrEqual(1_048_576);
  });

  it('collecting: a key that begins before the newest part is masked in it', async () => {
    const rig = bundleRig();
    const key = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(20)}-----END PRIVATE KEY-----\n`;
    const after = 524_288 - key.length / 2;
    rig.put('app/a.log', `${LINE.repeat(10_000)}${key}${'x'.repeat(after - 1)}\n`);
    const { text } = await buildFrom(rig, ['app/*.log'], 1_048_576);

    expect(await text('app/a.log')).not.toContain('MIIEvQ');
  });

  it('collecting: the newest files come first, and the oldest are left out', async () => {
    const rig = bundleRig();
    for (const [at, name] of ['old', 'middle', 'new', 'newest'].entries()) {
      const path = rig.put(`app/${name}.log`, `${'x'.repeat(999)}\n`.repeat(400));
      utimesSync(path, 1_700_000_000 + at, 1_700_000_000 + at);
    }
    const { files, leftOut } = await buildFrom(rig, ['app/*.log'], 1_048_576);

    expect(files.map(({ name, skipped_bytes: skipped }) => [name, skipped > 0])).toEqual([
      ['app/middle.log', true],
      ['app/new.log', false],
      ['app/newest.log', false],
    ]);
    expect(leftOut).toEqual({ 'app/old.log': 'the bundle already has 1048576 bytes of newer data' });
  });

  it('collecting: files that did not change since the given time are left out', async () => {
    const rig = bundleRig();
    utimesSync(rig.put('app/old.log', LINE), 1_700_000_000, 1_700_000_000);
    rig.put('app/new.log', LINE);
    const sources = [join(rig.root, 'app/*.log')];
    const { manifest } = await rig.build(rig.request({ sources }, { sinceMs: 1_750_000_000_000 }));

    expect(manifest.files.map(({ name }) => name)).toEqual([`host${rig.root}/app/new.log`]);
    expect(manifest.left_out[0]?.reason).toContain('2023-11-14T22:13:20.000Z');
  });

  it('collecting: a disk with little space makes a smaller bundle, and a full one makes none', async () => {
    const mib = 1_048_576;
    const rig = bundleRig();
    rig.put('app/a.log', LINE.repeat(40_000));
    const withFree = (freeBytes: number) => bundleRig({ files: new CrashingFiles({ freeBytes }), work: '/state/work' });
    const request = rig.request({ sources: [join(rig.root, 'app/*.log')] });
    const small = await withFree(66 * mib).build(request);

    expect(small.sourceBytes).toBeLessThan(2 * mib);
    expect(small.manifest.files[0]?.skipped_bytes).toBeGreaterThan(0);
    await expect(withFree(64 * mib).build(request)).rejects.toMatchObject({ code: 'DISK-FULL' });
  });
});

describe('collecting: packed files', () => {
  it('collecting: gzip and zstd are unpacked and redacted, whatever the name is', async () => {
    const rig = bundleRig({ secrets: ['hunter2secret'] });
    rig.put('app/a.log.1.gz', gzipSync(`${LINE}hunter2secret\n`));
    rig.put('app/a.log.2', zstdCompressSync(`${LINE}hunter2secret\n`));
    const { files, text } = await buildFrom(rig, ['app/*']);

    expect(files.map(({ unpacked_from: packed }) => packed)).toEqual(['gzip', 'zstd']);
    expect(await text('app/a.log.1.gz')).toBe(`${LINE}***\n`);
    expect(await text('app/a.log.2')).toBe(`${LINE}***\n`);
  });

  it('collecting: a bomb and damaged data are left out, and others stay', async () => {
    const rig = bundleRig();
    rig.put('app/bomb.gz', gzipSync(Buffer.alloc(8_388_608, 0x61)));
    rig.put('app/cut.gz', gzipSync(LINE.repeat(1_000)).subarray(0, 60));
    rig.put('app/wrong.zst', Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(40, 0xff)]));
    rig.put('app/good.log', LINE);
    const { names, leftOut } = await buildFrom(rig, ['app/*'], 1_048_576);

    expect(names).toEqual(['app/good.log']);
    expect(leftOut['app/bomb.gz']).toBe('unpacked it has more than the 524288 bytes that are left');
    expect(leftOut['app/cut.gz']).toMatch(/^its gzip data is damaged/);
    expect(leftOut['app/wrong.zst']).toMatch(/^its zstd data is damaged/);
  });
});

describe('plan', () => {
  it('plan: it lists what a bundle has, with counts, and writes nothing', async () => {
    const rig = bundleRig({ secrets: ['hunter2secret'] });
    rig.put('app/a.log', 'hunter2secret\n');
    const plan = await rig.plan(rig.request({ sources: [join(rig.root, 'app/*.log'), '/nonexistent/*.log'] }));
    const built = await rig.build(rig.request({ sources: [join(rig.root, 'app/*.log'), '/nonexistent/*.log'] }));

    expect(plan.files).toEqual(built.manifest.files);
    expect(plan.leftOut).toEqual(built.manifest.left_out);
    expect(plan.files[0]?.masked).toEqual([{ rule: 'configured-secret', count: 1 }]);
    expect(plan.leftOut).toEqual([{ name: 'host/nonexistent/*.log', reason: expect.stringContaining('ENOENT') }]);
  });
});

describeWith(['root and setpriv'], 'collecting: without permission', () => {
  it('collecting: a file that the service may not read names the group that may', async () => {
    const rig = bundleRig();
    const path = rig.put('app/adm.log', LINE);
    chownSync(path, 0, 4);
    chmodSync(path, 0o640);
    chmodSync(rig.put('app/own.log', LINE), 0o600);
    chmodSync(rig.root, 0o755);
    const [euid, egid] = [process.geteuid!(), process.getegid!()];
    const groups = process.getgroups!();
    // Loads the native library now: another user may not be able to read the checkout.
    expect(await groupName(4)).toBe('adm');
    try {
      process.setgroups!([]);
      process.setegid!(64_101);
      process.seteuid!(64_101);
      const { leftOut } = await rig.plan(rig.request({ sources: [join(rig.root, 'app/*.log')] }));

      expect(leftOut.map(({ reason }) => reason).sort()).toEqual([
        'the service may not read it, and neither may any group',
        'the service may not read it; membership in the group adm would allow it (example drop-in: support-logs.conf)',
      ]);
    } finally {
      process.seteuid!(euid);
      process.setegid!(egid);
      process.setgroups!(groups);
    }
  });
});
