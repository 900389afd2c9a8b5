// Reads the files with the trusted CAs and the client certificates, for each purpose and for each proxy that uses TLS.

import { urlOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import { readBounded } from '#config/reading/read-bounded.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { ownHop } from '#proxy/hop.ts';
import type { PemFile } from '#proxy/tls/pem-file.ts';
import type { AllowedInterception, ClientIdentity, TlsTrust } from '#proxy/tls/trust.ts';
import { Secret } from '#redaction/secret.ts';

/** A bundle of every public root is about 250 KB. */
const PEM_LIMIT_BYTES = 4_194_304;

/** All trust in the settings. */
export interface Trusts {
  readonly purposes: Readonly<Record<Purpose, TlsTrust>>;
  /** By the name of the profile. */
  readonly proxies: ReadonlyMap<string, TlsTrust>;
}

type Profile = Settings['proxies'][number];

/** @throws CodedError TLS-FILE */
export async function readTrusts(settings: Settings): Promise<Trusts> {
  const { proxies } = settings;
  const purposes: [Purpose, TlsTrust][] = [];
  for (const purpose of PURPOSES) purposes.push([purpose, await readPurposeTrust(purpose, settings)]);
  const trusts: [string, TlsTrust][] = [];
  for (const [index, profile] of proxies.entries()) {
    trusts.push([profile.name, await readProxyTrust(`proxies[${index}]`, profile)]);
  }
  return { purposes: Object.fromEntries(purposes) as Record<Purpose, TlsTrust>, proxies: new Map(trusts) };
}

/** Our certificate is shown only to the origin of the purpose. */
async function readPurposeTrust(purpose: Purpose, settings: Settings): Promise<TlsTrust> {
  const section = settings[purpose];
  const url = urlOf(settings, purpose);
  const client = url === undefined ? undefined : await readIdentity(purpose, section, originsOf(url));
  const interception = await readInterception(purpose, section);
  return { ca: await readCa(purpose, section), client, pins: section.pins, interception };
}

/** Which proxy may decrypt TLS, and the headers that it must not receive. */
async function readInterception(
  purpose: Purpose,
  section: Settings[Purpose],
): Promise<AllowedInterception | undefined> {
  if (!('allow_interception_by' in section) || section.allow_interception_by === undefined) return undefined;
  const ca = await readPem(`${purpose}.allow_interception_by`, section.allow_interception_by);
  const secret = ['authorization', ...Object.keys(section.headers).map((name) => name.toLowerCase())];
  return { ca, withheld: section.send_tokens_when_intercepted ? [] : secret };
}

/** A WebSocket begins as a request over TLS, whose URL has another scheme. */
function originsOf(url: string): string[] {
  const { origin } = new URL(url);
  return [...new Set([origin, origin.replace(/^wss:/, 'https:')])];
}

/** Keys whose file has new content, whether or not it is another file. */
export function changedContents(before: Trusts, now: Trusts): string[] {
  const [old, files] = [filesOf(before), filesOf(now)];
  return [...files].flatMap(([key, text]) => (old.get(key)?.equals(text) === false ? [key] : []));
}

/** Our certificate is shown only to the profile's own proxy, never to one that a PAC file or a variable names. */
async function readProxyTrust(at: string, profile: Profile): Promise<TlsTrust> {
  const own = ownHop(profile);
  return { ca: await readCa(at, profile), client: await readIdentity(at, profile, own === null ? [] : [own.url]) };
}

async function readCa(at: string, { ca_file: path }: Pick<Profile, 'ca_file'>): Promise<PemFile | undefined> {
  return path === undefined ? undefined : await readPem(`${at}.ca_file`, path);
}

async function readIdentity(
  at: string,
  { client_certificate: client }: Pick<Profile, 'client_certificate'>,
  origins: readonly string[],
): Promise<ClientIdentity | undefined> {
  if (client === undefined) return undefined;
  const certificate = await readPem(`${at}.client_certificate.certificate_file`, client.certificate_file);
  const { pem, ...key } = await readPem(`${at}.client_certificate.key_file`, client.key_file);
  return { certificate, privateKey: { ...key, pem: new Secret(pem) }, passphrase: client.passphrase, origins };
}

async function readPem(key: string, path: string): Promise<PemFile> {
  const read = await readBounded(path, PEM_LIMIT_BYTES);
  if (!read.ok) throw coded('TLS-FILE', { key, path, reason: read.reason });
  return { key, path, pem: Buffer.from(read.bytes).toString('utf8') };
}

function filesOf({ purposes, proxies }: Trusts): Map<string, Secret> {
  const files = new Map<string, Secret>();
  for (const { ca, client, interception } of [...Object.values(purposes), ...proxies.values()]) {
    for (const file of [ca, client?.certificate, interception?.ca])
      if (file !== undefined) files.set(file.key, new Secret(file.pem));
    if (client !== undefined) files.set(client.privateKey.key, client.privateKey.pem);
  }
  return files;
}
