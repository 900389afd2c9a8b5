// A planted secret is in no output (principle 8): a real process that holds a proxy password, a token and a secret header,
// against a proxy and an origin that give all of it back, in every place that a message can be made of and in every
// encoding. Then everything that Sallyport said or wrote is searched.

import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { leaksIn } from '#test/support/leaks.ts';
import { Site } from '#test/support/site.ts';

const PASSWORD = 'p:ss wörd%/@#"\\';
const TOKEN = 'tok+en/4f9a8b7c6d5e~x==';
const HEADER = 'h3ader "v4lue" \\ %41 <&>';
const SECRETS = [PASSWORD, TOKEN, HEADER];

const JAR = makeJar('1602503', 20_000);

/** What a far side that wants to embarrass us makes of what it was sent. */
const ECHOES: readonly string[] = SECRETS.flatMap((secret) => {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret),
    bytes.toString('hex'),
    bytes.toString('base64'),
    Buffer.from(`svc:${secret}`).toString('base64'),
    Buffer.from(`x${secret}y`).toString('base64url'),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  ];
});
const ECHO = ECHOES.join(' | ');
/** The same where a header must be Latin-1 without line breaks: as the bytes of UTF-8, which is what proxies echo. */
const HEADER_ECHO = Buffer.from(ECHO).toString('latin1');
const PATH_ECHO = ECHOES.filter((echo) => !echo.includes('&'))
  .map(encodeURIComponent)
  .join('/');

/** A page with everything in its title, then in its text. */
function page(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers });
  response.end(`<html><head><title>${ECHO}</title></head><body>${ECHO}</body></html>`);
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

function goodFeed(response: ServerResponse, fields: Record<string, unknown> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', via: `1.1 ${HEADER_ECHO}`, etag: `"${HEADER_ECHO}"` });
  response.end(feedOf([itemFor('1602503', JAR, { notes: ECHO.slice(0, 900), ...fields })]));
}

const feedOnly =
  (answer: Answer): Answer =>
  (request, response) =>
    request.url?.includes('feed.json') === true ? goodFeed(response) : answer(request, response);

const jar = (headers: Record<string, string> = {}, bytes: Buffer = JAR): Answer =>
  feedOnly((request, response) => {
    if (request.method === 'POST') return page(response, 500, { via: `1.1 ${HEADER_ECHO}` });
    response.writeHead(200, { 'content-type': 'application/java-archive', etag: `"${HEADER_ECHO}"`, ...headers });
    response.end(bytes);
  });

/** By what the far side does; through the proxy, which is the same server. */
const FAR_SIDES: readonly (readonly [string, Answer])[] = [
  [
    'offers other schemes',
    (_request, response) => page(response, 407, { 'proxy-authenticate': `Negotiate ${HEADER_ECHO}` }),
  ],
  [
    'denies',
    (_request, response) =>
      page(response, 403, { server: 'squid', 'x-squid-error': `ERR_ACCESS_DENIED ${HEADER_ECHO}` }),
  ],
  [
    'cannot reach the origin',
    (_request, response) => page(response, 502, { 'proxy-status': `p; error=x; details="${HEADER_ECHO}"` }),
  ],
  [
    'answers 500 with a reason of its own',
    (_request, response) => {
      response.statusMessage = HEADER_ECHO;
      page(response, 500, { via: `1.1 ${HEADER_ECHO}` });
    },
  ],
  ['answers with a page instead of a feed', (_request, response) => page(response, 200)],
  ['answers with a type of its own', (_request, response) => page(response, 200, { 'content-type': HEADER_ECHO })],
  [
    'answers with a coding of its own',
    (_request, response) => page(response, 200, { 'content-encoding': HEADER_ECHO }),
  ],
  [
    'answers with JSON that is no feed',
    (_request, response) => response.end(JSON.stringify({ [ECHO]: ECHO, format: ECHO })),
  ],
  [
    'sends a feed with wrong items',
    (_request, response) => goodFeed(response, { id: ECHO, package: ECHO, kind: ECHO, sha256: ECHO }),
  ],
  [
    'redirects within',
    (request, response) =>
      request.url?.includes('feed.json') === true
        ? page(response, 302, { location: `/x/${PATH_ECHO}?q=${PATH_ECHO}` })
        : page(response, 404),
  ],
  ['redirects abroad', (_request, response) => page(response, 302, { location: `http://evil.example/${PATH_ECHO}` })],
  [
    'redirects with a user',
    (_request, response) => page(response, 302, { location: `http://${encodeURIComponent(PASSWORD)}:x@evil.example/` }),
  ],
  ['redirects to nonsense', (_request, response) => page(response, 302, { location: HEADER_ECHO })],
  ['sends a page instead of a package', feedOnly((_request, response) => page(response, 200))],
  [
    'refuses the package',
    feedOnly((_request, response) => page(response, 401, { 'www-authenticate': `Basic realm="${HEADER_ECHO}"` })),
  ],
  [
    'redirects the package',
    feedOnly((_request, response) => page(response, 302, { location: `http://evil.example/${PATH_ECHO}` })),
  ],
  [
    'cuts the package',
    feedOnly((_request, response) => {
      response.writeHead(200, { 'content-length': JAR.length, etag: `"${HEADER_ECHO}"`, via: `1.1 ${HEADER_ECHO}` });
      response.write(JAR.subarray(0, 9_000), () => response.destroy());
    }),
  ],
  ['sends a wrong package', jar({}, Buffer.from(ECHO))],
  [
    'sends the package at last',
    (request, response) => {
      const { url = '' } = request;
      if (url.endsWith('/1602503.jar') && !url.includes('/moved/')) {
        return page(response, 302, { location: `/moved/${PATH_ECHO.slice(0, 1_500)}/1602503.jar` });
      }
      jar({ via: `1.1 ${HEADER_ECHO}` })(request, response);
    },
  ],
  // Last: a password that was refused is not tried again.
  [
    'refuses the user',
    (_request, response) => page(response, 407, { 'proxy-authenticate': `Basic realm="${HEADER_ECHO}"` }),
  ],
];

