import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BundleRig, bundleRig } from '#test/support/bundle-rig.ts';
import { describeWith, JOURNAL_REMOTE } from '#test/support/real-parts.ts';

const BEGAN_MS = 1_790_000_000_000;

/** A program that runs journalctl, or what the test wants, as our rig's journalctl. */
function journalctl(rig: BundleRig, script: string): string {
  const path = join(rig.root, 'journalctl');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function withJournalctl(script: (rig: BundleRig) => string, secrets: readonly string[] = []): BundleRig {
  const outer = bundleRig();
  return bundleRig({ secrets, over: { journalctl: journalctl(outer, script(outer)) } });
}

interface Entry {
  readonly unit: string;
  readonly message: string;
}

/** The journal export format: a value of several lines has its length in 8 bytes before it. */
function exported(entries: readonly Entry[]): Buffer {
  const boot = '6c7c6013a26343b29e964691ff25d04c';
  return Buffer.concat(
    entries.map(({ unit, message }, at) => {
      const micros = BigInt(BEGAN_MS + at * 1_000) * 1_000n;
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(Buffer.byteLength(message)));
      return Buffer.concat([
        Buffer.from(
          `__REALTIME_TIMESTAMP=${micros}\n__MONOTONIC_TIMESTAMP=${at * 1_000_000 + 1}\n_BOOT_ID=${boot}\n` +
            `_SYSTEMD_UNIT=${unit}\n_UID=0\n_PID=77\n_HOSTNAME=web01\nSYSLOG_IDENTIFIER=app\nPRIORITY=6\nMESSAGE\n`,
        ),
        length,
        Buffer.from(`${message}\n\n`),
      ]);
    }),
  );
}

function realJournal(rig: BundleRig, entries: readonly Entry[]): string {
  const folder = join(rig.root, 'journal');
  mkdirSync(folder);
  writeFileSync(join(rig.root, 'exported'), exported(entries));
  const made = spawnSync(JOURNAL_REMOTE, ['-o', join(folder, 'system.journal'), join(rig.root, 'exported')]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return `exec journalctl --directory=${folder} "$@"`;
}

describeWith(['journals'], 'journal', () => {
  it('journal: the newest entries of the unit alone, in order, with lines that belong together', async () => {
    const entries = Array.from({ length: 3_000 }, (_none, at) => ({
      unit: at % 3 === 0 ? 'other.service' : 'sallyport.service',
      message: at === 2_999 ? 'the last\nof two lines' : `entry ${at} ${'x'.repeat(400)}`,
    }));
    const rig = withJournalctl((outer) =>
      realJournal(outer, [...entries, { unit: 'sallyport.service', message: 'end' }]),
    );
    const { manifest } = await rig.build(rig.request({ sources: ['journal'], max_bytes: 1_048_576 }));
    const text = await rig.text('journal/sallyport.service.log');
    const numbers = [...text.matchAll(/entry (\d+) /g)].map(([, number]) => Number(number));

    expect(text).not.toMatch(/-- (?:Boot|No entries)/);
    expect(text.endsWith(' app[77]: end\n')).toBe(true);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(numbers.some((number) => number % 3 === 0)).toBe(false);
    expect(numbers.at(-1)).toBe(2_998);
    expect(text.length).toBeLessThanOrEqual(524_288);
    expect(text.length).toBeGreaterThan(520_000);
    expect(manifest.left_out).toEqual([
      { name: 'journal/sallyport.service.log', reason: 'its older entries do not fit' },
    ]);
  });

  it('journal: a time limits it, and a key over several entries is masked', async () => {
    const key = ['-----BEGIN PRIVATE KEY-----', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC', '-----END PRIVATE KEY-----'];
    const entries = ['old', ...key, 'new'].map((message) => ({ unit: 'app.service', message }));
    const rig = withJournalctl((outer) => realJournal(outer, entries));
    const over = { sinceMs: BEGAN_MS + 1_000 };
    await rig.build(rig.request({ sources: ['journal:app.service'] }, over));
    expect((await rig.contents()).bundle.manifest.left_out).toEqual([]);
    const text = await rig.text('journal/app.service.log');

    expect(text).not.toMatch(/old|MIIEvQ/);
    expect(text).toContain(': new\n');
  });

  it('journal: a unit without entries is left out with the reason', async () => {
    const rig = withJournalctl((outer) => realJournal(outer, [{ unit: 'app.service', message: 'x' }]));
    const { manifest } = await rig.build(rig.request({ sources: ['journal:other.service', 'versions'] }));

    expect(manifest.left_out).toEqual([
      { name: 'journal/other.service.log', reason: 'the journal has no entries of it' },
    ]);
  });
});

describe('journal: journalctl', () => {
  it.each([
    ['echo "No journal files were opened due to insufficient permissions." >&2; exit 1', /group systemd-journal would/],
    ['echo "No journal files were found." >&2; echo "-- No entries --"', /^this host keeps no journal$/],
    ['exit 0', /^the journal has no entries of it$/],
    [`head -c 2000000 /dev/zero | tr '\\0' x`, /^its newest entry does not fit into the bytes that are left$/],
  ])('journal: is left out after: %s', async (script, reason) => {
    const rig = withJournalctl(() => script);
    const { manifest } = await rig.build(rig.request({ sources: ['journal'], max_bytes: 1_048_576 }));

    expect(manifest.left_out).toEqual([{ name: expect.any(String), reason: expect.stringMatching(reason) }]);
    expect(manifest.files).toEqual([]);
  });

  it('journal: it gets the unit as one argument, and no environment of ours', async () => {
    const rig = withJournalctl(({ root }) => `printf '%s\\n' "$@" >${root}/args; env | sort >${root}/env; exit 1`);
    await rig.build(rig.request({ sources: ['journal:a@b.service'] }));
    const outer = rig.ports.journalctl.replace(/\/journalctl$/, '');
    const read = (name: string) =>
      spawnSync('cat', [join(outer, name)])
        .stdout.toString()
        .trim()
        .split('\n');

    expect(read('args')).toContain('--unit=a@b.service');
    expect(read('env').map((line) => line.split('=')[0])).toEqual(expect.not.arrayContaining(['HOME', 'NODE_OPTIONS']));
  });

  it('journal: a program that fails in the middle leaves the source out', async () => {
    const rig = withJournalctl(
      () => `case "$*" in *--reverse*) echo '2026-11-30T00:00:00.000000+00:00 a b: c';; *) echo cut; exit 3;; esac`,
    );
    const { manifest } = await rig.build(rig.request({ sources: ['journal'] }));

    expect(manifest.left_out[0]?.reason).toBe('journalctl ended early');
    expect(manifest.files).toEqual([]);
  });
});
