// The settings pages in a real browser, over a folder of the test and a fake daemon. The page gets the console's own routes
// and a policy as strict as the console's; session and status are those of a person who may do everything.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { routesOf } from '#console/saving/routes.ts';
import type { ConsoleSession } from '#console/wire.ts';
import { wireFailure } from '#console/wire-failure.ts';
import { asCoded } from '#errors/coded-error.ts';
import { NO_SECRETS } from '#redaction/redact.ts';
import { bundleConsole } from '#tools/console-bundle.ts';
import type { CommandRig } from './command-rig.ts';
import { anExplanation, aStatus } from './fake-control.ts';
import { isRoot } from './part.ts';
import { SavingRig } from './saving-rig.ts';

/** Debian's. */
const CHROMIUM = '/usr/bin/chromium';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; require-trusted-types-for 'script'";

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };

/** One browser for all pages of a suite. */
export class SettingsBrowser {
  readonly #browser: Browser;
  readonly #files: ReadonlyMap<string, string>;

  private constructor(browser: Browser, files: ReadonlyMap<string, string>) {
    this.#browser = browser;
    this.#files = files;
  }

  static async start(): Promise<SettingsBrowser> {
    const args = isRoot() ? ['--no-sandbox'] : [];
    const browser = await chromium.launch({ executablePath: CHROMIUM, args });
    return new SettingsBrowser(browser, (await bundleConsole()).files);
  }

  /** Opens a page of the console for this host. */
  async open(rig: CommandRig, place: string, over: Partial<ConsoleSession> = {}): Promise<SettingsTab> {
    const site = await SettingsSite.start(rig, this.#files, over);
    const context = await this.#browser.newContext({ viewport: { width: 1_280, height: 1_000 } });
    await context.addInitScript("localStorage.setItem('sallyport-token', 'test')");
    return await SettingsTab.open(site, context, place);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** One tab, with the host behind it. */
export class SettingsTab {
  /** What the browser reported as errors. */
  readonly errors: string[] = [];
  readonly page: Page;
  readonly site: SettingsSite;
  readonly #context: BrowserContext;

  private constructor(site: SettingsSite, context: BrowserContext, page: Page) {
    this.site = site;
    this.page = page;
    this.#context = context;
  }

  static async open(site: SettingsSite, context: BrowserContext, place: string): Promise<SettingsTab> {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const tab = new SettingsTab(site, context, page);
    page.on('pageerror', (error) => tab.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') tab.errors.push(message.text());
    });
    await page.goto(`${site.origin}/#/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    return tab;
  }

  /** A second tab of the same browser and the same console. */
  async another(place: string): Promise<SettingsTab> {
    return await SettingsTab.open(this.site, this.#context, place);
  }

  async close(): Promise<void> {
    await this.#context.close();
    await this.site.close();
  }
}

class SettingsSite {
  readonly saving: SavingRig;
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server, saving: SavingRig) {
    this.#server = server;
    this.saving = saving;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(
    rig: CommandRig,
    files: ReadonlyMap<string, string>,
    over: Partial<ConsoleSession>,
  ): Promise<SettingsSite> {
    const saving = new SavingRig(rig);
    const server = createServer((request, response) => {
      void answer(request, response, { rig, saving, files, over }).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SettingsSite(server, saving);
  }

  async close(): Promise<void> {
    this.saving.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Behind {
  readonly rig: CommandRig;
  readonly saving: SavingRig;
  readonly files: ReadonlyMap<string, string>;
  readonly over: Partial<ConsoleSession>;
}

async function answer(request: IncomingMessage, response: ServerResponse, behind: Behind): Promise<void> {
  const path = request.url ?? '/';
  const name = path === '/' ? 'index.html' : path.slice(1);
  const file = behind.files.get(name);
  if (file !== undefined) {
    const type = TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain';
    response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY }).end(file);
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown);
  const send = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (path === '/api/session') return void send(200, sessionOf(behind));
  if (path === '/api/verbs/status') {
    const status = (await behind.rig.daemon?.status()) ?? aStatus();
    return void send(200, { result: status });
  }
  if (path === '/api/verbs/explainTimeout') return void send(200, { result: anExplanation() });
  const route = routesOf(behind.saving.saving).find((one) => one.path === path);
  if (route === undefined) {
    return void send(429, {
      error: { code: 'CONSOLE-STREAMS', message: 'no stream', check: '', hop: null, class: '' },
    });
  }
  const given = route.request === null ? undefined : route.request.parse(body);
  const ending = new AbortController();
  response.on('close', () => ending.abort(new Error('the page left')));
  try {
    if (route.kind === 'answer') return void send(200, await route.answer(given, ending.signal));
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    let n = 0;
    const result = await route.stream(
      given,
      (event) => {
        n += 1;
        response.write(`${JSON.stringify({ n, event })}\n`);
      },
      ending.signal,
    );
    response.end(`${JSON.stringify({ result })}\n`);
  } catch (thrown) {
    if (response.headersSent) response.end();
    else send(409, { error: wireFailure(asCoded(thrown), NO_SECRETS) });
  }
}

function sessionOf({ rig, over }: Behind): ConsoleSession {
  return {
    user: 'ann',
    uid: 1_000,
    host: 'plant-7',
    version: '1.0.0',
    file: rig.file,
    may: { look: true, operate: true, change: true },
    group: { look: 'sallyport', operate: 'sallyport-admin', change: 'sallyport-admin' },
    authority: 'admin',
    writes: 'file',
    daemon: 'running',
    problem: null,
    idle_minutes: 30,
    ssh_line: null,
    ...over,
  };
}
