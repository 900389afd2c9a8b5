// The control sockets with real users: a member of the service's group who wants its secrets, root, and a user with a
// socket in a world-writable folder.

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Status } from '#control/control.ts';
import { feedOf } from '#test/support/jars.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { OtherUsers, USERS, type User } from '#test/support/other-users.ts';
import { describeWith } from '#test/support/real-parts.ts';

const SECRETS = {
  password: 'pw-of-the-service',
  token: 'token-of-the-service',
  key: 'key-of-the-service',
  else: 'any-file',
};

/** Each command is a process. */
const SLOW = { timeout: 90_000 };

/** An HTTP server that keeps whatever reaches it; as a proxy it asks for Basic. */
async function startListener() {
  const heard: string[] = [];
  const tell = (request: IncomingMessage) => heard.push(JSON.stringify([request.url, request.rawHeaders]));
  const server = createServer((request, response) => {
    tell(request);
    const isAsked = request.headers['proxy-authorization'] === undefined && request.url?.startsWith('http:') === true;
    if (isAsked) response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="x"' }).end();
    else response.writeHead(200, { 'Content-Type': 'application/json' }).end(feedOf([]));
  });
  const leaks = () => {
    const all = heard.join('\n');
    const decoded = all.replaceAll(/Basic ([A-Za-z0-9+/=]+)/g, (_whole, text: string) => atob(text));
    return Object.values(SECRETS).filter((secret) => decoded.includes(secret));
  };
  return { heard, leaks, ...(await listenOnLoopback(server)) };
}

