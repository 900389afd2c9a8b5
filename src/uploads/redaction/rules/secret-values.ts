// Decides whether the value of a key is really a secret. In `password=hunter2` it is. In `password=required`, `token:
// expired` and `secret=${VAULT_SECRET}` it is not. Pure.

import type { KeyKind } from './key-names.ts';

/**
 * How sure the notation is: in quotes; a line that begins with the key; `key=value`; `key: value` inside a sentence;
 * a sentence without a sign.
 */
export type Form = 'quoted' | 'line' | 'tight' | 'loose' | 'prose';

const MIN_PASSWORD_LENGTH = 3;
const MIN_TOKEN_LENGTH = 6;
/** In a sentence. */
const MIN_LOOSE_TOKEN_LENGTH = 8;
const MIN_PROSE_TOKEN_LENGTH = 16;
const MIN_PROSE_PASSWORD_LENGTH = 6;
/** A plain word of more letters is rather a token. */
const MAX_WORD_LENGTH = 15;
/** The beginning of a value decides. */
const MAX_EXAMINED = 200;

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Values of settings and of types. */
const NOT_A_SECRET = words(
  'true false null nil none undefined unset yes no on off empty blank missing required optional invalid valid expired ' +
    'unknown default auto disabled enabled redacted masked hidden removed filtered sanitized omitted secret-redacted ' +
    'string str text bytes byte char int integer number boolean bool any object array varchar uuid file prompt stdin ' +
    'correct incorrect wrong ok n/a na tbd todo self this value set never always',
);
/** Words that begin or make up a sentence about a secret. */
const PROSE = words(
  'a about accepted added after again all already an and any are as ask at authentication be because been before bob by ' +
    'can cannot changed check could created denied deleted did do does enter entered error expected expires failed failure ' +
    'find for found from generated given got granted had has have if ignored in incorrect input is it its just kept length likely ' +
    'list loaded long lost may method mismatch missing must need needed needs new not nothing obtained of ok old only or other ' +
    'please policy prompt provided read received refresh refused rejected request requested reset resolved retrieved ' +
    'revoked rotated saved see sent should since skipped some stored success successful succeeded supplied that the there they this ' +
    'to too type unchanged unexpected unless unreadable updated use used user using validated verified wait was were when which ' +
    'will with without would write written wrong you your',
);
const PLACEHOLDER =
  /^(?:\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%|%\(?\w*\)?[sdv]|\{\{.*\}\}|\{[\w.]*\}|<[A-Za-z][\w .:-]*>|\[[A-Za-z][\w .-]*\]|\([A-Za-z][\w .-]*\)|[x*•.#_-]{3,}|@[\w.]+@)[,;.]?$/i;
/** A call or an index of code. A random password rarely ends in a matching pair of brackets. */
const CODE =
  /^[A-Za-z_$][\w.$]*(?:\([^()]{0,80}\)|\[[^[\]]{0,80}\])[;,]?$|^(?:self|this|process\.env|os\.environ)\b|^new [A-Z]/;
const PATH =
  /^(?:~|\.{1,2})?(?:\/[a-z0-9._-]+){2,}\/?$|^[A-Z]:\\|^file:|^[\w.-]+:\/[a-z]|^[a-z0-9._-]+(?:\/[a-z0-9._-]+)+\.[a-z]{1,4}$/;
/** Names of things: `my-token-name`, `refreshToken`, `com.example.Token`, `access_token`. */
const NAME =
  /^(?:[A-Z]?[a-z]+|[A-Z]+)(?:[-_. /][A-Za-z]?[a-z]*)*$|^[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)*$|^(?:[A-Z]+_)*[A-Z]+$/;
const QUANTITY = /^[-+]?\d[\d.,:TZ/-]*(?:[a-zA-Z%]{1,3})?$/;
const DURATION = /^\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d|%|[KMG]i?B)$/;
const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;

/** Whether a value is a secret. */
export function isSecretValue(value: string, kind: KeyKind, form: Form): boolean {
  const text = value.trim();
  if (text === '' || isSetting(text)) return false;
  if (kind === 'number') return /^\d{3,8}$/.test(text) && form !== 'prose';
  return kind === 'password' ? isPassword(text, form) : isToken(text, form);
}

export function isSetting(text: string): boolean {
  const start = text.slice(0, MAX_EXAMINED);
  return (
    NOT_A_SECRET.has(text.toLowerCase().replace(/[.,;!?]+$/, '')) ||
    PLACEHOLDER.test(start) ||
    CODE.test(start) ||
    PATH.test(start)
  );
}

function isPassword(text: string, form: Form): boolean {
  if ((form === 'prose' || form === 'loose') && DURATION.test(text)) return false;
  if (text.length < MIN_PASSWORD_LENGTH) return false;
  if (form === 'prose')
    return (
      text.length >= MIN_PROSE_PASSWORD_LENGTH &&
      /[A-Za-z]/.test(text) &&
      (/\d/.test(text) || /[@#$%^!*]./.test(text)) &&
      !/[/()<>=]/.test(text)
    );
  if (form === 'quoted' || form === 'tight') return !isSentence(text);
  const isWord = /^[A-Za-z]+[.,:;!?]?$/.test(text);
  return !(isWord && PROSE.has(firstWord(text))) && !isSentence(text);
}

function isToken(text: string, form: Form): boolean {
  if (text.length < MIN_TOKEN_LENGTH || ADDRESS.test(text) || isSentence(text)) return false;
  const isName = NAME.test(text.slice(0, MAX_EXAMINED)) && !hasRandomCase(text);
  if (isName && (text.length <= MAX_WORD_LENGTH || /[-_. /]/.test(text) || /[A-Z]/.test(text.slice(1)))) return false;
  if (QUANTITY.test(text)) return /^\d+$/.test(text) && form !== 'loose' && form !== 'prose';
  if (form === 'loose' || form === 'line') return text.length >= MIN_LOOSE_TOKEN_LENGTH && looksRandom(text);
  if (form === 'prose')
    return (
      text.length >= MIN_PROSE_TOKEN_LENGTH &&
      looksRandom(text) &&
      /[A-Z]/.test(text) &&
      /[a-z]/.test(text) &&
      /^[\w+/=.~-]+$/.test(text)
    );
  return true;
}

/**
 * Whether a text is a sentence: plain words, of which two are common in sentences; or at least three, of which the
 * first is.
 */
export function isSentence(text: string): boolean {
  const parts = text.slice(0, MAX_EXAMINED).split(/\s+/);
  if (parts.length < 2 || !parts.every((part) => /^[("']?[A-Za-z'-]+[.,:;!?)"']*$/.test(part))) return false;
  const prose = parts.filter((part) => PROSE.has(part.toLowerCase().replaceAll(/[^a-z]/g, ''))).length;
  return prose >= 2 || (prose === 1 && parts.length > 2 && PROSE.has(firstWord(text)));
}

/** Whether the first word is one of sentences: `denied for role viewer`. */
export function beginsSentence(text: string): boolean {
  return PROSE.has(firstWord(text));
}

function firstWord(text: string): string {
  return (/^[A-Za-z]+/.exec(text)?.[0] ?? '').toLowerCase() || '-';
}

function looksRandom(text: string): boolean {
  return /\d/.test(text) || hasRandomCase(text);
}

/** Capitals at places where names have none. */
function hasRandomCase(text: string): boolean {
  return /[A-Z]{2,}[a-z]+[A-Z]|[a-z][A-Z]{2,}[a-z]|(?:[a-z][A-Z]){3}|[+=~!@#%^&*]/.test(text);
}
