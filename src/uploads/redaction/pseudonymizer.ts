// Finds hosts, users and addresses in a text. Pure and linear.
//
// Hosts and users have no form of their own. They are found where the text says what they are (the host of a URL,
// `user=`, a home folder, the host of a syslog line), and wherever names from the configuration appear.

import type { Span } from '#redaction/mask.ts';
import type { PseudonymKind, Pseudonyms } from './pseudonyms.ts';

/** A name in a text. */
export interface NamedSpan {
  /** The rule that it counts for. */
  readonly rule: string;
  readonly span: Span;
  /** Its pseudonym; the first call gives it one. */
  name(): string;
}

/** Names that are replaced wherever they appear. */
export interface OwnNames {
  readonly hosts: readonly string[];
  readonly users: readonly string[];
}

interface Source {
  readonly kind: PseudonymKind;
  /** With a group named `value` and the flag `d`. */
  readonly expression: RegExp;
  accepts?(value: string, match: RegExpExecArray): boolean;
}

/** Minimum length in characters of a name of the configuration; shorter ones would replace ordinary words. */
const MIN_OWN_NAME_LENGTH = 3;

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?';
const HOST = `${LABEL}(?:\\.${LABEL}){0,8}`;
/** Endings of names in free text: generic and internal domains, and countries whose code does not also end names of files. */
const DOMAIN =
  'com|net|org|info|biz|edu|gov|mil|int|io|dev|app|cloud|online|site|tech|eu|local|lan|localdomain|internal|intern|corp|intranet|intra|home|priv|private|ad|de|at|ch|li|fr|it|es|pt|nl|be|lu|uk|ie|dk|se|no|fi|is|cz|sk|hu|ro|bg|gr|si|hr|ee|lv|lt|us|ca|mx|br|ar|cl|co|au|nz|jp|cn|kr|tw|hk|sg|th|vn|my|ph|id|in|ru|ua|tr|il|ae|sa|za|eg|ng|ke';
const REVERSED = /^(?:com|org|net|io|de|edu|gov|java|javax|jakarta|sun|scala|kotlin|android|dev)\./i;
const KEPT_HOST =
  /^(?:localhost|ip6-localhost|ip6-loopback|localhost\.localdomain|\d+|\*|none|null|undefined|true|false|default|unknown|host-\d+|-)$|(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid)$/i;
const KEPT_USER =
  /^(?:root|nobody|nogroup|daemon|system|sys|bin|sallyport|www-data|systemd-[a-z-]+|messagebus|admin|administrator|anonymous|guest|user|users|default|public|all|none|null|undefined|true|false|unknown|n\/a|id|name|group|password|login|account|agent|space|data|mode|input|error|is|was|has|not|and|or|the|a|an|in|on|to|of|for|from|with|by|at|who|that|user-\d+|\d+|-|\*+)$/i;

const SOURCES: readonly Source[] = [
  // The whole authority, because a colon and an @ may be in the user information.
  {
    kind: 'host',
    expression: new RegExp(`://(?:[^\\s/?#"'<>@]{0,256}@)?(?<value>${HOST})(?![A-Za-z0-9_-])`, 'dg'),
    accepts: isHost,
  },
  {
    kind: 'host',
    expression: new RegExp(
      `(?<![A-Za-z0-9_-])(?:host|hostname|host_name|server|servername|server_name|node(?=["']?[ \\t]{0,4}=|["']?:[ \\t])|nodename|fqdn|domain|workstation|machine|computer|rhost|_HOSTNAME)["']?[ \\t]{0,4}[=:][ \\t]{0,4}["']?(?<value>${HOST})(?![A-Za-z0-9_/-])`,
      'dgi',
    ),
    accepts: isHost,
  },
  {
    kind: 'host',
    expression: new RegExp(
      `(?<![A-Za-z0-9_@./\\\\%&-])(?<value>(?:${LABEL}\\.){1,8}(?:${DOMAIN}))(?![A-Za-z0-9_(-]|\\.[A-Za-z0-9])`,
      'dg',
    ),
    accepts: (value) => isHost(value) && !REVERSED.test(value),
  },
  // RFC 3164, 4.1.2, and the form of journalctl -o short-iso.
  {
    kind: 'host',
    expression: new RegExp(
      `^(?:<\\d{1,3}>)?(?:[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d|\\d{4}-\\d\\d-\\d\\dT[\\d:.,]{8,16}(?:Z|[+-]\\d\\d:?\\d\\d)?) (?<value>${HOST}) [A-Za-z0-9_./()@-]{1,64}(?:\\[\\d{1,10}\\])?: `,
      'dgm',
    ),
    accepts: isHost,
  },
  {
    kind: 'user',
    expression:
      /(?<![A-Za-z0-9-])(?:user|username|user_name|userid|user_id|login|logname|account|principal|ruser|acct|samaccountname|upn|owner)\\{0,7}["']?[ \t]{0,4}[=:][ \t]{0,4}\\{0,7}["']?(?<value>[A-Za-z_][A-Za-z0-9_.$-]{0,63}(?:\\{1,4}[A-Za-z0-9_.$-]{1,64})?)/dgi,
    accepts: isUser,
  },
  {
    kind: 'user',
    expression:
      /(?<![A-Za-z0-9-])(?:(?:for|of|as|by|invalid|from)[ \t]{1,4})?user[ \t]{1,4}["']?(?<value>[A-Za-z_][A-Za-z0-9_.-]{1,63})["']?(?=[ \t]{0,4}(?:[(,;:.]|$|from\b|by\b|at\b|on\b|in\b|with\b|port\b))/dgim,
    accepts: isUser,
  },
  {
    kind: 'user',
    expression:
      /(?<![A-Za-z0-9-])(?:password|publickey|session (?:opened|closed)) for (?:user )?(?<value>[A-Za-z_][A-Za-z0-9_.-]{0,63})(?![A-Za-z0-9_-])/dg,
    accepts: isUser,
  },
  {
    kind: 'user',
    expression:
      /(?<![A-Za-z0-9_.\\/:-])(?<value>[A-Z][A-Z0-9-]{1,14}\\{1,4}[A-Za-z_][A-Za-z0-9_.$-]{0,63})(?![\\A-Za-z0-9_-])/dg,
    accepts: (value) => isUser(value),
  },
  {
    kind: 'user',
    expression:
      /(?:\/home\/|\/Users\/|[A-Za-z]:\\{1,4}Users\\{1,4})(?<value>[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63})(?![A-Za-z0-9_-])/dg,
    accepts: isUser,
  },
  {
    kind: 'ipv4',
    expression: /(?<![A-Za-z0-9_.%]|[A-Za-z]\/)(?<value>\d{1,3}(?:\.\d{1,3}){3})(?![A-Za-z0-9_]|\.\d)/dg,
    accepts: isIpv4,
  },
  {
    kind: 'ipv6',
    expression: /(?<![A-Za-z0-9_:.])(?<value>(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39})(?![A-Za-z0-9_:])/dg,
    accepts: isIpv6,
  },
  {
    kind: 'mac',
    expression:
      /(?<![A-Za-z0-9_:-])(?<value>[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\2){4}[0-9A-Fa-f]{2})(?![A-Za-z0-9_:-])/dg,
    accepts: (value) => !/^(?:(?:00[:-]){5}00|(?:ff[:-]){5}ff|02[:-]00[:-]00[:-])/i.test(value),
  },
];

/** Finds the names of a text. */
export class Pseudonymizer {
  readonly #pseudonyms: Pseudonyms;
  readonly #sources: readonly Source[];

  constructor(pseudonyms: Pseudonyms, own: OwnNames) {
    this.#pseudonyms = pseudonyms;
    this.#sources = [...ownSources('host', own.hosts), ...ownSources('user', own.users), ...SOURCES];
  }

  /** Unordered; spans may overlap. */
  find(text: string): NamedSpan[] {
    return this.#sources.flatMap(({ kind, expression, accepts }) => {
      const found: NamedSpan[] = [];
      expression.lastIndex = 0;
      for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
        const span = match.indices?.groups?.['value'];
        const value = match.groups?.['value'];
        if (span === undefined || value === undefined || accepts?.(value, match) === false) continue;
        found.push({
          rule: `pseudonym-${kind}`,
          span,
          name: () => this.#pseudonyms.nameOf(kind, canonical(kind, value)),
        });
      }
      return found;
    });
  }
}

