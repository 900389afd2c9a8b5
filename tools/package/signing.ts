/** Signs rpm packages, InRelease, repomd.xml and SHA256SUMS by GnuPG, with a key of the caller's keyring. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOutput } from './programs.ts';

/** A key that can sign without a question: its agent has the passphrase, or it has none. */
export interface Signing {
  /** Fingerprint of the primary key, 40 hex digits. */
  readonly fingerprint: string;
}

/** @throws Error if the key is missing, is named ambiguously, or cannot sign */
export function findKey(name: string): Signing {
  const listed = programOutput('gpg', ['--batch', '--with-colons', '--list-secret-keys', name]);
  const lines = listed.split('\n').map((line) => line.split(':'));
  const keys = lines.flatMap(([kind], index) => (kind === 'sec' ? [lines.slice(index)] : []));
  const fingerprints = keys.map((rest) => rest.find(([kind]) => kind === 'fpr')?.[9] ?? '');
  const [fingerprint, ...others] = fingerprints;
  if (fingerprint === undefined || fingerprint === '') throw new Error(`gpg has no secret key for ${name}`);
  if (others.length > 0) throw new Error(`${name} names several keys: ${fingerprints.join(', ')}; name one of them`);
  return { fingerprint };
}

function gpg({ fingerprint }: Signing, mode: readonly string[], from: string, to: string): void {
  rmSync(to, { force: true });
  const flags = ['--batch', '--yes', '--local-user', fingerprint, '--digest-algo', 'SHA512', '--output', to];
  programOutput('gpg', [...flags, ...mode, from]);
}

/** A text with its signature around it, such as InRelease. */
export function inline(signing: Signing, from: string, to: string): void {
  gpg(signing, ['--clearsign'], from, to);
}

/** A signature in a file of its own, armored. */
export function detach(signing: Signing, from: string, to: string): void {
  gpg(signing, ['--armor', '--detach-sign'], from, to);
}

/** Signs rpm packages in place. */
export function signRpms({ fingerprint }: Signing, rpms: readonly string[]): void {
  const gpgPath = programOutput('sh', ['-c', 'command -v gpg']).trim();
  // Debian's rpm looks for gpg2, which Debian does not have.
  // No database of installed packages is read or made.
  const defines = ['--dbpath', '/nonexistent', '--define', `__gpg ${gpgPath}`, '--define', `_gpg_name ${fingerprint}`];
  programOutput('rpmsign', [...defines, '--define', '_gpg_digest_algo sha256', '--addsign', ...rpms]);
}

/** The public key that hosts install. */
export function exportKey({ fingerprint }: Signing, output: string): void {
  const armored = programOutput('gpg', ['--batch', '--armor', '--export', fingerprint]);
  writeFileSync(join(output, 'sallyport-archive-key.asc'), armored);
  if (readFileSync(join(output, 'sallyport-archive-key.asc')).length === 0) throw new Error('gpg exported no key');
}
