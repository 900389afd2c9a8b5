// The program as admins and new users run it: as a real process where one differs from the same code in this process.
// Each exit status passes through a process once, in `exits with the status`.

import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '#control/control.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type RanHere, runHere } from '#test/support/run-here.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { Site } from '#test/support/site.ts';

const JAR = makeJar('1602503', 300_000);

let origin: ScriptedOrigin;
let site: Site;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  site = await Site.make();
});
afterEach(async () => {
  await site.remove();
  await origin.close();
});

async function configureForOrigin(sections: Record<string, unknown> = {}): Promise<void> {
  await site.configure({
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
    ...sections,
  });
}

function offer(): void {
  origin.serve('/feed.json', feedOf([itemFor('1602503', JAR)]), 'application/json');
  origin.serve('/1602503.jar', JAR);
}

/** Sends half of the package, then waits until the test continues. */
function offerHeld(): { readonly asked: Promise<void>; finish(): void } {
  offer();
  const asked = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  origin.on('/1602503.jar', (_request, response) => {
    response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"', 'content-type': 'application/java-archive' });
    response.write(JAR.subarray(0, 100_000), () => asked.resolve());
    void go.promise.then(() => response.end(JAR.subarray(100_000)));
  });
  return { asked: asked.promise, finish: () => go.resolve() };
}

const published = async () =>
  (await readdir(join(site.dir, 'packages')).catch(() => [])).filter((name) => name.endsWith('.jar'));

describe('run --once', () => {
  it('publishes and acknowledges updates in the words of the manual, exits with 0', async () => {
    await configureForOrigin();
    offer();

    const { code, out, err } = await site.runProcess(['run', '--once']);

    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('[INFO] [Thread: Updater] Downloading update ID 1602503.');
    expect(out).toContain('[INFO] [Thread: Updater] Acknowledging receipt of update ID 1602503.');
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/\[INFO\] \[Thread: Main\] Stopped\.$/);
    expect(await published()).toEqual(['1602503.jar']);
    expect(origin.receipts).toMatchObject([{ id: '1602503', outcome: 'published' }]);
    expect(await readFile(join(site.dir, 'logs', 'sallyport.log'), 'utf8')).toBe(out);
  });

  it('exits with the status of the first failure', async () => {
    await configureForOrigin();
    offer();
    origin.on('/1602503.jar', (_request, response) => response.writeHead(404).end());
    expect((await site.runProcess(['run', '--once'])).code).toBe(18);

    await origin.close();
    expect((await site.run(['run', '--once'])).code).toBe(11);
    origin = await startScriptedOrigin();
  });

  it('writes one JSON object per line with --log json', async () => {
    await configureForOrigin();
    offer();
    const { out } = await site.run(['run', '--once', '--log', 'json']);
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['started', 'downloading', 'stopped']));
  });
});

describe('without a daemon', () => {
  it('check runs a round itself, with live log lines, and names no daemon', async () => {
    await configureForOrigin();
    offer();
    const first = await site.run(['check']);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('Published update ID 1602503');
    const second = await site.run(['check', '--json']);
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(second.out)).toMatchObject({ failure: null, published: [] });
  });

  it('status and the list show what is stored', async () => {
    await configureForOrigin();
    offer();
    await site.run(['check']);
    const status = JSON.parse((await site.run(['status', '--json'])).out) as Status;
    expect(status).toMatchObject({
      main: { state: 'not running', pid: null },
      updates: { serial: 1, published: 1, published_bytes: JAR.length, next_check: null },
    });
    expect((await site.run(['status'])).out).toContain('no daemon is running');
    expect((await site.run(['updates', 'list'])).out).toMatch(/^1602503 {2}content/m);
    expect(await site.run(['updates', 'verify'])).toMatchObject({ code: 0, out: '1602503: intact\n' });
  });

  it('a damaged package is found, and downloaded again by the next check', async () => {
    await configureForOrigin();
    offer();
    await site.run(['check']);
    await writeFile(join(site.dir, 'packages', '1602503.jar'), Buffer.alloc(JAR.length));
    expect((await site.run(['updates', 'verify'])).code).toBe(17);
    expect((await site.run(['check'])).code).toBe(0);
    expect(await site.run(['updates', 'verify'])).toMatchObject({ code: 0, out: '1602503: intact\n' });
  });
});

