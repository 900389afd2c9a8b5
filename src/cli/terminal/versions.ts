// Prints the output of `sallyport version`: the versions of everything that a build contains.

import type { Terminal } from './terminal.ts';

/** An npm package in the program. */
interface BundledModule {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** What `version --json` prints. */
export interface Versions {
  readonly sallyport: string;
  readonly node: string;
  /** What Node includes, such as OpenSSL, by the names of `process.versions`. */
  readonly embedded: Readonly<Record<string, string>>;
  /** Null in a checkout: only a build has a fixed list. */
  readonly modules: readonly BundledModule[] | null;
}

/** Prints them. */
export function printVersions(terminal: Terminal, versions: Versions, { json }: { readonly json: boolean }): void {
  if (json) {
    terminal.out(JSON.stringify(versions, null, 2));
    return;
  }
  terminal.out(`sallyport ${versions.sallyport}`);
  terminal.out(`node ${versions.node}`);
  for (const [name, version] of Object.entries(versions.embedded)) terminal.out(`  ${name} ${version}`);
  if (versions.modules === null) {
    terminal.out('This is a checkout. In a build, this command lists every module; here, npm ls lists them.');
    return;
  }
  for (const { name, version, license } of versions.modules)
    terminal.out(`${name} ${version} (${license ?? 'license in its readme'})`);
}
