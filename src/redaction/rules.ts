// Masks secrets that are not registered, by their position in a text: for example, a token that a server put into a
// redirect, or a header that another proxy repeated. Each rule has a name and an expression. Pure.
//
// A rule keeps the name of the field and masks its value. A value that is already masked stays as it is.

import { MASK } from './secret.ts';

/** A rule for one kind of position. */
export interface RedactionRule {
  readonly name: string;
  apply(text: string): string;
}

/** Headers with credentials, to the end of the line; in JSON or quotes, to the end of the string. */
const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)((?:\\?["'])?\s*[:=]\s*)(\\?")?(?:(?!\\?")[^\r\n])+/gi;
/** RFC 3986, 3.2.1: everything before the last `@` of an authority. */
const USERINFO = /\b([a-z][a-z0-9+.-]{0,31}:\\?\/\\?\/)(?:[^\s/?#"'<>\\]*)@/gi;
const QUERY =
  /\b((?:password|passwd|passphrase|pwd|token|access_token|refresh_token|id_token|secret|client_secret|api_?key|signature|sig)=)[^&\s"'<>#;,)\]}\\]+/gi;

export const REDACTION_RULES: readonly RedactionRule[] = [
  {
    name: 'credentials in headers',
    apply: (text) =>
      text.replaceAll(
        HEADER,
        (_whole, name: string, sign: string, quote: string | undefined) => `${name}${sign}${quote ?? ''}${MASK}`,
      ),
  },
  { name: 'user information in URLs', apply: (text) => text.replaceAll(USERINFO, `$1${MASK}@`) },
  { name: 'secrets in queries', apply: (text) => text.replaceAll(QUERY, `$1${MASK}`) },
];

/** Applies every rule to the text. */
export function applyRules(text: string): string {
  return REDACTION_RULES.reduce((redacted, rule) => rule.apply(redacted), text);
}
