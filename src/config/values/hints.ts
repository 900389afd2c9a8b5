// Guesses what an unknown value or key was meant to be. It knows the words that other programs use, sizes and times
// with a unit, and numbers in quotes. Typing errors are handled in `suggest.ts`. Pure.

import { suggest } from './suggest.ts';

/** The words of other programs and of admins for our values, by the last part of the key. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  authentication: {
    kerberos: 'negotiate',
    krb5: 'negotiate',
    spnego: 'negotiate',
    gssapi: 'negotiate',
    ntlmv2: 'ntlm',
    windows: 'ntlm',
    none: 'transparent',
    anonymous: 'transparent',
    any: 'auto',
  },
  scheme: {
    tls: 'https',
    ssl: 'https',
    socks: 'socks5h',
    wpad: 'pac',
    env: 'environment',
    system: 'environment',
  },
};

/** Words for a direct connection in `use_proxy_for`, where the correct value is `none`. */
const NO_PROXY = ['direct', 'no', 'off', 'false', 'disabled'];

/** The words of other programs for our keys. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  proxy: ['proxies'],
  http_proxy: ['proxies'],
  https_proxy: ['proxies'],
  username: ['user'],
  login: ['user'],
  pass: ['password'],
  passwd: ['password'],
  host: ['address'],
  hostname: ['address'],
  server: ['address'],
  type: ['scheme'],
  protocol: ['scheme'],
  auth: ['authentication'],
  method: ['authentication'],
  bypass: ['no_proxy'],
  exceptions: ['no_proxy'],
  url: ['feed_url', 'url'],
};

/** Milliseconds of a unit of time. */
const TIMES: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  sec: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const UNITS_OF_TIME: Readonly<Record<string, number>> = {
  ms: 1,
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
};
/** As everywhere in Sallyport, MB is 10^6 bytes and MiB 2^20. */
const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** The choice that a word was probably meant to be. */
export function suggestChoice(key: string, word: string, choices: readonly string[]): string | undefined {
  const meant = VALUES[key]?.[word.trim().toLowerCase()];
  return meant !== undefined && choices.includes(meant) ? meant : suggest(word, choices);
}

/** The route that was probably meant, if no profile has this name. */
export function suggestRoute(word: string, choices: readonly string[]): string | undefined {
  return NO_PROXY.includes(word.trim().toLowerCase()) ? 'none' : suggest(word, choices);
}

/** The key that was probably meant, among the keys of the same section. */
export function suggestKey(word: string, siblings: readonly string[]): string | undefined {
  const others = KEYS[word.toLowerCase().replaceAll('-', '_')] ?? [];
  return others.find((key) => siblings.includes(key)) ?? suggest(word, siblings);
}

/** The number that a text such as `3128`, `5m` or `48MB` means, in the unit of the key. */
export function suggestNumber(text: string, unit: string | null): number | undefined {
  const [, digits = '', name = ''] = /^\s*(\d{1,12}(?:\.\d{1,3})?)\s*([a-z]{0,4})\s*$/i.exec(text) ?? [];
  if (digits === '') return undefined;
  if (name === '') return Number(digits);
  const factor =
    unit === 'bytes'
      ? SIZES[name.toLowerCase()]
      : (TIMES[name.toLowerCase()] ?? Number.NaN) / (UNITS_OF_TIME[unit ?? ''] ?? Number.NaN);
  const number = Number(digits) * (factor ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : undefined;
}
