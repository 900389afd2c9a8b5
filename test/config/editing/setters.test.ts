import { describe, expect, it } from 'vitest';
import type { Edit } from '#config/editing/edit.ts';
import { parsePath } from '#config/editing/edit.ts';
import type { Plain } from '#config/editing/edit-render.ts';
import { checkSetter, requireSetter } from '#config/editing/setters.ts';
import { type ListedKey, listKeys } from '#config/generate/keys.ts';
import { kindOf, type Setter } from '#config/schema/key.ts';
import { asCoded } from '#errors/coded-error.ts';

const SETTERS: readonly Setter[] = ['operator', 'admin', 'root'];
const pathOf = ({ name }: ListedKey) => parsePath(name.replaceAll('[]', '[0]'));
const keys = listKeys();

function refusedKey(before: Plain, edits: readonly Edit[], who: Setter): string | null {
  try {
    requireSetter(before, edits, who);
    return null;
  } catch (thrown) {
    const { code, facts } = asCoded(thrown);
    return `${code} ${String(facts['key'])}`;
  }
}

describe('checkSetter', () => {
  it('covers every key of the schema', () => {
    expect(keys.length).toBeGreaterThan(60);
  });

  it.each(keys)('allows the setter of the key and all with more rights: $name', (key) => {
    const needed = SETTERS.indexOf(key.facts?.setBy ?? 'root');
    const allowed = SETTERS.filter((who) => checkSetter({ path: pathOf(key), value: 'x' }, who) === null);
    expect(allowed).toEqual(SETTERS.slice(needed));
  });

  it.each(keys.filter(({ schema }) => kindOf(schema) === 'secret'))(
    'allows only root to name a file, variable or credential: $name',
    (key) => {
      for (const value of [{ file: '/etc/shadow' }, { env: 'PATH' }, { credential: 'x' }, {}]) {
        const allowed = SETTERS.filter((who) => checkSetter({ path: pathOf(key), value }, who) === null);
        expect(allowed).toEqual(['root']);
      }
    },
  );

  it('refuses unknown keys, also below known ones', () => {
    for (const name of [
      'nothing',
      'proxies[0].nothing',
      'updates.schedule.inner',
      '__proto__',
      'proxies[0].__proto__',
    ]) {
      expect(checkSetter({ path: parsePath(name), value: 'x' }, 'admin')?.code, name).toBe('KEY-AUTHORITY');
    }
  });

  it('names the key, its setter and the command', () => {
    const refused = checkSetter({ path: ['updates', 'feed_url'], value: 'x' }, 'admin');
    expect(refused?.message).toBe('[KEY-AUTHORITY] Only root may set updates.feed_url. Nothing was written.');
    expect(refused?.check).toBe('Set it as root: run the same command with sudo, or edit the configuration file.');
    const source = checkSetter({ path: ['proxies', 0, 'password'], value: { file: 'x' } }, 'admin');
    expect(source?.check).toContain('or enter the value itself');
    expect(checkSetter({ path: ['proxy_enabled'], value: true }, 'operator')?.message).toContain(
      'Only an admin or root',
    );
  });
});

describe('requireSetter', () => {
  it('does not reveal whether a guessed token is right', () => {
    const before = { updates: { bearer_token: 'the token' } };
    const verdicts = ['the token', 'a guess'].map((value) => [
      refusedKey(before, [{ kind: 'set', path: 'updates.bearer_token', value }], 'admin'),
      refusedKey(before, [{ kind: 'set', path: 'updates', value: { bearer_token: value } }], 'admin'),
    ]);
    const refused = 'KEY-AUTHORITY updates.bearer_token';
    expect(verdicts).toEqual([
      [refused, refused],
      [refused, refused],
    ]);
  });

  const CORP = { name: 'corp', address: 'a', port: 3128, ca_file: 'ca.pem', password: { file: 'secrets/corp' } };
  const FILE: Plain = { version: 1, updates: { feed_url: 'https://a/feed', schedule: 'x' }, proxies: [CORP] };
  const set = (path: string, value: Plain): Edit => ({ kind: 'set', path, value });
  const remove = (path: string): Edit => ({ kind: 'remove', path });

  it.each<[string, Edit[], string | null]>([
    ['an admin key', [set('proxies[0].port', 8080)], null],
    ['a password that is typed', [set('proxies[0].password', 'typed')], null],
    ['a root key', [set('updates.feed_url', 'https://evil/')], 'updates.feed_url'],
    ['a root key among others', [set('proxy_enabled', true), set('version', 2)], 'version'],
    ['a section with a root key', [set('updates', { feed_url: 'https://evil/', schedule: 'x' })], 'updates.feed_url'],
    ['a section without its root key', [set('updates', { schedule: 'y' })], 'updates.feed_url'],
    ['an empty section', [set('updates', {})], 'updates.feed_url'],
    ['a section set to null', [set('updates', null)], 'updates.feed_url'],
    [
      'an operator key in a section with an unchanged root key',
      [set('updates', { feed_url: 'https://a/feed', schedule: 'y' })],
      null,
    ],
    ['an unchanged root key', [set('updates.feed_url', 'https://a/feed')], null],
    ['a list with a root key', [set('proxies', [{ ...CORP, ca_file: 'evil.pem' }])], 'proxies[0].ca_file'],
    [
      'a new entry with a root key',
      [{ kind: 'append', path: 'proxies', value: { name: 'b', pac: { file: '/etc/shadow' } } }],
      'proxies[1].pac.file',
    ],
    ['a new entry without a root key', [{ kind: 'append', path: 'proxies', value: { name: 'b', address: 'b' } }], null],
    ['removing a root key', [remove('updates.feed_url')], 'updates.feed_url'],
    ['removing an entry with a root key', [remove('proxies[0]')], 'proxies[0].ca_file'],
    [
      'an entry that replaces one with a root key',
      [remove('proxies[0]'), { kind: 'append', path: 'proxies', value: CORP }],
      'proxies[0].ca_file',
    ],
    ['a source of a secret', [set('proxies[0].password', { file: '/etc/shadow' })], 'proxies[0].password'],
    ['a hook', [set('updates.on_published', { command: '/bin/sh' })], 'updates.on_published.command'],
    ['empty headers', [set('updates.headers', {})], 'updates.headers'],
  ])('decides by the keys that change: %s', (_what, edits, key) => {
    expect(refusedKey(FILE, edits, 'admin')).toBe(key === null ? null : `KEY-AUTHORITY ${key}`);
    expect(refusedKey(FILE, edits, 'root')).toBe(null);
  });

  it('checks the second edit against the result of the first', () => {
    const edits = [
      { kind: 'append', path: 'proxies', value: { name: 'b', address: 'b' } } as const,
      remove('proxies[1]'),
    ];
    expect(refusedKey(FILE, edits, 'admin')).toBe(null);
  });

  it('checks a request of 250 KB quickly', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `h${index}.example`);
    const from = process.threadCpuUsage();
    requireSetter(FILE, [set('proxies[0].no_proxy', many)], 'admin');
    expect(process.threadCpuUsage(from).user / 1_000).toBeLessThan(2_000);
  });
});
