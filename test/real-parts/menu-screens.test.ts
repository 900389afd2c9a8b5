// The menu in a real terminal, of 80 columns and 24 rows and of 16 and 2: each screen of the manual, as a person sees it, is
// that of the golden file. `npm test -- test/real-parts/menu-screens.test.ts -u` writes the files again.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { SizeName } from '#menu/model/screens.ts';
import { buildFeed } from '#origin/feed-builder.ts';
import { ActivationRig } from '#test/support/activation-rig.ts';
import { type GatedRelay, startGatedRelay } from '#test/support/gated-relay.ts';
import { makeJar } from '#test/support/jars.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import { openMenu } from '#test/support/menu-pane.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { Site } from '#test/support/site.ts';
import { type Pane, Tmux } from '#test/support/tmux.ts';

const PASSWORD = 'Zq7!vX#9kP';
const PIN = '90210';
const [HELD, OPEN] = [0, Number.POSITIVE_INFINITY];
/** A port that only root could listen on. */
const CLOSED = '0001';

vi.setConfig({ testTimeout: 120_000 });

let tmux: Tmux;
let vendor: ActivationRig;
let proxy: LoginProxy;
let relay: GatedRelay;
beforeAll(async () => {
  [tmux, vendor] = await Promise.all([Tmux.start(), ActivationRig.start()]);
  const { dir } = vendor.platform;
  await writeFile(join(dir, '1602503.jar'), makeJar('1602503', 10_000));
  await buildFeed(dir, { expiresDays: 30 });
  proxy = await startLoginProxy('basic', { user: 'svc', password: PASSWORD, domain: '' }, vendor.tls.port);
  relay = await startGatedRelay(proxy.port);
});
afterAll(async () => {
  await tmux.stop();
  await Promise.all([relay.close(), proxy.close(), vendor.close()]);
});

/** The screens of one person, by name, without what differs between runs. */
class Album {
  readonly #pane: Pane;
  readonly #shots: string[] = [];

  constructor(pane: Pane) {
    this.#pane = pane;
  }

  /** Presses the keys, waits for the text, and keeps the screen. */
  async after(keys: readonly string[], text: string | RegExp, name?: string): Promise<void> {
    if (keys.length > 0) await this.#pane.press(...keys);
    const screen = await this.#pane.shows(text);
    if (name !== undefined) this.#shots.push(`== ${name}\n${screen}`);
  }

  async type(typed: string, text: string | RegExp, name?: string): Promise<void> {
    await this.#pane.type(typed);
    await this.after([], text, name);
  }

  get text(): string {
    const text = this.#shots.join('\n').replaceAll(String(relay.port), 'NNNNN');
    return `${text.replaceAll(/after \d+ ms/g, 'after 1 ms')}\n`;
  }
}

describeWith(['tmux'], 'the menu in a terminal', () => {
  it.each(['80x24', '16x2'] as const)('menu screens: those of a display of %s are as recorded', async (size) => {
    const site = await Site.make();
    try {
      const { updates, activation } = vendor.through({});
      const feed_url = `https://localhost:${vendor.tls.port}/feed.json`;
      const pin = { file: await site.write('pin', `${PIN}\n`) };
      await site.configure({ updates: { ...(updates as object), feed_url }, activation, menu: { pin } });
      const [columns = 0, rows = 0] = size.split('x').map(Number);
      const pane = await openMenu(tmux, site.config, { columns, rows, args: ['--size', size] });
      const album = new Album(pane);
      await enterPin(album);
      await enable(album);
      await activate(album);
      await change(album, size);
      await disable(album);
      await pane.press('C-c');
      expect(await pane.ended()).toBe(0);
      expect(await pane.isRestored()).toBe(true);
      expect(album.text).not.toContain(PASSWORD);
      await expect(album.text).toMatchFileSnapshot(`golden/menu-${size}.txt`);
    } finally {
      await site.remove();
    }
  });

  it('menu screens: a resized terminal shows the same field in a layout that fits', async () => {
    const site = await Site.make();
    try {
      await site.configure();
      const pane = await openMenu(tmux, site.config, { columns: 60, rows: 15 });
      expect(await pane.shows('ENABLE PROXY')).toContain('This terminal has 60x15. Full screens need 80x18.');
      await pane.press('Enter', 'Enter');
      await pane.shows(/^PROXY HOST\n10\.9\.2\.1$/m);
      await pane.type('PROXY.EXAMPLE.COM');
      // The last 16 columns, with the cursor behind them.
      await pane.shows(/^PROXY HOST\nROXY\.EXAMPLE\.COM$|^PROXY HOST\nOXY\.EXAMPLE\.COM$/m);
      await pane.resize(100, 30);
      const large = await pane.shows('   PROXY.EXAMPLE.COM\n');
      expect(large).not.toContain('This terminal');
      expect(large.match(/PROXY HOST/g)).toHaveLength(1);
      await pane.resize(12, 2);
      expect((await pane.shows('NEEDS 16x2')).trim()).toBe('NEEDS 16x2');
      await pane.resize(80, 24);
      expect(await pane.shows('   PROXY.EXAMPLE.COM\n')).toBe(large.split('\n').slice(0, 24).join('\n'));
      await pane.press('C-c');
      expect(await pane.ended()).toBe(0);
    } finally {
      await site.remove();
    }
  });
});

