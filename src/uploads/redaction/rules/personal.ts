// Finds mail addresses, card numbers and bank account numbers. Pure; takes linear time, because each candidate is
// short.

import type { Span } from '#redaction/mask.ts';
import { type BundleRule, ruleOf } from './rule.ts';

/** RFC 5321, 4.5.3.1: at most 64 characters before the @. Bytes above 127 belong to letters of UTF-8 or Latin-1. */
const MAIL =
  /(?<![A-Za-z0-9._%+\-\x80-\xff])(?:[A-Za-z0-9._%+'&#!~\-\x80-\xff]{1,64}|"[^"\s\\]{1,62}")@(?:[A-Za-z0-9\-\x80-\xff]{1,63}\.){1,8}[A-Za-z\x80-\xff][A-Za-z0-9\-\x80-\xff]{1,23}(?![A-Za-z0-9@\-\x80-\xff])/g;
/** The last label of names that look like addresses: units of systemd, files, versions of packages. */
const NO_DOMAIN =
  /\.(?:service|socket|timer|mount|slice|scope|target|device|path|automount|swap|png|jpe?g|gif|svg|webp|ico|css|m?js|cjs|tsx?|jsx|json|ya?ml|xml|html?|txt|log|conf|cfg|ini|lock|tgz|gz|tar|jar|war|whl|deb|rpm|dll|exe|class|java|rb|go|sock|pid|tmp|bak|local-\d+)$/i;
const VERSION = /@v?\d+(?:\.\d+)*[.-]/;
const NO_USER = /^(?:git|hg|svn|npm|gitlab|aur)@/;

/** Lengths by the first digits of ISO/IEC 7812. */
const CARDS: readonly RegExp[] = [
  /^4(?:\d{12}|\d{15}|\d{18})$/,
  /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)\d+$/,
  /^3[47]\d{13}$/,
  /^(?:6011|64[4-9]|65)\d+$/,
  /^(?:352[89]|35[3-8])\d+$/,
  /^3(?:0[0-5]|[689]\d)\d{11}$/,
  /^62\d+$/,
  /^(?:5018|5020|5038|5893|6304|6759|676[1-3])\d+$/,
];
const CARD =
  /(?<![A-Za-z0-9_.+*]|[A-Za-z0-9]-|\d[:/])(?:(?<=%)B)?(?:\d{13,19}|\d{4}([ .-])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ .-])\d{6}\2\d{4,5})(?![A-Za-z0-9_*]|[-.][A-Za-z0-9])/g;

/** Length of an IBAN by its country (the registry of SWIFT, ISO 13616). */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 ' +
    'FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 ' +
    'LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 ' +
    'SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
/** The beginning, and as many characters as the longest IBAN has, in groups or not. */
const IBAN = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=([ -]?)[A-Za-z0-9]{2})(?:\1?[A-Za-z0-9]){7,30}/g;

export const PERSONAL_RULES: readonly BundleRule[] = [
  ruleOf({
    name: 'mail-address',
    version: 1,
    masks: 'Mail addresses',
    example: 'from bob.smith@example.com to you',
    untouched: 'sallyport@main.service, git@example.com:x.git, icon@2x.png, pkg@1.2.3',
    hint: /@/,
    expression: MAIL,
    accepts: (value, match) => isDomain(value) && !VERSION.test(value) && !NO_USER.test(value) && !isInUrl(match),
  }),
  ruleOf({
    name: 'card-number',
    version: 1,
    masks: 'Card numbers (PAN) with a known prefix and a valid check digit (Luhn)',
    example: 'card 4111 1111 1111 1111',
    untouched: 'order 4111 1111 1111 1112',
    expression: CARD,
    accepts: isCard,
  }),
  {
    name: 'iban',
    version: 1,
    masks: 'IBANs with the correct length for their country and valid check digits',
    example: 'account DE89 3704 0044 0532 0130 00',
    untouched: 'account DE88 3704 0044 0532 0130 00',
    find: ibansIn,
  },
];

/** `bob@example.com.log` is a file that is named after an address. */
function isDomain(value: string): boolean {
  return !NO_DOMAIN.test(value) || /\.(?:com|net|org|info|edu|gov|[a-z]{2})\.[a-z]+$/i.test(value);
}

/** The password of a URL and its host: another rule masks the password, and the host stays. */
function isInUrl({ input, index }: RegExpExecArray): boolean {
  return /:\\{0,7}\/\\{0,7}\/[^\s/@]{0,80}:$/.test(input.slice(Math.max(0, index - 100), index));
}

function isCard(value: string): boolean {
  const digits = value.replaceAll(/[^\d]/g, '');
  const length = digits.length;
  if (!CARDS.some((card) => card.test(digits))) return false;
  if (!/^[34]/.test(digits) && length < 16) return false;
  let sum = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = Number(digits.charAt(length - 1 - at));
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

/** Words may follow in groups of their own, so the length of the country decides where an IBAN ends. */
function ibansIn(text: string): Span[] {
  const spans: Span[] = [];
  IBAN.lastIndex = 0;
  for (let match = IBAN.exec(text); match !== null; match = IBAN.exec(text)) {
    const { index } = match;
    const length = IBAN_LENGTHS.get(match[0].slice(0, 2).toUpperCase()) ?? 0;
    const compact = match[0].replaceAll(/[ -]/g, '').slice(0, length).toUpperCase();
    const to = index + lengthWithSeparators(match[0], length);
    if (compact.length === length && isIban(compact) && !/[A-Za-z0-9]/.test(text.charAt(to))) spans.push([index, to]);
    // Another IBAN may begin inside the characters that were read in advance.
    IBAN.lastIndex = index + 4;
  }
  return spans;
}

function lengthWithSeparators(text: string, length: number): number {
  let at = 0;
  for (let count = 0; at < text.length && count < length; at += 1) if (/[A-Za-z0-9]/.test(text.charAt(at))) count += 1;
  return at;
}

/** ISO 13616, 6: the number, with its first four characters at the end, is 1 modulo 97. */
function isIban(compact: string): boolean {
  let rest = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const number = Number.parseInt(character, 36);
    rest = (rest * (number > 9 ? 100 : 10) + number) % 97;
  }
  return compact !== '' && rest === 1;
}
