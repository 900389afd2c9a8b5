import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeWords } from '#cli/completion/complete.ts';
import tree from '#cli/completion/tree.json' with { type: 'json' };
import type { Places } from '#config/places.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { readHelp } from '#test/support/help.ts';
import { completionArtifact } from '#tools/completion-tree.ts';

let dir: string;
let places: Places;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-completion-'));
  places = {
    config: join(dir, 'sallyport.yaml'),
    packagesDir: join(dir, 'packages'),
    logsDir: join(dir, 'logs'),
    stateDir: join(dir, 'state'),
    controlSocket: join(dir, 'control.sock'),
  };
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The first line, and the words without their descriptions. */
async function complete(...words: readonly string[]): Promise<{ kind: string | undefined; words: string[] }> {
  return await completeIn('zsh', ...words);
}

async function completeIn(shell: string, ...words: readonly string[]) {
  const terminal = fakeTerminal();
  await completeWords([shell, ...words], { terminal, places });
  expect(terminal.errors).toEqual([]);
  const [kind, ...lines] = terminal.printed;
  return { kind, words: lines.map((line) => line.split('\t')[0] ?? '') };
}

const PROXIES =
  'version: 2\nproxies:\n  - {name: corp, address: a}\n  - {name: lab, address: b}\n  - {name: "x; rm", address: c}\n';

describe('completion', () => {
  it('completion: every command and option of the help is known, and no other', async () => {
    for (const { path, options } of await readHelp()) {
      const known = (tree.commands as Record<string, { options: { names: string[] }[] }>)[path.join(' ')];
      const globals = path.length === 0 ? [] : ['-c', '--config', '-V', '--version'];
      expect(known?.options.flatMap(({ names }) => names).toSorted(), path.join(' ')).toEqual(
        options.filter((option) => !globals.includes(option)).toSorted(),
      );
    }
    const artifact = await completionArtifact();
    expect(JSON.parse(artifact.text)).toEqual(tree);
  });

  it.each<[string[], string[]]>([
    [['pla'], ['platform']],
    [
      ['proxy', 'de'],
      ['delete', 'default'],
    ],
    [
      ['-c', 'x.yaml', 'proxy', 'de'],
      ['delete', 'default'],
    ],
    [
      ['check', '--'],
      ['--json', '--retry-credential', '--now', '--help', '--config'],
    ],
    [['logs', '--purpose', 'p'], ['platform']],
    [
      ['logs', '--level', ''],
      ['debug', 'info', 'warn', 'error'],
    ],
    [
      ['route', 'set', ''],
      ['updates', 'support_logs', 'exposure_analytics', 'platform', 'telemetry'],
    ],
    [
      ['config', 'set', 'updates.tru'],
      ['updates.trust', 'updates.trust_downgrade'],
    ],
    [
      ['config', 'set', 'updates.trust', ''],
      ['tls', 'tuf'],
    ],
    [
      ['config', 'set', '--json', 'proxies.corp.tunnel_http', ''],
      ['true', 'false'],
    ],
    [['config', 'set', 'proxies[0].allow_cleartext', 't'], ['true']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['queue', 'ls', '--kind', 'b'],
      ['batch', 'bundle'],
    ],
    [['updates', 'hold', '--reason', ''], []],
    [['no-such-command', 'x', ''], []],
    [['updates', 'hook', '--', '-'], []],
  ])('completion: without a configuration and a daemon, %j is completed by its words', async (words, expected) => {
    expect(await complete(...words)).toEqual({ kind: 'words', words: expected });
  });

  it.each<[string[], string]>([
    [['config', 'import', ''], 'files'],
    [['config', 'import', 'a', ''], 'files'],
    [['-c', ''], 'files'],
    [['check', '--config=x'], 'files'],
    [['proxy', 'add', '--pac-file', ''], 'files'],
    [['timeout', 'estimate', '--log', 'a', 'b'], 'files'],
    [['timeout', 'estimate', '--packages', ''], 'dirs'],
    [['demo', '--dir', ''], 'dirs'],
  ])('completion: a path is left to the shell: %j', async (words, kind) => {
    expect(await complete(...words)).toEqual({ kind, words: [] });
  });

  it('completion: profiles are those of the configuration, and only plain names', async () => {
    await writeFile(places.config, PROXIES);
    expect((await complete('proxy', 'show', '')).words).toEqual(['corp', 'lab']);
    expect((await complete('route', 'set', 'updates', '')).words).toEqual(['none', 'default', 'corp', 'lab']);
    expect((await complete('proxy', 'delete', 'corp', '--new-default', '')).words).toEqual(['none', 'corp', 'lab']);
    expect((await complete('config', 'set', 'proxies.lab.po')).words).toEqual(['proxies.lab.port']);
    expect((await complete('config', 'set', 'proxi')).words).toEqual(['proxies.']);

    const other = join(dir, 'other.yaml');
    await writeFile(other, 'version: 2\nproxies: [{name: far, address: z}]\n');
    expect((await complete('--config', other, 'proxy', 'show', '')).words).toEqual(['far']);
    expect((await complete('proxy', 'show', `--config=${other}`, '')).words).toEqual(['far']);
  });

  it.each(['{', 'proxies: 7', 'proxies: [7, {name: 8}]', '\0', 'a: &a [*a]'])(
    'completion: a configuration with errors costs its names only: %j',
    async (text) => {
      await writeFile(places.config, text);
      expect(await complete('route', 'set', 'updates', '')).toEqual({ kind: 'words', words: ['none', 'default'] });
    },
  );

  it('completion: IDs are those of published packages', async () => {
    await mkdir(places.packagesDir);
    for (const name of ['1602503.jar', '1602503.json', 'b-2.jar', '.jar', 'x y.jar'])
      await writeFile(join(places.packagesDir, name), '');
    expect((await complete('updates', 'hook', '')).words).toEqual(['1602503', 'b-2']);

    await writeFile(places.config, 'version: 2\nupdates: {packages_dir: other}\n');
    expect((await complete('updates', 'hook', '')).words).toEqual([]);
  });

  it('completion: a daemon that does not answer is left after half a second', async () => {
    const server = createServer((socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(places.controlSocket, resolve));
    try {
      await mkdir(places.packagesDir);
      await writeFile(join(places.packagesDir, '7.jar'), '');
      expect((await complete('updates', 'publish', '')).words).toEqual(['7']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }, 120_000);

  it('completion: bash splits at an equals sign, fish replaces the whole word', async () => {
    expect((await completeIn('bash', 'logs', '--purpose', '=', 'plat')).words).toEqual(['platform']);
    expect((await completeIn('bash', 'logs', '--purpose', '=')).words).toContain('telemetry');
    expect((await completeIn('zsh', 'logs', '--purpose=plat')).words).toEqual(['platform']);
    expect((await completeIn('fish', 'logs', '--purpose=plat')).words).toEqual(['--purpose=platform']);
  });
});
