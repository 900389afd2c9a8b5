import { describe, expect, it } from 'vitest';
import { listKeys } from '#config/generate/keys.ts';
import { PURPOSES } from '#config/purposes.ts';

const keys = listKeys();
/** Purposes whose sections stand behind the proxies. */
const OTHERS = PURPOSES.filter((purpose) => purpose !== 'updates');

describe('every key of the configuration', () => {
  it('is there once', () => {
    const names = keys.map(({ name }) => name);

    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it.each(keys.map((key) => [key.name, key] as const))(
    '%s says all that is told about a key',
    (_name, { facts, fallback }) => {
      expect(facts).toBeDefined();
      expect(facts!.title).toMatch(/^[A-Z].*[^.]$/);
      expect(facts!.description).toMatch(/^[A-Za-z].*\.$/);
      expect(facts!.description).not.toBe(facts!.title);
      expect(['now', 'next_transfer', 'restart']).toContain(facts!.effect);
      expect(['operator', 'admin', 'root']).toContain(facts!.setBy);
      expect(facts!.allowed).not.toBe('');
      expect(facts!.absent === null || fallback === undefined).toBe(true);
    },
  );

  it.each(keys.map((key) => [key.name, key] as const))(
    '%s has a default and an example that are valid',
    (_name, { schema, facts, fallback }) => {
      for (const value of [fallback, facts?.example]) {
        if (value !== undefined) expect(schema.safeParse(value)).toMatchObject({ success: true });
      }
    },
  );

  it('without a default says what holds without it, or must be given', () => {
    const silent = keys.filter(({ facts, fallback }) => fallback === undefined && facts?.absent === null);

    expect(silent.map(({ name }) => name)).toEqual([
      'version',
      'updates.client_certificate.certificate_file',
      'updates.client_certificate.key_file',
      'updates.on_published.command',
      'proxies[].name',
      'proxies[].client_certificate.certificate_file',
      'proxies[].client_certificate.key_file',
      ...OTHERS.flatMap((name) => [
        `${name}.client_certificate.certificate_file`,
        `${name}.client_certificate.key_file`,
      ]),
    ]);
  });

  it('with a unit in its name has that unit', () => {
    const units = { _ms: 'ms', _seconds: 'seconds', _bytes: 'bytes' };
    const wrong = Object.entries(units).flatMap(([ending, unit]) =>
      keys.filter(({ name, facts }) => name.endsWith(ending) !== (facts?.unit === unit)).map(({ name }) => name),
    );

    expect(wrong).toEqual([]);
  });

  // A password of a proxy may be entered by an admin; where it comes from is root's (test/config/editing/setters.test.ts).
  it('that is a path, a secret, an authority or an endpoint is set by root', () => {
    const delicate = /(_dir|\.dir|_file|_url|_socket|_origins|headers|token|passphrase|certificate)$|^endpoints\./;

    expect(
      keys.filter(({ name, facts }) => delicate.test(name) && facts?.setBy !== 'root').map(({ name }) => name),
    ).toEqual([]);
  });

  it('that holds a password, token, passphrase or header is secret, and no other', () => {
    expect(keys.filter(({ facts }) => facts?.secret).map(({ name }) => name)).toEqual([
      'updates.headers',
      'updates.bearer_token',
      'updates.client_certificate.passphrase',
      'proxies[].password',
      'proxies[].client_certificate.passphrase',
      ...OTHERS.flatMap((name) => [`${name}.headers`, `${name}.bearer_token`, `${name}.client_certificate.passphrase`]),
    ]);
  });
});
