// The drop directory on a real disk, with a store that records what it accepts.

import { spawnSync } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { NO_SECRETS } from '#redaction/redact.ts';
import type { Submission } from '#spool/segments/intake.ts';
import type { PackedDocuments } from '#spool/segments/line-buffer.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { unpacked } from '#test/support/unpacked.ts';
import { documentRules } from '#uploads/analytics/document-rules.ts';
import { DropDirectory, type DropPorts } from '#uploads/analytics/drop-directory.ts';
import { UserShares } from '#uploads/analytics/user-shares.ts';

const GO = new AbortController().signal;
const QUOTA = { documents: 1_000, bytes: 10_000 };

let dir: string;
let accepted: { text: string; key: string | undefined }[];
let events: Parameters<DropPorts['report']>[0][];
let fails: Error | null;
let drop: DropDirectory;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drop-'));
  for (const name of ['new', 'tmp', 'rejected']) {
    await mkdir(join(dir, name));
    await chmod(join(dir, name), 0o3770);
  }
  await chmod(dir, 0o3770);
  [accepted, events, fails] = [[], [], null];
  drop = makeDrop();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function makeDrop(): DropDirectory {
  const bytes = () => accepted.reduce((sum, { text }) => sum + text.length, 0);
  const shares = new UserShares({
    get waiting() {
      return { documents: accepted.length, bytes: bytes(), oldestAtMs: null };
    },
    quota: QUOTA,
  });
  return new DropDirectory({
    dir,
    files: realFiles,
    documents: { append: (submission) => append(submission) },
    shares,
    clock: new FakeClock(),
    report: (event) => events.push(event),
    rules: () => documentRules(undefined, NO_SECRETS),
  });
}

async function append({ documents, identity }: Submission) {
  if (fails !== null) throw fails;
  const taken: typeof accepted = [];
  for await (const group of documents as AsyncIterable<PackedDocuments>) {
    for (const one of unpacked(group)) taken.push({ text: one.toString(), key: identity?.key });
  }
  accepted.push(...taken);
  return { documents: taken.length, bytes: 0 };
}

const put = (name: string, text: string) => writeFile(join(dir, 'new', name), text);
const left = async () => (await readdir(join(dir, 'new'))).sort();
const names = () => events.map(({ name }) => name);

