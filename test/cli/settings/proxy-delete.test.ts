import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeleteFlags, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { listProxiesCommand } from '#cli/settings/proxy-list.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { CommandRig } from '#test/support/command-rig.ts';

const TEXT = `version: 2
proxies:
  - name: a
    address: a.example.com
    default: true
  # the cellar
  - name: b
    address: b.example.com
use_proxy_for:
  platform: a   # as agreed
`;

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(TEXT);
});
afterEach(() => rig.folder.remove());

const remove = (name: string, over: Partial<DeleteFlags> = {}, script?: Parameters<CommandRig['run']>[1]) =>
  rig.run((context) => deleteProxyCommand(context, name, { force: false, yes: false, json: false, ...over }), script);

describe('proxy delete', () => {
  it('of an unused proxy asks nothing', async () => {
    const { status, out } = await remove('b');
    expect({ status, first: out[0] }).toEqual({ status: 0, first: 'Deleted proxy b.' });
    expect(await rig.text()).toBe(TEXT.replace('  - name: b\n    address: b.example.com\n', ''));
  });

  it('of a proxy in use names its users and writes nothing', async () => {
    await expect(remove('a')).rejects.toThrow(
      'Proxy a is used by platform, updates, support_logs, exposure_analytics, telemetry and was not deleted.',
    );
    expect(await rig.text()).toBe(TEXT);
  });

  it('--force of the default asks for a new one and confirmation', async () => {
    const { asked, err, out } = await remove('a', { force: true }, [
      ['Which proxy becomes the default instead? (b, none)', 'c'],
      ['Which proxy', 'b'],
      ['Delete it?', 'y'],
    ]);
    expect(asked).toHaveLength(3);
    expect(err).toEqual([
      'Answer one of: b, none.',
      'b is now the default, and used for updates, support_logs, exposure_analytics, telemetry.',
      'platform now uses the default.',
    ]);
    expect(out[0]).toBe('Deleted proxy a.');
    expect(await rig.text()).toBe(
      'version: 2\nproxies:\n  # the cellar\n  - name: b\n    address: b.example.com\n    default: true\n' +
        'use_proxy_for:\n  platform: default   # as agreed\n',
    );
  });

  it('writes nothing unless the user answers yes', async () => {
    const script = [
      ['Which proxy', 'b'],
      ['Delete it?', ''],
    ] as const;
    await expect(remove('a', { force: true }, script)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await rig.text()).toBe(TEXT);
  });

  it('--force --new-default none sets the purposes that used it to none', async () => {
    const { out } = await remove('a', { force: true, newDefault: 'none', json: true });
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      name: 'a',
      new_default: null,
      falls_to: {
        updates: 'none',
        support_logs: 'none',
        exposure_analytics: 'none',
        platform: 'none',
        telemetry: 'none',
      },
    });
    expect(await rig.text()).toContain('platform: none   # as agreed');
  });

  it.each([
    [{}, 'Use --new-default NAME, or --new-default none'],
    [{ newDefault: 'a' }, 'cannot be the new default'],
  ])('--force without a terminal reports what is missing: %j', async (over, sentence) => {
    const failed = remove('a', { force: true, ...over });
    await expect(failed).rejects.toBeInstanceOf(UsageError);
    await expect(failed).rejects.toThrow(sentence);
  });

  it('is refused if proxy_required forbids what its users would use instead', async () => {
    await rig.folder.write('sallyport.yaml', `${TEXT}proxy_required: true\n`);
    const { status, err } = await remove('a', { force: true, newDefault: 'none' });
    expect(status).toBe(13);
    expect(err.join('\n')).toContain('[POLICY-DIRECT]');
    expect(await rig.text()).toContain('name: a');
  });
});

describe('proxy enable and disable', () => {
  it('write proxy_enabled and keep the profiles', async () => {
    const off = await rig.run((context) => enableProxyCommand(context, false, { json: false }));
    expect(off.out[0]).toBe('No proxy is used: every purpose connects directly. The profiles stay in the file.');
    expect(await rig.text()).toBe(`${TEXT}proxy_enabled: false\n`);
    expect((await rig.run((context) => listProxiesCommand(context, { json: false }))).out.at(-1)).toBe(
      'proxy_enabled is false, so none of them is used.',
    );
    await rig.run((context) => enableProxyCommand(context, true, { json: false }));
    expect((await rig.settings()).proxy_enabled).toBe(true);
  });

  it('write nothing if nothing changes', async () => {
    const { out } = await rig.run((context) => enableProxyCommand(context, true, { json: false }));
    expect(out).toEqual([`${rig.file} already has this setting; nothing was written.`]);
    expect(await rig.text()).toBe(TEXT);
  });

  it('warn that there is nothing to enable without a proxy', async () => {
    await rig.folder.write('sallyport.yaml', 'version: 2\nproxy_enabled: false\n');
    const { err } = await rig.run((context) => enableProxyCommand(context, true, { json: false }));
    expect(err[0]).toContain('No proxy is configured');
  });
});
