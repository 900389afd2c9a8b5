// A vendor with an activation server, over http on loopback and over TLS with a host name. Also hosts that are composed
// as in the program.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActivationResult } from '#control/platform/activation.ts';
import { activationHandlers } from '#daemon/platform/activation-handlers.ts';
import type { LicenseSigner } from '#origin/platform/licenses/license.ts';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { createCa } from './certificates.ts';
import { type Composed, composeIn } from './composed.ts';
import { PlatformRig } from './platform-rig.ts';
import { startTlsFront, type TlsFront } from './tls-front.ts';

export const VENDOR = 'updates.example.com';
const CALLER = { authority: 'admin', peer: null, onEvent: () => undefined } as const;

export class ActivationRig {
  readonly platform: PlatformRig;
  readonly tls: TlsFront;
  readonly signer: LicenseSigner;
  readonly #dir: string;

  private constructor(parts: { platform: PlatformRig; tls: TlsFront; signer: LicenseSigner; dir: string }) {
    this.platform = parts.platform;
    this.tls = parts.tls;
    this.signer = parts.signer;
    this.#dir = parts.dir;
  }

  static async start(): Promise<ActivationRig> {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-activation-'));
    const ca = createCa();
    const signer = signerWithKey(generateKeyPairSync('ed25519').privateKey);
    const platform = await PlatformRig.start({ platform: { licenseSigner: signer } });
    const tls = await startTlsFront(ca.issue(), Number(new URL(platform.origin.url).port));
    await writeFile(join(dir, 'ca.pem'), ca.cert);
    return new ActivationRig({ platform, tls, signer, dir });
  }

  /** A key that works once. */
  async key(expires = '2099-01-01T00:00:00Z'): Promise<string> {
    const [key = ''] = await this.platform.origin.platform.addKeys({ count: 1, expires, features: ['reports'] });
    return key;
  }

  /** The sections of a host that reaches the vendor directly. */
  direct(): Record<string, object> {
    const { feedUrl } = this.platform.origin;
    return { updates: { feed_url: feedUrl }, activation: { license_keys: [this.signer.publicKey] } };
  }

  /** The sections of a host that reaches the vendor over TLS through this proxy. */
  through(profile: object): Record<string, unknown> {
    return {
      updates: { feed_url: `https://${VENDOR}:${this.tls.port}/feed.json`, ca_file: join(this.#dir, 'ca.pem') },
      activation: { license_keys: [this.signer.publicKey] },
      proxies: [{ name: 'corp', address: '127.0.0.1', default: true, ...profile }],
    };
  }

  /** The same, with a proxy that may decrypt TLS: the certificate of the server leads to a CA that may. */
  decrypted(profile: object, sendsTokens: boolean): Record<string, unknown> {
    const url = `https://${VENDOR}:${this.tls.port}`;
    const updates = {
      ...{ trust: 'tuf', tuf: { metadata_url: `${url}/metadata/` }, allow_interception_by: join(this.#dir, 'ca.pem') },
      send_tokens_when_intercepted: sendsTokens,
    };
    return { ...this.through(profile), updates };
  }

  async close(): Promise<void> {
    await this.tls.close();
    await this.platform.close();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** A composed host and what its verbs answer. */
export async function activatingHost(
  sections: Readonly<Record<string, unknown>>,
  around: Parameters<typeof composeIn>[2] = {},
): Promise<Composed & { verbs: ReturnType<typeof verbsOf> }> {
  const composed = await composeIn(sections, 'daemon', around);
  return { ...composed, verbs: verbsOf(composed) };
}

function verbsOf({ parts }: Composed) {
  const handlers = activationHandlers(parts);
  const call = <Q>(request: Q) => ({ ...CALLER, request, signal: new AbortController().signal });
  return {
    show: async () => await handlers.showActivation(call(undefined) as never),
    activate: async (key: string, replace = false): Promise<ActivationResult> =>
      await handlers.activate(call({ key, replace }) as never),
    install: async (license: string): Promise<ActivationResult> =>
      await handlers.installLicense(call(license) as never),
    request: async () => (await handlers.requestActivation(call(undefined) as never)).request,
    release: async (): Promise<ActivationResult> => await handlers.releaseActivation(call(undefined) as never),
    reset: async () => await handlers.resetIdentity(call(undefined) as never),
  };
}

/** Every file below a folder, as text. */
export async function everythingIn(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}
