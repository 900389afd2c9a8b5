// Finds credentials in URLs, and credentials in commands that have no option name, such as `mysql -pSECRET`. Pure;
// takes linear time.

import { type BundleRule, matchesOf, ruleOf } from './rule.ts';

/** RFC 3986, 3.2.1: everything before the last `@` of an authority. */
const USERINFO = /(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{0,31}:\\{0,7}\/\\{0,7}\/(?<value>[^\s/?#"'<>\\`]*)@/dgi;
/** A password that should have been escaped: it contains a character that ends an authority. What follows a colon may be a port. */
const UNESCAPED =
  /(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{0,31}:\/\/(?<value>[^\s/?#:"'<>\\]{0,64}:(?!\d{1,5}(?:[/?#]|@?$))[^\s"'<>\\@]{1,128})@(?=[A-Za-z0-9[])/dgi;
/** Users of a URL that every visitor has. */
const PUBLIC_USERS: ReadonlySet<string> = new Set(['git', 'hg', 'svn', 'anonymous']);
/** `bob:secret@proxy.example.com:3128`, as proxies are often configured. */
const WITHOUT_SCHEME =
  /(?<![\w/@:.%+-])(?<value>[\w.%+-]{1,64}:(?!\d\d:\d\d)[^\s/"'<>`,;]{3,64})@(?:(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w.@-])|\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|[A-Za-z0-9-]{1,63}:\d{2,5}(?!\d))/dg;
const SCHEMES_WITHOUT_SLASHES =
  /^(?:npm|sip|sips|mailto|xmpp|acct|workspace|patch|im|pres|pkg|urn|image|docker|oci|tag):/i;

const QUERY =
  /[?&;](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|code|hmac|key|sharedkey|auth|ticket|jwt|assertion|client_assertion|samlresponse|samlrequest|id_token_hint|state|nonce|oauth_[a-z]{1,20}|st|sv_sig)=(?<value>[^&\s"'<>#`\\]{16,})/dgi;
const ACCOUNT_SIGNATURE = /SharedAccessSignature[ =]{1,3}(?<value>[^\s"'<>]{20,})/dg;

const COMMANDS: readonly RegExp[] = [
  /(?<![\w-])(?:sshpass|plink|pscp|putty)[ \t]+[^\r\n|;&]{0,200}?-(?:p|pw)[ \t]{0,4}["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])(?:mysql|mariadb)[a-z_-]{0,12}[ \t]+[^\r\n|;&]{0,200}?[ \t]-p["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])mysqladmin[ \t]+[^\r\n|;&]{0,200}?[ \t]password[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])redis-cli[ \t]+[^\r\n|;&]{0,200}?[ \t]-a[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])ldap[a-z]{3,12}[ \t]+[^\r\n|;&]{0,200}?[ \t]-w[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])(?:smbclient|rpcclient|net|wmic|mount\.cifs)[ \t]+[^\r\n|;&]{0,200}?-U[ \t]{0,4}["']?[^\s%"']{1,64}%(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])htpasswd[ \t]+-[a-zA-Z]*b[a-zA-Z]*[ \t]+[^\s]{1,200}[ \t]+[^\s]{1,64}[ \t]+["']?(?<value>[^\s"']{3,})/dg,
  /\b(?:machine[ \t\r\n]+[^\s]{1,253}|default)[ \t\r\n]{1,40}login[ \t]+[^\s]{1,100}[ \t\r\n]{1,40}password[ \t]+(?<value>[^\s]{3,})/dg,
  /\bidentified[ \t]+by[ \t]+(?:password[ \t]+)?["'](?<value>[^"'\r\n]{1,200})["']/dgi,
  /(?<![\w-])(?:docker|podman|buildah|skopeo|nerdctl|helm|oras|crane|az|oc|cf|ibmcloud)[ \t][^\r\n|;&]{0,60}?login[ \t][^\r\n|;&]{0,200}?[ \t]?-p[ \t]{1,4}["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])(?:mongo(?:sh|dump|restore|export|import)?|cqlsh|rdesktop|clickhouse-client|influx|sshfs)[ \t][^\r\n|;&]{0,200}?[ \t]?-p[ \t]{1,4}["']?(?<value>[^\s"'-][^\s"']{2,})/dg,
  /(?<![\w-])(?:sqlcmd|bcp|tsql|ipmitool|zip|unzip|mosquitto_(?:pub|sub)|isql)[ \t][^\r\n|;&]{0,200}?[ \t]?-P[ \t]{0,4}["']?(?<value>[^\s"'-][^\s"']{2,})/dg,
  /(?<![\w-])7z[ar]?[ \t][^\r\n|;&]{0,200}?[ \t]-p["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])x?freerdp3?[ \t][^\r\n|;&]{0,200}?[ \t]?\/p:["']?(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])ssh-keygen[ \t][^\r\n|;&]{0,200}?-[NP][ \t]{1,4}["']?(?<value>[^\s"'-][^\s"']{2,})/dg,
  /(?<![\w-])lftp[ \t][^\r\n|;&]{0,200}?-u[ \t]{1,4}[^\s,"']{1,64},(?<value>[^\s"']{3,})/dg,
  /(?<![\w-])snmp[a-z]{2,12}[ \t][^\r\n|;&]{0,200}?[ \t]?-[AXc][ \t]{1,4}["']?(?<value>[^\s"']{3,})/dg,
  /\bnet[ \t]+use[ \t][^\r\n|;&]{0,200}?\/user:[^\s]{1,100}[ \t]+["']?(?<value>[^\s"'/][^\s"']{2,})/dgi,
  /\bnet[ \t]+use[ \t]+(?:[A-Za-z]:[ \t]+)?\\\\[^\s]{1,200}[ \t]+["']?(?<value>[^\s"'/][^\s"']{2,})["']?[ \t]+\/user:/dgi,
  /\becho[ \t]+(?:-n[ \t]+)?["']?(?<value>[^\s"'|]{3,})["']?[ \t]*\|[ \t]*(?:sudo[ \t]+-[a-zA-Z]*S|docker[ \t]|podman[ \t]|kinit|passwd|cryptsetup)/dg,
  /\becho[ \t]+["']?[\w.-]{1,64}:(?<value>[^\s"'|]{3,})["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd/dg,
  /\b(?:with|encrypted|login|set)[ \t]+(?:encrypted[ \t]+)?password[ \t]+(?:=[ \t]*)?\\{0,31}["'](?<value>[^"'\r\n]{1,200})["']/dgi,
  /\bset[ \t]+password[ \t][^\r\n;]{0,100}?=[ \t]*(?:password\()?["'](?<value>[^"'\r\n]{1,200})["']/dgi,
  /\bpassword\([ \t]*["'](?<value>[^"'\r\n]{3,200})["'][ \t]*\)/dgi,
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
            ...matchesOf(text, UNESCAPED),
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
      'Passwords on command lines and in statements, where no name such as password precedes them: curl -u, mysql -p, redis-cli -a, docker login -p, sqlcmd -P, net use and others; SQL statements that set a password; commands of routers',
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
