// The run of docs/getting-started.md once more, command by command, in a terminal of 80 columns, with a real Squid that asks
// for Basic, a scanner behind it that holds each package, and our own server: what the page shows is what a run of today
// prints, but for times, numbers and paths.

import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildFeed } from '#origin/feed-builder.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { startAtTerminal } from '#test/support/at-terminal.ts';
import { type IcapServer, startIcap } from '#test/support/icap-server.ts';
import { makeJar } from '#test/support/jars.ts';
import { readClassicLine } from '#test/support/read-classic.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { runInTerminal } from '#test/support/real-terminal.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const ROOT = new URL('../../', import.meta.url);
const [USER, PASSWORD] = ['ada', 'love lace'];
/** The page was recorded with 9 s. */
const HOLD_MS = 2_000;
const COLUMNS = 80;
let dir: string;
let config: string;
let squid: RunningSquid;
let scanner: IcapServer;
let origin: Origin;
let page: ReadonlyMap<string, readonly string[]>;

/** The output below each of our commands, in order. */
async function readPage(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(new URL('docs/getting-started.md', ROOT), 'utf8');
  const run = text.slice(text.indexOf('<!-- run:begin -->'), text.indexOf('<!-- run:end -->'));
  const parts = run.split(/^\$ npm run -s sallyport -- /m).slice(1);
  return new Map(
    parts.map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return [command, lines.filter((line) => line !== '' && !line.startsWith('```'))];
    }),
  );
}

/** A line without what differs from run to run, nor how wide a column is. */
function shapeOf(line: string): string {
  return (
    line
      .replaceAll(dir, 'ROOT')
      .replaceAll('/home/ada/sallyport', 'ROOT')
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/[\d.]+ (?:ms|min|s)(?: \d+ s)? ago/g, 'a while ago')
      // The name of this host.
      .replaceAll(/(outcome +)\S+/g, '$1HOST')
      .replaceAll(/\d+/g, 'N')
      .replaceAll(/ +/g, ' ')
      .trim()
  );
}

/** Two streams: which line of which comes first is left to chance. */
const shapesOf = (lines: readonly string[]) =>
  lines
    .map(shapeOf)
    .filter((line) => line !== '')
    .toSorted();

describeWith(['squid'], 'the run of docs/getting-started.md', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-started-'));
    const [vendor, file] = [join(dir, 'vendor'), 'sallyport.example.yaml'];
    await mkdir(vendor);
    await mkdir(join(dir, 'config'));
    await writeFile(join(vendor, '1602503.jar'), makeJar('1602503', 3_000_000));
    await writeFile(join(vendor, '1602600.jar'), makeJar('1602600', 2_000_000));
    await writeFile(join(vendor, '1602600.meta.json'), JSON.stringify({ package: 'engine', kind: 'product' }));
    await buildFeed(vendor, { expiresDays: 30 });
    origin = await startOrigin({ dir: vendor });
    scanner = await startIcap('early-headers', HOLD_MS);
    squid = await startSquid({ auth: { user: USER, password: PASSWORD }, extra: scanner.conf });
    config = join(dir, 'config', 'sallyport.yaml');
    await copyFile(new URL(`config/${file}`, ROOT), config);
    // In addition to the key that the page sets: the test's own folders.
    const set: Readonly<Record<string, string>> = {
      feed_url: origin.feedUrl,
      packages_dir: join(dir, 'packages'),
      dir: join(dir, 'logs'),
      state_dir: join(dir, 'state'),
      control_socket: join(dir, 'control.sock'),
    };
    const text = await readFile(config, 'utf8');
    const edited = Object.entries(set).reduce(
      (before, [key, value]) => before.replace(new RegExp(`^( *)#${key}: .*$`, 'm'), `$1${key}: ${value}`),
      text,
    );
    await writeFile(config, edited);
    page = await readPage();
  });
  afterAll(async () => {
    await squid.stop();
    await Promise.all([origin.close(), scanner.close()]);
    await rm(dir, { recursive: true, force: true });
  });

  it('prints what the page shows, command by command', async () => {
    const answers = [
      ['Proxy setting name: ', 'corp'],
      ['Scheme (', ''],
      ['Proxy address or IP: ', '127.0.0.1'],
      ['Port [80]: ', String(squid.port)],
      ['Authentication method (', 'basic'],
      ['User: ', USER],
      ['Password: ', PASSWORD],
      ['Test the connection now?', ''],
    ] as const;
    const added = await startAtTerminal(['--config', config, 'proxy', 'add'], answers).ended;
    // How a terminal moves its cursor.
    const said = added.said.replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, '').replaceAll('\r', '');
    expect(shapesOf(said.split('\n'))).toEqual(shapesOf(page.get('proxy add') ?? []));
    for (const command of ['proxy list', 'check', 'updates list', 'route show', 'status']) {
      const { status, lines, live } = await runInTerminal(['--config', config, ...command.split(' ')], COLUMNS);
      expect({ command, status }).toEqual({ command, status: 0 });
      const shown = page.get(command) ?? [];
      if (command === 'check') {
        // Times and durations have more or fewer words by chance.
        expect(lines.map(eventOf)).toEqual(shown.map(eventOf));
        expectLive(live);
      } else {
        // Where a line breaks depends on how long a path and a port are; that it fits does not.
        expect(shapeOf(lines.join(' '))).toBe(shapeOf(shown.join(' ')));
        for (const line of [...lines, ...shown])
          expect(line.length <= COLUMNS || !line.trim().includes(' ')).toBe(true);
      }
    }
    expect([...page.keys()]).toEqual(['proxy add', 'proxy list', 'check', 'updates list', 'route show', 'status']);
  }, 120_000);
});

/** The name of the event of a log line. */
function eventOf(line: string): string {
  return readClassicLine(line)?.name ?? line;
}

/** The live line of a check: seconds of a wait and then a bar, for each package; the page shows some of it. */
function expectLive(live: readonly string[]): void {
  const [first, second] = ['may be scanning', 'is probably scanning'];
  for (const line of live) expect(line.length).toBeLessThan(COLUMNS);
  expect(live).toContainEqual(
    expect.stringMatching(new RegExp(`^1602600 {2}waiting .* 0:01 of .* proxy corp ${first}$`)),
  );
  expect(live).toContainEqual(
    expect.stringMatching(new RegExp(`^1602503 {2}waiting .* 0:01 of .* proxy corp ${second}$`)),
  );
  expect(live.filter((line) => /^160\d+ \[[#-]+\]/.test(line)).length).toBeGreaterThan(1);
}