describe('the drop directory', () => {
  it('deletes a file once its documents are durable', async () => {
    await put('a', '{"a":1}\n{"b":2}\n');
    await put('b.json', '{"c":3}');
    await put('.hidden', '{"d":4}');
    expect(await drop.scan(GO)).toEqual({ files: 2, documents: 3, waiting: 0 });
    expect(accepted.map(({ text }) => text)).toEqual(['{"a":1}', '{"b":2}', '{"c":3}']);
    expect(await left()).toEqual(['.hidden']);
    expect(events).toMatchObject([{ name: 'documents-dropped', files: 2, documents: 3 }]);
  });

  it('a file with a wrong line goes to rejected/ as a whole, with the lines', async () => {
    await put('a', '{"a":1}\nnope\n');
    expect(await drop.scan(GO)).toEqual({ files: 0, documents: 0, waiting: 0 });
    expect([accepted, await left()]).toEqual([[], []]);
    expect((await readdir(join(dir, 'rejected'))).sort()).toEqual(['a', 'a.reason.txt']);
    expect(await readFile(join(dir, 'rejected', 'a.reason.txt'), 'utf8')).toContain('line 2: it is not JSON');
    await put('a', 'again');
    await drop.scan(GO);
    expect(await readdir(join(dir, 'rejected'))).toContain('a.2');
  });

  it('links, hard links, folders and FIFOs are never read', async () => {
    const outside = join(dir, 'secret');
    await writeFile(outside, '{"secret":1}');
    await symlink(outside, join(dir, 'new', 'link'));
    await link(outside, join(dir, 'new', 'hard'));
    await mkdir(join(dir, 'new', 'folder'));
    spawnSync('mkfifo', [join(dir, 'new', 'fifo')]);
    await drop.scan(GO);
    expect(accepted).toEqual([]);
    expect(await readFile(outside, 'utf8')).toContain('secret');
    expect(await left()).toEqual(['folder']);
    expect(new Set(names())).toEqual(new Set(['drop-rejected', 'drop-discarded', 'drop-failed']));
  });

  it('a file that a crash left has the same identity again', async () => {
    await put('a', '{"a":1}');
    await utimes(join(dir, 'new', 'a'), 1_000, 1_000);
    const before = (await realFiles.facts(join(dir, 'new', 'a')))!;
    fails = coded('DISK-FULL', { path: dir } as never);
    expect(await drop.scan(GO)).toMatchObject({ waiting: 1 });
    fails = null;
    await makeDrop().scan(GO);
    expect(accepted[0]?.key).toBe([before.device, before.inode, 7, 1_000_000, 'a'].join('\n'));
  });

  it('a full disk or spool keeps the files, and is reported once', async () => {
    await put('a', '{"a":1}');
    await put('b', '{"b":1}');
    for (const code of ['DISK-FULL', 'SPOOL-FULL', 'DISK-FULL'] as const) {
      fails = coded(code, { path: dir } as never);
      expect(await drop.scan(GO)).toEqual({ files: 0, documents: 0, waiting: 2 });
    }
    expect([await left(), names()]).toEqual([['a', 'b'], ['drop-waits']]);
    fails = null;
    expect(await drop.scan(GO)).toMatchObject({ files: 2, waiting: 0 });
  });

  it.skipIf(process.getuid?.() !== 0)('one user can fill only half of the spool', async () => {
    const text = `{"a":"${'x'.repeat(3_000)}"}`;
    for (const name of ['a1', 'a2', 'b1']) await put(name, text);
    await realFiles.give(join(dir, 'new', 'b1'), { owner: 12_345, group: 0, mode: 0o600 });
    expect(await drop.scan(GO)).toMatchObject({ files: 2 });
    expect([await left(), names()]).toEqual([['a2'], ['drop-waits', 'documents-dropped']]);
  });

  it('a file that a stop interrupts waits, and nothing of it is accepted', async () => {
    const stop = new AbortController();
    await put('a', '{"a":1}\n'.repeat(20_000));
    const scan = drop.scan(stop.signal);
    stop.abort(coded('INTERRUPTED', { reason: 'a test' }));
    await expect(scan).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect([accepted, await left(), names()]).toEqual([[], ['a'], []]);
  });

  it('a user whose budget in rejected/ is used up loses further wrong files', async () => {
    for (let number = 0; number < 102; number += 1) await put(String(number), 'x');
    await drop.scan(GO);
    expect(names().filter((name) => name === 'drop-discarded')).toHaveLength(2);
    expect(await left()).toEqual([]);
  });

  it('unfinished files are deleted after a day', async () => {
    await writeFile(join(dir, 'tmp', 'old'), '');
    await utimes(join(dir, 'tmp', 'old'), 1, 1);
    const now = new FakeClock().now() / 1_000;
    await writeFile(join(dir, 'tmp', 'fresh'), '');
    await utimes(join(dir, 'tmp', 'fresh'), now, now);
    await drop.sweep();
    expect(await readdir(join(dir, 'tmp'))).toEqual(['fresh']);
  });

  it.each([
    ['is missing', (path: string) => rm(path, { recursive: true }), 'does not exist'],
    ['is writable by everybody', (path: string) => chmod(path, 0o3777), 'every user can write'],
    ['has no sticky bit', (path: string) => chmod(path, 0o2770), 'no sticky bit'],
  ])('is refused if it %s', async (_what, spoil, words) => {
    expect(await drop.check()).toBeNull();
    await spoil(join(dir, 'new'));
    expect((await drop.check())?.safeText).toContain(words);
  });
});
