/**
 * Bundles the pages of the console for browsers: one page, one script and one style. In a checkout `sallyport console`
 * runs it when a source is newer than what it made last. `npm run build` includes the files in the program. A file appears
 * by one rename, and the page last, so a crash leaves the previous page or none. Usage: tools/console-bundle.ts FOLDER
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = join(ROOT, 'src', 'console', 'pages');
/** In the order in which they are written. */
const STYLES = ['shell/base.css', 'parts/controls.css', 'parts/parts.css', 'shell/shell.css', 'pages.css'];

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
    tsconfig: join(PAGES, 'tsconfig.json'),
    // An import that cannot be resolved stays in the script, and the browser would refuse it.
    onLog: (_level, log) => {
      throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({
      format: 'iife',
      minify: true,
      sourcemap: maps,
      entryFileNames: '[name].js',
    });
    const [script, ...others] = output;
    const files = new Map([
      ['console.js', script.code],
      ...others.flatMap((file) =>
        maps && file.type === 'asset' ? [[file.fileName, String(file.source)] as const] : [],
      ),
      ['console.css', STYLES.map((name) => withoutComments(readFileSync(join(PAGES, name), 'utf8'))).join('')],
      ['index.html', readFileSync(join(PAGES, 'index.html'), 'utf8')],
    ]);
    const modules = Object.entries(script.modules).filter(([, { renderedLength }]) => renderedLength > 0);
    return { files, modules: modules.map(([id]) => id) };
  } finally {
    await build.close();
  }
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
