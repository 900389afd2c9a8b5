/**
 * Makes the bill of materials in CycloneDX 1.6 (ECMA-424): the npm packages in the program, Node, and what Node
 * includes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOutput } from './programs.ts';
import type { Architecture, Release } from './release.ts';

/** An npm package in the program, as the build lists it in components.json. */
export interface Component {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** @throws Error if the file is missing */
export function readComponents(kit: string): Component[] {
  return JSON.parse(readFileSync(join(kit, 'components.json'), 'utf8')) as Component[];
}

/** What Node embeds, such as `openssl` and `v8`, by the names of `process.versions`. */
function embeddedVersions(): Readonly<Record<string, string>> {
  const code = 'process.stdout.write(JSON.stringify(process.versions))';
  return JSON.parse(programOutput(process.execPath, ['-e', code])) as Record<string, string>;
}

/** The text of the file. The same release gives the same bytes. */
export function makeSbom(
  release: Release,
  architecture: Architecture,
  parts: { readonly kit: string; readonly components: readonly Component[] },
): string {
  const versions = embeddedVersions();
  const nodeHash = createHash('sha256')
    .update(readFileSync(join(parts.kit, 'node')))
    .digest('hex');
  const node = {
    type: 'application',
    'bom-ref': 'node',
    name: 'node',
    version: versions['node'],
    purl: `pkg:generic/node@${versions['node']}`,
    licenses: [{ license: { id: 'MIT' } }],
    hashes: [{ alg: 'SHA-256', content: nodeHash }],
    components: Object.entries(versions)
      .filter(([name]) => !['node', 'modules', 'napi'].includes(name))
      .map(([name, version]) => ({ type: 'library', 'bom-ref': `node/${name}`, name, version })),
  };
  const components = parts.components.map(({ name, version, license }) => ({
    type: 'library',
    'bom-ref': purlOf(name, version),
    name,
    version,
    purl: purlOf(name, version),
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
  }));
  const sbom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(release.epoch * 1_000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': 'sallyport',
        name: 'sallyport',
        version: release.version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        properties: [{ name: 'sallyport:architecture', value: architecture.node }],
      },
    },
    components: [node, ...components],
    dependencies: [{ ref: 'sallyport', dependsOn: ['node', ...components.map((one) => one['bom-ref'])] }],
  };
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

/** Package URL (purl-spec): the @ of a scope is percent-encoded. */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
