// Measures the console: the time from opening its link in Chromium to the verdict on the page, what a visible and a hidden
// tab cost, and the daemon without a console, with one, and after it. About 4 minutes, or 1 with --quick. Exit status 1 if a
// limit is exceeded. Needs Linux and Debian's Chromium. Everything runs on loopback.
//
// Run: node bench/console.ts [--quick]

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { openBrowser, openPage } from '#test/support/console-browser.ts';
import { NotifySocket } from '#test/support/notify-socket.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LAUNCHES = values.quick ? 3 : 11;
const VISIBLE_MS = values.quick ? 15_000 : 60_000;
const HIDDEN_MS = values.quick ? 15_000 : 60_000;
const SETTLE_MS = 5_000;
const MAX = { verdictMs: 1_000, visibleShare: 1, hiddenBytes: 0, moreSockets: 0, moreMiB: 2 };

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const running: ChildProcess[] = [];
const browser = await openBrowser();
async function measure(): Promise<boolean[]> {
  const config = await makeConfig();
  const daemon = await startDaemon(config);
  await delay(SETTLE_MS);
  const without = await observe(daemon);
  const idleShare = await cpuShare(daemon, VISIBLE_MS);
  const times: number[] = [];
  for (let launch = 0; launch < LAUNCHES; launch += 1) times.push(await fromLinkToVerdict(config));
  const one = await startConsole(config);
  const relay = await Relay.start(one.port);
  const { page } = await openPage(browser);
  await page.goto(relay.urlOf(one.link));
  await verdict(page);
  await delay(SETTLE_MS);
  const open = await observe(daemon);
  const visibleShare = await cpuShare(daemon, VISIBLE_MS);
  await hide(page);
  await delay(SETTLE_MS);
  const before = relay.bytes;
  await delay(HIDDEN_MS);
  const hiddenBytes = relay.bytes - before;
  await page.context().close();
  await relay.close();
  one.child.kill('SIGTERM');
  await ended(one.child);
  await delay(SETTLE_MS);
  const after = await observe(daemon);
  const share = (value: number) => value.toFixed(2);
  console.log(`daemon without a console: ${shown(without)}, ${share(idleShare)} % of a core`);
  console.log(`daemon with a console:    ${shown(open)}, ${share(visibleShare)} % of a core`);
  console.log(`daemon after a console:   ${shown(after)}`);
  return [
    limit('from the link to the verdict, median, ms', median(times), MAX.verdictMs),
    limit('a visible tab, % of a core in the daemon', visibleShare, MAX.visibleShare),
    limit(`a hidden tab in ${HIDDEN_MS / 1_000} s, bytes`, hiddenBytes, MAX.hiddenBytes),
    limit('after the console, sockets more than before', after.sockets - without.sockets, MAX.moreSockets),
    limit('after the console, MiB more than before', after.mib - without.mib, MAX.moreMiB),
  ];
}

async function makeConfig(): Promise<string> {
  await mkdir(join(dir, 'config'));
  const config = join(dir, 'config', 'sallyport.yaml');
  const lines = [
    'version: 2',
    'updates:',
    // Nothing listens there.
    '  feed_url: http://127.0.0.1:9/feed.json',
    `  packages_dir: ${dir}/packages`,
    'logging:',
    `  dir: ${dir}/logs`,
    'daemon:',
    `  state_dir: ${dir}/state`,
    `  control_socket: ${dir}/control.sock`,
  ];
  await writeFile(config, lines.join('\n'), { mode: 0o600 });
  return config;
}

/** The daemon as it is installed. */
async function startDaemon(config: string): Promise<ChildProcess> {
  const bundle = join(dir, 'program');
  const built = spawnSync(process.execPath, [join(ROOT, 'tools/bundle.ts'), join(ROOT, 'src/main.ts'), bundle]);
  if (built.status !== 0) throw new Error(`the bundle failed: ${built.stderr.toString()}`);
  const socket = new NotifySocket(join(dir, 'notify'));
  const env = { PATH: process.env['PATH'] ?? '', NOTIFY_SOCKET: socket.name, MALLOC_ARENA_MAX: '1' };
  const args = ['--max-semi-space-size=1', join(bundle, 'main.js'), '--config', config, 'run'];
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
  running.push(child);
  await socket.until((message) => message === 'READY=1');
  socket.close();
  return child;
}

interface RunningConsole {
  readonly child: ChildProcess;
  readonly link: string;
  readonly port: number;
}

/** The console of the checkout, which keeps its user. */
async function startConsole(config: string): Promise<RunningConsole> {
  const args = [join(ROOT, 'tools/sallyport.js'), '--config', config, 'console'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    const [, link, port] = /(http:\/\/127\.0\.0\.1:(\d+)\/#\S+)\n/.exec(text) ?? [];
    if (link !== undefined) return { child, link, port: Number(port) };
  }
  throw new Error(`the console ended: ${text}`);
}

/** A new browser context, as after the first click on the link. */
async function fromLinkToVerdict(config: string): Promise<number> {
  const { child, link } = await startConsole(config);
  const { page } = await openPage(browser);
  const begun = performance.now();
  await page.goto(link, { waitUntil: 'commit' });
  await verdict(page);
  const ms = performance.now() - begun;
  await page.context().close();
  child.kill('SIGTERM');
  await ended(child);
  return ms;
}

async function verdict(page: Page): Promise<void> {
  await page.locator('.verdict').first().waitFor({ timeout: 30_000 });
}

/** Headless Chromium hides no tab, so the page is made to believe it. */
async function hide(page: Page): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' });
    Object.defineProperty(document, 'hidden', { configurable: true, value: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

/** Counts the bytes between the browser and the console, in both directions. */
class Relay {
  bytes = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on('connection', (socket) => {
      const other = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [socket, other],
        [other, socket],
      ] as const) {
        from.on('data', (chunk: Buffer) => {
          relay.bytes += chunk.length;
          to.write(chunk);
        });
        from.on('error', () => undefined).on('close', () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  urlOf(link: string): string {
    const url = new URL(link);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Observed {
  readonly sockets: number;
  readonly mib: number;
}

async function observe({ pid }: ChildProcess): Promise<Observed> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    sockets: links.filter((one) => one.startsWith('socket:')).length,
    mib: Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024,
  };
}

/** CPU time of all threads in this time, in percent of one core. */
async function cpuShare(child: ChildProcess, ms: number): Promise<number> {
  const before = await cpuMs(child);
  await delay(ms);
  return (100 * ((await cpuMs(child)) - before)) / ms;
}

async function cpuMs({ pid }: ChildProcess): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')),
  );
  return stats.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
}

function shown({ sockets, mib }: Observed): string {
  return `${sockets} sockets, ${mib.toFixed(1)} MiB`;
}

function limit(what: string, value: number, most: number): boolean {
  const holds = value <= most;
  console.log(`${what}: ${value.toFixed(2)} (at most ${most})${holds ? '' : '  NOT KEPT'}`);
  return holds;
}

function median(all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

try {
  const kept = await measure();
  process.exitCode = kept.every(Boolean) ? 0 : 1;
} finally {
  await browser.close();
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(running.map(ended));
  await rm(dir, { recursive: true, force: true });
}
