// Files of other programs with proxy settings, as admins have them, and what of each is imported.

import type { ImportKindName } from '#config/importing/kinds.ts';

/** A file and what it gives. */
export interface ImportFile {
  readonly path: string;
  readonly from?: ImportKindName;
  readonly text: string;
  /** `scheme user@host:port` of each proxy. */
  readonly proxies: readonly string[];
  readonly noProxy?: string;
  /** `line key: words of the reason` of each setting that is left out. */
  readonly leftOut?: readonly string[];
}

/** The password in every file that has one. */
export const PASSWORD = 'p%40ss:word';
/** The same, decoded from a URL. */
export const DECODED = 'p@ss:word';

const URL = 'http://proxy.example.com:3128';
const LOGIN = 'http://svc:p%40ss:word@proxy.example.com:3128';
const PLAIN = ['http proxy.example.com:3128'];
const USER = ['http svc@proxy.example.com:3128'];

export const IMPORT_FILES: readonly ImportFile[] = [
  // /etc/environment and variables in general
  {
    path: '/etc/environment',
    text: `PATH="/usr/bin"\nhttp_proxy="${URL}/"\nhttps_proxy="${URL}/"\nno_proxy="localhost,127.0.0.1,.example.com"\n`,
    proxies: PLAIN,
    noProxy: 'localhost 127.0.0.1 .example.com',
  },
  { path: '/etc/environment', text: `HTTPS_PROXY=${LOGIN}\n`, proxies: USER },
  {
    path: '/etc/environment',
    text: 'https_proxy=http://CORP%5Csvc:p%40ss:word@proxy.example.com:3128\n',
    proxies: ['http CORP\\svc@proxy.example.com:3128'],
  },
  { path: '/etc/environment', text: 'all_proxy=socks5h://10.1.2.3:1080\n', proxies: ['socks5h 10.1.2.3:1080'] },
  { path: '/etc/environment', text: 'https_proxy=proxy.example.com\n', proxies: ['http proxy.example.com:1080'] },
  {
    path: '/etc/environment',
    text: `http_proxy=http://other.example.com:8080\nhttps_proxy=${URL}\nftp_proxy=${URL}\n`,
    proxies: PLAIN,
    leftOut: ['1 http_proxy: names another proxy', '3 ftp_proxy: no counterpart'],
  },
  { path: '/etc/environment', text: 'https_proxy=\n', proxies: [], leftOut: ['1 https_proxy: says that no proxy'] },
  { path: '/etc/environment', text: 'LANG=C\n', proxies: [] },
  {
    path: '/etc/environment',
    text: 'https_proxy=ftp://proxy.example.com\n',
    proxies: [],
    leftOut: ['1 https_proxy: its scheme is not'],
  },
  {
    path: '/etc/environment',
    text: 'https_proxy=http://proxy.example.com:99999\n',
    proxies: [],
    leftOut: ['1 https_proxy: its port is not'],
  },
  // profile.d
  {
    path: '/etc/profile.d/proxy.sh',
    text: `#!/bin/sh\nexport http_proxy=${URL}\nexport https_proxy=$http_proxy\nexport NO_PROXY='10.0.0.0/8, *.corp.example.com'\n`,
    proxies: PLAIN,
    noProxy: '10.0.0.0/8 *.corp.example.com',
    leftOut: ['3 https_proxy: not executed'],
  },
  {
    path: '/etc/profile.d/proxy.sh',
    text: 'export https_proxy="$(cat /etc/proxy)"\n',
    proxies: [],
    leftOut: ['1 https_proxy: not executed'],
  },
  { path: '/etc/profile.d/proxy.csh', text: `setenv https_proxy ${URL}\n`, proxies: PLAIN },
  {
    path: '/etc/profile.d/proxy.sh',
    text: `# export https_proxy=http://old:1\nexport https_proxy=${URL}; export LANG=C\n`,
    proxies: PLAIN,
  },
  // SUSE
  {
    path: '/etc/sysconfig/proxy',
    text: `PROXY_ENABLED="yes"\nHTTP_PROXY="${URL}"\nHTTPS_PROXY="${URL}"\nNO_PROXY="localhost, 127.0.0.1"\nGOPHER_PROXY=""\n`,
    proxies: PLAIN,
    noProxy: 'localhost 127.0.0.1',
    leftOut: ['5 GOPHER_PROXY: no counterpart'],
  },
  {
    path: '/etc/sysconfig/proxy',
    text: `PROXY_ENABLED="no"\nHTTPS_PROXY="${URL}"\n`,
    proxies: [],
    leftOut: ['2 HTTPS_PROXY: switches its proxy off'],
  },
  // apt
  {
    path: '/etc/apt/apt.conf.d/95proxy',
    text: `Acquire::http::Proxy "${URL}/";\nAcquire::https::Proxy "${URL}/";\n`,
    proxies: PLAIN,
  },
  {
    path: '/etc/apt/apt.conf',
    text: `// ours\nAcquire {\n  http {\n    Proxy "${URL}";\n    Proxy::mirror.example.com "DIRECT";\n  };\n  Retries "3";\n};\n`,
    proxies: PLAIN,
    noProxy: 'mirror.example.com',
  },
  {
    path: '/etc/apt/apt.conf.d/proxy',
    text: 'Acquire::http::Proxy "DIRECT";\n',
    proxies: [],
    leftOut: ['1 Acquire::http::Proxy: says that no proxy'],
  },
  {
    path: '/etc/apt/apt.conf.d/proxy',
    text: 'Acquire::http::Proxy-Auto-Detect "/usr/bin/find-proxy";\n',
    proxies: [],
    leftOut: ['1 Acquire::http::Proxy-Auto-Detect: no counterpart'],
  },
  {
    path: '/etc/apt/apt.conf.d/proxy',
    text: 'Acquire::http::Proxy "http://proxy.example.com";\n',
    proxies: ['http proxy.example.com:80'],
  },
  // dnf and yum
  {
    path: '/etc/dnf/dnf.conf',
    text: `[main]\ngpgcheck=1\nproxy=${URL}\nproxy_username=svc\nproxy_password=${DECODED}\nproxy_auth_method=ntlm\nsslverify=0\n`,
    proxies: ['http svc@proxy.example.com:3128'],
    leftOut: ['7 main.sslverify: no counterpart'],
  },
  {
    path: '/etc/yum.conf',
    text: '[main]\nproxy = _none_\n',
    proxies: [],
    leftOut: ['2 main.proxy: says that no proxy'],
  },
  {
    path: '/etc/dnf/dnf.conf',
    text: `[main]\nproxy=https://proxy.example.com:8443\nproxy_sslcacert=/etc/pki/proxy.pem\n`,
    proxies: ['https proxy.example.com:8443'],
  },
  // subscription-manager
  {
    path: '/etc/rhsm/rhsm.conf',
    text: `[server]\nhostname = subscription.rhsm.redhat.com\nproxy_hostname = proxy.example.com\nproxy_scheme = http\nproxy_port = 3128\nproxy_user = svc\nproxy_password = ${DECODED}\nno_proxy = .example.com\n`,
    proxies: USER,
    noProxy: '.example.com',
  },
  {
    path: '/etc/rhsm/rhsm.conf',
    text: '[server]\nproxy_hostname =\nproxy_port =\n',
    proxies: [],
    leftOut: ['2 server.proxy_hostname: says that no proxy'],
  },
  { path: '/etc/rhsm/rhsm.conf', text: '[server]\nproxy_hostname = proxy.example.com\n', proxies: PLAIN },
  // curl
  { path: '/home/ada/.curlrc', text: `proxy = "${URL}"\nproxy-user = "svc:${DECODED}"\nproxy-ntlm\n`, proxies: USER },
  {
    path: '/home/ada/.curlrc',
    text: `-x ${URL}\n-U svc:${DECODED}\n--noproxy localhost,10.0.0.1\ninsecure\n`,
    proxies: USER,
    noProxy: 'localhost 10.0.0.1',
    leftOut: ['4 insecure: no counterpart'],
  },
  { path: '/home/ada/.curlrc', text: '# proxy = "http://old:1"\nsilent\n', proxies: [] },
  // npm
  {
    path: '/home/ada/.npmrc',
    text: `proxy=${URL}\nhttps-proxy=${URL}\nnoproxy=localhost\nstrict-ssl=false\n//registry.example.com/:_authToken=abc\n`,
    proxies: PLAIN,
    noProxy: 'localhost',
    leftOut: ['4 strict-ssl: no counterpart'],
  },
  {
    path: '/home/ada/.npmrc',
    text: `https-proxy=${'$'}{HTTPS_PROXY}\nproxy=null\n`,
    proxies: [],
    leftOut: ['1 https-proxy: not executed', '2 proxy: says that no proxy'],
  },
  // systemd
  {
    path: '/etc/systemd/system/docker.service.d/proxy.conf',
    text: `[Service]\nEnvironment="HTTP_PROXY=${URL}" "HTTPS_PROXY=${URL}"\nEnvironment=NO_PROXY=localhost\n`,
    proxies: PLAIN,
    noProxy: 'localhost',
  },
  {
    path: '/etc/systemd/system/agent.service.d/proxy.conf',
    text: '[Service]\nEnvironment="HTTPS_PROXY=http://svc:p%%40ss:word@proxy.example.com:3128" \\\n  NO_PROXY=localhost\n',
    proxies: USER,
    noProxy: 'localhost',
  },
  {
    path: '/etc/systemd/system/agent.service.d/proxy.conf',
    text: '[Service]\nEnvironment=HTTPS_PROXY=http://%H:3128\n',
    proxies: [],
    leftOut: ['2 HTTPS_PROXY: not executed'],
  },
  // Qualys
  {
    path: '/etc/sysconfig/qualys-cloud-agent',
    text: 'qualys_https_proxy=https://proxy1.example.com:443;https://proxy2.example.com:443\nuser=root\n',
    proxies: ['https proxy1.example.com:443', 'https proxy2.example.com:443'],
  },
  { path: '/etc/default/qualys-cloud-agent', text: `qualys_https_proxy='${LOGIN}'\n`, proxies: USER },
  // Elastic
  {
    path: '/opt/Elastic/Agent/elastic-agent.yml',
    text: `agent.download:\n  proxy_url: ${URL}\noutputs:\n  default:\n    proxy_url: http://other.example.com:8080\n    proxy_disable: false\n`,
    proxies: ['http other.example.com:8080'],
    leftOut: ['2 agent.download.proxy_url: names another proxy', '6 outputs.default.proxy_disable: no counterpart'],
  },
  // Datadog
  {
    path: '/etc/datadog-agent/datadog.yaml',
    text: `api_key: abc\nproxy:\n  https: "${URL}"\n  http: "${URL}"\n  no_proxy:\n    - localhost\n    - 169.254.169.254\nno_proxy_nonexact_match: true\n`,
    proxies: PLAIN,
    noProxy: 'localhost 169.254.169.254',
    leftOut: ['8 no_proxy_nonexact_match: no counterpart'],
  },
  { path: '/etc/datadog-agent/environment', text: `DD_PROXY_HTTPS=${URL}\n`, proxies: PLAIN },
  // PAC
  { path: 'http://wpad.example.com/wpad.dat', text: '', proxies: ['pac http://wpad.example.com/wpad.dat'] },
  // Odd files
  {
    path: '/tmp/settings',
    from: 'environment',
    text: `\uFEFFhttps_proxy=${URL}\r\nno_proxy=localhost;10.*;host/x\r\n`,
    proxies: PLAIN,
    noProxy: 'localhost',
    leftOut: ['2 no_proxy: 10.* matches no address', '2 no_proxy: host/x'],
  },
  { path: '/tmp/settings', from: 'datadog', text: '\tproxy: [', proxies: [] },
];
