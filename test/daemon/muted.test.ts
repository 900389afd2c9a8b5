// Principle 2: events report and control nothing. A daemon runs the same scenario twice, with the log and without any
// listener: a round that ends in a refused hook, a scheduled round, a receipt that has to wait, two reloads,
// and a hook that fails permanently.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { loadSettings } from '#config/reading/load.ts';
import type { LoadAgain } from '#daemon/parts.ts';
import { runDaemon } from '#daemon/run.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { LastResort } from '#system/process/last-resort.ts';
import { createCa } from '#test/support/certificates.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { yamlOf } from '#test/support/yaml-of.ts';

const AGENT = '3e1c8a52-8f0e-4d3c-9a55-0c5b1f7e2d11';
const POLL = { timeout: 30_000, interval: 50 };
const ca = createCa();
const jar = makeJar('u1', 3_000);

/** A server whose first receipt has to wait. */
class Vendor {
  readonly receipts: string[] = [];
  isFeedSick = false;
  #origin!: TlsOrigin;

  static async start(): Promise<Vendor> {
    const vendor = new Vendor();
    vendor.#origin = await startTlsOrigin(ca.issue(), {
      answer: (request, response) => {
        if (request.url === '/feed.json') {
          response.writeHead(vendor.isFeedSick ? 500 : 200).end(feedOf([itemFor('u1', jar)]));
        } else if (request.method === 'GET') response.writeHead(200).end(jar);
        else {
          void request.toArray().then((chunks) => {
            const { id, outcome } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
            vendor.receipts.push(`${id} ${outcome}`);
            response.writeHead(vendor.receipts.length === 1 ? 503 : 201, { 'retry-after': '1' }).end();
          });
        }
      },
    });
    return vendor;
  }

  /** With its port, which differs from run to run. */
  get host(): string {
    return new URL(this.#origin.url).host;
  }

  url(path: string): string {
    return new URL(path, this.#origin.url).href;
  }

  get asked(): string[] {
    return this.#origin.requests.map(({ method, url }) => `${method} ${url}`);
  }

  close(): Promise<void> {
    return this.#origin.close();
  }
}

/** A daemon in a folder of its own, in this process. */
class Home {
  readonly dir: string;
  readonly #vendor: Vendor;
  readonly #report: Report | undefined;

  constructor(dir: string, vendor: Vendor, report: Report | undefined) {
    this.dir = dir;
    this.#vendor = vendor;
    this.#report = report;
  }

  async configure(hook: object, baseMs: number): Promise<void> {
    const updates = {
      feed_url: this.#vendor.url('feed.json'),
      acknowledge_url: this.#vendor.url('acknowledge'),
      ca_file: join(this.dir, 'ca.pem'),
      on_published: hook,
      hook_trust: 'tls',
      schedule: '0 0 1 1 *',
      reserve_bytes: 0,
    };
    const settings = { version: 1, retry: { attempts: 1 }, response_timeout: { base_ms: baseMs }, updates };
    await writeFile(join(this.dir, 'sallyport.yaml'), yamlOf(settings), { mode: 0o600 });
  }

  /** Runs until `done` resolves, or for one round; returns the code of the failure that ended it. */
  async run(done: (() => Promise<unknown>) | 'once'): Promise<string | null> {
    const known = new KnownSecrets();
    const file = join(this.dir, 'sallyport.yaml');
    const at = (name: string) => join(this.dir, name);
    const places = { config: file, packagesDir: at('packages'), logsDir: at('logs'), stateDir: at('state') };
    const load: LoadAgain = () =>
      loadSettings({ file, places: { ...places, controlSocket: at('control.sock') }, environment: {}, known });
    const loaded = await load();
    if (!loaded.ok) throw loaded.error;
    const stopping = new AbortController();
    const running = runDaemon({
      loaded,
      load,
      known,
      version: '9.8.7',
      screen: { write: () => undefined, tty: false, color: false, columns: () => 80 },
      form: 'text',
      once: done === 'once',
      signal: stopping.signal,
      lastResort: new LastResort(),
      service: { notifySocket: null, watchdogMs: null },
      ...(this.#report === undefined ? {} : { report: this.#report }),
    });
    if (done !== 'once') {
      await Promise.race([done(), running]).finally(() => {
        stopping.abort(coded('INTERRUPTED', { reason: 'the test is over' }));
      });
    }
    return (await running)?.code ?? null;
  }

  async read(name: string): Promise<string> {
    return await readFile(join(this.dir, name), 'utf8').catch(() => '');
  }

  async edit(name: string, change: (text: string) => string): Promise<void> {
    const text = await this.read(name);
    expect(change(text)).not.toBe(text);
    await writeFile(join(this.dir, name), change(text), { mode: 0o600 });
  }

  until(name: string, what: string | RegExp): Promise<void> {
    return vi.waitFor(async () => expect(await this.read(name)).toMatch(what), POLL);
  }

  /** The contents of the folders of packages and state, without times, durations and inode numbers. */
  async left(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const entry of await readdir(this.dir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(this.dir.length + 1);
      if (!entry.isFile() || !/^(?:packages|state)\//.test(path) || path.includes('lock')) continue;
      const text = (await this.read(path)).replaceAll(this.dir, '').replaceAll(this.#vendor.host, 'HOST');
      found[path] = timeless(text, path);
    }
    return found;
  }
}

function timeless(text: string, path: string): string {
  // These two contain only measured times.
  const numbers = /(?:timeouts|paths)\.json$/.test(path) ? /\b\d+(?:\.\d+)?\b/g : /\b\d{12,}(?:\.\d+)?\b/g;
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(numbers, 'N')
    .replaceAll(/"(?:elapsed_ms|inode)":\s*"?\d+"?/g, '');
}

async function live(report: Report | undefined) {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-muted-'));
  const vendor = await Vendor.start();
  const { receipts } = vendor;
  const home = new Home(dir, vendor, report);
  const safe = { command: '/bin/sh', arguments: ['-c', `echo "$SALLYPORT_ID" >> ${dir}/ran`] };
  try {
    await writeFile(join(dir, 'ca.pem'), ca.cert);
    await mkdir(join(dir, 'state'), { mode: 0o700 });
    await writeFile(join(dir, 'state', 'agent.json'), JSON.stringify({ format: 1, id: AGENT }), { mode: 0o600 });

    await writeFile(join(dir, 'unsafe'), '#!/bin/sh\n', { mode: 0o777 });
    await home.configure({ command: join(dir, 'unsafe'), arguments: [] }, 100_000);
    const ends = [await home.run('once')];

    ends.push(
      await home.run(async () => {
        await home.until('state/schedules.json', /"open":\s*false/);
        await vi.waitFor(() => expect(receipts).toHaveLength(2), POLL);
        await home.configure(safe, 100_000);
        await home.until('state/hooks/u1.json', /"done"/);
      }),
    );

    await home.edit('state/hooks/u1.json', (text) =>
      text.replace('"done"', '"running"').replace(/"tries":\s*1/, '"tries":3'),
    );
    ends.push(await home.run(() => vi.waitFor(() => expect(receipts).toHaveLength(3), POLL)));

    vendor.isFeedSick = true;
    await home.edit('state/schedules.json', (text) => text.replace(/"failures":\s*0/, '"failures":1'));
    ends.push(
      await home.run(async () => {
        await home.configure(safe, 200_000);
        await home.until('state/schedules.json', /"failures":\s*2/);
      }),
    );
    return { ends, asked: vendor.asked, receipts, ran: await home.read('ran'), left: await home.left() };
  } finally {
    await vendor.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

it('daemon: without event listeners its requests, receipts, hooks, state and end are the same', async () => {
  // At the same time: most of it is waiting for a receipt.
  const [loud, muted] = await Promise.all([live(undefined), live(() => undefined)]);

  expect(loud).toMatchObject({
    ends: ['HOOK-UNSAFE', null, null, null],
    asked: [
      ...['GET /feed.json', 'GET /u1.jar', 'POST /acknowledge'],
      ...['GET /feed.json', 'POST /acknowledge'],
      'POST /acknowledge',
      'GET /feed.json',
    ],
    receipts: ['u1 published', 'u1 published', 'u1 hook_failed'],
    ran: 'u1\n',
  });
  expect(loud.left['state/schedules.json']).toMatch(/"starved":\s*\{\s*"slots":\s*1/);
  expect(muted).toEqual(loud);
}, 120_000);
