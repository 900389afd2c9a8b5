import { describe, expect, it } from 'vitest';
import { listKeys } from '#config/generate/keys.ts';
import { PURPOSES } from '#config/purposes.ts';

const keys = listKeys();
/** Purposes whose sections follow the proxies. */
const OTHERS = PURPOSES.filter((purpose) => purpose !== 'updates');

describe('configuration keys', () => {
  it('are listed once each', () => {
    const names = keys.map(({ name }) => name);

    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it.each(keys.map((key) => [key.name, key] as const))('have all required facts: %s', (_name, { facts, fallback }) => {
    expect(facts).toBeDefined();
    expect(facts!.title).toMatch(/^[A-Z].*[^.]$/);
    expect(facts!.description).toMatch(/^[A-Za-z].*\.$/);
    expect(facts!.description).not.toBe(facts!.title);
    expect(['now', 'next_transfer', 'restart']).toContain(facts!.effect);
    expect(['operator', 'admin', 'root']).toContain(facts!.setBy);
    expect(facts!.allowed).not.toBe('');
    expect(facts!.absent === null || fallback === undefined).toBe(true);
  });

  it.each(keys.map((key) => [key.name, key] as const))(
    'have a valid default and example: %s',
    (_name, { schema, facts, fallback }) => {
      for (const value of [fallback, facts?.example]) {
        if (value !== undefined) expect(schema.safeParse(value)).toMatchObject({ success: true });
      }
    },
  );

  it('without a default explain what happens without them, or are required', () => {
    const silent = keys.filter(({ facts, fallback }) => fallback === undefined && facts?.absent === null);

    expect(silent.map(({ name }) => name)).toEqual([
      'version',
      'updates.tuf.metadata_url',
      'updates.tuf.mirrors[].metadata_url',
      'updates.bandwidth.by_time[].hours',
      'updates.client_certificate.certificate_file',
      'updates.client_certificate.key_file',
      'updates.on_published.command',
      'proxies[].name',
      'proxies[].client_certificate.certificate_file',
      'proxies[].client_certificate.key_file',
      ...OTHERS.flatMap((name) => [
        ...(name === 'support_logs' ? ['support_logs.redaction[].name', 'support_logs.redaction[].pattern'] : []),
        `${name}.client_certificate.certificate_file`,
        `${name}.client_certificate.key_file`,
      ]),
    ]);
  });

  it('with a unit in the name have that unit', () => {
    const units = { _ms: 'ms', _seconds: 'seconds', _bytes: 'bytes' };
    const wrong = Object.entries(units).flatMap(([ending, unit]) =>
      keys.filter(({ name, facts }) => name.endsWith(ending) !== (facts?.unit === unit)).map(({ name }) => name),
    );

    expect(wrong).toEqual([]);
  });

  // An admin may enter a proxy password, but only root may set its source (test/config/editing/setters.test.ts).
  it('that are paths, secrets, CAs or endpoints are set by root', () => {
    const delicate = /(_dir|\.dir|_file|_url|_socket|_origins|headers|token|passphrase|certificate)$|^endpoints\./;

    expect(
      keys.filter(({ name, facts }) => delicate.test(name) && facts?.setBy !== 'root').map(({ name }) => name),
    ).toEqual([]);
  });

  it('with a password, token, passphrase or header are secret, others not', () => {
    expect(keys.filter(({ facts }) => facts?.secret).map(({ name }) => name)).toEqual([
      'updates.headers',
      'updates.bearer_token',
      'updates.client_certificate.passphrase',
      'proxies[].password',
      'proxies[].client_certificate.passphrase',
      ...OTHERS.flatMap((name) => [`${name}.headers`, `${name}.bearer_token`, `${name}.client_certificate.passphrase`]),
      'menu.pin',
    ]);
  });
});
