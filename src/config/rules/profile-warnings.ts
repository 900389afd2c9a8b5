// What is worth a warning about the address of a proxy, and no more than that: the admin may know better. Pure.

import { matchNoProxy } from '#config/no-proxy.ts';
import type { Settings } from '#config/settings.ts';

/** What the verdict depends on. */
export interface AddressSurroundings {
  readonly settings: Pick<Settings, 'updates' | 'platform'>;
  /** Addresses of this host's default gateways. */
  readonly gateways: readonly string[];
}

/** One sentence for each thing that is odd. */
export function warningsFor(address: string, { settings, gateways }: AddressSurroundings): string[] {
  const host = address.toLowerCase();
  const warnings: string[] = [];
  if (host === hostOf(settings.updates.feed_url)) {
    warnings.push(
      `${host} is the host of updates.feed_url itself. Where no proxy is between, that means direct: say none ` +
        '(sallyport route set updates none).',
    );
  }
  if (gateways.some((gateway) => matchNoProxy(gateway, { host, port: 0 }) !== null)) {
    warnings.push(`${host} is this host's default gateway, which is seldom a proxy; was it left there by accident?`);
  }
  if (settings.platform.url !== undefined && isInner(host)) {
    warnings.push(
      `${host} is an inner address. A platform in the cloud cannot reach it; where the platform has to know this proxy, ` +
        'give it the address and port that the proxy has on the internet.',
    );
  }
  return warnings;
}

function hostOf(url: string | undefined): string | null {
  return url === undefined || !URL.canParse(url) ? null : new URL(url).hostname.replace(/^\[|\]$/g, '');
}

/** RFC 1918, 4193 and 6598, loopback, link-local, and names that no DNS of the internet has. */
const INNER =
  '10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, 127.0.0.0/8, fc00::/7, fe80::/10, ::1, ' +
  '.local, localhost, .internal, .lan, .home.arpa';

function isInner(host: string): boolean {
  const isBareName = !host.includes('.') && !host.includes(':');
  return isBareName || matchNoProxy(INNER, { host, port: 0 }) !== null;
}
