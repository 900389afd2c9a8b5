// The programs whose proxy settings can be imported: how their files are recognized and read, and what each key means.
// Pure.

import { readDocument } from '#config/reading/document.ts';
import { type ImportEntry, readApt, readAssignments, readCurl, readIni, readTree, readUnit } from './entries.ts';

/** What a key says. `other`: it is about proxies or TLS, but has no counterpart here. */
export type Meaning =
  | 'https'
  | 'http'
  | 'all'
  | 'no_proxy'
  | 'direct_host'
  | 'host'
  | 'port'
  | 'scheme'
  | 'user'
  | 'password'
  | 'user_password'
  | 'method'
  | 'method_flag'
  | 'ca_file'
  | 'tunnel'
  | 'switch'
  | 'other';

/** A kind of file. */
export interface ImportKind {
  /** Whether a file with this path is probably of this kind. */
  readonly path: RegExp;
  /** The port of a proxy without one; `curl` for that of curl. */
  readonly defaultPort: 'curl' | number;
  read(text: string): ImportEntry[];
  /** Null if the key has nothing to do with proxies. */
  meaningOf(key: string): Meaning | null;
}

const VARIABLES: Readonly<Record<string, Meaning>> = {
  https_proxy: 'https',
  http_proxy: 'http',
  all_proxy: 'all',
  no_proxy: 'no_proxy',
  dd_proxy_https: 'https',
  dd_proxy_http: 'http',
  dd_proxy_no_proxy: 'no_proxy',
  qualys_https_proxy: 'https',
  qualys_http_proxy: 'http',
  qualys_no_proxy: 'no_proxy',
  proxy_enabled: 'switch',
  ftp_proxy: 'other',
  gopher_proxy: 'other',
  rsync_proxy: 'other',
  socks_proxy: 'all',
  socks5_server: 'other',
  auto_proxy: 'other',
  curl_ca_bundle: 'other',
  ssl_cert_file: 'other',
  requests_ca_bundle: 'other',
  node_extra_ca_certs: 'other',
  node_tls_reject_unauthorized: 'other',
};

const variables = (key: string): Meaning | null => VARIABLES[key.toLowerCase()] ?? null;
/** The last step of a key, without the section. */
const last = (key: string) => key.replace(/^.*\./, '').toLowerCase();
const table = (meanings: Readonly<Record<string, Meaning>>) => (key: string) =>
  Object.hasOwn(meanings, last(key)) ? (meanings[last(key)] ?? null) : null;