describe('with a running daemon', () => {
  it('check, status and the list use it and say so', async () => {
    await configureForOrigin();
    origin.serve('/feed.json', feedOf([]), 'application/json');
    const daemon = site.start(['run']);
    await daemon.line('Next check for updates at');
    offer();
    origin.serve('/feed.json', feedOf([itemFor('1602503', JAR)], { serial: 2 }), 'application/json');

    const check = await site.runProcess(['check']);
    expect(check).toMatchObject({ code: 0, err: `Using the daemon that listens at ${site.dir}/control.sock.\n` });
    expect(check.out).toContain('Downloading update ID 1602503.');
    await daemon.line('Acknowledging receipt of update ID 1602503.');

    const status = JSON.parse((await site.run(['status', '--json'])).out) as Status;
    expect(status.main).toMatchObject({ state: 'running', pid: daemon.child.pid });
    expect(status.updates.next_check).not.toBeNull();
    expect((await site.run(['status'])).out).toContain(`running as process ${daemon.child.pid} since`);
    expect((await site.run(['updates', 'list'])).out).toMatch(/^1602503 {2}content/m);
    expect(await site.run(['updates', 'verify'])).toMatchObject({ code: 0, out: '1602503: intact\n' });

    // This form is left to the parser of all commands (quick-arguments.ts).
    const complete = (...args: string[]) => runHere([`--config=${site.config}`, ...args]);
    const ageless = ({ code, out, err }: RanHere) => ({
      code,
      err,
      out: out.replaceAll(/[\d.]+ (?:m?s|min)\b|age=\d+s|"(?:at|since)": .*/g, ''),
    });
    for (const args of [['status'], ['status', '-v'], ['status', '--json'], ['status', '--check']]) {
      expect(ageless(await site.run(args)), args.join(' ')).toEqual(ageless(await complete(...args)));
    }
  });

  it('Ctrl-C of a check ends the wait; the daemon continues the round', async () => {
    await configureForOrigin();
    const held = offerHeld();
    const daemon = site.start(['run']);
    await held.asked;

    const check = site.start(['check']);
    await check.line('Using the daemon');
    check.child.kill('SIGINT');
    expect(await check.ended).toMatchObject({ signal: null, code: 19 });

    held.finish();
    await daemon.line('Published update ID 1602503');
  });

  it('a second daemon is refused, and the first continues', async () => {
    await configureForOrigin();
    offer();
    const daemon = site.start(['run']);
    await daemon.line('Next check for updates at');
    const second = await site.runProcess(['run']);
    expect(second.code).toBe(19);
    expect(second.err + second.out).toMatch(/\[(?:CONTROL-BUSY|LOCK[A-Z-]*|ALREADY[A-Z-]*)\]/);
    expect((await site.run(['status'])).out).toContain(`running as process ${daemon.child.pid}`);
  });
});

