// `sallyport config diff`: the file against the settings of the daemon.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configDiffCommand } from '#cli/settings/config-diff.ts';
import { explainSettings } from '#config/reading/show.ts';
import type { Control } from '#control/control.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const FILE = "version: 2\nupdates:\n  parallel: 2\n  bearer_token: 'tok-en-123456'\n";

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(FILE);
});
afterEach(() => rig.folder.remove());

/** A daemon that uses the file as it is now. */
async function daemon(config: object = {}): Promise<void> {
  const loaded = await rig.context(fakeTerminal()).load();
  if (!loaded.ok) throw new Error('the file has errors');
  const keys = explainSettings(loaded).map(({ setBy: set_by, value, ...row }) => ({
    ...row,
    value: typeof value === 'object' && value !== null ? [...value] : value,
    set_by,
  }));
  const over = { settings: async () => ({ file: rig.file, since: '', keys }) } as unknown as Partial<Control>;
  const status = aStatus({ config: { ...aStatus().config, ...config } });
  rig.daemon = fakeControl({ ...over, status: () => Promise.resolve(status) });
}

const write = (text: string) => rig.folder.write('sallyport.yaml', `${text}daemon:\n  state_dir: state\n`, 0o640);
const diff = (json = false) => rig.run((context) => configDiffCommand(context, { json }));

describe('config diff', () => {
  it('config diff: nothing differs, whether a default is written or not', async () => {
    await daemon();
    await write(FILE.replace('  parallel: 2\n', '  parallel: 2\n  channel: stable\n'));
    const { status, out } = await diff();
    expect(status).toBe(0);
    expect(out[0]).toMatch(/^The daemon uses the settings of .*sallyport\.yaml\./);
  });

  it('config diff: shows each key that differs, in both directions', async () => {
    await daemon();
    await write(
      FILE.replace('parallel: 2', 'parallel: 4').concat(
        'proxies:\n  - { name: corp, address: p.example.com, default: true }\n',
      ),
    );
    const { status, out } = await diff();
    expect(status).toBe(1);
    const row = (key: string) => out.find((line) => line.startsWith(`${key} `))?.split(/ {2,}/);
    expect(row('updates.parallel')?.slice(0, 3)).toEqual(['updates.parallel', '2', '4']);
    expect(row('proxies[0].address')?.slice(0, 3)).toEqual(['proxies[0].address', 'not set', 'p.example.com']);
    expect(out.join('\n')).not.toContain('tok-en-123456');
  });

  it('config diff: --json has the differences and why the daemon does not use the file', async () => {
    await daemon({ refused: { at: '2026-11-30T20:00:00Z', count: 1, first: 'x' } });
    await write(FILE.replace('parallel: 2', 'parallel: 4'));
    const { status, out } = await diff(true);
    expect(status).toBe(1);
    expect(JSON.parse(out.join(''))).toMatchObject({
      refused: true,
      held: false,
      differences: [{ key: 'updates.parallel', active: 2, file: 4 }],
    });
  });

  it('config diff: without a daemon there is nothing to compare', async () => {
    await expect(diff()).rejects.toMatchObject({ code: 'NO-DAEMON' });
  });

  it('config diff: a file with errors is reported', async () => {
    await daemon();
    await write(FILE.replace('parallel: 2', 'parallel: 99'));
    expect((await diff()).status).toBe(78);
  });
});
