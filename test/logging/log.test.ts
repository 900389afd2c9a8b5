import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { type LogOptions, openLog } from '#logging/log.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { readClassicLine } from '#test/support/read-classic.ts';
import { UPDATER } from '#test/support/updater.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-log-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A log, and what its screen and stderr received. */
function open(
  options: Partial<LogOptions> & { form?: 'text' | 'json' | 'auto'; tty?: boolean; journal?: boolean } = {},
) {
  const { form, tty = false, journal = false, ...rest } = options;
  const [seen, complaints]: [string[], string[]] = [[], []];
  const screen = { write: (text: string) => void seen.push(text), tty, journal, color: false, columns: () => 100 };
  const log = openLog({
    dir,
    level: 'info',
    rotateBytes: 1_000_000,
    rotateKeep: 3,
    known: new KnownSecrets(),
    clock: new FakeClock(),
    complain: (line) => complaints.push(line),
    ...(form === undefined ? {} : { terminal: { screen, form } }),
    ...rest,
  });
  const close = async () => {
    log.close();
    return (await readFile(log.file, 'utf8')).split('\n').slice(0, -1);
  };
  return { ...log, close, seen, complaints };
}

const PROGRESS: SallyportEvent = { name: 'progress', id: '1', received: 5_000_000, length: 10_000_000 };

