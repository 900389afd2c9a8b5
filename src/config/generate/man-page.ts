// Generates docs/man/sallyport.yaml.5: every key of the configuration for man(1), in mdoc(7).

import { EFFECT_WORDS } from '#config/schema/key.ts';
import { type ListedKey, listGroups, withInner } from './keys.ts';
import { sentence } from './text.ts';

const HEAD = `.\\" Generated from the schema by \`npm run generate\`; do not edit.
.Dd November 30, 2026
.Dt SALLYPORT.YAML 5
.Os
.Sh NAME
.Nm sallyport.yaml
.Nd configuration file of sallyport(8)
.Sh DESCRIPTION
.Xr sallyport 8
reads one file: the one that
.Fl -config
names, or
.Pa /etc/sallyport/sallyport.yaml .
The file is YAML 1.2 in UTF-8 and begins with
.Ql version: 2 .
It may have at most 1 MiB.
Aliases and tags are not supported.
A relative path is relative to the folder of the configuration file.
A section without keys is the same as no section.
.Pp
A running daemon reads a changed file automatically, and also on SIGHUP.
The command
.Ic sallyport config check
reports every error with its line, and
.Ic sallyport config show
shows each key with its value, and where the value comes from.
Members of the group
.Ql sallyport-admin
may change the keys that an operator or an admin may set.
All other keys need write access to the file.
.Ss Secrets
A secret is written in one of four ways:
.Bl -tag -width Ds
.It Ql {file: secrets/proxy-password}
The content of the file.
A line break at the end is removed.
.It Ql {env: PROXY_PASSWORD}
The value of the environment variable.
.It Ql {credential: proxy-password}
The credential that systemd provides with
.Ql LoadCredential= .
.It Ql 'the value itself'
The text itself, always in quotes.
.El
.Sh KEYS
`;

const TAIL = `.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/sallyport/sallyport.yaml
The configuration of an installed Sallyport.
.It Pa /usr/share/sallyport/sallyport.example.yaml
An example with every key.
.It Pa /usr/share/sallyport/sallyport.schema.json
The JSON schema, for editors.
.El
.Sh EXAMPLES
The smallest file that is useful:
.Bd -literal -offset indent
version: 2
updates:
  feed_url: https://updates.example.com/feed.json
proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    default: true
.Ed
.Sh SEE ALSO
.Xr sallyport 8
`;

/** The text of the file. */
export function makeManPage(): string {
  const groups = listGroups().flatMap(({ name, description, keys }) => [
    ...(name === '' ? [] : [`.Ss ${escaped(name)}`, ...(description === '' ? [] : prose(description))]),
    '.Bl -tag -width Ds',
    ...keys.flatMap(withInner).flatMap(keyLines),
    '.El',
  ]);
  return `${HEAD}${groups.join('\n')}\n${TAIL}`;
}

function keyLines({ name, facts, fallback }: ListedKey): string[] {
  if (facts === undefined) return [];
  const unit = facts.unit === null ? '' : ` (${facts.unit})`;
  const value = fallback === undefined ? (facts.absent ?? 'none') : defaultText(fallback);
  return [
    `.It Va ${escaped(name)}`,
    ...prose(sentence(facts.description)),
    '.Pp',
    ...prose(sentence(`Allowed: ${facts.allowed}${unit}`)),
    ...prose(sentence(`Default: ${value}`)),
    ...prose(`Takes effect ${EFFECT_WORDS[facts.effect]}. Set by: ${facts.setBy}.`),
  ];
}

function defaultText(fallback: unknown): string {
  return typeof fallback === 'string' ? fallback : JSON.stringify(fallback);
}

/** One sentence in a line, as mdoc(7) asks. */
function prose(text: string): string[] {
  return text.split(/(?<=[.!?])\s+(?=[A-Z])/).map(escaped);
}

/** Text that man(1) prints as it is: a backslash, and a point or quote at the start of a line, are not commands. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replace(/^(?=[.'])/, '\\&');
}
