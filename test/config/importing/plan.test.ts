// What is imported from files of other programs, as their admins write them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMPORT_KIND_NAMES, kindOfFile } from '#config/importing/kinds.ts';
import { type ImportedProxy, planImport } from '#config/importing/plan.ts';
import { DECODED, IMPORT_FILES, PASSWORD } from './import-files.ts';

function shown({ scheme, address, port, user, domain, pacUrl }: ImportedProxy): string {
  if (pacUrl !== null) return `pac ${pacUrl}`;
  const login = user === null ? '' : `${domain === null ? '' : `${domain}\\`}${user}@`;
  return `${scheme} ${login}${address}:${port}`;
}

function plan({
  path,
  from,
  text,
}: {
  path: string;
  from?: (typeof IMPORT_KIND_NAMES)[number] | undefined;
  text: string;
}) {
  const kind = from ?? kindOfFile(path);
  if (kind === null) throw new Error(`no kind for ${path}`);
  return planImport([{ path, kind, text }], 'https');
}

describe('imported files', () => {
  it('imported files: there are at least 40, of every kind', () => {
    expect(IMPORT_FILES.length).toBeGreaterThanOrEqual(40);
    const kinds = new Set(IMPORT_FILES.map(({ path, from }) => from ?? kindOfFile(path)));
    expect([...kinds].toSorted()).toEqual([...IMPORT_KIND_NAMES].toSorted());
  });

  it.each(IMPORT_FILES.map((file, index) => ({ ...file, number: index + 1 })))(
    'imported files: $number, $path',
    (file) => {
      const { proxies, noProxy, leftOut } = plan(file);
      expect(proxies.map(shown)).toEqual(file.proxies);
      expect(noProxy?.tokens.join(' ')).toBe(file.noProxy);
      const expected = file.leftOut ?? [];
      expect(leftOut.map(({ line, key }) => `${line} ${key}`)).toEqual(expected.map((one) => one.replace(/: .*/, '')));
      for (const [index, { why }] of leftOut.entries()) {
        expect(why).toContain((expected[index] ?? '').replace(/^[^:]*(?:::[^:]*)*: /, ''));
      }
    },
  );

  it('imported files: a password is decoded once, and only the result has it', () => {
    const withPassword = IMPORT_FILES.filter(({ text }) => text.includes(PASSWORD) || text.includes(DECODED));
    expect(withPassword.length).toBeGreaterThanOrEqual(7);
    for (const file of withPassword) {
      const { proxies, leftOut } = plan(file);
      expect(proxies[0]?.password, file.text).toBe(DECODED);
      expect(JSON.stringify(leftOut)).not.toContain('word');
    }
  });

  it('imported files: the method and the CA of the old program are kept', () => {
    const of = (path: string, text: string) => {
      const [first] = plan({ path, text }).proxies;
      return [first?.authentication, first?.caFile];
    };
    expect(of('/home/ada/.curlrc', 'proxy=http://p.example.com:1\nproxy-user=a:b\nproxy-digest\n')).toEqual([
      'digest',
      null,
    ]);
    expect(of('/home/ada/.curlrc', 'proxy=http://p.example.com:1\nproxy-user=a:b\n')).toEqual(['basic', null]);
    expect(of('/etc/dnf/dnf.conf', '[main]\nproxy=https://p.example.com:1\nproxy_sslcacert=/a.pem\n')).toEqual([
      'transparent',
      '/a.pem',
    ]);
  });

  it('imported files: the first file that names a proxy wins, and others are named', () => {
    const sources = [
      { path: '/a', kind: 'environment', text: 'LANG=C\n' },
      { path: '/b', kind: 'environment', text: 'https_proxy=http://b.example.com:1\n' },
      { path: '/c', kind: 'environment', text: 'https_proxy=http://c.example.com:1\nno_proxy=c.example.com\n' },
      { path: '/d', kind: 'environment', text: 'https_proxy=http://b.example.com:1\n' },
    ] as const;
    const { proxies, noProxy, leftOut } = planImport(sources, 'https');
    expect(proxies.map(shown)).toEqual(['http b.example.com:1']);
    expect(noProxy?.file).toBe('/c');
    expect(leftOut.map(({ file }) => file)).toEqual(['/c']);
  });

  it('imported files: the proxy for the scheme of the update server is chosen', () => {
    const text = 'http_proxy=http://a.example.com:1\nhttps_proxy=http://b.example.com:1\n';
    const of = (target: 'http' | 'https') =>
      planImport([{ path: '/a', kind: 'environment', text }], target).proxies.map(shown);
    expect([of('http'), of('https')]).toEqual([['http a.example.com:1'], ['http b.example.com:1']]);
  });

  it('imported files: a proxy has at most five fallbacks', () => {
    const list = Array.from({ length: 8 }, (_, index) => `http://p${index}.example.com:1`).join(';');
    const { proxies, leftOut } = plan({
      path: '/etc/default/qualys-cloud-agent',
      text: `qualys_https_proxy=${list}\n`,
    });
    expect([proxies.length, leftOut.length]).toEqual([6, 2]);
  });

  it('imported files: any text of any kind is read without a failure', () => {
    const kinds = IMPORT_KIND_NAMES.filter((one) => one !== 'pac');
    const line = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom(
        'https_proxy=',
        'proxy = "',
        'Acquire::http::Proxy "',
        '[main]',
        'Environment="',
        '{',
        '};',
        'proxy:',
        '  https: ',
        '\\',
        '-x',
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.array(line, { maxLength: 12 }), (kind, lines) => {
        const { proxies } = planImport([{ path: '/x', kind, text: lines.join('\n') }], 'https');
        return proxies.every(({ port }) => port >= 1 && port <= 65_535);
      }),
      { numRuns: 300 },
    );
  });
});