describeWith(['root and setpriv'], 'the control sockets and their users', () => {
  let users: OtherUsers;
  let evil: Awaited<ReturnType<typeof startListener>>;
  let own: Awaited<ReturnType<typeof startListener>>;

  beforeAll(() => {
    users = OtherUsers.make();
    users.folder('service/secrets', 'service', 0o700);
    for (const [name, secret] of Object.entries(SECRETS)) {
      users.file(join('service/secrets', name), `${secret}\n`, 'service', 0o600);
    }
  }, 120_000);
  afterAll(() => users.close());
  beforeEach(async () => {
    [evil, own] = await Promise.all([startListener(), startListener()]);
  });
  afterEach(async () => {
    await users.stop();
    // Which proxy a password belongs to is remembered there; each test has others.
    rmSync(join(users.dir, 'service/state'), { recursive: true, force: true });
    await Promise.all([evil.close(), own.close()]);
  });

  const file = (name: string) => ({ file: join(users.dir, 'service/secrets', name) });
  const THROUGH = { use_proxy_for: { updates: 'default' } };
  const NO_TOKEN = { bearer_token: undefined, headers: undefined };

  /** Settings whose every secret is by reference, with a feed and a proxy of the service's own. */
  function sections(over: { updates?: object; corp?: object } = {}, more: object = {}) {
    const corp = {
      name: 'corp',
      address: '127.0.0.1',
      port: own.port,
      authentication: 'basic',
      user: 'svc',
      default: true,
    };
    return {
      retry: { attempts: 1 },
      use_proxy_for: { updates: 'none' },
      ...more,
      updates: {
        feed_url: `http://127.0.0.1:${own.port}/feed.json`,
        bearer_token: file('token'),
        headers: { 'X-Api-Key': file('key') },
        ...over.updates,
      },
      proxies: [{ ...corp, password: file('password'), ...over.corp }],
    };
  }

  const candidate = (...given: Parameters<typeof sections>) => JSON.stringify({ version: 2, ...sections(...given) });
  const diagnosis = (text: string, typed: string[] = [], more: object = {}) =>
    JSON.stringify({ purposes: ['updates'], shell: {}, candidate: { text, typed }, through: null, ...more });
  const change = (text: string, typed: string[] = [], more: object = {}) =>
    JSON.stringify({ text, typed, window_ms: 5_000, waits: false, by: 'root, who else', ...more });
  /** A request of root for a user who may not read the secrets. */
  const BOUND = { secrets: 'in_force' };

  const ask = async (user: User, socket: string, path: string, body: string) => {
    const { stdout, stderr } = await users.askAt(socket, user, ['POST', path, body]);
    return stdout + stderr;
  };
  const asMember = (path: string, body: string) => ask('member', users.controlSocket, path, body);
  const asRoot = (path: string, body: string) => ask('root', users.adminSocket, path, body);

  async function startWith(...given: Parameters<typeof sections>): Promise<void> {
    users.configure(sections(...given));
    await users.start();
  }

  it('sockets: settings that use secrets in a new place are refused, also through root', SLOW, async () => {
    await startWith();
    const evilFeed = { feed_url: `http://127.0.0.1:${evil.port}/feed.json` };
    const attacks: [string, string][] = [
      ['token', candidate({ updates: { ...evilFeed, headers: undefined } })],
      ['headers', candidate({ updates: { ...evilFeed, bearer_token: undefined } })],
      ['token through a proxy', candidate({ corp: { port: evil.port, password: 'abcd' } }, THROUGH)],
      ['any file as a token', candidate({ updates: { ...evilFeed, ...NO_TOKEN, bearer_token: file('else') } })],
      ['any file as a header', candidate({ updates: { ...NO_TOKEN, headers: { 'X-A': file('else') } } })],
      ['a variable', candidate({ updates: { ...evilFeed, ...NO_TOKEN, bearer_token: { env: 'PATH' } } })],
      ['a credential', candidate({ updates: { ...evilFeed, ...NO_TOKEN, bearer_token: { credential: 'x' } } })],
      ['password', candidate({ updates: NO_TOKEN, corp: { port: evil.port } }, THROUGH)],
      [
        'any file as the password',
        candidate({ updates: NO_TOKEN, corp: { port: evil.port, password: file('else') } }, THROUGH),
      ],
      [
        'any file as the password of the same proxy',
        candidate({ updates: NO_TOKEN, corp: { password: file('else') } }, THROUGH),
      ],
    ];
    const typed = ['proxies[0].password', 'updates.bearer_token', 'updates.headers.X-Api-Key'];
    for (const [what, text] of attacks) {
      expect(await asMember('/v1/diagnose', diagnosis(text, typed)), what).toContain('"CONTROL-ADMIN"');
      expect(await asMember('/v1/change/try', change(text, typed)), what).toContain('"CONTROL-ADMIN"');
      expect(await asRoot('/v1/diagnose', diagnosis(text, typed, BOUND)), what).toContain('"SECRET-NOT-IN-FORCE"');
      expect(await asRoot('/v1/change/try', change(text, typed, BOUND)), what).toContain('"SECRET-NOT-IN-FORCE"');
    }
    expect(evil.heard).toEqual([]);
    expect(own.heard.join()).not.toContain(SECRETS.else);
  });

  it('sockets: root may test active settings, and settings with a typed password, for a user', SLOW, async () => {
    await startWith();
    const text = candidate({ updates: NO_TOKEN, corp: { port: evil.port, password: 'typed by a member' } }, THROUGH);
    expect(await asRoot('/v1/diagnose', diagnosis(text, ['proxies[0].password'], BOUND))).toContain('"result"');
    expect(evil.heard.length).toBeGreaterThan(0);
    expect(evil.leaks()).toEqual([]);

    expect(await asRoot('/v1/diagnose', diagnosis(candidate(), [], BOUND))).toContain('"outcome":"ok"');
    expect(own.leaks()).toContain(SECRETS.token);
  });

  it('sockets: root may test secrets by reference over admin.sock, which no member can open', SLOW, async () => {
    await startWith();
    const { mode, uid } = statSync(users.adminSocket);
    expect([mode & 0o777, uid]).toEqual([0o600, USERS.service.uid]);
    for (const [user, socket] of [
      ['member', users.adminSocket],
      ['stranger', users.adminSocket],
      ['stranger', users.controlSocket],
      ['stranger', users.lookSocket],
    ] as const) {
      expect(await users.askAt(socket, user, ['GET', '/v1/status'])).toMatchObject({ status: 7, stdout: '' });
    }

    const text = candidate({ updates: { feed_url: `http://127.0.0.1:${evil.port}/feed.json` } });
    // Like a password, a token goes to another origin only once root allows it.
    expect(await asRoot('/v1/diagnose', diagnosis(text))).toContain('"TOKEN-REBIND"');
    expect(await asMember('/v1/credentials/retry', '{"profile":null}')).toBe('null');
    expect(await asRoot('/v1/diagnose', diagnosis(text))).toContain('"TOKEN-REBIND"');
    expect(evil.leaks()).toEqual([]);
    expect(await asRoot('/v1/credentials/retry', '{"profile":null}')).toBe('null');
    expect(await asRoot('/v1/diagnose', diagnosis(text))).toContain('"outcome":"ok"');
    expect(evil.leaks()).toEqual([SECRETS.token, SECRETS.key]);
    // The socket decides, not the user.
    expect(await ask('root', users.controlSocket, '/v1/diagnose', diagnosis(text))).toContain('CONTROL-ADMIN');
  });

  it('sockets: a member cannot send the password to another proxy; root can', SLOW, async () => {
    await startWith();
    expect((await users.sallyport('root', 'proxy', 'test', 'corp')).status).toBe(0);
    await users.stop();
    await startWith({ corp: { port: evil.port } });
    const findHold = async () =>
      (JSON.parse((await users.sallyport('root', 'status', '--json')).stdout) as Status).credentials;
    expect((await users.sallyportProcess('member', 'proxy', 'test', 'corp')).stdout).toContain('[AUTH-REBIND]');
    expect(await findHold()).toMatchObject([{ proxy: 'corp', why: 'bound' }]);

    expect(await asMember('/v1/credentials/retry', '{"profile":"corp"}')).toContain('CONTROL-ADMIN');
    expect(await asMember('/v1/credentials/retry', '{"profile":null}')).toBe('null');
    const again = await users.sallyport('member', 'proxy', 'test', 'corp', '--retry-credential');
    expect(again.stderr).toContain('[CONTROL-ADMIN]');
    expect(await findHold()).toMatchObject([{ proxy: 'corp', why: 'bound' }]);
    expect(evil.leaks()).toEqual([]);

    expect((await users.sallyport('root', 'proxy', 'test', 'corp', '--retry-credential')).status).toBe(0);
    expect(evil.leaks()).toContain(SECRETS.password);
  });

  it('sockets: a member can check, look and diagnose, and the log names the member', SLOW, async () => {
    await startWith();
    for (const command of ['status', 'check', 'diagnose']) {
      expect((await users.sallyport('member', command)).status, command).toBe(0);
    }
    expect((await users.sallyportProcess('root', 'diagnose')).status).toBe(0);
    await asMember('/v1/change/try', change(candidate({ corp: { port: 9 } })));

    const log = readFileSync(join(users.dir, 'service/logs/sallyport.log'), 'utf8');
    const by = (who: string, what: string, socket: string) =>
      new RegExp(`Request over \\S+/${socket} from ${who} \\(process \\d+\\) to ${what}\\.`);
    expect(log).toMatch(by(`user ${USERS.member.uid}`, 'check for updates', 'operate.sock'));
    expect(log).toMatch(by(`user ${USERS.member.uid}`, 'diagnose', 'operate.sock'));
    expect(log).toMatch(
      new RegExp(
        `Refused a request over \\S+/control\\.sock from user ${USERS.member.uid} \\(process \\d+\\) to try new settings: \\[CONTROL-ADMIN\\]`,
      ),
    );
    expect(log).toMatch(by('root', 'diagnose', 'admin.sock'));
  });

  it("sockets: nothing is sent to another user's socket in a world-writable folder", SLOW, async () => {
    const trap = join(users.folder('open', 'root', 0o1777), 'control.sock');
    const state_dir = join(users.dir, 'service/state');
    users.configure({ ...sections(), daemon: { state_dir, control_socket: trap } });
    const listen =
      'require("node:http").createServer((q, s) => s.end("{}")).listen(process.argv[1], () => console.log("up"))';
    const { uid, gid } = USERS.stranger;
    const own = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', users.node, '-e', listen, trap];
    const [program = '', ...args] = own;
    const waiting = spawn(program, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => waiting.once('exit', resolve));
    try {
      await new Promise((resolve) => waiting.stdout.once('data', resolve));
      for (const command of ['status', 'diagnose', 'check', 'endpoints']) {
        const { status, stdout, stderr } = await users.sallyport('root', command);
        expect([status, stdout + stderr]).toEqual([19, expect.stringContaining('[CONTROL-FOREIGN]')]);
      }
      const health = await users.sallyport('root', 'status', '--check');
      expect(health).toMatchObject({
        status: 3,
        stdout: expect.stringMatching(/^UNKNOWN: \[CONTROL-FOREIGN\]/) as string,
      });
    } finally {
      waiting.kill();
      await gone;
      execFileSync('rm', ['-f', trap]);
    }
  });
});
