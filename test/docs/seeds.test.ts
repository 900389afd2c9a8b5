import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '#errors/catalogue.ts';
import { ConfigFolder } from '#test/support/config-file.ts';
import { readHelp } from '#test/support/help.ts';

const page = readFileSync(new URL('../../docs/seeds.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| (R\d+) \| (.+?) \| (.+) \|$/gm)].map(([, id = '', , answer = '']) => ({
  id,
  answer,
}));

/** Keys of the JSON schema as the reference writes them, groups and lists among them: `proxies`, `proxies[].port`. */
function keysOf(schema: unknown, name = ''): string[] {
  const { properties = {}, items } = schema as { properties?: Record<string, unknown>; items?: unknown };
  const under = items === undefined ? [] : keysOf(items, `${name}[]`);
  const inside = Object.entries(properties).flatMap(([key, value]) => {
    const path = name === '' ? key : `${name}.${key}`;
    return [path, ...keysOf(value, path)];
  });
  return [...under, ...inside];
}

function named(kind: string): string[] {
  return rows.flatMap(({ answer }) =>
    [...answer.matchAll(new RegExp(`\`${kind}: ([^\`]+)\``, 'g'))].map(([, what = '']) => what),
  );
}

describe('docs/seeds.md', () => {
  it('has each of R1 to R46 once, in order', () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 46 }, (_, index) => `R${index + 1}`));
  });

  it.each(rows)('docs/seeds.md: $id has a key, a command or a test, or is not implemented', ({ answer }) => {
    expect(answer).toMatch(/`(?:key|command): |`test\/|^Not implemented$/);
  });

  it.each(rows)('docs/seeds.md: $id names no tracker and no later version', ({ answer }) => {
    expect(answer).not.toMatch(/\b(?:issue|later|soon)\b/i);
  });

  it('names keys that exist', () => {
    const schema: unknown = JSON.parse(
      readFileSync(new URL('../../config/sallyport.schema.json', import.meta.url), 'utf8'),
    );
    const known = keysOf(schema);
    expect(known).toContain('proxies[].port');
    expect(named('key').filter((key) => !known.includes(key))).toEqual([]);
  });

  it('names commands that exist', async () => {
    const known = (await readHelp()).filter(({ works }) => works).map(({ path }) => path.join(' '));
    expect(named('command').filter((command) => !known.includes(command))).toEqual([]);
  });

  it('names tests that exist', () => {
    const tests = rows.flatMap(({ answer }) => answer.match(/`test\/[^`]+`/g) ?? []).map((path) => path.slice(1, -1));
    expect(tests.length).toBeGreaterThan(20);
    expect(tests.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))).toEqual([]);
  });

  it('names codes that exist', () => {
    const codes = [...page.matchAll(/`([A-Z]+(?:-[A-Z]+)+)`/g)].map(([, code = '']) => code);
    expect(codes.filter((code) => !Object.hasOwn(CATALOGUE, code))).toEqual([]);
  });
});

describe('the port of the sensor', () => {
  it('is 443 when the file says 0443', async () => {
    const folder = await ConfigFolder.make();
    try {
      const { settings } = await folder.accept(
        'version: 2\nproxies: [{name: a, address: 10.0.0.1, port: 0443, default: true}]\n',
      );
      expect(settings.proxies[0]?.port).toBe(443);
    } finally {
      await folder.remove();
    }
  });
});
