// Decides from the name of a key whether its value is a secret: `DB_PASSWORD`, `clientSecret`, `x-api-key`. Pure.
//
// The name is split into words. If one of them is a word such as `password`, the value is a secret. It is not, if
// another word shows that the value only describes a secret: `password_file`, `max_tokens`, `tokenExpired`.

/**
 * How the value of a key is judged. Passwords are chosen by people, so any word may be one. Tokens and keys are made
 * by machines, so a plain word or a small number is not one.
 */
export type KeyKind = 'password' | 'token' | 'number';

/** Finds the words below inside a text. What it finds is then checked as a whole name. */
export const STEM =
  /pass|pwd|secret|token|credential|auth|pw(?![a-z])|psk|key|kennwort|sess(?:ion)?_?id|csrf|xsrf|jwt|bearer|mnemonic|phrase|wort|wachtwoord|senha|contrase|haslo|senord|salasana|otp|cvv|cvc|pin(?![a-z])|sid(?![a-z])/gi;

const PASSWORD =
  /(?:pass(?:w(?:or)?ds?|wort|phrases?|code)|pwd|kennwort|losungswort|motdepasse|wachtwoord|senha|contrasen[ay]a?|haslo|losenord|salasana|secret|(?:root|bind|db|user|admin|ldap|my)pw|(?:require|db|user|admin|root|my|http|smtp|ftp|mysql|ssl|store|key|trust|login|bind|ldap|proxy|wifi)pass|masterauth)$/;
const PASSWORD_WORDS: ReadonlySet<string> = new Set(['pass', 'passe', 'pw', 'psk', 'pswd', 'passw', 'mnemonic']);
const TOKEN =
  /(?:tokens?|secrets|credentials?|apikeys?|secretkey|accesskey|privatekey|authkey|accountkey|sharedkey|masterkey)$/;
const TOKEN_WORDS: ReadonlySet<string> = new Set([
  'auth',
  'jsessionid',
  'phpsessid',
  'jwt',
  'bearer',
  'csrf',
  'xsrf',
  'sessid',
]);
const NUMBER_WORDS: ReadonlySet<string> = new Set(['otp', 'totp', 'cvv', 'cvv2', 'cvc', 'cvc2', 'pin']);

const PHRASE_QUALIFIERS: ReadonlySet<string> = new Set(['seed', 'recovery', 'pass', 'secret']);

/** Words that make the `key` after them a secret. Most keys are not: `primary_key`, `cache_key`, `public_key`. */
const KEY_QUALIFIERS: ReadonlySet<string> = new Set([
  'access',
  'account',
  'admin',
  'aes',
  'api',
  'app',
  'application',
  'auth',
  'client',
  'consumer',
  'customer',
  'decryption',
  'deploy',
  'enc',
  'encrypt',
  'encryption',
  'functions',
  'hmac',
  'integration',
  'jwt',
  'license',
  'licence',
  'master',
  'pre',
  'preshared',
  'private',
  'rsa',
  'sas',
  'secret',
  'service',
  'session',
  'shared',
  'sign',
  'signing',
  'ssh',
  'ssl',
  'storage',
  'stripe',
  'subscription',
  'tls',
  'vault',
  'webhook',
  'wrapping',
  'write',
]);

/** Words that say that the value is about a secret and is not the secret. */
const ABOUT: ReadonlySet<string> = new Set(
  (
    'age alg algorithm allow allowed attempt attempts attribute audience available avg bits bool bucket budget bytes can ' +
    'change changed changes check class column complexity config configured count counter created date day days default ' +
    'description dir directory disable disabled duration enable enabled endpoint error errors exists expiration expire ' +
    'expired expires expiry fail failed failure failures field file filename fingerprint folder format fp generator has ' +
    'header help hint hours id ids index input interval invalid is issuer kind label last len length level lifetime ' +
    'limit list loc location manager max message method min minutes missing mode modified mount name names need needed ' +
    'needs num number of output param parameter parser path pattern paths per policy position present prompt provider ' +
    'public rate reader ref reference refreshed rejected remaining required requirements reset retries retry revision ' +
    'rotated rotation rule rules scope scopes seconds set size source start state status store strength supported ' +
    'thumbprint time timeout timestamp total ttl type types uri url usage use used user username uses using valid ' +
    'validate validation validity validator version volume warning without'
  ).split(' '),
);
/** Of these, a few also begin names of secrets: `userPassword`, `reset_token`, `name.password`. */
const MAY_PRECEDE: ReadonlySet<string> = new Set(
  (
    'account attribute bucket change check client config configured default directory endpoint error field file header help id input ' +
    'issuer last list location manager message mount output parameter param path policy provider public refreshed reset ' +
    'set source start state status store time type url use user username validation version volume prompt check rotation'
  ).split(' '),
);
const MAX_NAME_LENGTH = 80;

/** The kind of secret that a key of this name holds; null if it holds none. */
export function kindOfKey(name: string): KeyKind | null {
  if (name.length > MAX_NAME_LENGTH) return null;
  const words = wordsOf(name);
  for (let at = words.length - 1; at >= 0; at -= 1) {
    const kind = kindOfWord(words, at);
    if (kind === null) continue;
    const isAbout = words.some(
      (word, index) => ABOUT.has(word) && !(index < at && MAY_PRECEDE.has(word)) && index !== at,
    );
    return isAbout ? null : kind;
  }
  return null;
}

function wordsOf(name: string): string[] {
  const separated = withoutAccents(name)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2');
  return separated
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => (word.length > 3 ? word.replace(/\d{1,3}$/, '') : word))
    .filter((word) => word !== '');
}

function withoutAccents(name: string): string {
  return /[^\0-\x7f]/.test(name) ? name.normalize('NFD').replaceAll(/\p{M}/gu, '') : name;
}

function kindOfWord(words: readonly string[], at: number): KeyKind | null {
  const word = words[at] ?? '';
  const before = words[at - 1] ?? '';
  const isLast = at === words.length - 1;
  if (PASSWORD.test(word) || (isLast && PASSWORD_WORDS.has(word))) return 'password';
  if (word === 'phrase' && PHRASE_QUALIFIERS.has(before)) return 'password';
  if (TOKEN.test(word) || (isLast && TOKEN_WORDS.has(word))) return 'token';
  if (NUMBER_WORDS.has(word)) return 'number';
  if (word === 'key' || word === 'keys') return isSecretKey(before, words[at - 2]) ? 'token' : null;
  return isSessionId(words, at) ? 'token' : null;
}

function isSecretKey(before: string, first: string | undefined): boolean {
  return KEY_QUALIFIERS.has(before) && first !== 'public';
}

/** `connect.sid` and `ASP.NET_SessionId`: other session IDs are not secret. */
function isSessionId(words: readonly string[], at: number): boolean {
  const [word, before] = [words[at], words[at - 1]];
  if (word === 'sid') return before === 'connect';
  return word === 'id' && (before === 'session' || before === 'sess') && words.includes('asp');
}
