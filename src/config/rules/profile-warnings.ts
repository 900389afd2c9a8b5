// Warnings about the address of a proxy. They are not errors, because the address may be intended. Pure.

import type { Settings } from '#config/settings.ts';
import { matchNoProxy } from '#config/values/no-proxy.ts';
import { isPrivateAddress } from '#system/network/addresses.ts';

/** The facts that the warnings depend on. */
export interface AddressContext {
  readonly settings: Pick<Settings, 'updates' | 'platform'>;
  /** Addresses of this host's default gateways. */
  readonly gateways: readonly string[];
}

/** One sentence for each warning. */
export function warningsFor(address: string, { settings, gateways }: AddressContext): string[] {
  const host = address.toLowerCase();
  const warnings: string[] = [];
  if (host === hostOf(settings.updates.feed_url)) {
    warnings.push(
      `${host} is also the host of updates.feed_url. If it is the update server and not a proxy, choose a direct connection: ` +
        'sallyport route set updates none',
    );
  }
  if (gateways.some((gateway) => matchNoProxy(gateway, { host, port: 0 }) !== null)) {
    warnings.push(
      `${host} is the default gateway of this host, which is rarely a proxy. Check that this is the address of a proxy.`,
    );
  }
  if (settings.platform.url !== undefined && isInner(host)) {
    warnings.push(
      `${host} is a private address, which a platform on the internet cannot reach. If you enter this proxy in the settings of ` +
        'the platform, use the public address and port of the proxy there.',
    );
  }
  return warnings;
}

function hostOf(url: string | undefined): string | null {
  return url === undefined || !URL.canParse(url) ? null : new URL(url).hostname.replace(/^\[|\]$/g, '');
}

/** Names that the public DNS does not have. */
const INNER_NAMES = '.local, localhost, .internal, .lan, .home.arpa';

function isInner(host: string): boolean {
  const isBareName = !host.includes('.') && !host.includes(':');
  return isBareName || isPrivateAddress(host) || matchNoProxy(INNER_NAMES, { host, port: 0 }) !== null;
}
