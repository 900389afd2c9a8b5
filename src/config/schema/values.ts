// Validates hosts, URLs, origins, schedules, names and headers. Pure: each function takes the text and returns null, or
// one sentence that says what is wrong and what to write instead.
//
// No sentence repeats the user and password of a URL, so every sentence can be shown.

import { validate as isCron } from 'node-cron';
import { isHost, validateDnsName } from '#config/values/host-name.ts';
import { tokensOf, validateToken } from '#config/values/no-proxy.ts';
import { suggest } from '#config/values/suggest.ts';
import { isLoopbackAddress } from '#system/network/addresses.ts';
import { isZoneName } from '#system/time/zone.ts';

/** Longest URL that is accepted, in characters; signed URLs of a CDN can have more than 4,000. */
export const MAX_URL_LENGTH = 16_384;
const MAX_ARGUMENT_LENGTH = 4_096;
export const MAX_NO_PROXY_LENGTH = 4_096;
const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** Headers of one connection (RFC 9110, 7.6.1 and 6.6), and headers that Sallyport itself sets in its requests. */
const OURS =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-.*|range|if-range|accept-encoding|expect)$/i;

export const PROFILE_NAME_ALLOWED =
  'at most 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit';

/** The address of a proxy: a DNS name, an IPv4 address or an IPv6 address. */
export function validateHost(text: string): string | null {
  if (text === '') return 'The address is empty.';
  if (text.includes('@')) return credentialsMistake(text);
  const [host, port] = splitHost(text);
  return host === text
    ? validatePlainHost(text)
    : `This key takes only the host; ${writeInstead(schemeOf(text), host, port)}`;
}

/** An unescaped character of a password changes the meaning of a URL, so the sentence names it. */
function credentialsMistake(text: string): string {
  const last = text.lastIndexOf('@');
  const password = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^:]*:(.*)$/is.exec(text.slice(0, last))?.[1] ?? '';
  const unescaped = /[@#:/?]|%(?![0-9a-f]{2})/i.exec(password)?.[0];
  const found = unescaped === undefined ? 'user and password' : `an unescaped '${unescaped}' in its password part`;
  const keys = 'Write them in the keys user and password, without escaping';
  const instead = writeInstead(schemeOf(text), ...splitHost(text.slice(last + 1)));
  return `This URL contains ${found}. ${keys}. This key takes only the host; ${instead}`;
}

/** The advice to write each part of a URL into its own key. */
function writeInstead(scheme: string | null, host: string, port: string | null): string {
  const shown = host === '' || validatePlainHost(host) !== null ? 'proxy.example.com' : host;
  const parts = [`address: ${shown}`, ...(port === null ? [] : [`port: ${port}`])];
  if (scheme !== null && scheme !== 'http') parts.unshift(`scheme: ${scheme}`);
  return `write ${[parts.slice(0, -1).join(', '), parts.at(-1)].filter((part) => part !== '').join(' and ')}.`;
}