export const IMPORT_KINDS = {
  environment: {
    path: /(?:^|\/)environment$|\.env$/,
    defaultPort: 'curl',
    read: readAssignments,
    meaningOf: variables,
  },
  profile: {
    path: /(?:^|\/)profile\.d\/|\.sh$|\.csh$/,
    defaultPort: 'curl',
    read: readAssignments,
    meaningOf: variables,
  },
  sysconfig: { path: /(?:^|\/)sysconfig\/proxy$/, defaultPort: 'curl', read: readAssignments, meaningOf: variables },
  qualys: { path: /qualys/, defaultPort: 'curl', read: readAssignments, meaningOf: variables },
  systemd: {
    path: /\.(?:service|socket)(?:\.d\/[^/]+\.conf)?$|system\.conf$/,
    defaultPort: 'curl',
    read: readUnit,
    meaningOf: variables,
  },
  apt: {
    path: /(?:^|\/)apt\.conf(?:\.d\/[^/]+)?$/,
    defaultPort: 80,
    read: readApt,
    meaningOf: (key) => {
      const path = key.toLowerCase();
      if (path === 'acquire::http::proxy') return 'http';
      if (path === 'acquire::https::proxy') return 'https';
      if (/^acquire::https?::proxy::[^:]+$/.test(path)) return 'direct_host';
      return /^acquire::.*(?:proxy|cainfo|verify-peer|verify-host)/.test(path) ? 'other' : null;
    },
  },
  dnf: {
    path: /(?:^|\/)(?:dnf|yum)\.conf$|\.repo$/,
    defaultPort: 'curl',
    read: readIni,
    meaningOf: table({
      proxy: 'all',
      proxy_username: 'user',
      proxy_password: 'password',
      proxy_auth_method: 'method',
      proxy_sslcacert: 'ca_file',
      proxy_sslverify: 'other',
      proxy_sslclientcert: 'other',
      proxy_sslclientkey: 'other',
      sslverify: 'other',
      sslcacert: 'other',
    }),
  },
  rhsm: {
    path: /(?:^|\/)rhsm\.conf$/,
    defaultPort: 3128,
    read: readIni,
    meaningOf: table({
      proxy_hostname: 'host',
      proxy_port: 'port',
      proxy_scheme: 'scheme',
      proxy_user: 'user',
      proxy_password: 'password',
      no_proxy: 'no_proxy',
    }),
  },
  curl: {
    path: /(?:^|\/)\.?_?curlrc$/,
    defaultPort: 'curl',
    read: readCurl,
    meaningOf: table({
      proxy: 'all',
      'proxy-user': 'user_password',
      noproxy: 'no_proxy',
      'proxy-basic': 'method_flag',
      'proxy-digest': 'method_flag',
      'proxy-ntlm': 'method_flag',
      'proxy-negotiate': 'method_flag',
      'proxy-anyauth': 'method_flag',
      'proxy-cacert': 'ca_file',
      proxytunnel: 'tunnel',
      preproxy: 'other',
      'proxy-cert': 'other',
      'proxy-key': 'other',
      'proxy-insecure': 'other',
      'proxy-header': 'other',
      insecure: 'other',
      cacert: 'other',
    }),
  },
  npm: {
    path: /(?:^|\/)\.?npmrc$/,
    defaultPort: 80,
    read: readIni,
    meaningOf: table({
      proxy: 'http',
      'https-proxy': 'https',
      noproxy: 'no_proxy',
      'strict-ssl': 'other',
      cafile: 'other',
    }),
  },
  elastic: {
    path: /(?:^|\/)(?:elastic-agent|fleet|filebeat|metricbeat)[^/]*\.yml$/,
    defaultPort: 80,
    read: (text) => readTree(readDocument(text)),
    meaningOf: (key) => {
      const name = last(key);
      if (name === 'proxy_url') return 'all';
      return /^proxy_|^ssl$/.test(name) ? 'other' : null;
    },
  },
  datadog: {
    path: /(?:^|\/)datadog\.yaml$/,
    defaultPort: 80,
    read: (text) => readTree(readDocument(text)),
    meaningOf: (key) => {
      if (key === 'no_proxy_nonexact_match' || key === 'skip_ssl_validation') return 'other';
      if (!key.startsWith('proxy.')) return null;
      return table({ https: 'https', http: 'http', no_proxy: 'no_proxy' })(key) ?? 'other';
    },
  },
} as const satisfies Readonly<Record<string, ImportKind>>;

/** `pac` is the URL of a PAC file. */
export type ImportKindName = keyof typeof IMPORT_KINDS | 'pac';

export const IMPORT_KIND_NAMES = [...(Object.keys(IMPORT_KINDS) as (keyof typeof IMPORT_KINDS)[]), 'pac'] as const;

/** The first whose path matches is the kind of a file. */
const BY_PATH = [
  'qualys',
  'systemd',
  'sysconfig',
  'apt',
  'dnf',
  'rhsm',
  'curl',
  'npm',
  'elastic',
  'datadog',
  'environment',
  'profile',
] as const;

/** The kind of a file by its path; null if it is unknown. */
export function kindOfFile(path: string): ImportKindName | null {
  if (/^https?:\/\//i.test(path)) return 'pac';
  return BY_PATH.find((name) => IMPORT_KINDS[name].path.test(path)) ?? null;
}
