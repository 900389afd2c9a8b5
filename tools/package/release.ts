/** What all formats of one release have in common: its version, its architectures, and the time that every file gets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOutput } from './programs.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

/** An architecture by the names that Node, Debian, rpm and OCI have for it. */
export interface Architecture {
  readonly node: 'x64' | 'arm64';
  readonly deb: 'amd64' | 'arm64';
  readonly rpm: 'x86_64' | 'aarch64';
  readonly oci: 'amd64' | 'arm64';
}

export const ARCHITECTURES: readonly Architecture[] = [
  { node: 'x64', deb: 'amd64', rpm: 'x86_64', oci: 'amd64' },
  { node: 'arm64', deb: 'arm64', rpm: 'aarch64', oci: 'arm64' },
];

/** One release. */
export interface Release {
  /** As in package.json, for example `0.2.0` or `0.2.0-rc.1`. */
  readonly version: string;
  /** For package managers: `~` sorts a pre-release before its release. */
  readonly packageVersion: string;
  /** Seconds since the epoch: SOURCE_DATE_EPOCH, or the time of the commit. */
  readonly epoch: number;
  /** Light compression: for tests, not for a release. */
  readonly fast: boolean;
  /** Who builds the packages, as `Name <address>`. */
  readonly maintainer: string;
}

const MAINTAINER = 'The Sallyport team <sallyport@localhost>';

/** @throws Error if the version is not one that all package managers sort in the same way */
export function readRelease(fast: boolean, maintainer: string = MAINTAINER): Release {
  if (!/^[^<>\n]+ <[^<>\s]+@[^<>\s]+>$/.test(maintainer)) {
    throw new Error(`--maintainer ${JSON.stringify(maintainer)}: it has to be like "Name <name@example.com>"`);
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return { version, packageVersion: packageVersionOf(version), epoch: readEpoch(), fast, maintainer };
}

/** `1.2.3-rc.1` becomes `1.2.3~rc.1`. */
export function packageVersionOf(version: string): string {
  if (!/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?$/.test(version)) {
    throw new Error(`package.json: version ${version}: allowed are 1.2.3 and 1.2.3-rc.1`);
  }
  return version.replace('-', '~');
}

function readEpoch(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  const text = given ?? programOutput('git', ['-C', ROOT, 'log', '-1', '--format=%ct']).trim();
  const epoch = Number(text);
  if (!Number.isSafeInteger(epoch) || epoch <= 0) {
    throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}; it has to be a number of seconds since 1970`);
  }
  return epoch;
}