describe('the log', () => {
  it('log: lines for a stuck reader of stdout are dropped; the file has all and says so', async () => {
    let waiting = 0;
    const screen = {
      write: (text: string) => {
        waiting += text.length;
      },
      tty: false,
      color: false,
      columns: () => 100,
      backlog: () => waiting,
      onceDrained: () => undefined,
    };
    const log = open({ terminal: { screen, form: 'text' }, rotateBytes: null });
    for (let n = 0; n < 15_000; n += 1) log.report({ name: 'downloading', id: `${n}` });
    await Promise.resolve();
    const lines = await log.close();

    expect(waiting).toBeLessThanOrEqual(1_048_576);
    expect(lines.filter((line) => line.includes('Downloading'))).toHaveLength(15_000);
    expect(lines.filter((line) => line.includes('reads stdout is too slow'))).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/\[WARN\].* \d+ lines missing on stdout/);
  });

  it('log: file, terminal and JSON get the same moment and the same words', async () => {
    const [classic, json] = [open({ form: 'text' }), open({ form: 'json' })];
    for (const log of [classic, json]) log.report({ name: 'downloading', id: '1602503' });
    const [line] = await classic.close();

    expect(classic.seen).toEqual([`${line}\n`]);
    const parsed = JSON.parse(json.seen.join(''));
    expect(parsed).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/),
      thread: 'Updater',
      event: 'downloading',
      message: 'Downloading update ID 1602503.',
      fields: { id: '1602503' },
    });
    expect(parsed.time.slice(0, 19)).toBe(line?.slice(0, 19));
  });

  it('log: events below its level are not rendered', async () => {
    const log = open({ level: 'warn', form: 'text' });
    log.report({ name: 'downloading', id: '1' });
    log.report({ name: 'package-problem', id: '1', error: new Error('x') });

    expect(log.seen).toHaveLength(1);
    expect((await log.close()).map((line) => readClassicLine(line)?.name)).toEqual(['package-problem']);
  });

  it('log: progress is in the file at level debug only', async () => {
    const [debug, info] = [open({ level: 'debug', dir: join(dir, 'a') }), open({ dir: join(dir, 'b') })];
    for (const log of [debug, info]) log.report(PROGRESS);

    expect((await debug.close()).map((line) => readClassicLine(line)?.name)).toEqual(['progress']);
    expect(await info.close()).toEqual([]);
  });

  it('log: a tty shows the progress bar at every level, other debug events at debug only', async () => {
    const log = open({ level: 'error', form: 'text', tty: true });
    log.report(PROGRESS);
    log.report({ name: 'waiting', id: '1', limit: 29_000, size: 20_000_000, explanation: 'x' });

    expect(log.seen.join('')).toContain('50%');
    expect(log.seen.join('')).not.toContain('\n');
    expect(await log.close()).toEqual([]);
    expect(log.seen.at(-1)).toBe('\r\u001b[2K');
  });

  it.each(['text', 'json'] as const)('log: no secret gets through in any encoding (%s)', async (form) => {
    const secret = 'pä"ss [wörd]/1?&';
    const known = new KnownSecrets();
    known.add(secret);
    const encoded = [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      JSON.stringify(secret),
    ];
    const log = open({ form, known });
    for (const text of encoded) {
      log.report({ name: 'redirected', ...UPDATER, url: `http://x/?token=${text}` });
      log.report({ name: 'redirected', ...UPDATER, url: `${'y '.repeat(94)}${text}` });
      const error = coded('ORIGIN-STATUS', { url: text, status: 500, reason: text, hop: text });
      log.report({ name: 'check-failed', hop: text, error });
      log.report({ name: 'fault', error: new Error(text) });
      log.report({ name: 'stopping', reason: ['a', text] });
    }
    const everything = (await log.close()).join('\n') + log.seen.join('');

    for (const text of [...encoded, 'wörd', 'pä', encodeURIComponent('wörd')]) expect(everything).not.toContain(text);
    expect(everything).toContain('***');
  });

  it('log: JSON stays valid whatever was masked', () => {
    const known = new KnownSecrets();
    known.add('","');
    known.add('":{"');
    known.add('info');
    const log = open({ form: 'json', known });
    log.report({ name: 'stopping', reason: 'info","x":{"' });

    expect(JSON.parse(log.seen.join(''))).toMatchObject({ level: 'info', event: 'stopping' });
  });

  it('log: an unknown event throws nothing into a step', async () => {
    const log = open();
    log.report({ name: 'invented' } as unknown as SallyportEvent);
    log.report({ name: 'stopped' });

    expect(log.complaints).toEqual([expect.stringMatching(/^An event could not be logged: /)]);
    expect(await log.close()).toHaveLength(1);
  });

  it('log: a closed screen or stderr throws nothing into a step', async () => {
    const gone = () => {
      throw new Error('EPIPE');
    };
    const screen = { write: gone, tty: true, color: false, columns: gone };
    const log = open({ terminal: { screen, form: 'auto' }, complain: gone });
    log.report(PROGRESS);
    log.report({ name: 'invented' } as unknown as SallyportEvent);
    log.report({ name: 'stopped' });

    expect(await log.close()).toHaveLength(1);
  });

  it('log: a folder that cannot be created throws nothing into a step', () => {
    const log = open({ dir: '/dev/null/logs' });
    log.report({ name: 'stopped' });
    openLog({
      dir: '/dev/null/logs',
      level: 'info',
      rotateBytes: 1,
      rotateKeep: 1,
      known: new KnownSecrets(),
      clock: new FakeClock(),
      complain: () => {},
    }).close();

    expect(log.complaints).toEqual([
      expect.stringContaining('The log file /dev/null/logs/sallyport.log is in trouble'),
    ]);
  });

  it('log: secrets in its own complaints are masked', () => {
    const known = new KnownSecrets();
    known.add('hunter22');
    const log = open({ dir: '/dev/null/hunter22', known });

    expect(log.complaints.join('')).toContain('/dev/null/***');
  });

  it('log: events after its end are dropped', async () => {
    const log = open({ form: 'text' });
    await log.close();
    log.report({ name: 'stopped' });

    expect(log.seen).toEqual([]);
    expect(await log.close()).toEqual([]);
  });

  it('log: the journal gets lines with a priority, and the time only on request', () => {
    const [auto, text, json] = [
      open({ form: 'auto', journal: true }),
      open({ form: 'text', journal: true }),
      open({ form: 'json', journal: true }),
    ];
    for (const log of [auto, text, json]) {
      log.report({ name: 'downloading', id: '1' });
      log.report({ name: 'withdrawn', id: '1', path: '/x' });
      log.report({ name: 'package-problem', id: '1', error: coded('FILE-SYMLINK', { path: 'x' }) });
    }

    expect(auto.seen[0]).toBe('<6>[INFO] [Thread: Updater] Downloading update ID 1.\n');
    expect(text.seen[0]).toMatch(/^<6>\d{4}-\d\d-\d\dT.* Downloading update ID 1\.\n$/);
    for (const { seen } of [auto, text, json])
      expect(seen.map((line) => line.slice(0, 3))).toEqual(['<6>', '<4>', '<3>']);
    expect(JSON.parse(json.seen[0]?.slice(3) ?? '')).toMatchObject({ event: 'downloading' });
  });

  it('log: a pipe gets the plain lines of the file by default', async () => {
    const log = open({ form: 'auto' });
    log.report({ name: 'downloading', id: '1' });

    expect(log.seen).toEqual((await log.close()).map((line) => `${line}\n`));
  });

  it('log: a repeated complaint is shown once and summed up, at the latest at the end', async () => {
    const log = open({ form: 'json' });
    const complain = () =>
      log.report({ name: 'package-problem', id: '1', error: coded('FILE-SYMLINK', { path: 'x' }) });
    complain();
    complain();
    complain();
    log.report({ name: 'stopped' });
    complain();
    const lines = (await log.close()).map((line) => line.replace(/^\S+ /, ''));

    expect(lines).toEqual([
      expect.stringMatching(/^\[ERROR\] \[Thread: Updater\] Update ID 1: \[FILE-SYMLINK\]/),
      expect.stringMatching(
        /^\[ERROR\] \[Thread: Updater\] Repeated 2 more times within 0 ms: "Update ID 1: FILE-SYMLINK: x is a symbolic link;[^"]*" \(first at \d\d:\d\d:\d\d\)\.$/,
      ),
      '[INFO] [Thread: Main] Stopped.',
      expect.stringMatching(
        /^\[ERROR\] \[Thread: Updater\] Repeated once more within 0 ms: "Update ID 1: FILE-SYMLINK: /,
      ),
    ]);
    expect(JSON.parse(log.seen[1] ?? '')).toMatchObject({
      event: 'repeated',
      fields: { count: 2, subject: 'FILE-SYMLINK' },
    });
  });

  it('log: every attempt of an update and every verdict on an edit is shown', async () => {
    const log = open();
    const error = coded('TCP-REFUSED', { host: 'example.com', port: 3128, elapsed: 5 });
    const attempt = () => log.report({ name: 'download-failed', id: '1', hop: 'example.com:3128', error });
    const verdict = () => {
      const place = { file: '/etc/x.yaml', line: 3, column: 5, key: 'proxies[0].port', message: 'is too large' };
      log.report({ name: 'config-mistake', ...place });
      log.report({ name: 'reload-refused', count: 1 });
    };
    for (let times = 0; times < 5; times += 1) attempt();
    verdict();
    verdict();

    const lines = await log.close();
    expect(lines.filter((line) => line.includes('[WARN]'))).toHaveLength(5);
    expect(lines.filter((line) => line.includes('[ERROR]'))).toHaveLength(4);
  });

  it('log: the stack of an internal error is in JSON and on a separate line at debug', async () => {
    const [info, debug] = [open({ form: 'json', dir: join(dir, 'a') }), open({ level: 'debug', dir: join(dir, 'b') })];
    for (const log of [info, debug]) log.report({ name: 'package-problem', id: '1', error: new Error('x') });
    const [line, second] = await debug.close();

    expect(JSON.parse(info.seen.join(''))['stack'][0]).toContain('log.test.ts');
    expect(await info.close()).toHaveLength(1);
    expect(line).not.toContain('log.test.ts');
    expect(readClassicLine(second ?? '')).toMatchObject({ name: 'fault-stack', level: 'DEBUG' });
    expect(second).toContain('log.test.ts');
  });

  it('log: a secret that only the composed failure shows is masked in JSON', () => {
    const known = new KnownSecrets();
    known.add('ple.com refused port 3128');
    const log = open({ form: 'json', known });
    const error = coded('TCP-REFUSED', { host: 'example.com', port: 3128, elapsed: 5 });
    log.report({ name: 'package-problem', id: '1', error });

    expect(JSON.parse(log.seen.join(''))['fields'].error.message).toMatch(
      /^exam\*\*\* refused port \*\*\* after 5 ms:/,
    );
  });

  it('log: it continues in a new file after the old one was moved away', async () => {
    const log = open();
    log.report({ name: 'stopped' });
    await rename(log.file, `${log.file}.1`);
    log.reopen();

    expect(await log.close()).toEqual([]);
    expect(await readFile(`${log.file}.1`, 'utf8')).toContain('Stopped.');
  });
});
