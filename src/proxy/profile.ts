// A proxy as the configuration describes it. Types only.

import type { Secret } from '#redaction/secret.ts';
import type { Authentication } from './auth/schemes/scheme.ts';

/** How a proxy itself is spoken to. */
export type HopScheme = 'http' | 'https' | 'socks4' | 'socks4a' | 'socks5' | 'socks5h';

/** Where a profile's proxies come from: its own address, or somewhere else. */
export type ProfileScheme = HopScheme | 'pac' | 'environment';

/** A proxy as the admin described it; the shape of one entry of `proxies`. */
export interface ProxyProfile {
  readonly name: string;
  /** DNS name, IPv4 or IPv6 (without brackets); absent where the proxies stand elsewhere. */
  readonly address?: string | undefined;
  readonly port: number;
  readonly scheme: ProfileScheme;
  /** Where a PAC file names the proxies. */
  readonly pac?: PacPlace | undefined;
  /** Profiles that are tried, in this order, where this one cannot be reached. */
  readonly fallback?: readonly string[] | undefined;
  /** `transparent` means: no authentication. */
  readonly authentication: Authentication;
  /** Whether `auto` may show the password readable to whoever sees the bytes. */
  readonly allow_cleartext?: boolean | undefined;
  readonly domain?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly default: boolean;
  /** Whether http goes through CONNECT as well, instead of absolute-form. */
  readonly tunnel_http?: boolean | undefined;
  /** Targets that go direct although this proxy was chosen; see `no-proxy.ts`. */
  readonly no_proxy?: string | undefined;
}

/** Where the PAC file is, and which of the proxies it names may see the profile's account. */
interface PacPlace {
  readonly url?: string | undefined;
  readonly file?: string | undefined;
  /** `host` or `host:port`, parted by commas or spaces, as in `no_proxy`. */
  readonly credentials_for?: string | undefined;
}