describe('an invalid configuration', () => {
  it('exits with 78, reports every error, and changes nothing', async () => {
    const text = 'version: 2\nupdates:\n  feed_ulr: x\n  keep_versions: 0\nlogging:\n  level: loud\n';
    await writeFile(site.config, text);
    for (const args of [['run'], ['status'], ['config', 'check']]) {
      const { code, out, err } = await site.run(args);
      expect({ args, code, out }).toEqual({ args, code: 78, out: '' });
      expect(err.split('\n').filter((line) => line.startsWith(`${site.config}:`))).toHaveLength(3);
      expect(err).toContain('Did you mean feed_url?');
    }
    expect(await readdir(site.dir)).toEqual(['config']);
  });

  it('is not reported if only the service can read a credential', async () => {
    await site.configure({ updates: { bearer_token: { credential: 'token' } } });
    const check = await site.run(['config', 'check']);
    expect(check).toMatchObject({ code: 0, out: expect.stringContaining('no errors, 1 warning') });
    expect(check.err).toContain('This command cannot read the credential.');
    const show = await site.run(['config', 'show']);
    expect(show.code).toBe(0);
    expect(show.out).toMatch(/updates\.bearer_token +\*\*\* +line \d/);

    const run = await site.run(['run', '--once']);
    expect(run).toMatchObject({ code: 78, err: expect.stringContaining('CREDENTIALS_DIRECTORY is not set') });
    const status = await site.run(['status']);
    expect(status.code).toBe(78);
    expect(status.err).toContain('[CREDENTIALS-ELSEWHERE]');
    expect(status.err).toContain('The file itself is correct.');
    expect(status.err).not.toContain('mistake');
  });

  it('that does not exist exits with 78 and says what to do', async () => {
    const { code, err } = await site.runProcess(['run']);
    expect(code).toBe(78);
    expect(err).toContain('[CONFIG-UNREADABLE]');
  });

  it('without feed_url is reported; the daemon keeps running', async () => {
    await site.configure();
    const check = await site.run(['check']);
    expect(check.code).toBe(78);
    expect(check.out + check.err).toContain('[CONFIG-INCOMPLETE] updates.feed_url is not set');
    const daemon = site.start(['run']);
    await daemon.line('[CONFIG-INCOMPLETE]');
    await daemon.line('Next check for updates at');
    expect((await site.run(['status'])).out).toContain('not configured (updates.feed_url or updates.tuf)');
    daemon.child.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
  });
});

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends a download in order, and the next start resumes it: %s',
    async (signal) => {
      await configureForOrigin();
      const held = offerHeld();
      const daemon = site.start(['run']);
      await held.asked;
      daemon.child.kill(signal);

      const { code, out, err } = await daemon.ended;

      expect({ code, err }).toEqual({ code: 0, err: '' });
      const last = out.trimEnd().split('\n').slice(-2);
      expect(last[0]).toContain(`Stopping (${signal}); the bytes downloaded so far are kept.`);
      expect(last[1]).toMatch(/\[INFO\] \[Thread: Main\] Stopped\.$/);
      await expect(access(join(site.dir, 'control.sock'))).rejects.toThrow();
      expect(await published()).toEqual([]);

      offer();
      const next = await site.run(['run', '--once']);
      expect(next.code).toBe(0);
      expect(next.out).toMatch(/Resuming update ID 1602503 at [1-9]\d* of \d+ bytes\./);
      expect((await readFile(join(site.dir, 'packages', '1602503.jar'))).equals(JAR)).toBe(true);
    },
  );

  it('also ends run --once in order, with a status for unfinished work', async () => {
    await configureForOrigin();
    const held = offerHeld();
    const once = site.start(['run', '--once']);
    await held.asked;
    once.child.kill('SIGTERM');
    const { code, out } = await once.ended;
    expect(code).toBe(19);
    expect(out.trimEnd().split('\n').at(-1)).toContain('Stopped.');
  });

  it('ends a check without a daemon, reported in one line', async () => {
    await configureForOrigin();
    const held = offerHeld();
    const check = site.start(['check']);
    await held.asked;
    check.child.kill('SIGINT');
    expect(await check.ended).toMatchObject({ code: 19, err: expect.stringContaining('[INTERRUPTED]') as string });
  });
});

describe('an output whose reader has exited', () => {
  it.each([['run', '--once'], ['check']])('does not end `%s %s` before its work is done', async (...args) => {
    await configureForOrigin();
    const held = offerHeld();
    const running = site.start(args);
    await running.line('Downloading');
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
    held.finish();
    expect(await running.ended).toMatchObject({ code: 0, signal: null });
    expect(await published()).toEqual(['1602503.jar']);
  });
});

describe('a new user', () => {
  it('builds a feed, serves it, and checks against it', async () => {
    const jars = join(site.dir, 'jars');
    await mkdir(jars);
    await writeFile(join(jars, 'engine-2.jar'), JAR);
    const built = await site.run(['feed', 'build', jars]);
    expect(built).toMatchObject({ code: 0, err: '' });
    expect(built.out).toMatch(/feed\.json: written; serial 1, 1 update, expires /);

    const server = site.start(['serve', jars, '--port', '0']);
    const feedUrl = (await server.line('updates.feed_url: ')).split(': ')[1];
    const acknowledgeUrl = (await server.line('updates.acknowledge_url: ')).split(': ')[1];
    await site.configure({ updates: { feed_url: feedUrl, acknowledge_url: acknowledgeUrl } });
    expect((await site.run(['config', 'check'])).code).toBe(0);
    const check = await site.run(['check']);
    expect(check.code).toBe(0);
    expect(check.out).toContain('Delivered the receipt of update ID engine-2 (published).');
    expect((await readFile(join(site.dir, 'packages', 'engine-2.jar'))).equals(JAR)).toBe(true);

    server.child.kill('SIGINT');
    expect((await server.ended).code).toBe(0);
  });

  it('gets the version of package.json', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await site.runProcess(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
  });

  it('gets help with 0 and a suggestion with 64', async () => {
    expect(await site.run(['--help'])).toMatchObject({ code: 0, err: '' });
    const wrong = await site.runProcess(['chek']);
    expect(wrong).toMatchObject({ code: 64, out: '' });
    expect(wrong.err).toContain('Did you mean check?');
  });
});
