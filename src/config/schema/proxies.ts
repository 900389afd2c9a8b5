// The keys about proxies: the proxy profiles, and the profile that each purpose uses.

import { z } from 'zod';
import { byPurpose, type Purpose, purposeRow } from '#config/purposes.ts';
import { clientCertificate } from './client-certificate.ts';
import { describeKey, section, validatedText, wholeNumber } from './key.ts';
import { filePath, PATH_ALLOWED, SECRET_ALLOWED, secretSource } from './leaves.ts';
import {
  MAX_NO_PROXY_LENGTH,
  PROFILE_NAME_ALLOWED,
  validateHost,
  validateNoControl,
  validateNoProxy,
  validateProfileName,
  validateUrlText,
} from './values.ts';

const MAX_LIST_LENGTH = 64;
/** Maximum number of entries in a list of hosts. */
const MAX_ENTRIES = 256;
/** Maximum number of fallbacks of a profile. */
export const MAX_FALLBACKS = 5;

/** Names, addresses and networks, written as one text or as a list. A list is joined into one text. */
const hostList = z
  .union([
    validatedText(validateNoProxy),
    z
      .array(validatedText(validateNoProxy))
      .max(MAX_ENTRIES)
      .superRefine((entries, context) => {
        if (entries.join(', ').length <= MAX_NO_PROXY_LENGTH) return;
        context.addIssue({ code: 'custom', message: `The list has at most ${MAX_NO_PROXY_LENGTH} characters.` });
      }),
  ])
  .transform((written) => (typeof written === 'string' ? written : written.join(', ')));

