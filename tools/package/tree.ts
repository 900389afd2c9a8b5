/** The file tree that deb, rpm and image share. systemd/install.sh makes it. */
import { cpSync, lutimesSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { licenseText } from './licenses.ts';
import type { Parts } from './parts.ts';
import { programOutput } from './programs.ts';
import { type Release, ROOT } from './release.ts';
import { readComponents } from './sbom.ts';

/** Makes the tree in `root`. */
export function makeTree(release: Release, parts: Parts, root: string): void {
  mkdirSync(root, { recursive: true });
  const flags = ['--foreign', '--program', parts.kit, '--node', join(parts.kit, 'node')];
  programOutput('sh', [join(parts.kit, 'systemd', 'install.sh'), ...flags], { env: { DESTDIR: root } });
  const doc = join(root, 'usr', 'share', 'doc', 'sallyport');
  writeFileSync(join(doc, 'THIRD-PARTY-LICENSES'), licenseText(readComponents(parts.kit), parts));
  cpSync(join(ROOT, 'CHANGELOG.md'), join(doc, 'CHANGELOG.md'));
  settle(release, root);
}

/** Gives every file and folder below `root` the time of the release. Modes do not depend on the umask of the caller. */
export function settle(release: Release, root: string): void {
  programOutput('chmod', ['-R', 'u=rwX,go=rX', root]);
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    lutimesSync(join(root, entry), release.epoch, release.epoch);
  }
  lutimesSync(root, release.epoch, release.epoch);
}
