// The answers on the four proxy screens, and the check of each answer. Pure.

import type { ProfileFacts } from '#changes/proxy/facts.ts';
import { validateHost } from '#config/schema/values.ts';
import type { FieldError } from './field.ts';

/** The password: kept as stored, none, or entered. */
export type PasswordAnswer =
  | { readonly kind: 'kept' }
  | { readonly kind: 'none' }
  | { readonly kind: 'typed'; readonly text: string };

/** The values that the screens show at first. */
export interface ShownValues {
  readonly host: string;
  /** As digits, at least four. */
  readonly port: string;
  readonly user: string;
  readonly hasPassword: boolean;
  /** The gateway, if it is what PROXY HOST shows. */
  readonly gateway: string | null;
}

/** All answers. `host` and `user` have the spelling of the screens; null if ENTER kept the shown value. */
export interface ProxyAnswers {
  readonly host: string | null;
  readonly port: number | null;
  readonly user: string | null;
  readonly password: PasswordAnswer;
}

const DEFAULT_PORT = 443;

/** What the screens show for the profile that they edit; for a new one, the gateway and port 0443. */
export function shownValues(profile: ProfileFacts | null, gateways: readonly string[]): ShownValues {
  if (profile === null) {
    const gateway = gateways.find((one) => !one.includes(':')) ?? null;
    return { host: gateway ?? '', port: showPort(DEFAULT_PORT), user: '', hasPassword: false, gateway };
  }
  const { address, port, user, domain, has_password: hasPassword } = profile;
  const account = domain === null || user === null ? (user ?? '') : `${domain}\\${user}`;
  return { host: (address ?? '').toUpperCase(), port: showPort(port), user: account, hasPassword, gateway: null };
}

/** At least four digits, as on the sensor. */
export function showPort(port: number): string {
  return String(port).padStart(4, '0');
}

const MAX_OCTET = 255;

/** Why PROXY HOST is refused; null if it is valid. */
export function checkHost(host: string): FieldError | null {
  if (host === '') return { short: 'PROXY HOST IS BLANK', more: 'ENTER THE NAME OR THE IP ADDRESS OF THE PROXY.' };
  if (/^[0-9.]+$/.test(host)) {
    const octets = host.split('.');
    const isAddress = octets.length === 4 && octets.every((one) => /^\d{1,3}$/.test(one) && Number(one) <= MAX_OCTET);
    if (!isAddress) return { short: 'NOT AN IP ADDRESS', more: 'FOUR NUMBERS FROM 0 TO 255, SUCH AS 176.34.20.5.' };
    if (octets.some((one) => one.length > 1 && one.startsWith('0')))
      return { short: 'NO LEADING ZEROS', more: 'WRITE 10, NOT 010.' };
    return null;
  }
  return validateHost(host.toLowerCase()) === null
    ? null
    : { short: 'NOT A HOST NAME', more: 'LABELS OF LETTERS, DIGITS AND HYPHENS, SUCH AS PROXY.EXAMPLE.COM.' };
}

const MAX_PORT = 65_535;

/** The port as a decimal number; an error outside of 1 to 65535. */
export function readPort(text: string): number | FieldError {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= MAX_PORT) return port;
  return { short: 'PORT: 1 TO 65535', more: '' };
}

/** Whether the stored password may still be used: it belongs to the host and port for which it was entered. */
export function mayKeepPassword({ host, port }: Pick<ProxyAnswers, 'host' | 'port'>): boolean {
  return host === null && port === null;
}

/** What the password screen needs to know of the earlier ones. */
export interface PasswordContext {
  readonly user: string;
  /** PROXY USER was left as it was shown. */
  readonly isUserKept: boolean;
  readonly hasPassword: boolean;
  readonly mayKeep: boolean;
  /** ENTER was pressed on the unchanged screen. */
  readonly isKept: boolean;
}

/** The stored password belongs to another host or port. */
export const PASSWORD_AGAIN: FieldError = {
  short: 'PASSWORD NEEDED AGAIN',
  more: 'THE STORED ONE WOULD BE SENT TO A DIFFERENT SERVER.',
};

/** The answer of PROXY PASS; an error if it does not fit the user. */
export function readPassword(
  text: string,
  { user, isUserKept, hasPassword, mayKeep, isKept }: PasswordContext,
): PasswordAnswer | FieldError {
  if (user === '') {
    // A profile with a Kerberos ticket has no user, and ENTER on every screen must not change it.
    if (text === '') return isKept && isUserKept && mayKeep ? { kind: 'kept' } : { kind: 'none' };
    return { short: 'PASSWORD WITHOUT USER', more: 'GO BACK AND ENTER THE USER, OR LEAVE BOTH BLANK.' };
  }
  if (text !== '') return { kind: 'typed', text };
  if (isKept && hasPassword && mayKeep) return { kind: 'kept' };
  if (hasPassword && !mayKeep) return PASSWORD_AGAIN;
  return { short: 'PASSWORD NEEDED', more: 'GO BACK AND LEAVE THE USER BLANK IF THE PROXY ASKS FOR NONE.' };
}
