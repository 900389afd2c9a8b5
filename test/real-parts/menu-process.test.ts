// The menu as a process in a real terminal: how it ends in the middle of something, and two menus at the same time. The daemon
// of this configuration runs; its trial is held by a relay in front of the proxy.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { feedSettings, startFeedOrigin } from '#test/support/diagnosis-rig.ts';
import { type GatedRelay, startGatedRelay } from '#test/support/gated-relay.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import { openMenu } from '#test/support/menu-pane.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { Site } from '#test/support/site.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';
import { type Pane, Tmux } from '#test/support/tmux.ts';

const PASSWORD = 'Zq7!vX#9kP';
const SIZE = { columns: 80, rows: 24 };
const [HELD, OPEN] = [0, Number.POSITIVE_INFINITY];

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let tmux: Tmux;
let site: Site;
let origin: TlsOrigin;
let proxy: LoginProxy;
let relay: GatedRelay;
let before: Awaited<ReturnType<typeof contentOf>>;
beforeAll(async () => {
  [tmux, site, origin] = await Promise.all([Tmux.start(), Site.make(), startFeedOrigin()]);
  proxy = await startLoginProxy('ntlm', { user: 'svc', password: PASSWORD, domain: '' }, origin.port);
  relay = await startGatedRelay(proxy.port);
});
afterAll(async () => {
  await tmux.stop();
  await site.remove();
  await Promise.all([relay.close(), proxy.close(), origin.close()]);
});

/** Every file of the folder of the configuration, with its content. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const contents = await Promise.all(files.map(async (file) => [file, await readFile(file, 'utf8')] as const));
  return Object.fromEntries(contents.filter(([file]) => !file.endsWith('/routes')));
}

/** REALLY ENABLE PROXY? of a user who has entered a password. */
async function atQuestion(): Promise<Pane> {
  const pane = await atPassword();
  await pane.press('Enter');
  await pane.shows('REALLY ENABLE PROXY?');
  return pane;
}

async function atPassword(): Promise<Pane> {
  const pane = await openMenu(tmux, site.config, SIZE);
  await pane.shows('> ENABLE PROXY');
  await pane.press('Enter', 'Enter', 'Enter', 'Enter', 'Enter');
  await pane.shows('PROXY PASS');
  await pane.type(PASSWORD);
  await pane.shows('**********');
  return pane;
}

async function inTrial(): Promise<Pane> {
  relay.limit = HELD;
  const pane = await atQuestion();
  await pane.press('Enter');
  await pane.shows('TCP OK');
  return pane;
}

type End = (pane: Pane) => Promise<void>;
const ENDS: Readonly<Record<string, End>> = {
  'Ctrl-C': (pane) => pane.press('C-c'),
  SIGTERM: async (pane) => void process.kill(await pane.pid(), 'SIGTERM'),
  SIGHUP: async (pane) => void process.kill(await pane.pid(), 'SIGHUP'),
  'a lost terminal': (pane) => pane.kill(),
};
const MOMENTS: Readonly<Record<string, () => Promise<Pane>>> = {
  'a trial': inTrial,
  'a field': atPassword,
  'a question': atQuestion,
};
const CASES = Object.keys(ENDS).flatMap((end) => Object.keys(MOMENTS).map((moment) => [end, moment] as const));

/** ENTER on every screen of CHANGE PROXY PARAMS: the stored parameters are tested, and nothing is written. */
async function changeNothing(pane: Pane): Promise<void> {
  const [file, { tunnels }] = [await stat(site.config), { ...proxy.counted }];
  await pane.press('Enter');
  await pane.shows('> CHANGE PROXY PARAMS');
  await pane.press('Enter', 'Enter', 'Enter', 'Enter', 'Enter', 'Enter');
  await pane.shows('REALLY ENABLE PROXY?');
  await pane.press('Enter');
  await pane.shows('CONNECTED');
  expect(proxy.counted.tunnels).toBeGreaterThan(tunnels);
  const { ino, mtimeMs } = await stat(site.config);
  expect({ ino, mtimeMs }).toEqual({ ino: file.ino, mtimeMs: file.mtimeMs });
}

describeWith(['tmux'], 'the menu as a process', () => {
  beforeAll(async () => {
    const password = { file: await site.write('config/stored', 'the old one\n') };
    const stored = {
      address: '127.0.0.1',
      port: relay.port,
      default: true,
      authentication: 'auto',
      user: 'svc',
      password,
    };
    await site.configure({
      ...(await feedSettings(origin.port)),
      proxy_enabled: false,
      proxies: [{ name: 'corp', ...stored }],
    });
    await site.start(['run']).line('Next check');
  });
  beforeEach(async () => {
    before = await contentOf(join(site.dir, 'config'));
  });
  afterEach(() => {
    relay.limit = OPEN;
  });

  it.each(CASES)('menu process: %s during %s ends it, and nothing is changed or left', async (end, moment) => {
    const pane = (await MOMENTS[moment]?.()) as Pane;
    const connections = relay.allClosed();
    await ENDS[end]?.(pane);
    expect(await pane.ended()).toBe(0);
    if (end !== 'a lost terminal') {
      expect(await pane.isRestored()).toBe(true);
      expect(await pane.screen()).not.toContain(PASSWORD);
    }
    const { out } = await site.run(['status', '--json']);
    expect(JSON.parse(out)).toMatchObject({ config: { trying: null }, outcome: { kind: 'connected' } });
    // A relay that holds what a client sends does not notice that it leaves.
    relay.limit = OPEN;
    await connections;
    expect(await contentOf(join(site.dir, 'config'))).toEqual(before);
    expect(JSON.stringify(await contentOf(site.dir))).not.toContain(PASSWORD);
  });

  it('menu process: a second menu changes nothing during a trial, and reads again after it', async () => {
    const [first, second] = [await inTrial(), await atQuestion()];
    await second.press('Enter');
    await second.shows('[CHANGE-PENDING]');
    relay.limit = OPEN;
    await first.shows('CONNECTED');
    await second.press('Enter');
    await second.shows('TRY AGAIN');
    await second.press('Enter');
    await second.shows('CONFIG-CHANGED');
    await second.press('Enter');
    await second.shows('CHANGE PROXY PARAMS');
    expect(await contentOf(join(site.dir, 'config'))).not.toEqual(before);
    await second.press('C-c');
    expect(await second.ended()).toBe(0);
    await changeNothing(first);
    await first.press('C-c');
    expect(await first.ended()).toBe(0);
  });
});
