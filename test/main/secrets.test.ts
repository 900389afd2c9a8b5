// No output contains a planted secret (principle 8). A real process with a proxy password, a token and a secret header
// talks to a proxy and a server that send all of them back, in every encoding and everywhere that a message may quote.
// Then everything that Sallyport printed or wrote is searched.

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

/** Forms in which a hostile proxy or server may send the secrets back. */
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
/** The same for headers, which are Latin-1 without line breaks: the bytes of UTF-8, as proxies echo them. */
const HEADER_ECHO = Buffer.from(ECHO).toString('latin1');
const PATH_ECHO = ECHOES.filter((echo) => !echo.includes('&'))
  .map(encodeURIComponent)
  .join('/');

/** Sends a page with all forms in its title and in its text. */
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

/** Behaviors of the peer by name. One server is both the proxy and the update server. */
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
  // The last one, because a rejected password is not sent again.
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

/** The output of each of these commands without a daemon. */
async function outputOf(commands: readonly string[]): Promise<[string, string][]> {
  const said: [string, string][] = [];
  for (const command of commands) {
    // One as a process: it could also write to its streams directly.
    const ran =
      command === 'run --once'
        ? site.runProcess(command.split(' '), environment)
        : site.run(command.split(' '), environment);
    const { out, err } = await ran;
    said.push([command, `${out}\n${err}`]);
  }
  return said;
}

/** Commands whose output depends on the peer. */
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

/** A round in the daemon, then every request of the control socket, as bytes. */
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

/** Not searched: the admin's files, and the journals of unfinished downloads in a folder of mode 0700. */
const UNSEARCHED = ['config', 'packages/.staging'];

/** Name and content of every other file. A file that is renamed after it was listed is read the next time. */
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
    // A running daemon writes state files under temporary names and renames them.
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

describe('a planted secret is in no output or file', () => {
  it.each(['classic', 'json'])('of a daemon, whatever the peer does (%s)', { timeout: 120_000 }, async (form) => {
    answer = (_request, response) => goodFeed(response);
    const daemon = site.start(['run', '--log', form === 'json' ? 'json' : 'text'], environment);
    await daemon.line(form === 'json' ? '"next-round"' : 'Next check for updates at');
    const found: string[] = [];
    // The lines of the classic form are also in the log file, which is searched in both forms.
    for (const [name, farSide] of FAR_SIDES.filter((_one, index) => form === 'json' || index % 3 === 1)) {
      answer = farSide;
      const said = [...(await everyRequest()), ...(await filesBelow(site.dir))];
      found.push(...leaks(said).map((leak) => `${name}: ${leak}`));
      // The process did connect, so the search is not empty for another reason.
      expect(said[0]?.[1]).toContain('"name":"connected"');
    }
    daemon.child.kill('SIGTERM');
    const { out, err } = await daemon.ended;
    expect([...found, ...leaks([['run', `${out}\n${err}`], ...(await filesBelow(site.dir))])]).toEqual([]);
  });

  it.each([
    ['refuses the user', NETWORK_COMMANDS],
    ['sends the package at last', COMMANDS],
  ])('of any command, if the peer %s', { timeout: 60_000 }, async (name, commands) => {
    answer = new Map(FAR_SIDES).get(name) ?? (() => undefined);
    const said = [...(await outputOf(commands)), ...(await filesBelow(site.dir))];
    expect(leaks(said)).toEqual([]);
    expect(new Map(said).get('run --once')).toMatch(/Connected to 127\.0\.0\.1:\d+ through proxy corp/);
  });

  it('except the private journal of a download', async () => {
    answer = new Map(FAR_SIDES).get('cuts the package') ?? (() => undefined);
    await site.run(['check'], environment);
    expect((await stat(join(site.dir, 'packages', '.staging'))).mode & 0o777).toBe(0o700);
  });
});
