import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { type RunAgent, runDemo } from '#demo/demo.ts';
import { DEMO_PACKAGES, writePackages } from '#demo/packages.ts';
import { readJar } from '#origin/jar-facts.ts';
import { untilAborted } from '#system/abort.ts';
import { systemClock } from '#system/clock.ts';
import { acquireLock } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';

let outer: string;
let dir: string;
/** The commands that the demo has run, and what each returns. */
let commands: string[];
let commandStatus: number;
beforeEach(() => {
  [commands, commandStatus] = [[], 0];
  outer = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-demo-')));
  dir = join(outer, 'state', 'demo');
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

const ACTIVATE_STATUS = 21;
const SMALL = DEMO_PACKAGES.map((one) => ({ ...one, bytes: 1_000_000 }));

async function run(
  runAgent: RunAgent,
  more: { signal?: AbortSignal; once?: boolean; dir?: string } = {},
  lines: string[] = [],
) {
  const errors: string[] = [];
  const status = await runDemo({
    dir,
    once: true,
    signal: new AbortController().signal,
    terminal: { out: (line) => lines.push(line), err: (line) => errors.push(line) },
    runAgent,
    runCommand: async ([name = ''], { terminal }) => {
      if (name === 'queue') terminal.out('{"kinds":[]}');
      else commands.push(name);
      // The steps that need a real agent are in demo-run.test.ts.
      return name === 'activate' ? ACTIVATE_STATUS : commandStatus;
    },
    packages: SMALL,
    holdMs: 0,
    ...more,
  });
  return { status, errors };
}

interface Config {
  readonly updates: { readonly tuf: { readonly metadata_url: string }; readonly packages_dir: string };
  readonly proxies: readonly { readonly address: string; readonly port: number }[];
  readonly logging: { readonly dir: string };
  readonly daemon: { readonly state_dir: string; readonly control_socket: string };
}
const readConfig = (file: string): Config => parse(readFileSync(file, 'utf8')) as Config;

function through({ proxies, updates }: Config, path: string): Promise<{ via: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { address: host, port } = proxies[0] ?? { address: '', port: 0 };
    get({ host, port, path: new URL(path, updates.tuf.metadata_url).href, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ via: response.headers.via, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

describe('the demo', () => {
  it('runs the agent with a feed behind a proxy that adds Via', async () => {
    let feed: { items: { id: string; file: string; sha256: string; length: number }[] } | undefined;
    const { status } = await run(async (file) => {
      const config = readConfig(file);
      const document = await through(config, 'feed.json');
      expect(document.via).toBe('1.1 proxy.example.com');
      feed = JSON.parse(document.body.toString('utf8')) as typeof feed;
      for (const item of feed?.items ?? []) {
        const { body } = await through(config, item.file);
        writeFileSync(join(config.updates.packages_dir, item.file), body);
        expect(await readJar(join(config.updates.packages_dir, item.file))).toMatchObject({
          sha256: item.sha256,
          length: item.length,
        });
      }
      expect(config.logging.dir).toBe(join(dir, 'logs'));
      expect(config.daemon.state_dir).toBe(join(dir, 'state'));
      return 0;
    });
    expect(status).toBe(0);
    expect(feed?.items.map(({ id }) => id)).toEqual(['1602503', '1602504', '1602510']);
  });

  it('has the same folders if its folder is given as a relative path', async () => {
    let config: Config | undefined;
    const lines: string[] = [];
    const agent: RunAgent = (file) => {
      config = readConfig(file);
      return Promise.resolve(0);
    };
    await run(agent, { dir: relative(process.cwd(), dir) }, lines);
    expect(config).toMatchObject({
      updates: { packages_dir: join(dir, 'packages') },
      logging: { dir: join(dir, 'logs') },
      daemon: { state_dir: join(dir, 'state') },
    });
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(['config', 'logs', 'packages', 'state']));
    expect(lines.join('\n')).toContain(dir);
  });

  it('prints its folders at the start, and the next steps at the end', async () => {
    const lines: string[] = [];
    let before = '';
    const agent: RunAgent = async () => {
      before = lines.join('\n');
      return 0;
    };
    await run(agent, {}, lines);
    for (const part of [dir, 'config/sallyport.yaml', 'packages/', 'logs/sallyport.log']) {
      expect(before).toContain(`  ${part}\n`);
    }
    expect(before.split('\n').filter((line) => line.length > 80 && !line.includes(dir))).toEqual([]);
    expect(before).toMatch(/http:\/\/127\.0\.0\.1:\d+\/metadata\n/);
    expect(lines.slice(-3).join(' ')).toContain('copy config/sallyport.example.yaml to config/sallyport.yaml');
  });

  it('returns the exit status of the agent, and reports a failure', async () => {
    const { status, errors } = await run(async () => 17);
    expect(status).toBe(17);
    expect(errors).toEqual([expect.stringContaining('status 17')]);
  });

  it('with --once ends after the first round and the steps that follow', async () => {
    const { status } = await run(async (_file, { signal, onRound }) => {
      onRound(0);
      await untilAborted(signal);
      return 0;
    });
    expect([status, commands]).toEqual([ACTIVATE_STATUS, ['submit', 'send-logs', 'activate']]);
  });

  it('with --once ends after a failed round, with its exit status and without uploads', async () => {
    const { status } = await run(async (_file, { signal, onRound }) => {
      onRound(11);
      await untilAborted(signal);
      return 0;
    });
    expect([status, commands]).toEqual([11, []]);
  });

  it('with --once returns the exit status of an upload that failed', async () => {
    commandStatus = 18;
    const { status } = await run(async (_file, { signal, onRound }) => {
      onRound(0);
      await untilAborted(signal);
      return 0;
    });
    expect([status, commands]).toEqual([18, ['submit']]);
  });

  it('without --once runs until the signal, and uploads after one successful round', async () => {
    const stop = new AbortController();
    const { status } = await run(
      async (_file, { signal, onRound }) => {
        for (const ended of [11, 0, 0]) onRound(ended);
        await vi.waitFor(() => expect(commands).toHaveLength(3));
        expect(signal.aborted).toBe(false);
        stop.abort();
        await untilAborted(signal);
        return 0;
      },
      { once: false, signal: stop.signal },
    );
    expect([status, commands]).toEqual([0, ['submit', 'send-logs', 'activate']]);
  });

  it('frees its ports at the end, even if the agent throws', async () => {
    let config: Config | undefined;
    const failed = run(async (file) => {
      config = readConfig(file);
      throw new Error('agent');
    });
    await expect(failed).rejects.toThrow('agent');
    await expect(through(config as Config, 'feed.json')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('does not run the agent if it was already stopped', async () => {
    const { status } = await run(() => Promise.reject(new Error('must not run')), { signal: AbortSignal.abort() });
    expect(status).toBe(0);
  });

  it('uses a shorter path for its socket if the usual one is too long', async () => {
    let socketDir = '';
    await run(
      async (file) => {
        socketDir = join(readConfig(file).daemon.control_socket, '..');
        expect(Buffer.byteLength(socketDir)).toBeLessThan(100);
        expect(existsSync(socketDir)).toBe(true);
        return 0;
      },
      { dir: join(outer, 'd'.repeat(100), 'demo') },
    );
    expect(existsSync(socketDir)).toBe(false);
  });
});

describe('the folder of the demo', () => {
  const nothing: RunAgent = async () => 0;

  it('is emptied at each start', async () => {
    await run(nothing);
    writeFileSync(join(dir, 'packages', 'old.jar'), 'x');
    await run(nothing);
    expect(readdirSync(join(dir, 'packages'))).toEqual([]);
    expect(existsSync(join(dir, 'origin', 'feed.json'))).toBe(true);
  });

  it('is not emptied while another demo uses it', async () => {
    let refused: unknown;
    await run(async (file) => {
      refused = await run(() => Promise.resolve(0)).catch((thrown: unknown) => thrown);
      return existsSync(file) ? 0 : 1;
    });

    expect(refused).toMatchObject({ code: 'LOCK-HELD', facts: { dir, pid: process.pid } });
  });

  it('is not emptied while a Sallyport of an earlier demo runs', async () => {
    await run(() => Promise.resolve(0));
    const state = join(dir, 'state');
    const lock = await acquireLock(state, { files: realFiles, clock: systemClock, mode: 'daemon' });

    await expect(run(() => Promise.resolve(0))).rejects.toMatchObject({ code: 'LOCK-HELD', facts: { dir: state } });
    expect(existsSync(join(dir, 'packages'))).toBe(true);
    lock.release();
  });

  it('that cannot be made is reported with its path and what to do', async () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'file'), '');
    const below = join(dir, 'file', 'demo');
    const failing = run(nothing, { dir: below });

    await expect(failing).rejects.toMatchObject({ code: 'DEMO-UNWRITABLE', facts: { path: below } });
    await expect(failing).rejects.toThrow(
      /^\[DEMO-UNWRITABLE\] The demo cannot create the folder .*: ENOTDIR: not a directory\.$/,
    );
  });

  it('is never one that the demo did not make', async () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'mine.txt'), 'mine');
    await expect(run(nothing)).rejects.toMatchObject({ code: 'DEMO-FOLDER' });
    expect(readdirSync(dir)).toEqual(['mine.txt']);
  });

  it('is not a link, and targets of links in it are not deleted', async () => {
    mkdirSync(join(outer, 'elsewhere'));
    writeFileSync(join(outer, 'elsewhere', 'mine.txt'), 'mine');
    await run(nothing);
    symlinkSync(join(outer, 'elsewhere'), join(dir, 'link'));
    await run(nothing);
    expect(readdirSync(join(outer, 'elsewhere'))).toEqual(['mine.txt']);
    rmSync(dir, { recursive: true });
    symlinkSync(join(outer, 'elsewhere'), dir);
    await expect(run(nothing)).rejects.toMatchObject({ code: 'DEMO-FOLDER' });
    expect(readdirSync(join(outer, 'elsewhere'))).toEqual(['mine.txt']);
  });
});

describe('the packages of the demo', () => {
  it('are the same at every start, with the manifest first', async () => {
    mkdirSync(dir, { recursive: true });
    const first = SMALL.slice(0, 1);
    await writePackages(dir, first);
    const path = join(dir, '1602503.jar');
    const bytes = readFileSync(path);
    await writePackages(dir, first);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    const entries = unzipSync(bytes);
    expect(Object.keys(entries)).toEqual(['META-INF/MANIFEST.MF', 'updates/1602503/part-01.bin']);
    const noise = entries['updates/1602503/part-01.bin'] ?? new Uint8Array();
    const seen = new Set(Array.from({ length: 100 }, (_, index) => noise.subarray(index * 8, index * 8 + 8).join()));
    expect(seen.size).toBe(100);
  });
});
