// `sallyport config upgrade` with a real file: what it writes, what it only shows, and what it refuses.

import { lstat, readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { configUpgradeCommand } from '#cli/settings/config-upgrade.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const OLD = `version: 1
# ours
proxies:
  - { name: corp, address: proxy.example.com, default: true, user: svc, password: 'a long password' }
endpoints:
  platform: wss://platform.example.com/ # cloud
`;
const NEW = OLD.replace('version: 1', 'version: 2').replace('endpoints:\n  platform:', 'platform:\n  url:');

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(OLD);
});
afterEach(() => rig.folder.remove());

const upgrade = (dryRun = false) => rig.run((context: CommandContext) => configUpgradeCommand(context, { dryRun }));

describe('config upgrade', () => {
  it('rewrites the file, keeps its mode, and says so', async () => {
    const { mode } = await lstat(rig.file);
    const { status, out } = await upgrade();

    expect(status).toBe(0);
    expect(out[0]).toMatch(/^Upgraded .*sallyport\.yaml from version 1 to version 2\.$/);
    expect(await rig.text()).toBe(NEW);
    expect((await lstat(rig.file)).mode).toBe(mode);
    expect(await readdir(rig.folder.path)).toEqual(['sallyport.yaml']);
  });

  it('does not change a file that is already upgraded', async () => {
    await upgrade();
    const before = await lstat(rig.file);

    expect((await upgrade()).out[0]).toMatch(/already has version 2; nothing to upgrade\.$/);
    expect((await lstat(rig.file)).ino).toBe(before.ino);
  });

  it('--dry-run shows the changed lines, no others, and writes nothing', async () => {
    const { status, out } = await upgrade(true);

    expect(status).toBe(0);
    expect(out.filter((line) => /^[-+](?![-+])/.test(line))).toEqual([
      '-version: 1',
      '+version: 2',
      '-endpoints:',
      '-  platform: wss://platform.example.com/ # cloud',
      '+platform:',
      '+  url: wss://platform.example.com/ # cloud',
    ]);
    expect(out.join('\n')).not.toContain('password');
    expect(await rig.text()).toBe(OLD);
  });

  it('--dry-run lets no character of the file control the terminal', async () => {
    await rig.folder.write('sallyport.yaml', 'version: 1 # \u202e\u2066\r\nendpoints: {}\r\n');
    const { out } = await upgrade(true);

    expect(out).toContain('-version: 1 # \\u{202e}\\u{2066}');
    expect(out.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('refuses an invalid file and changes nothing', async () => {
    const wrong = `${OLD}shedule: 1\n`;
    await rig.folder.write('sallyport.yaml', wrong);
    const { status, err } = await upgrade();

    expect(status).toBe(78);
    expect(err.join('\n')).toContain('shedule');
    expect(await readFile(rig.file, 'utf8')).toBe(wrong);
  });

  it('does not overwrite a concurrent write', async () => {
    const theirs = OLD.replace('# ours', '# theirs');
    const { load } = rig.context(fakeTerminal());
    rig.over = {
      load: async (text) => {
        if (text !== undefined) await rig.folder.write('sallyport.yaml', theirs);
        return await load(text);
      },
    };

    await expect(upgrade()).rejects.toMatchObject({ code: 'CONFIG-CHANGED' });
    expect(await readFile(rig.file, 'utf8')).toBe(theirs);
  });
});
