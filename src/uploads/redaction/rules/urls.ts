// Credentials in URLs, and on command lines that have no key for them. Pure and linear.

import { type BundleRule, matchesOf, ruleOf } from './rule.ts';

/** RFC 3986, 3.2.1: everything before the last `@` of an authority. */
const USERINFO = /(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{0,31}:\\{0,7}\/\\{0,7}\/(?<value>[^\s/?#"'<>\\`]*)@/dgi;
/** Users of a URL that every visitor has. */
const PUBLIC_USERS: ReadonlySet<string> = new Set(['git', 'hg', 'svn', 'anonymous']);
/** `bob:secret@proxy.example.com:3128`, as proxies are often configured. */
const WITHOUT_SCHEME =
  /(?<![\w/@:.%+-])(?<value>[\w.%+-]{1,64}:[^\s:@/"'<>`,;]{3,64})@(?:(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w.@-])|\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|[A-Za-z0-9-]{1,63}:\d{2,5}(?!\d))/dg;
const SCHEMES_WITHOUT_SLASHES =
  /^(?:npm|sip|sips|mailto|xmpp|acct|workspace|patch|im|pres|pkg|urn|image|docker|oci|tag):/i;

const QUERY =
  /[?&;](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|code|hmac|key|sharedkey|auth|ticket|jwt|assertion|client_assertion|samlresponse|samlrequest|id_token_hint|state|nonce|oauth_[a-z]{1,20}|st|sv_sig)=(?<value>[^&\s"'<>#`\\]{16,})/dgi;
const ACCOUNT_SIGNATURE = /SharedAccessSignature[ =]{1,3}(?<value>[^\s"'<>]{20,})/dg;

const COMMANDS: readonly RegExp[] = [
  /(?<![\w-])(?:sshpass|plink|pscp|putty)[ \t]+[^\r\n|;&]{0,200}?-(?:p|pw)[ \t]{0,4}["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])(?:mysql|mariadb)[a-z]{0,12}[ \t]+[^\r\n|;&]{0,200}?[ \t]-p["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])redis-cli[ \t]+[^\r\n|;&]{0,200}?[ \t]-a[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])ldap[a-z]{3,12}[ \t]+[^\r\n|;&]{0,200}?[ \t]-w[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])(?:smbclient|rpcclient|net|wmic|mount\.cifs)[ \t]+[^\r\n|;&]{0,200}?-U[ \t]{0,4}["']?[^\s%"']{1,64}%(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])htpasswd[ \t]+-[a-zA-Z]*b[a-zA-Z]*[ \t]+[^\s]{1,200}[ \t]+[^\s]{1,64}[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /\b(?:machine[ \t\r\n]+[^\s]{1,253}|default)[ \t\r\n]{1,40}login[ \t]+[^\s]{1,100}[ \t\r\n]{1,40}password[ \t]+(?<value>[^\s]{3,})/dg,
  /\bidentified[ \t]+by[ \t]+(?:password[ \t]+)?["'](?<value>[^"'\r\n]{1,200})["']/dgi,
  /\bsnmp-server[ \t]+community[ \t]+(?<value>[^\s]{3,})/dgi,
  /(?<![\w-])(?:password|secret|key|key-string)[ \t]+[05789][ \t]+(?<value>[^\s]{6,})/dgi,
];
/** `curl -u bob:secret`. Other commands have a user and a group there. */
const USER_OPTION =
  /(?<=^|\s|["'])(?:-u|-U|--user|--proxy-user)(?:[ \t]{1,4}|=)["']?[^\s:"']{1,64}:(?<value>[^\s"']{3,})/dgm;
const MAX_COMMAND = 300;

export const URL_RULES: readonly BundleRule[] = [
  {
    name: 'url-userinfo',
    version: 1,
    masks: 'User and password in URLs and in addresses such as user:password@host:port',
    example: 'http://bob:hunter2@proxy.example.com:3128/',
    untouched: 'https://example.com/@scope/name, ssh://git@example.com/x.git',
    find: (text) =>
      text.includes('@')
        ? [
            ...matchesOf(text, USERINFO, (value) => !PUBLIC_USERS.has(value.toLowerCase())),
            ...matchesOf(text, WITHOUT_SCHEME, (value) => !SCHEMES_WITHOUT_SLASHES.test(value)),
          ]
        : [],
  },
  {
    name: 'url-signature',
    version: 1,
    masks: 'Signatures, codes and tickets in queries of URLs, such as those of Azure SAS, Amazon S3, OAuth and SAML',
    example: 'https://x.blob.core.windows.net/c?sv=2024-11-04&sig=q7Rt2Vx9Lm4Kd8Wsq7Rt2Vx9',
    untouched: 'https://example.com/?code=404&key=name',
    find: (text) => [
      ...matchesOf(text, QUERY, (value) => /\d/.test(value) && /[A-Za-z]/.test(value)),
      ...matchesOf(text, ACCOUNT_SIGNATURE),
    ],
  },
  {
    name: 'command-line',
    version: 1,
    masks:
      'Passwords on command lines and in statements that have no key for them: curl -u, sshpass -p, mysql -p, redis-cli -a, ldapsearch -w, smbclient -U, .netrc, IDENTIFIED BY, commands of routers',
    example: 'curl -u bob:hunter2 http://example.com/',
    untouched: 'docker run -u 1000:1000 image',
    find: (text) => [
      ...COMMANDS.flatMap((command) => matchesOf(text, command)),
      ...matchesOf(text, USER_OPTION, (value, match) => isPasswordOf(value, text, match)),
    ],
  },
  ruleOf({
    name: 'aws-secret-key',
    version: 1,
    masks: 'AWS secret access keys near an access key ID or the word aws',
    example: 'aws: wJalrXUtnFEMI/K7MDENG/bPxRfiCYq7Rt2Vx9Lm',
    untouched: 'aws: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12',
    hint: /(?:AKIA|ASIA)[A-Z0-9]{16}|aws/i,
    expression: /(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])/g,
    accepts: (value, match) => /\d/.test(value) && /[A-Z]/.test(value) && /[a-z]/.test(value) && isNearAws(match),
  }),
];

function isPasswordOf(value: string, text: string, match: RegExpExecArray): boolean {
  const before = text.slice(Math.max(0, match.index - MAX_COMMAND), match.index);
  const command = before.slice(before.lastIndexOf('\n') + 1);
  if (/\b(?:curl|wget|http|https|xh|ab|lftp)\b/.test(command)) return true;
  return /\D/.test(value) && /[\dA-Z]|[^\w-]/.test(value) && !/^\d/.test(value);
}

const NEAR = 300;

function isNearAws({ input, index }: RegExpExecArray): boolean {
  const around = input.slice(Math.max(0, index - NEAR), index + NEAR);
  return /(?:AKIA|ASIA)[A-Z0-9]{16}|aws/i.test(around);
}
