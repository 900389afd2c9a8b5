// The proxy profiles, and which purpose uses which.

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
/** Entries of a list of hosts. */
const MAX_ENTRIES = 256;
/** So many profiles may stand in for one. */
const MAX_FALLBACKS = 5;

/** Names, addresses and networks, as one text or as a list of them; the program sees the text. */
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
      'Where the PAC file is fetched from, directly. It is asked for anew every 10 minutes, by ETag. Over https its server is ' +
      'trusted by the bundled roots alone; one with an authority of its own cannot be asked, use file there.',
    allowed: 'an http or https URL without user and fragment',
    absent: 'the file is read from file',
    example: 'http://wpad.example.com/proxy.pac',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  file: describeKey(filePath.optional(), {
    title: 'PAC file',
    description: 'The PAC file on this host, read again when it changes.',
    allowed: PATH_ALLOWED,
    absent: 'the file is fetched from url',
    example: 'proxy.pac',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  credentials_for: describeKey(hostList.optional(), {
    title: 'Credentials for',
    description:
      'Which of the proxies that the PAC file names may see user and password of this profile, written as in no_proxy. ' +
      'Whoever can change the PAC file could otherwise have them sent anywhere.',
    allowed:
      'names, addresses and networks, each with an optional :port, separated by commas or spaces, or a list of them',
    absent: 'no proxy sees them',
    example: 'proxy.example.com:3128, .proxies.example.com',
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

const profile = z.strictObject({
  name: describeKey(validatedText(validateProfileName), {
    title: 'Name',
    description: 'What the profile is called in use_proxy_for, in the log and in status. Unique, whatever its case.',
    allowed: `${PROFILE_NAME_ALLOWED}; not none, not default`,
    example: 'corp',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  address: describeKey(validatedText(validateHost).toLowerCase().optional(), {
    title: 'Name or address',
    description: 'The host of the proxy, without scheme and port. Needed unless scheme is pac or environment.',
    allowed: 'a DNS name, an IPv4 address or an IPv6 address without brackets',
    absent: 'the proxies stand elsewhere',
    example: 'proxy.example.com',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  port: describeKey(wholeNumber(1, 65_535).default(80), {
    title: 'Port',
    description: 'The port of the proxy. Common ones are 3128, 8080 and 80.',
    example: 3128,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  scheme: describeKey(
    z.enum(['http', 'https', 'socks4', 'socks4a', 'socks5', 'socks5h', 'pac', 'environment']).default('http'),
    {
      title: 'Scheme',
      description:
        'How the proxy itself is spoken to. http and https (TLS to the proxy) are HTTP proxies; what goes through their ' +
        'tunnel is TLS all the same. socks4a and socks5h hand the name of the target to the proxy; socks4 and socks5 ' +
        'look it up here. pac asks a PAC file for each target, environment the variables http_proxy, https_proxy, ' +
        'all_proxy and no_proxy of the service.',
      effect: 'next_transfer',
      setBy: 'admin',
    },
  ),
  pac: describeKey(pac.optional(), {
    title: 'PAC',
    description: 'Where the PAC file is. Needed where scheme is pac.',
    allowed: 'url or file, and credentials_for',
    absent: 'none',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  fallback: describeKey(z.array(z.string()).max(MAX_FALLBACKS).default([]), {
    title: 'Fallback',
    description:
      'Profiles that are tried, in this order, where this one cannot be reached. A proxy that refuses (407, 403) is ' +
      'reached. One that failed rests for 60 s, then twice as long each time, up to 10 minutes.',
    allowed: `a list of at most ${MAX_FALLBACKS} names of other profiles; none leads back here`,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  authentication: describeKey(
    z.enum(['transparent', 'basic', 'digest', 'ntlm', 'negotiate', 'auto']).default('transparent'),
    {
      title: 'Authentication',
      description:
        'transparent means none: the proxy asks for no user. basic sends user and password readable to whoever sees the ' +
        'bytes; digest and ntlm (NTLMv2) prove the password without sending it. ' +
        'negotiate shows a Kerberos ticket and needs no user here, but the package kerberos. ' +
        'auto takes the strongest of negotiate (where there is a ticket), ntlm, digest and basic that the proxy offers, and ' +
        'never less than what worked before.',
      example: 'basic',
      effect: 'next_transfer',
      setBy: 'admin',
    },
  ),
  allow_cleartext: describeKey(z.boolean().default(false), {
    title: 'Allow cleartext',
    description:
      'Whether auto may use basic on a connection to the proxy that is not encrypted, where others could read the password.',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  domain: describeKey(validatedText(validateNoControl).optional(), {
    title: 'Domain',
    description:
      "The domain that knows the user. Shown as DOMAIN\\user; NTLM needs it where the users are a directory's.",
    allowed: 'any text without control characters and without a colon',
    absent: 'none',
    example: 'CORP',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  user: describeKey(validatedText(validateNoControl).optional(), {
    title: 'User',
    description: 'The user that the proxy knows. Needed where authentication is basic, digest, ntlm or auto.',
    allowed: 'any text without control characters and without a colon',
    absent: 'none',
    example: 'sallyport',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  password: describeKey(secretSource.optional(), {
    title: 'Password',
    description:
      'The password of the user. Required if there is a user. An admin may enter the value itself; only root may name a file, a variable or a credential.',
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
      'PEM file with the authorities that the proxy itself must be certified by, where it is spoken to over TLS. ' +
      'It says nothing about the servers behind the proxy.',
    allowed: PATH_ALLOWED,
    absent: 'the authorities built into the program',
    example: '/etc/ssl/certs/proxy-ca.pem',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  client_certificate: describeKey(clientCertificate.optional(), {
    title: 'Client certificate',
    description:
      'What this host shows to the proxy at address, where its scheme is https and it asks for a certificate. ' +
      'No other proxy sees it.',
    allowed: 'certificate_file, key_file and, where the key is encrypted, passphrase',
    absent: 'none is shown',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  tunnel_http: describeKey(z.boolean().default(false), {
    title: 'Tunnel http',
    description:
      'Whether http targets go through a tunnel (CONNECT) as https does, instead of being asked for by their whole URL. ' +
      'Many proxies grant CONNECT to port 443 only.',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  no_proxy: describeKey(hostList.optional(), {
    title: 'No proxy',
    description:
      'Targets that go direct although this profile is chosen. example.com is that host and all below it, ' +
      '.example.com only what is below; addresses, networks such as 10.0.0.0/8 and * are taken, each with :port if need be.',
    allowed: 'names, addresses and networks, separated by commas or spaces, or a list of them',
    absent: 'nothing goes direct',
    example: 'localhost, .corp.example.com, 10.0.0.0/8',
    effect: 'next_transfer',
    setBy: 'admin',
  }),
  default: describeKey(z.boolean().default(false), {
    title: 'Default',
    description: 'Whether this is the profile that a purpose set to default uses. At most one is.',
    example: true,
    effect: 'next_transfer',
    setBy: 'admin',
  }),
});

export const proxies = describeKey(z.array(profile).max(MAX_LIST_LENGTH).default([]), {
  title: 'Proxies',
  description: 'The proxies that are known here, by name. Without any, everything goes direct, which is said at start.',
  allowed: `a list of at most ${MAX_LIST_LENGTH} profiles`,
  effect: 'next_transfer',
  setBy: 'admin',
});

export const proxyEnabled = describeKey(z.boolean().default(true), {
  title: 'Proxy enabled',
  description: 'false keeps the profiles and sends every purpose direct; a mistake where proxy_required is true.',
  effect: 'next_transfer',
  setBy: 'admin',
});

export const proxyChange = describeKey(z.enum(['apply', 'confirm']).default('apply'), {
  title: 'Edits of the file',
  description:
    'confirm: a file that sends a purpose another way comes into force only when every stage of it passes, or by ' +
    'sallyport proxy confirm; until then the last confirmed file goes on, as a whole. apply: at once.',
  effect: 'next_transfer',
  setBy: 'root',
});

export const proxyRequired = describeKey(z.boolean().default(false), {
  title: 'Proxy required',
  description: 'true makes every way of going direct a mistake (POLICY-DIRECT).',
  effect: 'next_transfer',
  setBy: 'root',
});

export const rejectedCredentialRetryHours = describeKey(wholeNumber(0, 8_760).default(6), {
  title: 'Retry of refused credentials',
  description:
    'A user and password that a proxy refuses are not sent again until they change. Those that had worked before are ' +
    'tried once more after so many hours, because proxies refuse right passwords while their directory is down. 0: never.',
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
  'Which proxy each purpose uses. default is looked up when it is used, not copied.',
);
