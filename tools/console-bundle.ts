/**
 * Bundles the pages of the console for browsers: one page, one style, and one script for the first load. The scripts of
 * the other pages are loaded when one of them is opened. In a checkout `sallyport console` runs it when a source is newer
 * than what it made last. `npm run build` includes the files in the program. A file appears by one rename, and the page
 * last, so a crash leaves the previous page or none. Usage: tools/console-bundle.ts FOLDER
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ChunkingContext, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = join(ROOT, 'src', 'console', 'pages');
/** In the order in which they are written. */
const STYLES = [
  'shell/base.css',
  'parts/controls.css',
  'parts/parts.css',
  'shell/shell.css',
  'pages.css',
  'settings/settings.css',
];

export interface ConsoleBundle {
  /** Each file with its content. The page is the last. */
  readonly files: ReadonlyMap<string, string>;
  /** The modules of which the script has code. */
  readonly modules: readonly string[];
}

/** @throws Error for a source that does not parse, or that needs a module of Node */
export async function bundleConsole({ maps = false } = {}): Promise<ConsoleBundle> {
  const build = await rolldown({
    input: { console: join(PAGES, 'main.tsx') },
    cwd: ROOT,
    platform: 'browser',
    preserveEntrySignatures: 'allow-extension',
    tsconfig: join(PAGES, 'tsconfig.json'),
    // An import that cannot be resolved would stay in the script, and the browser would refuse it.
    onLog: (_level, log) => {
      throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({
      format: 'esm',
      minify: true,
      sourcemap: maps,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
      codeSplitting: {
        groups: [{ debugName: 'loaded together', name: scriptOf() }],
        includeDependenciesRecursively: false,
      },
    });
    const scripts = output.filter((file) => file.type === 'chunk');
    const assets = output.flatMap((file) =>
      file.type === 'asset' ? [[file.fileName, String(file.source)] as const] : [],
    );
    const files = new Map([
      ...scripts.map(({ fileName, code }) => [fileName, code] as const),
      ...(maps ? assets : []),
      ['console.css', STYLES.map((name) => withoutComments(readFileSync(join(PAGES, name), 'utf8'))).join('')],
      ['index.html', readFileSync(join(PAGES, 'index.html'), 'utf8')],
    ]);
    const modules = scripts.flatMap((script) => Object.entries(script.modules));
    return { files, modules: modules.filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id) };
  } finally {
    await build.close();
  }
}

/**
 * Returns a function that names the script of a module: what the first page needs is in `console.js`, what else the pages of
 * the service need in `service.js`, and the rest in `settings.js`.
 */
function scriptOf(): (module: string, context: ChunkingContext) => string | null {
  const scripts = new Map<string, string | null>();
  return (module, context) => {
    const add = (id: string, script: string | null) => {
      if (scripts.has(id)) return;
      scripts.set(id, script);
      for (const imported of context.getModuleInfo(id)?.importedIds ?? []) add(imported, script);
    };
    if (scripts.size === 0) {
      add(join(PAGES, 'main.tsx'), null);
      for (const name of ['service', 'settings']) add(join(PAGES, `${name}-pages.ts`), name);
    }
    return scripts.get(module) ?? null;
  };
}

/** Comments, indentation and empty lines: no text in these styles has a comment or a line break in it. */
function withoutComments(style: string): string {
  return style.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s+|\s*\n(?=\s*\n)/gm, '');
}

/** Writes the files into this folder. */
export function writeConsole({ files }: ConsoleBundle, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) {
    const fresh = join(folder, `.${name}.${process.pid}`);
    writeFileSync(fresh, content);
    renameSync(fresh, join(folder, name));
  }
}

if (import.meta.main) {
  const [, , folder] = process.argv;
  if (folder === undefined) throw new Error('usage: tools/console-bundle.ts FOLDER');
  mkdirSync(dirname(resolve(folder)), { recursive: true });
  writeConsole(await bundleConsole(), resolve(folder));
}