/** The profile scheme that the scheme of a URL means; null if it has none or an unknown one. */
function schemeOf(url: string): string | null {
  const scheme = /^([a-z][a-z0-9]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? null;
  if (scheme === 'socks') return 'socks5h';
  return scheme !== null && PROXY_SCHEMES.includes(scheme) ? scheme : null;
}

const PROXY_SCHEMES = ['http', 'https', 'socks4', 'socks4a', 'socks5', 'socks5h'];

/** A URL with one of these schemes, without user, password and fragment. */
export function validateUrlText(text: string, schemes: readonly string[]): string | null {
  if (text.length > MAX_URL_LENGTH) return `A URL has at most ${MAX_URL_LENGTH} characters.`;
  if (/[\s\p{Cc}]/u.test(text)) return 'A URL cannot contain spaces or control characters.';
  if (!URL.canParse(text)) return `This is not a URL. Write it like ${schemes[0]}://updates.example.com/feed.json.`;
  const url = new URL(text);
  if (!schemes.includes(url.protocol.slice(0, -1)))
    return `The URL must begin with ${schemes.map((s) => `${s}://`).join(' or ')}.`;
  if (!/^[a-z]+:\/\//i.test(text)) return `Write two slashes after the scheme: ${url.protocol}//.`;
  if (url.username !== '' || url.password !== '')
    return 'Remove user and password from the URL, and set them in the keys for secrets.';
  if (text.includes('#')) return 'Remove the fragment from the URL (# and everything after it).';
  return validateUrlHost(url.hostname);
}

/** The host as the URL parser returns it: in ASCII, and numbers as an IPv4 address. */
function validateUrlHost(hostname: string): string | null {
  if (isHost(hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, ''))) return null;
  if (hostname.includes('*'))
    return 'The host of a URL is a single name, so an asterisk matches nothing. List each host separately.';
  return 'The host of this URL is neither a DNS name nor an address.';
}

/** An origin: scheme, host and port only. */
export function validateOrigin(text: string): string | null {
  const wrong = validateUrlText(text, ['https', 'http']);
  if (wrong !== null) return wrong;
  const { origin, pathname, search } = new URL(text);
  return pathname === '/' && search === '' ? null : `An origin ends after host and port. Write ${origin}.`;
}

/** A no_proxy list, or one entry of it. Each token must be able to match a host. */
export function validateNoProxy(text: string): string | null {
  if (text.length > MAX_NO_PROXY_LENGTH) return `The list has at most ${MAX_NO_PROXY_LENGTH} characters.`;
  const wrong = tokensOf(text)
    .map((token) => validateToken(token))
    .find((reason) => reason !== null);
  return wrong === undefined ? null : `${wrong}.`;
}

/** A pin of RFC 7469: the SHA-256 of a public key. */
export function validatePin(text: string): string | null {
  const base64 = /^sha256\/([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
  // Decoders ignore two bits of the last character, but pins are compared as text: only one spelling can match.
  if (base64 !== undefined && Buffer.from(base64, 'base64').toString('base64') === base64) return null;
  return 'A pin is sha256/ followed by 44 characters of base64: the SHA-256 digest of a public key.';
}

/** A schedule: five fields as in crontab(5). */
export function validateSchedule(text: string): string | null {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5) return 'A schedule has five fields: minute, hour, day of month, month, day of week.';
  return isCron(text) ? null : 'One of the five fields is out of range, or is not a number, list, step or name.';
}

/** The name of a time zone. An offset such as +01:00 is rejected, because it has no summer time. */
export function validateTimeZone(text: string): string | null {
  if (isZoneName(text)) return null;
  const meant = suggest(text, Intl.supportedValuesOf('timeZone'));
  const example = meant ?? 'Europe/Berlin';
  return `There is no time zone of this name. Write a name from the IANA time zone database, such as ${example}.`;
}

/** The name of a proxy profile. */
export function validateProfileName(text: string): string | null {
  if (/^(?:none|default)$/i.test(text))
    return `The name ${text.toLowerCase()} is reserved: it has a special meaning in use_proxy_for.`;
  return PROFILE_NAME.test(text) ? null : `A name may contain ${PROFILE_NAME_ALLOWED}.`;
}

/** A short plain word, such as a channel. */
export function validateWord(text: string): string | null {
  return PROFILE_NAME.test(text) ? null : `Write ${PROFILE_NAME_ALLOWED}.`;
}

/** The name of a header that an admin may add to requests. */
export function validateHeaderName(text: string): string | null {
  if (!TOKEN.test(text)) return 'A header name may contain letters, digits and dashes.';
  return OURS.test(text)
    ? 'Sallyport sets this header itself, or HTTP defines its value, so it cannot be configured.'
    : null;
}

/** A user, domain or password: any text without control characters. The sentence does not repeat the text. */
export function validateNoControl(text: string): string | null {
  const at = [...text].findIndex((character) => /\p{Cc}|\p{Zl}|\p{Zp}|\p{Cs}/u.test(character));
  return at === -1 ? null : `Character ${at + 1} is a control character.`;
}

/** The path of a file or folder. */
export function validatePath(text: string): string | null {
  if (text === '') return 'The path is empty.';
  return text.includes('\0') ? 'A path cannot contain a NUL character.' : null;
}

/** The path of a program: absolute, and without the parts `.` and `..`. */
export function validateAbsolutePath(text: string): string | null {
  if (!text.startsWith('/')) return 'Write the absolute path, beginning with /. PATH is not searched.';
  if (text.split('/').some((part) => part === '.' || part === '..')) return 'Remove the parts . and .. from the path.';
  return text.endsWith('/') ? 'This is a folder. Write the path of a program.' : validatePath(text);
}

/** One argument of a command. */
export function validateArgument(text: string): string | null {
  if (text.length > MAX_ARGUMENT_LENGTH) return `An argument has at most ${MAX_ARGUMENT_LENGTH} characters.`;
  return text.includes('\0') ? 'An argument cannot contain a NUL character.' : null;
}

/** Whether the host of a URL is `localhost`, ::1 or in 127.0.0.0/8. */
export function isLoopbackUrl(url: URL): boolean {
  const { hostname } = url;
  return hostname === 'localhost' || hostname === '[::1]' || (!hostname.startsWith('[') && isLoopbackAddress(hostname));
}

function validatePlainHost(text: string): string | null {
  if (text.includes(':')) return validateIpv6(text);
  if (/^[0-9.]+$/.test(text)) return validateIpv4(text);
  if (!/^\p{ASCII}*$/u.test(text)) return validateForeignName(text);
  if (text.endsWith('.')) return `Remove the dot at the end.`;
  return validateDnsName(text);
}

function validateIpv4(text: string): string | null {
  const octets = text.split('.');
  if (octets.length !== 4 || octets.includes('')) return 'An IPv4 address has four numbers, like 192.0.2.10.';
  const wide = octets.find((octet) => octet.length > 3 || Number(octet) > 255);
  if (wide !== undefined) return `Each number of an IPv4 address must be 0 to 255.`;
  if (octets.some((octet) => /^0\d/.test(octet))) {
    return `Some programs read numbers with leading zeros as octal. Write ${octets.map(Number).join('.')}.`;
  }
  return null;
}

function validateIpv6(text: string): string | null {
  if (text.includes('%')) return 'An IPv6 address with a zone (%) is not supported.';
  return URL.canParse(`http://[${text}]/`) ? null : 'This is not an IPv6 address.';
}

function validateForeignName(text: string): string | null {
  const url = URL.canParse(`http://${text}/`) ? new URL(`http://${text}/`).hostname : '';
  return /^[a-z0-9.-]+$/.test(url) ? `Write the name in its ASCII form: ${url}.` : 'A DNS name must be ASCII.';
}

/** The host and port without scheme, user, brackets and path. The host equals the text if the text is only a host. */
function splitHost(text: string): [host: string, port: string | null] {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text);
  const authority = text.slice(scheme?.[0].length ?? 0).replace(/[/?#].*$/s, '');
  const hostPort = authority.slice(authority.lastIndexOf('@') + 1);
  const bracketed = /^\[([^\]]*)\](?::(\d*))?$/.exec(hostPort);
  if (bracketed !== null) return [bracketed[1] ?? '', bracketed[2] || null];
  const single = /^([^:]*):(\d*)$/.exec(hostPort);
  if (single !== null) return [single[1] ?? '', single[2] || null];
  return [hostPort, scheme === null ? null : (DEFAULT_PORTS[scheme[0].toLowerCase()] ?? null)];
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'http://': '80',
  'https://': '443',
  'socks4://': '1080',
  'socks4a://': '1080',
  'socks5://': '1080',
  'socks5h://': '1080',
  'socks://': '1080',
};