async function enterPin(album: Album): Promise<void> {
  await album.after([], 'ENTER PIN', 'ENTER PIN');
  await album.type('00000', '*****');
  await album.after(['Enter'], 'WRONG PIN', 'a wrong PIN');
  await album.type(PIN, '*****');
  await album.after(['Enter'], 'ENABLE PROXY', 'SETUP NETWORK');
}

async function enable(album: Album): Promise<void> {
  await album.after(['Enter'], 'PARAMETERS', 'CONFIG PROXY PARAMETERS');
  await album.after(['Up', 'Up'], 'SETUP NETWORK');
  await album.after(['Enter'], 'PARAMETERS');
  await album.after(['Enter'], '10.9.2.1', 'PROXY HOST');
  await album.after(['Enter'], 'REALLY', 'the gateway as the proxy');
  await album.after(['Escape'], 'PROXY HOST');
  await album.type('127.0.0.1', '127.0.0.1');
  await album.after(['Enter'], '0443', 'PROXY PORT');
  await album.type(String(relay.port), String(relay.port));
  await album.after(['Enter'], 'PROXY USER', 'PROXY USER');
  await album.type('svc', 'svc', 'a user');
  await album.after(['Enter'], 'PROXY PASS', 'PROXY PASS');
  await album.type("Zq'", 'NOT ALLOWED', 'a refused character');
  await album.after(['Enter', 'BSpace', 'BSpace'], /PROXY PASS\n(?:\n\s*)?$/m);
  await album.type(PASSWORD, '**********', 'a password');
  await album.after(['Enter'], 'REALLY ENABLE', 'REALLY ENABLE PROXY?');
  relay.limit = HELD;
  await album.after(['Enter'], /TCP OK/, 'ENABLING PROXY SUPPORT');
  relay.limit = OPEN;
  await album.after([], 'CLEAR?', 'a proxy with only Basic');
  await album.after(['Enter'], 'No daemon', 'SAVED');
}

async function activate(album: Album): Promise<void> {
  await album.after(['Enter'], 'USER LOGIN', 'USER LOGIN');
  await album.after(['Enter'], 'ACTIVATION KEY', 'ACTIVATION KEY');
  await album.type(await vendor.key(), /\*{4}-?\*{4}-?\*{4}-?\*{4}/, 'a key');
  await album.after(['Enter'], 'SENSOR-07', 'APPLIANCE NAME-IP ADDRESS');
  await album.after(['Enter'], 'CHANGE PROXY', 'SETUP NETWORK with a proxy');
}

async function change(album: Album, size: SizeName): Promise<void> {
  await album.after(['Enter'], 'PARAMETERS');
  await album.after(['Enter'], '127.0.0.1', 'a stored PROXY HOST');
  await album.after(['Enter'], 'PROXY PORT', 'a stored PROXY PORT');
  await album.after(['Enter'], 'svc', 'a stored PROXY USER');
  await album.after(['Enter'], 'UNCHANGED', 'a stored PROXY PASS');
  await album.after(['Left'], 'svc');
  await album.after(['Left'], 'PROXY PORT');
  await album.type(CLOSED, CLOSED);
  await album.after(['Enter'], 'svc');
  await album.after(['Enter'], 'PASSWORD', 'PASSWORD NEEDED AGAIN');
  await album.type(PASSWORD, '**********');
  await album.after(['Enter'], 'REALLY ENABLE');
  await album.after(['Enter'], '[TCP-REFUSED]', 'CONFIGURATION ERROR');
  if (size === '16x2') await album.after(['Down'], 'refused port', 'CONFIGURATION ERROR, one line down');
  await album.after(['Enter'], 'TRY AGAIN', 'the choices after an error');
  await album.after(['Down', 'Down'], 'REVERT');
  await album.after(['Enter'], 'CHANGE PROXY');
}

async function disable(album: Album): Promise<void> {
  // A large screen shows the entry before it is chosen as well.
  await album.after(['Down'], />.*DISABLE PROXY|^DISABLE PROXY/m, 'DISABLE PROXY');
  await album.after(['Enter'], 'REALLY DISABLE', 'REALLY DISABLE PROXY?');
  await album.after(['Enter'], 'No daemon');
  await album.after(['Enter'], /SENSOR-07|CONFIGURATION/, 'the result of DISABLE PROXY');
}
