import { describe, expect, it } from 'vitest';
import { profileFields, readField, validateField } from '#config/editing/profile-fields.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keysOf, schemaAt } from '#config/tree.ts';

describe('fields of a profile', () => {
  const fields = profileFields();
  const field = (flag: string) => fields.find((one) => one.flag === flag) ?? expect.fail(`no field ${flag}`);

  it('are the keys of the schema except name, default and secrets', () => {
    const keys = keysOf(schemaAt(settingsSchema, ['proxies', 0]));
    const roots = new Set(fields.map(({ path }) => path[0]));
    expect(keys.filter((key) => !roots.has(key)).toSorted()).toEqual(['default', 'name', 'password']);
    expect(new Set(fields.map(({ flag }) => flag)).size).toBe(fields.length);
    expect(fields.every(({ facts }) => !facts.secret)).toBe(true);
  });

  it('have the default, the choices and the parser of their key', () => {
    expect(field('port')).toMatchObject({ kind: 'number', byDefault: '80' });
    expect(field('authentication').choices).toContain('basic');
    expect(readField(field('port'), '0443')).toBe(443);
    expect(readField(field('port'), '44x')).toBe('44x');
    expect(readField(field('tunnel-http'), 'true')).toBe(true);
    expect(readField(field('user'), '12')).toBe('12');
  });

  it.each([
    [['address'], 'proxy.example.com:3128', 'write address: proxy.example.com and port: 3128'],
    [['address'], '', 'The address is empty.'],
    [['port'], 65_536, 'Out of range; must be 1 to 65535.'],
    [['port'], 'x', 'This must be a number.'],
    [['user'], 'a:b', 'The user contains a colon, which Basic authentication cannot send.'],
    [['authentication'], 'kerberos', 'This is not one of the allowed values.'],
    [['no_proxy'], '10.0.0.0/99', 'not a network'],
  ])('are checked by the schema: %j refuses %j', (path, value, sentence) => {
    expect(validateField(path, value)).toContain(sentence);
  });

  it.each([
    [['address'], 'Proxy.Example.com'],
    [['address'], 'fe80::1'],
    [['port'], 443],
    [['user'], 'CORP\\svc'],
    [['authentication'], 'basic'],
  ])('are checked by the schema: %j accepts %j', (path, value) => {
    expect(validateField(path, value)).toBeNull();
  });
});
