// A proxy as the configuration describes it. Types only.

import type { Secret } from '#redaction/secret.ts';
import type { Authentication } from './auth/schemes/scheme.ts';

/** The protocol between us and the proxy. */
export type HopScheme = 'http' | 'https' | 'socks4' | 'socks4a' | 'socks5' | 'socks5h';

/** Where a profile's proxies come from: its own address, or another source. */
export type ProfileScheme = HopScheme | 'pac' | 'environment';

/** A proxy as the admin configured it; one entry of `proxies`. */
export interface ProxyProfile {
  readonly name: string;
  /** DNS name, IPv4 or IPv6 (without brackets); absent if a source names the proxies. */
  readonly address?: string | undefined;
  readonly port: number;
  readonly scheme: ProfileScheme;
  /** The PAC file that names the proxies. */
  readonly pac?: PacPlace | undefined;
  /** Profiles that are tried, in this order, when this one cannot be reached. */
  readonly fallback?: readonly string[] | undefined;
  /** `transparent` means: no authentication. */
  readonly authentication: Authentication;
  /** Whether `auto` may send the password in a form that anyone who can read the traffic can read. */
  readonly allow_cleartext?: boolean | undefined;
  readonly domain?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly default: boolean;
  /** Whether http also goes through CONNECT, instead of absolute form. */
  readonly tunnel_http?: boolean | undefined;
  /** Targets that go direct although this proxy was chosen; see `no-proxy.ts`. */
  readonly no_proxy?: string | undefined;
}

/** Where the PAC file is, and which of the proxies it names may see the profile's account. */
interface PacPlace {
  readonly url?: string | undefined;
  readonly file?: string | undefined;
  /** `host` or `host:port`, separated by commas or spaces, as in `no_proxy`. */
  readonly credentials_for?: string | undefined;
}
