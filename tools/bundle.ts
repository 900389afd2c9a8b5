/**
 * Makes the program for installing: one folder that runs with Node alone, from anywhere. What is imported lazily stays
 * in files of its own, so that it is read at its first use. koffi is copied as it is, since it loads a native library
 * beside it; only the build for this machine comes along. The folder appears by one rename. Without arguments, or with --kit
 * behind them, everything that installing needs comes along as well: the Node, systemd/install.sh with its files, and the
 * pages. Usage: tools/bundle.ts [ENTRY FOLDER [--kit]]
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');

interface BundleOptions {
  /** The file to start with. */
  readonly entry: string;
  /** The folder to make; an old one is replaced. Its parent must not hold a package.json. */
  readonly dir: string;
  /** With all that `systemd/install.sh` puts in place, so that the folder is enough for a host. */
  readonly kit: boolean;
}

/**
 * Node reads every name of a module of its own that is imported, also those that load half of Node when they are read:
 * http.WebSocket, crypto.webcrypto (lib/internal/bootstrap/realm.js, getESMFacade). That is some 15 ms of every start.
 * This hands out the plain names of the two alone; whoever imports another one gets an error of the build.
 */
const leanBuiltins: Plugin = {
  name: 'lean-builtins',
  resolveId: (id) => (COSTLY.includes(id) ? `${LEAN}${id}` : null),
  load(id) {
    if (!id.startsWith(LEAN)) return null;
    const name = id.slice(LEAN.length);
    const module = process.getBuiltinModule(name) as object;
    const plain = Object.entries(Object.getOwnPropertyDescriptors(module))
      .filter(([key, { get }]) => get === undefined && key !== 'default' && /^[A-Za-z_$][\w$]*$/.test(key))
      .map(([key]) => key);
    return [
      `const builtin = process.getBuiltinModule(${JSON.stringify(name)});`,
      'export default builtin;',
      ...plain.map((key) => `const own_${key} = builtin[${JSON.stringify(key)}];\nexport { own_${key} as ${key} };`),
    ].join('\n');
  },
};

const COSTLY = ['node:http', 'node:crypto'];
const LEAN = '\0lean-builtin:';

/**
 * What code finds beside itself by `new URL('./worker.ts', import.meta.url)` comes along: a script as an entry of its own,
 * anything else as it is.
 */
const filesBeside: Plugin = {
  name: 'files-beside',
  transform: {
    filter: { code: /new URL\(\s*['"]\.{1,2}\// },
    handler(code, id) {
      return code.replaceAll(BESIDE, (_whole, _quote, name: string) => {
        const file = join(dirname(id), name);
        const emitted = /\.[jt]s$/.test(name)
          ? this.emitFile({ type: 'chunk', id: file, name: basename(dirname(file)) })
          : this.emitFile({ type: 'asset', name: basename(file), source: readFileSync(file) });
        return `new URL(import.meta.ROLLUP_FILE_URL_${emitted})`;
      });
    },
  },
};

/**
 * proxy-agent imports its member for PAC files at the first such proxy. It never gets one here: a route resolves PAC files
 * before. With the member would come another QuickJS, an FTP client and two parsers.
 */
const withoutPac: Plugin = {
  name: 'without-pac',
  resolveId: (id) => (id === 'pac-proxy-agent' ? NO_PAC : null),
  load: (id) => (id === NO_PAC ? 'export const PacProxyAgent = undefined;' : null),
};
const NO_PAC = '\0no-pac-proxy-agent';

const BESIDE = /new URL\(\s*(['"])(\.{1,2}\/[^'"]+)\1,\s*import\.meta\.url\)/g;

/** Bundles the entry into `dir/main.js`. */
async function bundle({ entry, dir, kit }: BundleOptions): Promise<void> {
  const fresh = join(dirname(dir), `.${basename(dir)}.new`);
  rmSync(fresh, { recursive: true, force: true });
  const build = await rolldown({
    input: { main: entry },
    cwd: ROOT,
    platform: 'node',
    // kerberos is nobody's dependency: who wants Negotiate puts it beside the program.
    external: ['koffi', 'kerberos'],
    plugins: [leanBuiltins, filesBeside, withoutPac],
    logLevel: 'warn',
  });
  try {
    await build.write({
      dir: fresh,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'parts/[name]-[hash].js',
      // Half of the time to READY is reading the text: comments and spaces go; names stay, for the stack of a fault.
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    });
  } finally {
    await build.close();
  }
  writeFileSync(join(fresh, 'package.json'), '{ "type": "module" }\n');
  copyKoffi(join(fresh, 'node_modules'));
  if (kit) copyKit(fresh);
  rmSync(dir, { recursive: true, force: true });
  renameSync(fresh, dir);
}

/** Optional, as it is in package.json: without it only a unit of Type=notify cannot be served. */
function copyKoffi(modules: string): void {
  const native = join('@koromix', `koffi-${process.platform}-${process.arch}`);
  if (!existsSync(join(MODULES, 'koffi')) || !existsSync(join(MODULES, native))) return;
  mkdirSync(join(modules, '@koromix'), { recursive: true });
  cpSync(join(MODULES, native), join(modules, native), { recursive: true });
  // Its sources in C++ and its documentation stay behind.
  const needed = (path: string) => statSync(path).isDirectory() || /\.(?:js|json|txt)$/.test(path);
  for (const part of ['package.json', 'LICENSE.txt', 'index.js', 'src/koffi']) {
    cpSync(join(MODULES, 'koffi', part), join(modules, 'koffi', part), { recursive: true, filter: needed });
  }
}

/** Where the script looks, seen from its own folder: as in a checkout. */
const KIT = ['systemd', 'docs', 'LICENSE', 'config/sallyport.example.yaml', 'config/sallyport.schema.json'];

function copyKit(fresh: string): void {
  for (const part of KIT) cpSync(join(ROOT, part), join(fresh, part), { recursive: true });
  const node = realpathSync(process.execPath);
  // A Node of the machine may need libraries that another one does not have; ours came with the packages.
  if (isWithin(node, MODULES) || isWithin(node, join(ROOT, '.cache'))) cpSync(node, join(fresh, 'node'));
  else process.stdout.write('No Node came with the packages: name one by systemd/install.sh --node FILE\n');
}

function isWithin(path: string, folder: string): boolean {
  return existsSync(folder) && path.startsWith(`${realpathSync(folder)}/`);
}

if (import.meta.main) {
  const [entry = join(ROOT, 'src', 'main.ts'), dir = join(ROOT, 'dist', 'program'), flag] = process.argv.slice(2);
  await bundle({ entry, dir, kit: process.argv.length === 2 || flag === '--kit' });
  process.stdout.write(`Built ${dir}\n`);
}
