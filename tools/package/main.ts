/**
 * Makes the packages of this commit: `npm run package [-- --arch A] [--fast] [--sign KEY] [--output DIR] [--only FORMATS]`.
 * The same commit gives the same bytes before signing, in any folder and for any user.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pack } from './archive.ts';
import { makeDeb } from './deb.ts';
import { makeImage } from './image.ts';
import { licenseText } from './licenses.ts';
import { buildProgram, type Parts, partsFor } from './parts.ts';
import { missingPackages } from './programs.ts';
import { ARCHITECTURES, type Architecture, type Release, ROOT, readRelease } from './release.ts';
import { makeAptRepository, makeRpmRepository } from './repositories.ts';
import { makeRpm } from './rpm.ts';
import { makeSbom, readComponents } from './sbom.ts';
import { detach, exportKey, findKey, type Signing, signRpms } from './signing.ts';
import { makeTree, settle } from './tree.ts';

const FORMATS = ['tar', 'deb', 'rpm', 'image'] as const;
type Format = (typeof FORMATS)[number];

const PROGRAMS: Readonly<Record<Format, readonly string[]>> = {
  tar: ['tar', 'gzip'],
  deb: ['dpkg-deb', 'dpkg-shlibdeps', 'readelf', 'apt-ftparchive'],
  rpm: ['rpmbuild', 'createrepo_c'],
  image: ['buildah', 'mmdebstrap', 'tar'],
};

const HELP = `usage: npm run package -- [--arch x64|arm64] [--only FORMATS] [--fast] [--sign KEY] [--output DIR]
                           [--maintainer M]

  --arch A        one architecture; both by default
  --only FORMATS  some of ${FORMATS.join(',')}, separated by commas; all by default
  --fast          light compression, for tests
  --sign KEY      sign with this secret key of GnuPG; without it, nothing is signed
  --maintainer M  who builds them, as "Name <name@example.com>"
  --output DIR    where to put them (default: dist/packages); an existing DIR is replaced
`;

interface Options {
  readonly architectures: readonly Architecture[];
  readonly formats: readonly Format[];
  readonly release: Release;
  readonly signing: Signing | null;
  readonly output: string;
}

function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: 'string' },
      only: { type: 'string' },
      fast: { type: 'boolean', default: false },
      sign: { type: 'string' },
      maintainer: { type: 'string' },
      output: { type: 'string', default: join(ROOT, 'dist', 'packages') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const architectures = ARCHITECTURES.filter(({ node }) => values.arch === undefined || values.arch === node);
  if (architectures.length === 0) throw new Error(`--arch ${values.arch}: allowed are x64 and arm64`);
  const wanted = values.only?.split(',') ?? FORMATS;
  const unknown = wanted.find((name) => !FORMATS.some((format) => format === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: allowed are ${FORMATS.join(', ')}`);
  const formats = FORMATS.filter((format) => wanted.includes(format));
  const programs = [...formats.flatMap((format) => PROGRAMS[format]), ...(values.sign === undefined ? [] : ['gpg'])];
  const missing = missingPackages(programs);
  if (missing.length > 0) throw new Error(`programs are missing. On Debian: apt-get install ${missing.join(' ')}`);
  return {
    architectures,
    formats,
    release: readRelease(values.fast, values.maintainer),
    signing: values.sign === undefined ? null : findKey(values.sign),
    output: resolve(values.output),
  };
}

/** Makes everything in a folder next to `output`, and replaces `output` with it in the end. */
function makePackages(options: Options): void {
  const { output, signing, release, formats } = options;
  // Files may have a mode that the caller's umask takes away.
  process.umask(0o022);
  const work = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
  mkdirSync(dirname(output), { recursive: true });
  const fresh = mkdtempSync(join(dirname(output), '.packages-'));
  try {
    const program = buildProgram(work);
    const files = options.architectures.flatMap((architecture) =>
      makeFor({ architecture, program, work, fresh }, options),
    );
    const ending = (end: string) => files.filter((file) => file.endsWith(end));
    if (signing !== null && formats.includes('rpm')) signRpms(signing, ending('.rpm'));
    if (formats.includes('deb')) makeAptRepository(release, ending('.deb'), { output: fresh, signing });
    if (formats.includes('rpm')) makeRpmRepository(release, ending('.rpm'), { output: fresh, signing });
    if (signing !== null) exportKey(signing, fresh);
    writeChecksums(fresh, signing);
    programModes(fresh);
    rmSync(output, { recursive: true, force: true });
    renameSync(fresh, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

interface Place {
  readonly architecture: Architecture;
  readonly program: string;
  readonly work: string;
  readonly fresh: string;
}

/** All formats of one architecture. Returns their files. */
function makeFor({ architecture, program, work, fresh }: Place, { formats, release }: Options): string[] {
  const say = (name: string) => process.stdout.write(`${name} for ${architecture.node} ...\n`);
  const parts = partsFor(architecture, program, work);
  const components = readComponents(parts.kit);
  const sbom = join(fresh, `sallyport-${release.version}-linux-${architecture.node}.cdx.json`);
  writeFileSync(sbom, makeSbom(release, architecture, { kit: parts.kit, components }));
  const files = [sbom];
  if (formats.includes('tar')) {
    say('tarball');
    files.push(makeTarball(release, architecture, { parts, work, output: fresh }));
  }
  if (!formats.some((format) => format !== 'tar')) return files;
  const root = join(work, `tree-${architecture.node}`);
  makeTree(release, parts, root);
  if (formats.includes('image')) {
    say('image');
    files.push(makeImage(release, architecture, { root, work, output: fresh }));
  }
  if (formats.includes('rpm')) {
    say('rpm');
    files.push(makeRpm(release, architecture, { root, work, output: fresh }));
  }
  if (formats.includes('deb')) {
    say('deb');
    files.push(makeDeb(release, architecture, { root, kit: parts.kit, work, output: fresh }));
  }
  return files;
}

/** What `systemd/install.sh` installs from, without a package manager. */
function makeTarball(
  release: Release,
  architecture: Architecture,
  from: { readonly parts: Parts; readonly work: string; readonly output: string },
): string {
  const name = `sallyport-${release.version}-linux-${architecture.node}`;
  const { kit } = from.parts;
  writeFileSync(join(kit, 'THIRD-PARTY-LICENSES'), licenseText(readComponents(kit), from.parts));
  settle(release, kit);
  const folder = join(from.work, name);
  renameSync(kit, folder);
  const file = join(from.output, `${name}.tar.gz`);
  pack(release, file, { folder: from.work, names: [name], gzip: true });
  renameSync(folder, kit);
  rmSync(join(kit, 'THIRD-PARTY-LICENSES'));
  return file;
}

function writeChecksums(folder: string, signing: Signing | null): void {
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  const lines = names.sort().map((name) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    return `${digest}  ${basename(name)}\n`;
  });
  const sums = join(folder, 'SHA256SUMS');
  writeFileSync(sums, lines.join(''));
  if (signing !== null) detach(signing, sums, `${sums}.asc`);
}

/** A web server of another user has to be able to read them. */
function programModes(folder: string): void {
  for (const entry of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const path = join(folder, entry);
    chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) process.stdout.write(HELP);
  else {
    makePackages(options);
    const signed =
      options.signing === null
        ? 'Nothing is signed: name a key with --sign.'
        : `Signed by ${options.signing.fingerprint}.`;
    process.stdout.write(`${readdirSync(options.output).sort().join('\n')}\n\nMade in ${options.output}. ${signed}\n`);
  }
} catch (thrown) {
  process.stderr.write(`package: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
