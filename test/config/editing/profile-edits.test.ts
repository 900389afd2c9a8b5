import { describe, expect, it } from 'vitest';
import { spliceEdits } from '#config/editing/edit.ts';
import {
  addProfile,
  changeProfile,
  deleteProfile,
  findProfile,
  makeDefault,
  routesWithout,
  setRoute,
  usersOf,
} from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';
import { CodedError } from '#errors/coded-error.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

const TEXT = `version: 2
proxies:
  - name: berlin
    address: berlin.example.com
    default: true     # for now
  - name: spare
    address: spare.example.com   # in the cellar
use_proxy_for:
  platform: berlin
  support_logs: spare
`;

async function settingsOf(text: string): Promise<Settings> {
  const folder = await ConfigFolder.make();
  try {
    return (await folder.accept(text)).settings;
  } finally {
    await folder.remove();
  }
}

const settings = await settingsOf(TEXT);

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.message;
    throw thrown;
  }
  return 'not refused';
}

describe('editing a profile', () => {
  it('finds it in any letter case; an unknown name lists the known ones', () => {
    expect(findProfile(settings, 'BERLIN')).toMatchObject({ index: 0, profile: { name: 'berlin' } });
    expect(refusal(() => findProfile(settings, 'berlim'))).toContain(
      '[PROFILE-UNKNOWN] There is no proxy with the name berlim.',
    );
  });

  it('adds it last, and makes it the default only on request', async () => {
    const changes = [{ path: ['address'], value: 'x.example.com' }];
    const text = spliceEdits(TEXT, addProfile(settings, { name: 'x', changes, isDefault: false }));
    expect((await settingsOf(text)).proxies.map(({ name, default: is }) => [name, is])).toEqual([
      ['berlin', true],
      ['spare', false],
      ['x', false],
    ]);
  });

  it('makes the first profile the default', async () => {
    const none = await settingsOf('version: 2\n');
    const changes = [{ path: ['address'], value: 'x.example.com' }];
    const edits = addProfile(none, { name: 'x', changes, isDefault: false });
    expect(spliceEdits('version: 2\n', edits)).toBe(
      'version: 2\nproxies:\n  - name: x\n    address: x.example.com\n    default: true\n',
    );
  });

  it('refuses a name in use, regardless of letter case', () => {
    expect(refusal(() => addProfile(settings, { name: 'Spare', changes: [], isDefault: false }))).toContain(
      '[PROFILE-EXISTS] A proxy with the name spare already exists',
    );
    const to = { changes: [], name: 'BERLIN', isDefault: false };
    expect(refusal(() => changeProfile(settings, 'spare', to))).toContain('PROFILE-EXISTS');
  });

  it('makes it the default and clears the old default in the same edits', () => {
    expect(spliceEdits(TEXT, makeDefault(settings, 'spare'))).toBe(
      TEXT.replace('default: true     # for now', 'default: false     # for now').replace(
        '# in the cellar\n',
        '# in the cellar\n    default: true\n',
      ),
    );
    expect(makeDefault(settings, 'berlin')).toEqual([]);
  });

  it('renames it and updates its users', async () => {
    const edits = changeProfile(settings, 'berlin', { changes: [], name: 'Mitte', isDefault: false });
    const after = await settingsOf(spliceEdits(TEXT, edits));
    expect(after.use_proxy_for).toMatchObject({ platform: 'Mitte', support_logs: 'spare' });
    expect(after.proxies[0]?.name).toBe('Mitte');
  });

  it('changes only the named keys', () => {
    const changes = [
      { path: ['port'], value: 3128 },
      { path: ['user'], value: undefined },
    ];
    expect(spliceEdits(TEXT, changeProfile(settings, 'spare', { changes, isDefault: false }))).toBe(
      TEXT.replace('# in the cellar\n', '# in the cellar\n    port: 3128\n'),
    );
  });
});

describe('deleting a profile', () => {
  it('is refused if it is in use, and names its users', () => {
    expect(usersOf(settings, 'berlin').map(({ user: who, by }) => `${who} ${by}`)).toEqual([
      'platform name',
      'updates default',
      'exposure_analytics default',
      'telemetry default',
    ]);
    expect(refusal(() => deleteProfile(settings, 'spare', null))).toBe(
      '[PROFILE-IN-USE] Proxy spare is used by support_logs and was not deleted.',
    );
  });

  it('moves its users to the default', async () => {
    const fall = routesWithout(settings, 'spare', null);
    expect(fall).toEqual({ newDefault: null, purposes: { support_logs: 'default' } });
    const after = await settingsOf(spliceEdits(TEXT, deleteProfile(settings, 'spare', fall)));
    expect(after.use_proxy_for.support_logs).toBe('default');
  });

  it('that is the default sets a new default, or none where nothing remains', async () => {
    const next = routesWithout(settings, 'berlin', 'spare');
    expect(next).toEqual({ newDefault: 'spare', purposes: { platform: 'default' } });
    const after = await settingsOf(spliceEdits(TEXT, deleteProfile(settings, 'berlin', next)));
    expect(after.proxies).toMatchObject([{ name: 'spare', default: true }]);

    const none = routesWithout(settings, 'berlin', null);
    expect(none.purposes).toEqual({ updates: 'none', exposure_analytics: 'none', platform: 'none', telemetry: 'none' });
    const direct = await settingsOf(spliceEdits(TEXT, deleteProfile(settings, 'berlin', none)));
    expect(direct.use_proxy_for).toEqual({
      updates: 'none',
      support_logs: 'spare',
      exposure_analytics: 'none',
      platform: 'none',
      telemetry: 'none',
    });
  });

  it('that is the last one leaves an empty list and explicit direct routes', async () => {
    const text = 'version: 2\nproxies:\n  - name: a\n    address: a.example.com\n    default: true\n';
    const one = await settingsOf(text);
    const after = await settingsOf(spliceEdits(text, deleteProfile(one, 'a', routesWithout(one, 'a', null))));
    expect(after.proxies).toEqual([]);
    expect(new Set(Object.values(after.use_proxy_for))).toEqual(new Set(['none']));
  });
});

describe('setting a route', () => {
  it.each([
    ['none', 'none'],
    ['Default', 'default'],
    ['SPARE', 'spare'],
  ])('accepts %s', (use, written) => {
    expect(setRoute(settings, 'updates', use)).toEqual([
      { kind: 'set', path: ['use_proxy_for', 'updates'], value: written },
    ]);
  });

  it('refuses an unknown name', () => {
    expect(refusal(() => setRoute(settings, 'updates', 'x'))).toContain('PROFILE-UNKNOWN');
  });
});