let site: Site;
let server: Server;
let answer: Answer;

beforeEach(async () => {
  site = await Site.make();
  server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await writeFile(join(site.dir, 'config', 'proxy.password'), PASSWORD, { mode: 0o600 });
  await site.configure({
    updates: {
      feed_url: `http://127.0.0.1:${port}/feed.json`,
      acknowledge_url: `http://127.0.0.1:${port}/acknowledge`,
      bearer_token: { env: 'SALLYPORT_TEST_TOKEN' },
      headers: { 'X-Api-Key': HEADER },
    },
    proxies: [
      {
        name: 'corp',
        address: '127.0.0.1',
        port,
        authentication: 'basic',
        user: 'svc',
        password: { file: 'proxy.password' },
        default: true,
      },
    ],
    logging: { level: 'debug' },
  });
});
afterEach(async () => {
  await site.remove();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const environment = { SALLYPORT_TEST_TOKEN: TOKEN };

/** What each of these commands printed, without a daemon. */
async function outputOf(commands: readonly string[]): Promise<[string, string][]> {
  const said: [string, string][] = [];
  for (const command of commands) {
    const { out, err } = await site.run(command.split(' '), environment);
    said.push([command, `${out}\n${err}`]);
  }
  return said;
}

/** What they print depends on the far side. */
const NETWORK_COMMANDS = ['run --once', 'run --once --log json', 'check', 'check --json', 'status', 'status --json'];
const COMMANDS = [
  ...NETWORK_COMMANDS,
  'updates verify',
  'updates list',
  'updates list --json',
  'config check',
  'config show',
  'config show --json',
];

/** A round by the daemon, and everything that may be asked after it, as bytes on the socket. */
async function everyRequest(): Promise<[string, string][]> {
  const said: [string, string][] = [];
  for (const request of ['POST /v1/check', 'GET /v1/status', 'GET /v1/updates', 'POST /v1/updates/verify']) {
    said.push([request, await askSocket(`${request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)]);
  }
  return said;
}

function leaks(said: readonly [string, string][]): string[] {
  return said.flatMap(([where, text]) => leaksIn(text, SECRETS).map((leak) => `${where}: ${leak}`));
}

/** What the admin wrote, and what is kept word for word in a folder of mode 0700 to go on with it. */
const UNSEARCHED = ['config', 'packages/.staging'];

/** Name and content of every other file; a file that was renamed after it was listed is read at the next look. */
async function filesBelow(dir: string): Promise<[string, string][]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter(
    (entry) => entry.isFile() && !UNSEARCHED.some((name) => entry.parentPath.startsWith(join(site.dir, name))),
  );
  return await Promise.all(
    files.map(async ({ parentPath, name }): Promise<[string, string]> => {
      const path = join(parentPath, name);
      return [path, `${path}\n${await contentOf(path)}`];
    }),
  );
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    // State is written beside its final name, and a daemon is at work.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw thrown;
  }
}

function askSocket(head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(site.dir, 'control.sock'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(text));
    socket.write(head);
  });
}

describe('a planted secret is in no output and in no file', () => {
  it.each(['classic', 'json'])(
    'whatever the far side does while a daemon runs (%s)',
    { timeout: 60_000 },
    async (form) => {
      answer = (_request, response) => goodFeed(response);
      const daemon = site.start(['run', '--log', form === 'json' ? 'json' : 'text'], environment);
      await daemon.line(form === 'json' ? '"next-round"' : 'Next check for updates at');
      const found: string[] = [];
      for (const [name, farSide] of FAR_SIDES) {
        answer = farSide;
        const said = [...(await everyRequest()), ...(await filesBelow(site.dir))];
        found.push(...leaks(said).map((leak) => `${name}: ${leak}`));
        // The far side was there: it was not the silence of a process that never got so far.
        expect(said[0]?.[1]).toContain('"name":"connected"');
      }
      daemon.child.kill('SIGTERM');
      const { out, err } = await daemon.ended;
      expect([...found, ...leaks([['run', `${out}\n${err}`], ...(await filesBelow(site.dir))])]).toEqual([]);
    },
  );

  it.each([
    ['refuses the user', NETWORK_COMMANDS],
    ['sends the package at last', COMMANDS],
  ])('of any command, when the far side %s', { timeout: 60_000 }, async (name, commands) => {
    answer = new Map(FAR_SIDES).get(name) ?? (() => undefined);
    const said = [...(await outputOf(commands)), ...(await filesBelow(site.dir))];
    expect(leaks(said)).toEqual([]);
    expect(new Map(said).get('run --once')).toMatch(/Connected to 127\.0\.0\.1:\d+ through proxy corp/);
  });

  it('but the journal of a fetch, which nobody else may read, keeps what a server said to go on with it', async () => {
    answer = new Map(FAR_SIDES).get('cuts the package') ?? (() => undefined);
    await site.run(['check'], environment);
    expect((await stat(join(site.dir, 'packages', '.staging'))).mode & 0o777).toBe(0o700);
  });
});
