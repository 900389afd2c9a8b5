// The root, which lists the keys for all other metadata: the root that the admin trusts, and every later one up to the
// newest (TUF 5.2, 5.3).
//
// Guarantees: a root is trusted only if its version is one higher than that of a trusted root, and if both roots have
// signed it. At each start, the chain is verified again from the root file of the admin. Each new root is stored before
// the next one is requested.

import { createHash } from 'node:crypto';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { fetchFile, type Trusted, type TufContext } from './context.ts';
import { decodeRoot, type RootContent } from './decode.ts';
import { asInvalid, type Place, readSignedDocument } from './document.ts';
import { requireThreshold } from './threshold.ts';

export type TrustedRoot = Trusted<RootContent>;

/** SHA-256 of a root file, in hex: its fingerprint. */
export function fingerprintOf(root: Pick<TrustedRoot, 'bytes'>): string {
  return createHash('sha256').update(root.bytes).digest('hex');
}

/**
 * TUF 5.2: the root that was delivered out of band. It must be signed by its own keys; its expiration does not matter.
 * @throws CodedError TUF-ROOT-FILE
 */
export async function readInitialRoot(bytes: Uint8Array, path: string): Promise<TrustedRoot> {
  const place: Place = { file: 'root.json', role: 'root', clause: '5.2' };
  try {
    const document = await readSignedDocument(bytes, place);
    const content = asInvalid(place, () => decodeRoot(document.signed));
    const signers = await requireThreshold(document, content.roles.root, place);
    return { content, bytes, signers, threshold: content.roles.root.threshold };
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    throw coded('TUF-ROOT-FILE', { path, reason: reasonOf(thrown) }, thrown);
  }
}

/**
 * Verifies the successor of a trusted root (TUF 5.3.4, 5.3.5).
 * @throws CodedError TUF-INVALID, TUF-SIGNATURE, TUF-ROLLBACK
 */
async function readNextRoot(trusted: TrustedRoot, bytes: Uint8Array): Promise<TrustedRoot> {
  const next = trusted.content.version + 1;
  const place: Place = { file: `${next}.root.json`, role: 'root', clause: '5.3.4' };
  const document = await readSignedDocument(bytes, place);
  await requireThreshold(document, trusted.content.roles.root, place);
  const content = asInvalid(place, () => decodeRoot(document.signed));
  const signers = await requireThreshold(document, content.roles.root, place);
  if (content.version !== next) {
    throw coded('TUF-ROLLBACK', { ...place, clause: '5.3.5', found: content.version, known: trusted.content.version });
  }
  return { content, bytes, signers, threshold: content.roles.root.threshold };
}

/** The newest root of the store that continues the initial one. A stored root that does not is set aside. */
export async function readStoredRoots(
  { store, report }: Pick<TufContext, 'store' | 'report'>,
  initial: TrustedRoot,
): Promise<TrustedRoot> {
  let trusted = initial;
  for (;;) {
    const bytes = await store.readRoot(trusted.content.version + 1);
    if (bytes === null) return trusted;
    try {
      trusted = await readNextRoot(trusted, bytes);
    } catch (thrown) {
      const aside = await store.setRootAside(trusted.content.version + 1, asCoded(thrown));
      report({ kind: 'set-aside', ...aside });
      return trusted;
    }
  }
}

/**
 * TUF 5.3: requests and verifies one new root after another, until the repository says that there is none.
 * `accepted` is called after each one was stored.
 * @throws CodedError TUF-INVALID, TUF-SIGNATURE, TUF-ROLLBACK, TUF-LIMIT, TUF-ROOT-STEPS and codes of the source
 */
export async function updateRoot(
  context: TufContext,
  initial: TrustedRoot,
  { signal, accepted }: { readonly signal: AbortSignal; readonly accepted: (root: TrustedRoot) => void },
): Promise<void> {
  const { limits, store } = context;
  let trusted = initial;
  for (let step = 0; ; step += 1) {
    const { version } = trusted.content;
    const place: Place = { file: `${version + 1}.root.json`, role: 'root', clause: '5.3.3' };
    const bytes = await fetchFile(context, place, { limitBytes: limits.rootBytes, revalidate: true, signal });
    if (bytes === null) return;
    if (step >= limits.rootSteps) throw coded('TUF-ROOT-STEPS', { ...place, limit: limits.rootSteps, version });
    trusted = await readNextRoot(trusted, bytes);
    await store.saveRoot(trusted.content.version, bytes);
    accepted(trusted);
  }
}

/** A reason as a phrase, without the advice for files of the network. */
function reasonOf(error: CodedError): string {
  if (error.code === 'TUF-SIGNATURE') {
    return `it has ${String(error.facts['found'])} of ${String(error.facts['threshold'])} signatures of its own keys`;
  }
  return String(error.facts['reason'] ?? error.code);
}
