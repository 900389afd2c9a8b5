import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly integrity?: string;
}

const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
const entries: Readonly<Record<string, Entry>> = JSON.parse(text).packages;

describe('package-lock.json', () => {
  it('names no registry, so that each installer uses its own', () => {
    expect(Object.values(entries).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
    expect(text).not.toContain('.tgz');
  });

  it('has the optional packages of all platforms, as npm 12 requires', () => {
    const missing = Object.entries(entries).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          entries[`node_modules/${name}`] === undefined && entries[`${path}/node_modules/${name}`] === undefined,
      ),
    );

    expect(missing).toEqual([]);
  });

  it('has a digest for everything that is installed on Linux', () => {
    const isOnOurLinux = ({ os }: Entry) => os === undefined || os.includes('linux');
    const ourCpu = /(x64|arm64)(-gnu)?$/;
    const undigested = Object.entries(entries)
      .filter(([path, entry]) => path !== '' && entry.integrity === undefined && isOnOurLinux(entry))
      .map(([path]) => path)
      .filter((path) => ourCpu.test(path) || !path.includes('linux'));

    expect(undigested).toEqual([]);
  });

  it('holds nothing that needs its install script: it would not run under --ignore-scripts', () => {
    const scripted = Object.entries(entries).filter(([path, entry]) => path !== '' && entry.hasInstallScript);
    // fsevents: only on macOS, a watcher that nothing here needs. koffi: its script builds only where none of its
    // prebuilt packages fits.
    const fine = ['node_modules/fsevents', 'node_modules/koffi'];

    expect(scripted.map(([path]) => path).filter((path) => !fine.includes(path))).toEqual([]);
  });
});
