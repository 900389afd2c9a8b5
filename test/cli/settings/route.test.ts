import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setRouteCommand, showRoutesCommand } from '#cli/settings/route.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make('version: 2\nproxies: [{name: a, address: a.example.com, default: true}]\n');
});
afterEach(() => rig.folder.remove());

const show = (json: boolean) => rig.run((context) => showRoutesCommand(context, fakeControl(), { json }));

describe('route show', () => {
  it('shows the value in the file next to the active route, and why', async () => {
    const { out } = await show(false);
    expect(out[0]).toMatch(/^PURPOSE +SET TO +HOW +PROXY +TARGET +WHY$/);
    expect(out[1]).toMatch(
      /^updates +default +tunnel +corp +\S+ +use_proxy_for\.updates is default \(sallyport\.yaml:9\); the default proxy is proxies\[0\] corp \(sallyport\.yaml:3\)$/,
    );
    expect(out[2]).toMatch(/^support_logs +default +not configured +- +- +-$/);
  });

  it('prints the same as JSON, even if the file is invalid by now', async () => {
    await rig.folder.write('sallyport.yaml', 'version: 3\n');
    expect(JSON.parse((await show(true)).out.join('\n'))[0]).toMatchObject({
      purpose: 'updates',
      proxy: 'corp',
      set_to: null,
    });
  });
});

describe('route set', () => {
  it('warns that no proxy is used if proxy_enabled is false', async () => {
    const off = await CommandRig.make('version: 2\nproxy_enabled: false\n');
    const set = off.run((context) => setRouteCommand(context, { purpose: 'updates', use: 'none', json: false }));
    expect((await set).out).toContain(
      'proxy_enabled is false, so no proxy is used. To use proxies: sallyport proxy enable.',
    );
    await off.folder.remove();
  });

  it('accepts only existing names, and prints the new route', async () => {
    const set = (use: string) =>
      rig.run((context) => setRouteCommand(context, { purpose: 'updates', use, json: false }));
    expect((await set('A')).out[0]).toBe('updates now uses proxy a.');
    expect((await set('default')).out[0]).toBe('updates now uses the default proxy, a.');
    await expect(set('b')).rejects.toMatchObject({ code: 'PROFILE-UNKNOWN' });
  });
});
