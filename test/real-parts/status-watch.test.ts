// `status --watch` in a real terminal during a throttled download: what a person sees in 80x24 and in 60x15, over a
// restart of the daemon and a resize, and how it ends. `-u` writes the golden files again. The download stands for one of
// 200 MB: it is smaller and slower in proportion, and is not awaited.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { BARE_ENVIRONMENT } from '#test/support/main-path.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type Pane, Tmux } from '#test/support/tmux.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const JAR = makeJar('u1', 2_000_000);

describeWith(['tmux'], 'status --watch in a terminal', () => {
  let tmux: Tmux;
  let origin: ScriptedOrigin;
  let dir = '';
  let config = '';
  let daemon: SallyportProcess | null = null;
  beforeAll(async () => {
    [tmux, origin, dir] = await Promise.all([
      Tmux.start(),
      startScriptedOrigin(),
      mkdtemp(join(tmpdir(), 'status-watch-')),
    ]);
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
    origin.serve('/u1.jar', JAR, 'application/java-archive');
    const updates = { feed_url: `${origin.url}/feed.json`, bandwidth: { bytes_per_second: 20_000 } };
    config = await writeConfig(dir, { updates });
  });
  afterAll(async () => {
    await tmux.stop();
    await end('SIGKILL');
    await origin.close();
    await rm(dir, { recursive: true });
  });

  async function end(signal: NodeJS.Signals): Promise<void> {
    daemon?.child.kill(signal);
    await daemon?.ended;
    daemon = null;
  }

  async function start(until: string): Promise<SallyportProcess> {
    daemon = startSallyport(['run', '-c', config]);
    await daemon.said(until);
    return daemon;
  }

  async function watch(columns: number, rows: number): Promise<Pane> {
    const command = [process.execPath, '--disable-sigusr1', PROGRAM_PATH, 'status', '--watch', '-c', config];
    const { NODE_COMPILE_CACHE: cache } = BARE_ENVIRONMENT;
    const environment = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
    return await tmux.open(command, { columns, rows, environment });
  }

  it('status --watch: shows the download in 80x24 and 60x15, over a restart of the daemon', async () => {
    await start('Waiting up to');
    const pane = await watch(80, 24);
    const large = await pane.shows(/u1 \[[#-]+\][\s\S]*Waiting up to/);
    expect(large.split('\n')).toHaveLength(24);
    await expect(masked(large)).toMatchFileSnapshot('golden/status-watch-80x24.txt');

    await pane.resize(60, 15);
    const small = await pane.shows((screen) => screen.split('\n')[14] === 'q: quit' && /u1 /.test(screen));
    await expect(masked(small)).toMatchFileSnapshot('golden/status-watch-60x15.txt');

    await end('SIGKILL');
    await pane.shows('No daemon is running. Waiting for one.');
    // It repeats the interrupted round only after a minute.
    const { child } = await start('Listening for commands');
    await pane.shows(new RegExp(`process ${child.pid}\\b`));

    await pane.press('q');
    expect(await pane.ended()).toBe(0);
    expect(await pane.isRestored()).toBe(true);
    expect(await pane.screen(), 'the screen from before is shown again').not.toContain('q: quit');
  });

  it('status --watch: Ctrl-C and SIGTERM end it and restore the terminal', async () => {
    if (daemon === null) await start('Listening for commands');
    const panes = await Promise.all([watch(80, 24), watch(80, 24)]);
    for (const pane of panes) await pane.shows('q: quit');

    await panes[0].press('C-c');
    process.kill(await panes[1].pid(), 'SIGTERM');

    for (const pane of panes) {
      expect(await pane.ended()).toBe(0);
      expect(await pane.isRestored()).toBe(true);
      expect(await pane.screen()).not.toContain('q: quit');
    }
  });
});

/** The screen without what differs between runs: numbers, paths, and the state of the transfer. */
function masked(screen: string): string {
  return `${screen
    .replaceAll(/ on \/\S*/g, ' on PATH')
    .replaceAll(/^ {2}u1 .*/gm, '  u1 TRANSFER')
    .replaceAll(/, next in .*/g, ', next in SPAN')
    .replaceAll(/\d+(?:[.:,T+-]\d+)*Z?/g, 'N')
    .replaceAll(/N (?:ms|s|min|h)\b(?: N (?:s|min)\b)?/g, 'N s')
    .replaceAll(/N (?:bytes|KB|MB)/g, 'N B')}\n`;
}
