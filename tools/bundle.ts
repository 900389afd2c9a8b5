/**
 * Builds the program for installation: one folder that needs only Node. Code that is imported lazily stays in separate
 * files, which are read at the first use. koffi is copied with the native library for this host. The folder appears by one
 * rename. `console/` has the pages for browsers. Without arguments, or with --kit, the folder also has everything that an installation needs: the Node,
 * systemd/install.sh with its files, and the pages. With --maps, each file has a source map, from which a test reads the
 * modules in it. Usage: tools/bundle.ts [ENTRY FOLDER [--kit | --maps]]
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
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ChunkingContext,
  type InputOptions,
  type OutputAsset,
  type OutputChunk,
  type OutputOptions,
  type Plugin,
  type PluginContext,
  rolldown,
} from 'rolldown';
import { asciiOnly, leanBuiltins, withoutProcesses } from './bundle-plugins.ts';
import { bundleConsole, writeConsole } from './console-bundle.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const [, , ENTRY = join(ROOT, 'src', 'main.ts'), FOLDER = join(ROOT, 'dist', 'program'), FLAG] = process.argv;
const MAPS = FLAG === '--maps';

interface BundleOptions {
  /** The file to start with. */
  readonly entry: string;
  /** The folder to create; an existing one is replaced. Its parent must not contain a package.json. */
  readonly dir: string;
  /** Includes everything that `systemd/install.sh` installs. */
  readonly kit: boolean;
}

/**
 * What a start loads together is in one file. Each file has what its modules import, without what an earlier file has.
 * Otherwise each combination of lazy imports would be a file of its own, and a start would open dozens. `start` comes first:
 * what the entry imports.
 */
const LOADED_TOGETHER = {
  submit: ['submit-action.ts'],
  answers: ['control/client.ts'],
  status: ['cli/watch/quick-status.ts'],
  program: ['sallyport.ts'],
  yaml: ['config/reading/document.ts'],
  settings: ['config/reading/load.ts'],
  commands: ['cli/settings/config.ts', 'control/control.ts'],
  fetch: ['fetch-action.ts'],
  daemon: ['daemon/in-process.ts', 'daemon/run.ts'],
};

/** Returns a function that names the file of a module; null if it belongs to none of them. */
function loadedTogether(entry: string): (module: string, context: ChunkingContext) => string | null {
  const files = new Map<string, string | null>();
  const place = (context: ChunkingContext) => {
    const imports = (module: string) => context.getModuleInfo(module)?.importedIds ?? [];
    const add = (module: string, file: string) => {
      if (files.has(module)) return;
      files.set(module, file);
      for (const imported of imports(module)) add(imported, file);
    };
    // The entry waits until the command has ended, and imports the others before that. In one file with them it would wait
    // for itself. That also holds for main.ts under an entry of a test.
    const waiting = [entry, join(ROOT, 'src', 'main.ts')];
    for (const module of waiting) files.set(module, null);
    for (const module of waiting) for (const imported of imports(module)) add(imported, 'start');
    for (const [file, modules] of Object.entries(LOADED_TOGETHER)) {
      for (const module of modules) add(join(ROOT, 'src', module), file);
    }
  };
  return (module, context) => {
    if (files.size === 0) place(context);
    return files.get(module) ?? null;
  };
}

/**
 * Files that code refers to by `new URL('./worker.ts', import.meta.url)` are included: a script as a program of its own,
 * anything else as a copy. A script starts a thread. If it shared files with the program, the thread would evaluate what each
 * start of the program evaluates.
 */
