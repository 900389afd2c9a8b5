/**
 * Collects what is the same in all formats for one architecture: the program, its Node and its native library. The
 * program is built once on this machine. npm installs Node and koffi for another architecture into a folder of their
 * own.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOutput } from './programs.ts';
import { type Architecture, ROOT } from './release.ts';
import { type Component, readComponents } from './sbom.ts';

/** Folders with what is installed. */
export interface Parts {
  /** Like dist/program: the program, systemd, docs, configuration. Its Node is `node` in it. */
  readonly kit: string;
  /** The npm package that the Node came from, with its license. */
  readonly nodePackage: string;
  /** The npm packages that are copied as they are, in the kit. */
  readonly modules: string;
}

/** The ELF machine numbers (elf.h, EM_X86_64 and EM_AARCH64). */
const ELF_MACHINE = { x64: 62, arm64: 183 } as const;

/** Builds the program once, without a Node. Returns its folder. */
export function buildProgram(work: string): string {
  const built = join(work, 'program');
  programOutput(process.execPath, [join(ROOT, 'tools', 'bundle.ts'), join(ROOT, 'src', 'main.ts'), built, '--kit'], {
    cwd: ROOT,
  });
  rmSync(join(built, 'node'), { force: true });
  return built;
}

/** Copies the program and adds what is native to the architecture. @throws Error if a file is for another machine */
export function partsFor(architecture: Architecture, program: string, work: string): Parts {
  const modules = modulesFor(architecture, work);
  const kit = join(work, `kit-${architecture.node}`);
  cpSync(program, kit, { recursive: true });
  const nodePackage = join(modules, `node-linux-${architecture.node}`);
  cpSync(join(nodePackage, 'bin', 'node'), join(kit, 'node'));
  const native = join('@koromix', `koffi-linux-${architecture.node}`);
  rmSync(join(kit, 'node_modules', '@koromix'), { recursive: true, force: true });
  mkdirSync(join(kit, 'node_modules', '@koromix'), { recursive: true });
  // Without the library for musl: the Node needs glibc.
  const isNeeded = (path: string) => !/\/musl[^/]*$/.test(path);
  cpSync(join(modules, native), join(kit, 'node_modules', native), { recursive: true, filter: isNeeded });
  for (const file of nativeFiles(kit)) requireMachine(file, architecture);
  nameNativeComponent(kit, native);
  return { kit, nodePackage, modules: join(kit, 'node_modules') };
}

/** The build has listed the native library of koffi for this machine; lists the one that was copied instead. */
function nameNativeComponent(kit: string, native: string): void {
  const { name, version, license } = JSON.parse(
    readFileSync(join(kit, 'node_modules', native, 'package.json'), 'utf8'),
  ) as Component;
  const components = readComponents(kit).map((one) =>
    one.name.startsWith('@koromix/koffi-') ? { name, version, license } : one,
  );
  writeFileSync(join(kit, 'components.json'), `${JSON.stringify(components, null, 2)}\n`);
}

/** The files in which machine code is. */
export function nativeFiles(kit: string): string[] {
  const found = programOutput('find', [join(kit, 'node_modules'), '-name', '*.node', '-type', 'f']);
  return [
    join(kit, 'node'),
    ...found
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
  ];
}

/** The same files for the machine that builds, as npm installed them. */
export function nativeFilesHere(): string[] {
  const modules = join(ROOT, 'node_modules');
  const native = join(modules, '@koromix', `koffi-linux-${process.arch}`);
  const found = programOutput('find', [native, '-name', '*.node', '-not', '-path', '*musl*', '-type', 'f']);
  return [
    join(modules, `node-linux-${process.arch}`, 'bin', 'node'),
    ...found
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
  ];
}

function modulesFor(architecture: Architecture, work: string): string {
  const own = join(ROOT, 'node_modules');
  if (existsSync(join(own, `node-linux-${architecture.node}`)) && process.arch === architecture.node) return own;
  const folder = join(work, `npm-${architecture.node}`);
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(ROOT, file), join(folder, file));
  const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  programOutput('npm', ['ci', `--cpu=${architecture.node}`, '--os=linux', ...flags], {
    cwd: folder,
    env: npmEnvironment(process.env),
  });
  const modules = join(folder, 'node_modules');
  for (const name of [`node-linux-${architecture.node}`, join('@koromix', `koffi-linux-${architecture.node}`)]) {
    // npm ignores an optional package that it cannot download.
    if (!existsSync(join(modules, name))) {
      throw new Error(`npm could not download ${name}. Run \`npm view ${name}\` to see why.`);
    }
  }
  return modules;
}

/** How npm reaches its server: proxies, its own settings, and certificates, under the name that package.js gave them. */
export function npmEnvironment(all: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found = Object.entries(all).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name === 'SALLYPORT_NPM_CA_CERTS') return [['NODE_EXTRA_CA_CERTS', value] as const];
    return /^(?:npm_config_|https?_proxy$|no_proxy$)/i.test(name) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

function requireMachine(file: string, { node }: Architecture): void {
  const head = readFileSync(file).subarray(0, 20);
  const isElf = head.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
  if (!isElf) throw new Error(`${file} is not an ELF file`);
  const machine = head.readUInt16LE(18);
  if (machine !== ELF_MACHINE[node]) throw new Error(`${file} is for ELF machine ${machine}, not for ${node}`);
}
