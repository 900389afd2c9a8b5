import { describe, expect, it } from 'vitest';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import type { Entry } from '#errors/entry.ts';

const ENTRIES = Object.entries(CATALOGUE) as [Code, Entry][];
const FORMATS = [undefined, 'advice', 'hop', 'key', 'ms', 's', 'size', 'time', 'via', 'words'];

function placeholders(template: string): { name: string; format: string | undefined }[] {
  return [...template.matchAll(/\{([^}:]*)(?::([^}]*))?\}/g)].map(([, name = '', format]) => ({ name, format }));
}

describe.each(ENTRIES)('%s', (code, entry) => {
  it('catalogue: a code has capitals, digits and dashes only', () => {
    expect(code).toMatch(/^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$/);
    expect(code.length).toBeLessThanOrEqual(24);
  });

  it('catalogue: sentence and advice begin with a capital and end with a full stop', () => {
    expect(entry.text).toMatch(/^(?:[A-Z{]|sha256 ).*\.$/);
    for (const check of checksOf(entry)) expect(check).toMatch(/^[A-Z{].*\.$/);
  });

  it('catalogue: sentence and advice fit into one line', () => {
    for (const check of checksOf(entry)) {
      expect(`${entry.text} ${check}`).not.toMatch(/[\n\r"\\[\]]/);
      expect(entry.text.length + check.length).toBeLessThan(400);
    }
  });

  it('catalogue: the formatter knows every placeholder and format', () => {
    for (const { name, format } of placeholders(entry.text + checksOf(entry).join(''))) {
      expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/);
      expect(FORMATS).toContain(format);
    }
  });
});

describe('catalogue', () => {
  it('catalogue: no module overwrites a code of another', async () => {
    const rooms = await Promise.all([
      import('#errors/catalogue-config.ts'),
      import('#errors/catalogue-diagnose.ts'),
      import('#errors/catalogue-feed.ts'),
      import('#errors/catalogue-http.ts'),
      import('#errors/catalogue-origin.ts'),
      import('#errors/catalogue-packages.ts'),
      import('#errors/catalogue-platform.ts'),
      import('#errors/catalogue-proxy.ts'),
      import('#errors/catalogue-spool.ts'),
      import('#errors/catalogue-system.ts'),
      import('#errors/catalogue-tls.ts'),
      import('#errors/catalogue-trust.ts'),
      import('#errors/catalogue-uploads.ts'),
    ]);
    const codes = rooms.flatMap((room) => Object.values(room).flatMap((table) => Object.keys(table)));

    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
    expect(codes.sort()).toEqual(Object.keys(CATALOGUE).sort());
  });
});

function checksOf({ check, checkAtOrigin = check }: Entry): readonly string[] {
  return [check, checkAtOrigin];
}