const filesBeside: Plugin = {
  name: 'files-beside',
  transform: {
    filter: { code: /new URL\(\s*['"]\.{1,2}\// },
    async handler(code, id) {
      const emitted = new Map<string, string>();
      for (const [whole, , name = ''] of code.matchAll(BESIDE)) {
        const file = join(dirname(id), name);
        const [first, ...others] = /\.[jt]s$/.test(name) ? await bundleThread(file) : [copyOf(file)];
        for (const other of others) this.emitFile(other);
        if (first !== undefined) emitted.set(whole, this.emitFile(first));
      }
      return code.replaceAll(BESIDE, (whole) => `new URL(import.meta.ROLLUP_FILE_URL_${emitted.get(whole)})`);
    },
  },
};

type Asset = Parameters<PluginContext['emitFile']>[0] & { readonly type: 'asset' };

function copyOf(file: string): Asset {
  return { type: 'asset', name: basename(file), source: readFileSync(file) };
}

/** Such as `pac-worker` for `proxy/pac/worker.ts`. */
function nameOf(script: string): string {
  return `${basename(dirname(script))}-${basename(script, extname(script))}`;
}

/** The files of the script, its entry first. They refer to each other by their places. */
async function bundleThread(script: string): Promise<Asset[]> {
  const build = await rolldown(inputOf({ [nameOf(script)]: script }));
  try {
    const { output } = await build.generate({ ...OUTPUT, entryFileNames: 'parts/[name]-[hash].js' });
    noteModules(output);
    return output.map((file) => ({
      type: 'asset',
      fileName: file.fileName,
      source: file.type === 'chunk' ? file.code : file.source,
    }));
  } finally {
    await build.close();
  }
}

/**
 * proxy-agent imports its agent for PAC files when it first needs it. It never does here, because a route has already
 * resolved the PAC file. The agent would add a second QuickJS, an FTP client and two parsers.
 */
const withoutPac: Plugin = {
  name: 'without-pac',
  resolveId: (id) => (id === 'pac-proxy-agent' ? NO_PAC : null),
  load: (id) => (id === NO_PAC ? 'export const PacProxyAgent = undefined;' : null),
};
const NO_PAC = '\0no-pac-proxy-agent';

/**
 * Sallyport uses one class of undici, and `undici` itself is everything: fetch, WebSockets, caches, mocks. Each check loads
 * it, so the daemon would keep 1 MB of code and more of memory that it never uses.
 */
const undiciClient: Plugin = {
  name: 'undici-client',
  resolveId: (id) => (id === 'undici' ? UNDICI_CLIENT : null),
  load: (id) => {
    if (id !== UNDICI_CLIENT) return null;
    return `export { default as Client } from ${JSON.stringify(join(MODULES, 'undici/lib/dispatcher/client.js'))};`;
  },
};
const UNDICI_CLIENT = '\0undici-client';

const BESIDE = /new URL\(\s*(['"])(\.{1,2}\/[^'"]+)\1,\s*import\.meta\.url\)/g;

function inputOf(input: Readonly<Record<string, string>>): InputOptions {
  return {
    input,
    cwd: ROOT,
    platform: 'node',
    // kerberos is not a dependency: an admin who needs Negotiate installs it next to the program.
    external: ['koffi', 'kerberos'],
    plugins: [withoutProcesses, withoutPac, undiciClient, filesBeside, leanBuiltins, asciiOnly],
    preserveEntrySignatures: 'allow-extension',
    // Our plugins keep no positions, and rolldown warns of that. The test reads only the names of the modules.
    logLevel: MAPS ? 'silent' : 'warn',
  };
}

const OUTPUT: OutputOptions = {
  format: 'esm',
  chunkFileNames: 'parts/[name]-[hash].js',
  sourcemap: MAPS,
  // Reading the code takes half of the time to READY, so comments and blanks are removed. Names stay for stack traces.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
};

/** Bundles the entry into `dir/main.js`. */
async function bundle({ entry, dir, kit }: BundleOptions): Promise<void> {
  const fresh = join(dirname(dir), `.${basename(dir)}.new`);
  rmSync(fresh, { recursive: true, force: true });
  const build = await rolldown(inputOf({ main: entry }));
  try {
    const { output } = await build.write({
      ...OUTPUT,
      dir: fresh,
      entryFileNames: '[name].js',
      codeSplitting: {
        groups: [{ debugName: 'loaded together', name: loadedTogether(resolve(entry)) }],
        includeDependenciesRecursively: false,
      },
    });
    noteModules(output);
  } finally {
    await build.close();
  }
  const pages = await bundleConsole({ maps: MAPS });
  writeConsole(pages, join(fresh, 'console'));
  for (const id of pages.modules) moduleFiles.add(id);
  writeFileSync(join(fresh, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(fresh, 'components.json'), `${JSON.stringify(componentsOf(moduleFiles), null, 2)}\n`);
  copyKoffi(join(fresh, 'node_modules'));
  if (kit) copyKit(fresh);
  rmSync(dir, { recursive: true, force: true });
  renameSync(fresh, dir);
}

/** Every module in a file of the program. A module without code of its own in any file is not part of it. */
const moduleFiles = new Set<string>();

function noteModules(output: readonly (OutputChunk | OutputAsset)[]): void {
  for (const file of output) {
    if (file.type !== 'chunk') continue;
    for (const [id, { renderedLength }] of Object.entries(file.modules)) {
      if (renderedLength > 0) moduleFiles.add(id.replace(/^\0/, '').replace(/\?.*$/, ''));
    }
  }
}

/** The npm packages in the program, sorted; `sallyport version` and the SBOM list them. */
function componentsOf(files: Iterable<string>): Component[] {
  const found = new Map<string, Component>();
  const add = (folder: string) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Component;
    found.set(`${name}@${version}`, { name, version, license });
  };
  for (const file of files) {
    const [folder] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [];
    if (folder !== undefined) add(folder);
  }
  for (const folder of koffiFolders()) add(folder);
  return [...found.values()].sort((one, other) =>
    compare(`${one.name}@${one.version}`, `${other.name}@${other.version}`),
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

const NATIVE = join('@koromix', `koffi-${process.platform}-${process.arch}`);

/** koffi and its native library; empty if one is missing. They are optional: only a unit of Type=notify needs them. */
function koffiFolders(): string[] {
  const folders = [join(MODULES, 'koffi'), join(MODULES, NATIVE)];
  return folders.every((folder) => existsSync(folder)) ? folders : [];
}

function copyKoffi(modules: string): void {
  if (koffiFolders().length === 0) return;
  mkdirSync(join(modules, '@koromix'), { recursive: true });
  cpSync(join(MODULES, NATIVE), join(modules, NATIVE), { recursive: true });
  // Without its C++ sources and documentation.
  const needed = (path: string) => statSync(path).isDirectory() || /\.(?:js|json|txt)$/.test(path);
  for (const part of ['package.json', 'LICENSE.txt', 'index.js', 'src/koffi']) {
    cpSync(join(MODULES, 'koffi', part), join(modules, 'koffi', part), { recursive: true, filter: needed });
  }
}

/** Where the script expects these files, relative to its own folder, as in a checkout. */
const KIT = ['systemd', 'docs', 'LICENSE', 'config/sallyport.example.yaml', 'config/sallyport.schema.json'];

function copyKit(fresh: string): void {
  for (const part of KIT) cpSync(join(ROOT, part), join(fresh, part), { recursive: true });
  const node = realpathSync(process.execPath);
  // The machine's own Node may need libraries that another host lacks. This one came with the packages.
  if (isWithin(node, MODULES) || isWithin(node, join(ROOT, '.cache'))) cpSync(node, join(fresh, 'node'));
  else process.stdout.write('No Node came with the packages: name one by systemd/install.sh --node FILE\n');
}

function isWithin(path: string, folder: string): boolean {
  return existsSync(folder) && path.startsWith(`${realpathSync(folder)}/`);
}

if (import.meta.main) {
  await bundle({ entry: ENTRY, dir: FOLDER, kit: process.argv.length === 2 || FLAG === '--kit' });
  process.stdout.write(`Built ${FOLDER}\n`);
}
