// Secrets by the place where they stand, for those that nobody registered: a token that a server put into a redirect,
// a header that somebody else's proxy echoed. Each rule is a name, an expression and what is left; all are pure.
//
// A rule keeps the name of the thing and masks its value. What is masked already is left as it is.

import { MASK } from './secret.ts';

/** One kind of place. */
export interface RedactionRule {
  readonly name: string;
  apply(text: string): string;
}

/** Headers with credentials, to the end of the line; in JSON or quotes, to the end of the string. */
const HEADER = /((?:proxy-)?authorization|(?:set-)?cookie)((?:\\?["'])?\s*[:=]\s*)(\\?")?(?:(?!\\?")[^\r\n])+/gi;
/** RFC 3986, 3.2.1: what stands before the last `@` of an authority. */
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

/** The text after every rule. */
export function applyRules(text: string): string {
  return REDACTION_RULES.reduce((redacted, rule) => rule.apply(redacted), text);
}
