import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMPUTED, importsOf, readSource } from './imports.ts';
import { allowedModules, bannedModules, MODULES, moduleOf, sourceFiles } from './layers.ts';

/** What is wrong with this import in this file, or nothing. */
function complaint(file: string, specifier: string): string | undefined {
  if (specifier === COMPUTED) {
    return 'a computed import cannot be checked';
  }
  if (specifier.split('/').includes('..')) {
    return `never '../': between modules '#module/file.ts', within a module './file.ts'`;
  }
  if (specifier.startsWith('.') && !/^\.\/[\w./-]+\.(?:tsx?|json)$/.test(specifier)) {
    return `within a module './file.ts', with its ending`;
  }
  return specifier.startsWith('#') ? complaintAboutModule(file, specifier) : undefined;
}

function complaintAboutModule(file: string, specifier: string): string | undefined {
  const [from, to] = [moduleOf(file), moduleOf(specifier.slice(1))];
  const module = MODULES.find(({ name }) => name === from);
  if (!MODULES.some(({ name }) => name === to)) {
    return `'${to}' is no module of src`;
  }
  if (module === undefined) {
    return from === 'main' ? undefined : `'${from}' is no module of src: add it to test/architecture/layers.ts`;
  }
  if (to === from) {
    // A folder inside a module has no other way up.
    return file.split('/').length > 2 ? undefined : `within a module './file.ts'`;
  }
  return allowedModules(module).includes(to) ? undefined : `src/${from} may not import src/${to}: ${module.why}`;
}

describe('layers of src', () => {
  it('there is source to check', () => {
    expect(sourceFiles().length).toBeGreaterThan(0);
  });

  it('every import goes to a layer below, or stays within the module', () => {
    const complaints = sourceFiles().flatMap((file) =>
      importsOf(readSource(file)).flatMap(({ specifier }) => {
        const wrong = complaint(file, specifier);
        return wrong === undefined ? [] : [`src/${file} imports '${specifier}': ${wrong}`];
      }),
    );

    expect(complaints).toEqual([]);
  });

  it('every folder of src is a module of src', () => {
    const modules = new Set(['main', ...MODULES.map(({ name }) => name)]);

    expect(sourceFiles().filter((file) => !modules.has(moduleOf(file)))).toEqual([]);
  });

  it('every module has its line in the import map', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

    expect(manifest.imports).toEqual({
      ...Object.fromEntries(MODULES.map(({ name }) => [`#${name}/*`, `./src/${name}/*`])),
      '#sallyport': './src/start.ts',
      '#test/*': './test/*',
      '#tools/*': './tools/*',
    });
  });

  it('modules on the same layer never import each other', () => {
    const errorsMayBeUsed = ['system', 'redaction'];
    for (const module of MODULES) {
      const siblings = MODULES.filter(({ name, layer }) => layer === module.layer && name !== module.name);
      const allowed = siblings.map(({ name }) => name).filter((name) => !bannedModules(module).includes(name));

      expect(allowed, module.name).toEqual(errorsMayBeUsed.includes(module.name) ? ['errors'] : []);
    }
  });
});

describe('the check itself', () => {
  it.each([
    ['http/a.ts', '#updates/check.ts', 'may not import'],
    ['http/a.ts', '#timeout/model.ts', 'may not import'],
    ['http/a.ts', '../proxy/route.ts', "never '../'"],
    ['http/a.ts', './../proxy/route.ts', "never '../'"],
    ['http/a.ts', './deadlines', 'with its ending'],
    ['http/a.ts', '#http/deadlines.ts', "within a module './file.ts'"],
    ['http/a.ts', '#test/support/squid.ts', 'no module'],
    ['http/a.ts', COMPUTED, 'computed'],
    ['cli/run.ts', '#daemon/daemon.ts', 'may not import'],
    ['origin/serve.ts', '#http/exchange.ts', 'may not import'],
    ['updates/check.ts', '#origin/serve.ts', 'may not import'],
    ['attic/a.ts', '#errors/coded-error.ts', 'add it'],
  ])('%s may not import %s', (file, specifier, message) => {
    expect(complaint(file, specifier)).toContain(message);
  });

  it.each([
    ['http/a.ts', '#proxy/route.ts'],
    ['http/a.ts', './deadlines.ts'],
    ['proxy/auth/schemes/basic.ts', '#proxy/route.ts'],
    ['system/files.ts', '#errors/coded-error.ts'],
    ['demo/demo.ts', '#origin/serve.ts'],
    ['demo/demo.ts', '#daemon/daemon.ts'],
    ['main.ts', '#origin/serve.ts'],
    ['http/a.ts', 'node:http'],
    ['http/a.ts', 'undici'],
  ])('%s may import %s', (file, specifier) => {
    expect(complaint(file, specifier)).toBeUndefined();
  });

  it('sees every form of import, and none in a comment or a string', () => {
    const code = [
      "import { a } from '#one/a.ts';",
      "import type { T } from '#two/a.ts';",
      'import {\n  b,\n  type C,\n} from "#three/a.ts";',
      "import d, * as e from '#four/a.ts';",
      "import '#five/a.ts';",
      "export * from '#six/a.ts';",
      "export type { U } from '#seven/a.ts';",
      "const f = await import('#eight/a.ts');",
      'const g = await import(name);',
      "// import { h } from '#comment/a.ts';",
      "/* import('#comment/b.ts') */",
      "const url = 'http://example.com'; // import('#comment/c.ts')",
      "process.getBuiltinModule('node:net');",
    ].join('\n');

    expect(
      importsOf(code)
        .map(({ specifier }) => specifier)
        .sort(),
    ).toEqual(
      ['#eight', '#five', '#four', '#one', '#seven', '#six', '#three', '#two']
        .map((module) => `${module}/a.ts`)
        .concat(COMPUTED, 'node:net'),
    );
    expect(importsOf(code).filter(({ typeOnly }) => typeOnly)).toHaveLength(2);
  });
});
