// Prints a drop-in for the unit of the service: the credentials that the configuration names and, if all addresses that
// the service connects to are known in advance, a list of the only addresses that it may reach. Pure.
//
// Guarantees: if the addresses cannot be limited, the list is left out, and a comment says why. No line is longer than
// systemd can read, and no text from the configuration can add a line. The same input gives the same bytes.

import type { EndpointList } from '#control/endpoints.ts';
import { showForeign } from '#errors/template.ts';

/** What a drop-in depends on. */
export interface DropInFacts {
  /** The configuration file. */
  readonly file: string;
  /** The folder with the files of secrets. */
  readonly secretsFolder: string;
  /** Names of the systemd credentials that the configuration uses. */
  readonly credentials: readonly string[];
  readonly endpoints: Pick<EndpointList, 'endpoints' | 'proxies'>;
  /** The addresses of each proxy by its name; a proxy whose name cannot be looked up has none. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly nameServers: readonly string[];
  /** Why the service needs the user IDs of the host; empty if it does not. */
  readonly usersNeeded: readonly string[];
  /** Whether PrivateUsers= was requested. */
  readonly privateUsers: boolean;
}

/** All lines of the drop-in. */
export function dropInLines(facts: DropInFacts): string[] {
  const reasons = whyUnlimited(facts);
  return [
    `# For sallyport.service. Made by: sallyport systemd dropin, from ${showForeign(facts.file)}`,
    '# Install it with these commands, as root. Make it again after each change of a proxy or of a credential.',
    '#   mkdir -p /etc/systemd/system/sallyport.service.d',
    '#   sallyport systemd dropin > /etc/systemd/system/sallyport.service.d/50-sallyport.conf',
    '#   systemctl daemon-reload && systemctl restart sallyport',
    '[Service]',
    ...credentialLines(facts),
    ...(reasons.length === 0 ? addressLines(facts) : leftOut('IPAddressDeny=any', reasons)),
    ...userLines(facts),
  ];
}

function credentialLines({ credentials, secretsFolder }: DropInFacts): string[] {
  if (credentials.length === 0)
    return ['# The configuration uses no systemd credential, so there is no LoadCredential=.'];
  return [
    '# Only root can read these files. systemd passes their content to the service when it starts.',
    ...credentials.map((name) => `LoadCredential=${name}:${specifierFree(secretsFolder)}/${name}`),
  ];
}

/** systemd.unit(5): a percent sign begins a specifier. */
function specifierFree(path: string): string {
  return path.replaceAll('%', '%%');
}

function leftOut(directive: string, reasons: readonly string[]): string[] {
  return [`# ${directive} is left out:`, ...reasons.map((reason) => `# - ${reason}`)];
}

/** Every reason why the addresses that the service needs are not known. */
function whyUnlimited({ endpoints: { endpoints, proxies }, addresses }: DropInFacts): string[] {
  if (endpoints.length === 0) return ['The configuration names no server.'];
  const direct = endpoints.filter(({ ways }) => ways.some(({ how }) => how === 'direct'));
  const purposes = [...new Set(direct.map(({ purpose, use }) => purpose ?? use))];
  return [
    ...purposes.map((purpose) => `${purpose} can connect without a proxy, and the addresses of servers can change.`),
    ...proxies.flatMap(({ name, scheme, address, authentication }) => {
      const proxy = `Proxy ${showForeign(name)}`;
      if (address === null) {
        return [
          `${proxy} is a ${scheme === 'pac' ? 'PAC file' : 'variable of the environment'}, which can name any address.`,
        ];
      }
      if (authentication === 'negotiate')
        return [`${proxy} uses Kerberos, and the configuration does not name its servers.`];
      if ((addresses.get(name) ?? []).length > 0) return [];
      return [`The name of proxy ${showForeign(name)}, ${showForeign(address)}, cannot be looked up on this host.`];
    }),
  ];
}

function addressLines({ endpoints: { proxies }, addresses, nameServers }: DropInFacts): string[] {
  return [
    '# Everything else is blocked: for the service, and for the programs that it starts, such as updates.on_published.',
    'IPAddressDeny=any',
    'IPAddressAllow=localhost',
    ...proxies.flatMap(({ name, address }) => {
      const found = addresses.get(name) ?? [];
      const isName = !found.includes(address ?? '');
      return [
        `# Proxy ${showForeign(name)}${isName ? `: ${showForeign(address ?? '')} has these addresses now. If they change, make this file again.` : ''}`,
        ...found.map((one) => `IPAddressAllow=${one}`),
      ];
    }),
    ...(nameServers.length === 0 ? [] : ['# Name servers of /etc/resolv.conf']),
    ...nameServers.map((one) => `IPAddressAllow=${one}`),
  ];
}

function userLines({ privateUsers, usersNeeded }: DropInFacts): string[] {
  if (!privateUsers) return [];
  if (usersNeeded.length > 0) return leftOut('PrivateUsers=yes', usersNeeded);
  return [
    '# The log then cannot name the users who send requests: it shows 65534 for each of them.',
    'PrivateUsers=yes',
  ];
}

/** The servers in the text of /etc/resolv.conf (resolv.conf(5)), without the zone of a link-local address. */
export function nameServersIn(text: string): string[] {
  const found = [...text.matchAll(/^[ \t]*nameserver[ \t]+([0-9a-fA-F.:]+)(?:%\S+)?[ \t]*$/gm)];
  return [...new Set(found.map(([, address = '']) => address))];
}
