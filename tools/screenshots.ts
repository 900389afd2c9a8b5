// `npm run screenshots`: takes the pictures of the console for README and docs/console.md: the overview, and a tested
// connection. The demo runs for real, with `sallyport console` next to it, and Debian's Chromium shows its pages.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const ROOT = dirname(import.meta.dirname);
const CHROMIUM = '/usr/bin/chromium';
const LIMIT_MS = 120_000;
/** The time in which scrolling ends. */
const SETTLE_MS = 500;
const SIZE = { width: 1_100, height: 760 };

interface Shot {
  readonly name: string;
  readonly act: (page: Page) => Promise<void>;
}

const SHOTS: readonly Shot[] = [
  {
    name: 'console-overview',
    act: async (page) => {
      await page.getByText('Working').first().waitFor({ timeout: LIMIT_MS });
    },
  },
  {
    name: 'console-test-connection',
    act: async (page) => {
      await page.getByRole('link', { name: 'Proxy profiles' }).click();
      await page.getByRole('button', { name: 'Test Connection of demo' }).click({ timeout: LIMIT_MS });
      await page.getByText('The proxy settings work.').waitFor({ timeout: LIMIT_MS });
      await page.waitForTimeout(SETTLE_MS);
    },
  },
];

/** Starts a command of this checkout, and resolves once its output has this. @throws Error if it ends before that */
async function startUntil(args: readonly string[], pattern: RegExp): Promise<{ child: ChildProcess; found: string }> {
  // Over ssh, the console would listen on a socket.
  const { SSH_CONNECTION: _ssh, ...env } = process.env;
  const child = spawn(process.execPath, ['tools/sallyport.js', ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return await new Promise((resolve, reject) => {
    let said = '';
    // Reads on, so that the child can always write.
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      const [, found] = pattern.exec(said) ?? [];
      if (found !== undefined) resolve({ child, found });
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`sallyport ${args[0]} ended before it printed ${pattern}:\n${said}`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
}

async function takeAll(browser: Browser, link: string): Promise<void> {
  const page = await browser.newPage({ viewport: SIZE, deviceScaleFactor: 1, colorScheme: 'light', timezoneId: 'UTC' });
  await page.goto(link);
  for (const { name, act } of SHOTS) {
    await act(page);
    // The pointer and the focus would show.
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(ROOT, 'docs', 'images', `${name}.png`), animations: 'disabled' });
    process.stdout.write(`docs/images/${name}.png written\n`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
await using cleanup = new AsyncDisposableStack();
cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
const demo = await startUntil(['demo', '--dir', folder], /(Round ended)/);
cleanup.defer(() => end(demo.child));
const config = join(folder, 'config', 'sallyport.yaml');
const served = await startUntil(['console', '-c', config], /(http:\/\/127\.0\.0\.1:\d+\/#\S+)/);
cleanup.defer(() => end(served.child));
const isRoot = process.getuid?.() === 0;
const browser = await chromium.launch({ executablePath: CHROMIUM, args: isRoot ? ['--no-sandbox'] : [] });
cleanup.defer(() => browser.close());
await takeAll(browser, served.found);
