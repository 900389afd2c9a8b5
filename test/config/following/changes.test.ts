import { describe, expect, it } from 'vitest';
import { changesBetween, changesOf, heldUntilRestart } from '#config/following/changes.ts';
import type { Settings } from '#config/settings.ts';
import { Secret } from '#redaction/secret.ts';
import { testSettings } from '#test/support/test-settings.ts';

const CORP = { name: 'corp', address: 'proxy.example.com', port: 3128, default: true };

function settings(over: Record<string, unknown> = {}): Settings {
  return testSettings('/x', over);
}

function keys(from: Settings, to: Settings): string[] {
  return changesBetween(from, to).map(({ key, effect }) => `${key} ${effect}`);
}

describe('list of changes', () => {
  it('is empty for equal settings', () => {
    expect(keys(settings({ proxies: [CORP] }), settings({ proxies: [CORP] }))).toEqual([]);
  });

  it('names each key in schema order, with when it takes effect', () => {
    const to = settings({ updates: { schedule: '5 4 * * *', channel: 'beta' }, logging: { rotate_keep: 3 } });

    expect(keys(settings(), to)).toEqual([
      'updates.schedule now',
      'updates.channel next_transfer',
      'logging.rotate_keep restart',
    ]);
  });

  it('names one key of a changed profile, or a whole new or removed profile', () => {
    const other = { ...CORP, name: 'other', default: false };

    expect(keys(settings({ proxies: [CORP] }), settings({ proxies: [{ ...CORP, port: 80 }] }))).toEqual([
      'proxies[0].port next_transfer',
    ]);
    expect(keys(settings({ proxies: [CORP] }), settings({ proxies: [CORP, other] }))).toEqual([
      'proxies[1] next_transfer',
    ]);
    expect(keys(settings({ proxies: [CORP] }), settings())).toEqual(['proxies[0] next_transfer']);
  });

  it('names a header by its name, and a list of words as a whole', () => {
    const from = settings();
    from.updates.headers = { 'X-Key': new Secret('one') };
    const to = settings({ updates: { allowed_origins: ['https://cdn.example.com'] } });
    to.updates.headers = { 'X-Key': new Secret('two'), 'X-New': new Secret('three') };

    expect(keys(from, to)).toEqual([
      'updates.headers.X-Key next_transfer',
      'updates.headers.X-New next_transfer',
      'updates.allowed_origins next_transfer',
    ]);
  });

  it('includes a secret only if its value changed', () => {
    const [from, same, other] = ['one', 'one', 'two'].map((token) => {
      const made = settings();
      made.updates.bearer_token = new Secret(token);
      return made;
    });

    expect(keys(from!, same!)).toEqual([]);
    expect(keys(from!, other!)).toEqual(['updates.bearer_token next_transfer']);
  });
});

describe('changes for one reloader', () => {
  it('are its own keys and those inside them, and nothing at start', () => {
    const to = settings({ proxies: [CORP], proxy_required: true });

    expect(changesOf(settings(), to, { proxies: 'next_transfer' })).toEqual([
      { key: 'proxies[0]', effect: 'next_transfer' },
    ]);
    expect(changesOf(null, to, { proxies: 'next_transfer' })).toEqual([]);
  });

  it('changesOf: the most specific name decides, in any order', () => {
    const to = settings({ updates: { channel: 'beta' } });
    const [wide, narrow] = [['updates', 'restart'] as const, ['updates.channel', 'now'] as const];

    for (const taken of [Object.fromEntries([wide, narrow]), Object.fromEntries([narrow, wide])]) {
      expect(changesOf(settings(), to, taken)).toEqual([{ key: 'updates.channel', effect: 'now' }]);
    }
  });
});

describe('heldUntilRestart', () => {
  it('keeps the active values that need a restart and takes all others', () => {
    const inForce = settings();
    const to = settings({ updates: { channel: 'beta' }, logging: { level: 'debug', rotate_keep: 3 } });
    to.daemon.state_dir = '/elsewhere';
    to.updates.packages_dir = '/elsewhere/packages';
    const held = heldUntilRestart(inForce, to);

    expect(held.daemon).toEqual(inForce.daemon);
    expect(held.logging).toEqual({ ...inForce.logging, level: 'debug' });
    expect(held.updates).toEqual({ ...to.updates, packages_dir: inForce.updates.packages_dir });
    expect(keys(held, to)).toEqual([
      'updates.packages_dir restart',
      'logging.rotate_keep restart',
      'daemon.state_dir restart',
    ]);
  });

  it('neither loses nor adds keys', () => {
    const to = settings({ proxies: [CORP], platform: { url: 'wss://platform.example.com/' } });

    expect(heldUntilRestart(to, to)).toEqual(to);
  });
});