function ownSources(kind: PseudonymKind, names: readonly string[]): Source[] {
  const kept = kind === 'host' ? KEPT_HOST : KEPT_USER;
  const useful = names.filter(
    (name) => name.length >= MIN_OWN_NAME_LENGTH && !kept.test(name) && !/^[\d.:[\]]+$/.test(name),
  );
  if (useful.length === 0) return [];
  const alternatives = useful
    .toSorted((one, other) => other.length - one.length)
    .map((name) => RegExp.escape(name))
    .join('|');
  return [{ kind, expression: new RegExp(`(?<![A-Za-z0-9_])(?<value>${alternatives})(?![A-Za-z0-9_])`, 'dgi') }];
}

/** The same address in different spellings gets the same name. */
function canonical(kind: PseudonymKind, value: string): string {
  if (kind === 'mac') return value.replaceAll('-', ':');
  if (kind === 'user') return value.replaceAll(/\\+/g, '\\');
  return kind === 'ipv6' ? groupsOf(value).join(':') : value.replace(/\.$/, '');
}

function isHost(value: string): boolean {
  return !KEPT_HOST.test(value) && !/^[\d.]+$/.test(value);
}

function isUser(value: string): boolean {
  return !KEPT_USER.test(value);
}

/** Kept: loopback, unspecified, masks and broadcast, multicast, and the documentation ranges of RFC 5737. */
function isIpv4(value: string, { input, index }: RegExpExecArray): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = value.split('.').map(Number);
  if ([a, b, c, d].some((byte) => byte > 255) || /(?:^|\.)0\d/.test(value)) return false;
  if (/version["'\s:=]{0,4}$/i.test(input.slice(Math.max(0, index - 12), index))) return false;
  const isDocumentation = [
    [192, 0, 2],
    [198, 51, 100],
    [203, 0, 113],
  ].some(([x, y, z]) => a === x && b === y && c === z);
  return !(a === 127 || a === 0 || a >= 224 || isDocumentation);
}

/** RFC 4291, 2.2. Kept: loopback, unspecified, multicast, and the documentation range of RFC 3849. */
function isIpv6(value: string): boolean {
  const groups = groupsOf(value);
  if (groups.length !== 8 || !/\d/.test(value)) return false;
  return !(
    /^(?:0:){7}[01]$/.test(groups.join(':')) ||
    /^ff/.test(groups[0]?.padStart(4, '0') ?? '') ||
    /^2001:db8:/.test(groups.join(':'))
  );
}

/** The eight groups without leading zeros; fewer or none for what is not an address. */
function groupsOf(value: string): string[] {
  const halves = value.toLowerCase().split('::');
  if (halves.length > 2) return [];
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = halves.length === 2 ? Math.max(1, 8 - head.length - tail.length) : 0;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => group.replace(/^0+(?=.)/, ''))
    : [];
}