const pac = z.strictObject({
  url: describeKey(validatedText((text) => validateUrlText(text, ['http', 'https'])).optional(), {
    title: 'PAC URL',
    description:
      'The URL of the PAC file. It is fetched over a direct connection and checked for changes (ETag) every 10 minutes. Over ' +
      'HTTPS only the built-in public CAs are accepted: if the server of the PAC file uses a private CA, set file instead.',
    allowed: 'an http or https URL without user, password and fragment',
    absent: 'the PAC file is read from file',
    example: 'http://wpad.example.com/proxy.pac',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  file: describeKey(filePath.optional(), {
    title: 'PAC file',
    description: 'Path of a PAC file on this host. Sallyport reads it again when it changes.',
    allowed: PATH_ALLOWED,
    absent: 'the PAC file is fetched from url',
    example: 'proxy.pac',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  credentials_for: describeKey(hostList.optional(), {
    title: 'Credentials for',
    description:
      'The proxies to which the user and password of this profile may be sent, if the PAC file selects them. Same syntax as ' +
      'no_proxy. Without this limit, anyone who can change the PAC file could have the password sent to any server.',
    allowed:
      'names, addresses and networks, each with an optional :port, separated by commas or spaces, or a list of them',
    absent: 'they are sent to no proxy',
    example: 'proxy.example.com:3128, .proxies.example.com',
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

const profile = z.strictObject({
  name: describeKey(validatedText(validateProfileName), {
    title: 'Name',
    description:
      'Name of the profile in use_proxy_for, in the log and in status. Names are unique and not case-sensitive.',
    allowed: `${PROFILE_NAME_ALLOWED}; neither none nor default`,
    example: 'corp',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  address: describeKey(validatedText(validateHost).toLowerCase().optional(), {
    title: 'Host name or address',
    description: 'The host of the proxy, without scheme and port. Required unless scheme is pac or environment.',
    allowed: 'a DNS name, an IPv4 address or an IPv6 address without brackets',
    absent: 'the PAC file or the environment variables name the proxies',
    example: 'proxy.example.com',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  port: describeKey(wholeNumber(1, 65_535).default(80), {
    title: 'Port',
    description: 'The port of the proxy. Common ports are 3128, 8080 and 80.',
    example: 3128,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  scheme: describeKey(
    z.enum(['http', 'https', 'socks4', 'socks4a', 'socks5', 'socks5h', 'pac', 'environment']).default('http'),
    {
      title: 'Scheme',
      description:
        'Protocol of the connection to the proxy. http and https are HTTP proxies; with https the connection to the proxy ' +
        'itself also uses TLS. With both, traffic to https servers is encrypted up to the server. socks4a and socks5h let the proxy resolve ' +
        'the name of the server; socks4 and socks5 resolve it on this host. pac selects the proxy for each server with a PAC ' +
        'file. environment selects it with the variables http_proxy, https_proxy, all_proxy and no_proxy of the service.',
      effect: 'next_transfer',
      setBy: 'admin',
    },
  ),
  pac: describeKey(pac.optional(), {
    title: 'PAC file settings',
    description: 'Where the PAC file is. Required if scheme is pac.',
    allowed: 'url or file, and credentials_for',
    absent: 'none',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  fallback: describeKey(z.array(z.string()).max(MAX_FALLBACKS).default([]), {
    title: 'Fallback',
    description:
      'Profiles to try, in this order, if this proxy cannot be reached. A proxy that answers with a refusal (407, 403) ' +
      'counts as reached. After a failure, a proxy is tried last for 60 s; each further failure doubles this time, up to 10 ' +
      'minutes.',
    allowed: `a list of at most ${MAX_FALLBACKS} names of other profiles, without a loop`,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  authentication: describeKey(
    z.enum(['transparent', 'basic', 'digest', 'ntlm', 'negotiate', 'auto']).default('transparent'),
    {
      title: 'Authentication',
      description:
        'How Sallyport authenticates to the proxy. transparent: no authentication. basic: sends user and password, readable ' +
        'to anyone who can see the connection. digest and ntlm (NTLMv2): prove the password without sending it. ' +
        'negotiate: uses a Kerberos ticket; it needs the package kerberos, and user is not required. ' +
        'auto: uses the strongest scheme that the proxy offers (negotiate if there is a ticket, then ntlm, digest and ' +
        'basic), but never a weaker one than has worked before.',
      example: 'basic',
      effect: 'next_transfer',
      setBy: 'admin',
    },
  ),
  allow_cleartext: describeKey(z.boolean().default(false), {
    title: 'Basic without encryption',
    description:
      'Whether authentication: auto may use basic over an unencrypted connection to the proxy. Anyone on the network path could then read the password.',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  domain: describeKey(validatedText(validateNoControl).optional(), {
    title: 'Domain',
    description:
      'The domain of the user, shown as DOMAIN\\user. NTLM needs it if the users are in a directory such as Active Directory.',
    allowed: 'any text without control characters and without a colon',
    absent: 'none',
    example: 'CORP',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  user: describeKey(validatedText(validateNoControl).optional(), {
    title: 'User',
    description: 'The user name for the proxy. Required if authentication is basic, digest, ntlm or auto.',
    allowed: 'any text without control characters and without a colon',
    absent: 'none',
    example: 'sallyport',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  password: describeKey(secretSource.optional(), {
    title: 'Password',
    description:
      'The password of the user. Required if there is a user. Members of the group sallyport-admin may enter the value itself. Only root may name a file, a variable or a credential that contains it.',
    secret: true,
    allowed: `${SECRET_ALLOWED}; no control characters`,
    absent: 'none',
    example: { file: 'secrets/proxy-password' },
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  ca_file: describeKey(filePath.optional(), {
    title: 'CA file',
    description:
      'PEM file with the certificate authorities (CAs) to trust for TLS to the proxy itself, in place of the built-in ones. ' +
      'It does not apply to the servers behind the proxy.',
    allowed: PATH_ALLOWED,
    absent: 'the CAs built into the program',
    example: '/etc/ssl/certs/proxy-ca.pem',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  client_certificate: describeKey(clientCertificate.optional(), {
    title: 'Client certificate',
    description:
      'Certificate and key for a proxy that requires a client certificate. They are sent only to this proxy, and only ' +
      'if scheme is https.',
    allowed: 'certificate_file, key_file and, if the key is encrypted, passphrase',
    absent: 'no certificate is presented',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  tunnel_http: describeKey(z.boolean().default(false), {
    title: 'Tunnel for http targets',
    description:
      'Whether requests for http URLs use a tunnel (CONNECT), as requests for https URLs always do. If false, the proxy receives the ' +
      'full URL and forwards the request. Many proxies allow CONNECT to port 443 only.',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  no_proxy: describeKey(hostList.optional(), {
    title: 'Direct targets',
    description:
      'Servers to which Sallyport connects directly, although this profile is selected. example.com matches that host and all its ' +
      'subdomains; .example.com matches only the subdomains. Addresses, networks such as 10.0.0.0/8 and * (every server) ' +
      'are also allowed. Each entry can end in :port.',
    allowed: 'names, addresses and networks, separated by commas or spaces, or a list of them',
    absent: 'Sallyport connects to every server through the proxy',
    example: 'localhost, .corp.example.com, 10.0.0.0/8',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  default: describeKey(z.boolean().default(false), {
    title: 'Default profile',
    description: 'Whether purposes that are set to default use this profile. At most one profile is the default.',
    example: true,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
});

export const proxies = describeKey(z.array(profile).max(MAX_LIST_LENGTH).default([]), {
  title: 'Proxies',
  description: 'The proxy profiles. If there is none, every connection is direct; the daemon logs that when it starts.',
  allowed: `a list of at most ${MAX_LIST_LENGTH} profiles`,
  effect: 'next_transfer',
  setBy: 'admin',
});

export const proxyEnabled = describeKey(z.boolean().default(true), {
  title: 'Use of proxies',
  description:
    'Whether proxies are used at all. If false, every purpose connects directly, and the profiles stay in the file. false is an error if proxy_required is true.',
  effect: 'next_transfer',
  setBy: 'admin',
});

export const proxyChange = describeKey(z.enum(['apply', 'confirm']).default('apply'), {
  title: 'Confirmation of edits',
  description:
    'When an edited file takes effect. apply: at once. confirm: if the edit changes how a purpose connects, the file takes ' +
    'effect only after every stage of the connection test passes, or after sallyport proxy confirm. Until then the whole ' +
    'last confirmed file stays in effect.',
  effect: 'next_transfer',
  setBy: 'root',
});

export const proxyRequired = describeKey(z.boolean().default(false), {
  title: 'Proxy required',
  description:
    'Whether connections without a proxy are forbidden. If true, every setting that would connect directly is an error (POLICY-DIRECT).',
  effect: 'next_transfer',
  setBy: 'root',
});

export const rejectedCredentialRetryHours = describeKey(wholeNumber(0, 8_760).default(6), {
  title: 'Retry of rejected credentials',
  description:
    'A user and password that a proxy rejects are not sent again until they change. If they worked before, Sallyport tries them ' +
    'again once in this many hours, because a proxy also rejects correct passwords while it cannot reach its directory. ' +
    '0 means never.',
  unit: 'hours',
  effect: 'next_transfer',
  setBy: 'admin',
});

function choice(purpose: Purpose) {
  const { title, traffic } = purposeRow(purpose);
  return describeKey(z.string().default('default'), {
    title: `Proxy for ${title}`,
    description: `Which proxy ${traffic}: none (direct), default (the profile marked default), or the name of a profile.`,
    allowed: 'none, default, or the name of a profile',
    effect: 'next_transfer',
    setBy: 'admin',
  });
}

export const useProxyFor = section(
  byPurpose(choice),
  'Use proxy for',
  'Which proxy each purpose uses. A purpose that is set to default uses the profile that is marked default when it connects.',
);
