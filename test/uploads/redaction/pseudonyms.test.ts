import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { realFiles } from '#system/real-files.ts';
import { openPseudonyms } from '#uploads/redaction/pseudonym-store.ts';
import { Pseudonymizer } from '#uploads/redaction/pseudonymizer.ts';
import { MAX_NAMES, type PseudonymKind, Pseudonyms } from '#uploads/redaction/pseudonyms.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';
import type { RuleCounts } from '#uploads/redaction/windows.ts';
import { innocentLines } from './innocent-lines.ts';
import { redact } from './redacting.ts';

const OWN = { hosts: ['build7.corp.net', 'build7'], users: ['carol'] };

async function apply(text: string, pseudonyms = new Pseudonyms(null), counts: RuleCounts = new Map()) {
  const pseudonymizer = new Pseudonymizer(pseudonyms, OWN);
  const redactor = createBundleRedactor({ known: new KnownSecrets(), pseudonymizer });
  const redacted = await redact(redactor, Buffer.from(text));
  for (const [rule, count] of redacted.counts) counts.set(rule, count);
  return redacted.bytes.toString();
}

describe('pseudonyms', () => {
  it.each([
    ['Connected to https://updates.corp.net:443/x?a=1', 'Connected to https://host-1:443/x?a=1'],
    ['http://bob:hunter2@proxy.corp.net:3128/', 'http://***@host-1:3128/'],
    ['{"url":"https:\\/\\/updates.corp.net\\/x"}', '{"url":"https:\\/\\/host-1\\/x"}'],
    ['q=https%3A%2F%2Fupdates.corp.net%2F', 'q=https%3A%2F%2Fhost-1%2F'],
    ['lookup of db1.intern failed, db1.intern is down', 'lookup of host-1 failed, host-1 is down'],
    ['on build7 and BUILD7.corp.net', 'on host-1 and host-2'],
    [
      'Nov 30 04:12:05 web1 sshd[7]: Accepted password for alice from 10.1.2.3 port 5',
      'Nov 30 04:12:05 host-1 sshd[7]: Accepted password for user-1 from 10.0.0.1 port 5',
    ],
    ['hostname=web1 user=alice', 'hostname=host-1 user=user-1'],
    ['refused user CORP\\svc_pull (Basic)', 'refused user user-1 (Basic)'],
    ['/home/alice/.ssh and C:\\Users\\alice\\x', '/home/user-1/.ssh and C:\\Users\\user-1\\x'],
    ['by carol, not carol7', 'by user-1, not carol7'],
    ['10.1.2.3, 10.1.2.4:80 and 10.1.2.3', '10.0.0.1, 10.0.0.2:80 and 10.0.0.1'],
    ['2a00:1450::200e and 2A00:1450:0:0:0:0:0:200E', 'fd00::1 and fd00::1'],
    ['3c:22:fb:00:11:22, 3C-22-FB-00-11-22', '02:00:00:00:00:01, 02:00:00:00:00:01'],
  ])('pseudonyms: %j becomes %j', async (text, result) => {
    expect(await apply(text)).toBe(result);
  });

  it.each([
    '127.0.0.1:3128 and [::1]:80 and localhost',
    '0.0.0.0 255.255.255.0 224.0.0.251 192.0.2.7 2001:db8::1',
    'version 1.2.3.4, v10.2.3.4, Chrome/120.0.0.0, 1.2.3.4.5, 300.1.1.1',
    'at com.example.app.Main.run(Main.java:7), org.apache.http.client, node:fs, package.json',
    'https://updates.example.com/feed.json and proxy.test',
    'user root, user=sallyport, /home/user/x',
    'at 04:12:05, 12:34:56:78',
    'sha256 2bc8bd185c554f3aa2578f05880dd541ddfa26fb6b8492e2944f982b584aab37',
    'no user is logged in; the user has left',
  ])('pseudonyms: kept: %s', async (text) => {
    expect(await apply(text)).toBe(text);
  });

  it('pseudonyms: the same original has the same name in every bundle', async () => {
    const pseudonyms = new Pseudonyms(null);
    expect(await apply('10.1.1.1 10.1.1.2', pseudonyms)).toBe('10.0.0.1 10.0.0.2');
    expect(await apply('10.1.1.2 10.1.1.3', pseudonyms)).toBe('10.0.0.2 10.0.0.3');
    expect(await apply('10.1.1.1', new Pseudonyms(pseudonyms.saved()))).toBe('10.0.0.1');
  });

  it('pseudonyms: two originals never share a name, also after the oldest were dropped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom<PseudonymKind>('host', 'user'), fc.nat(30)), { maxLength: 200 }),
        (asked) => {
          const originals = new Map<string, string>();
          let pseudonyms = new Pseudonyms(null, 8);
          for (const [index, [kind, number]] of asked.entries()) {
            if (index % 50 === 49) pseudonyms = new Pseudonyms(pseudonyms.saved(), 8);
            const name = pseudonyms.nameOf(kind, `x${number}`);
            expect(originals.get(name) ?? `${kind} x${number}`).toBe(`${kind} x${number}`);
            originals.set(name, `${kind} x${number}`);
            expect(pseudonyms.saved().names.length).toBeLessThanOrEqual(8);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['ipv4', 0xff_ff_ff, '10.255.255.255'],
    ['ipv4', 0x1_00_00_01, 'ipv4-16777217'],
    ['mac', 0x1_00_00, '02:00:00:01:00:00'],
    ['mac', 0x1_00_00_01, 'mac-16777217'],
    ['ipv6', 0xff_ff, 'fd00::ffff'],
    ['ipv6', 0x1_00_00, 'fd00::1:0'],
    ['ipv6', 0xff_ff_ff_fe, 'fd00::ffff:fffe'],
  ] as const)('pseudonyms: kind %s, number %i: it has a name of its own', (kind, number, name) => {
    const next = { host: 1, user: 1, ipv4: 1, ipv6: 1, mac: 1, [kind]: number };
    expect(new Pseudonyms({ names: [], next }).nameOf(kind, 'x')).toBe(name);
    if (kind === 'ipv6') expect(isIPv6(name)).toBe(true);
  });

  it('pseudonyms: a name inside a secret is masked with it, and counts name the kind', async () => {
    const counts: RuleCounts = new Map();
    expect(await apply('at password=10.1.2.3x9 10.1.2.3', new Pseudonyms(null), counts)).toBe(
      'at password=*** 10.0.0.1',
    );
    expect([...counts]).toEqual([
      ['key-name', 1],
      ['pseudonym-ipv4', 1],
    ]);
  });

  it('pseudonyms: in a long line no name is cut', async () => {
    const text = Array.from({ length: 12_000 }, (_none, n) => `10.1.${n % 7}.5`).join(' ');
    const redacted = await apply(text);
    expect(new Set(redacted.split(' '))).toEqual(new Set(Array.from({ length: 7 }, (_none, n) => `10.0.0.${n + 1}`)));
    expect(redacted.split(' ').length).toBe(12_000);
  });

  it('pseudonyms: time grows linearly on hostile text', () => {
    const pseudonymizer = new Pseudonymizer(new Pseudonyms(null), OWN);
    const pieces = [
      'a.',
      'a-',
      '://',
      '://a@',
      '1.',
      'a:',
      '::',
      'aa:',
      'user ',
      'user=',
      'A\\',
      '/home/',
      'host=',
      'com.',
      'a',
      '2026-11-30T04:12:05 ',
      'x.y.com ',
    ];
    for (const piece of pieces) {
      const began = process.threadCpuUsage();
      pseudonymizer.find(piece.repeat(32_768 / piece.length));
      expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(300);
    }
  });

  it('pseudonyms: in ordinary lines only hosts, users and addresses change', async () => {
    const lines = innocentLines(1_000);
    const redacted = (await apply(lines.join('\n'))).split('\n');
    const words = (line: string) =>
      line.replaceAll(/host-\d+|user-\d+|(?:\d+\.){3}\d+|fd00::\w+|fe80:\S+|(?:\w\w:){5,}\w\w/g, '').length;
    const changed = lines.filter(
      (line, index) => line !== redacted[index] && Math.abs(words(line) - words(redacted[index] ?? '')) > 20,
    );
    expect(changed.slice(0, 5)).toEqual([]);
  });
});

describe('pseudonym store', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'pseudonyms-'));

  it('pseudonym store: names survive a restart, in a file that only its owner reads', async () => {
    const path = join(folder(), 'pseudonyms.json');
    const store = await openPseudonyms(realFiles, path);
    expect(store.pseudonyms.nameOf('host', 'Web1')).toBe('host-1');
    await store.save();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await openPseudonyms(realFiles, path);
    expect(again.problem).toBeNull();
    expect(again.pseudonyms.nameOf('host', 'web1')).toBe('host-1');
    expect(again.pseudonyms.nameOf('host', 'web2')).toBe('host-2');
    const written = readFileSync(path, 'utf8');
    await (await openPseudonyms(realFiles, path)).save();
    expect(readFileSync(path, 'utf8')).toBe(written);
  });

  it('pseudonym store: a full map is saved, and a name that was not saved is given again', async () => {
    const path = join(folder(), 'pseudonyms.json');
    const store = await openPseudonyms(realFiles, path);
    for (let n = 1; n <= MAX_NAMES + 10; n += 1) store.pseudonyms.nameOf('host', `web${n}`);
    await store.save();
    store.pseudonyms.nameOf('host', 'lost');
    const again = (await openPseudonyms(realFiles, path)).pseudonyms;
    expect(again.saved().names.length).toBe(MAX_NAMES);
    expect(again.nameOf('host', `web${MAX_NAMES}`)).toBe(`host-${MAX_NAMES}`);
    expect(again.nameOf('host', 'other')).toBe(`host-${MAX_NAMES + 11}`);
  });

  it('pseudonym store: a damaged map is set aside, and no later name is equal to an earlier one', async () => {
    const path = join(folder(), 'pseudonyms.json');
    const kinds = ['host', 'user', 'ipv4', 'ipv6', 'mac'] as const;
    const namesOf = (pseudonyms: Pseudonyms) => kinds.map((kind) => pseudonyms.nameOf(kind, 'x'));
    const seen = namesOf(new Pseudonyms(null));
    const generations: (string | null)[] = [null];
    for (const damage of ['{"format":1,"names":7}', 'none', '{"format":9}']) {
      if (damage !== 'none') writeFileSync(path, damage);
      // The process dies between the two steps: the file is set aside, and nothing replaces it.
      else rmSync(path);
      const store = await openPseudonyms(realFiles, path);
      expect(store.problem === null).toBe(damage === 'none');
      const again = await openPseudonyms(realFiles, path);
      expect([again.problem, again.pseudonyms.generation]).toEqual([null, store.pseudonyms.generation]);
      generations.push(store.pseudonyms.generation);
      seen.push(...namesOf(store.pseudonyms));
      await store.save();
      expect(namesOf((await openPseudonyms(realFiles, path)).pseudonyms)).toEqual(seen.slice(-kinds.length));
    }
    expect(new Set(generations).size).toBe(generations.length);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((name) => name.startsWith('fd00:')).every(isIPv6)).toBe(true);
  });
});
