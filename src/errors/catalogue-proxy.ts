// Codes of `src/proxy`: failures between this host and the other end of the tunnel. Codes for a response of the proxy
// itself are never used for a response of the origin (principle 6).

import type { Entry } from './entry.ts';

export const PROXY_CODES = {
  'DNS-PROXY': {
    text: 'Cannot resolve proxy host {host} ({reason:words}; name servers {servers}).',
    check:
      'Check the spelling of the address of proxy {proxy}. Check also that this host uses the internal DNS servers.',
    class: 'dns',
    retry: 'later',
  },
  'DNS-TARGET': {
    text: 'Cannot resolve {host} on this host ({reason:words}), and no proxy is used.',
    check:
      'In a network with a proxy this is normal: configure the proxy. Otherwise check the DNS settings of this host.',
    class: 'dns',
    retry: 'later',
  },
  'DNS-SOCKS': {
    text: 'Cannot resolve {host} on this host ({reason:words}). With {scheme}, proxy {proxy} needs the IP address of the target.',
    check: 'Set {remedy:words}; the proxy then resolves names itself.',
    class: 'dns',
    retry: 'later',
  },
  'TCP-REFUSED': {
    text: '{host} refused port {port} after {elapsed:ms}: the host is up, nothing listens there.',
    check: 'Check the port. Common proxy ports are 3128, 8080 and 80.',
    checkAtOrigin:
      'Check host and port of the URL, and that the server is running. If this network requires a proxy, configure it.',
    class: 'tcp',
    retry: 'later',
  },
  'TCP-TIMEOUT': {
    text: 'No response from {host}:{port} within {elapsed:ms} ({key}), connecting from {source:words}.',
    check: 'A firewall may be dropping the packets, or the address is wrong.',
    checkAtOrigin:
      'A firewall may be dropping the packets, or the address is wrong. If this network requires a proxy, configure it.',
    class: 'tcp',
    retry: 'later',
  },
  'TCP-FAILED': {
    text: 'Cannot connect to {host}:{port}: {reason:words}.',
    check: 'Check the network route and the firewall between this host and {host}.',
    class: 'tcp',
    retry: 'later',
  },
  'TUNNEL-TIMEOUT': {
    text: 'Proxy {proxy} did not answer {asked} {target} within {elapsed:ms} ({key}).',
    check: 'The proxy may be overloaded. If its port speaks {others:words} instead, set {remedy:words}.',
    class: 'timeout',
    retry: 'later',
  },
  'TUNNEL-CLOSED': {
    text: 'Proxy {proxy} closed the connection before it answered {asked} {target} ({reason:words}).',
    check: 'Check the log of the proxy. If its port speaks {others:words} instead, set {remedy:words}.',
    class: 'tcp',
    retry: 'later',
  },
  POLICY: {
    text: 'Every proxy failed ({failures:words}); direct access is not attempted because {why:words}.',
    check: 'Fix at least one of these proxies: the code after each address says why it failed.',
    class: 'policy',
    retry: 'later',
  },
  'NOT-A-PROXY': {
    text: '{proxy} answered CONNECT {target} with {answer}: this is not a forward proxy.',
    check: 'Check address and port; a web or SSH server seems to listen there.',
    class: 'tcp',
    retry: 'change',
  },
  'PROXY-PROTOCOL': {
    text: 'Proxy {proxy} answered {asked} with a response that violates HTTP/1.1 ({reason:words}). The response begins with {answer}.',
    check: 'Ask the proxy team: the proxy, or something in front of it, sends a malformed response head.',
    class: 'tcp',
    retry: 'later',
  },
  'PROXY-GONE': {
    text: 'Proxy {proxy} is dead: {observed:words}. No byte of the download has arrived for {silence:ms}.',
    check:
      'Check whether the process of the proxy hangs or is overloaded. The received bytes are kept. The attempt is repeated, through another proxy of the profile if there is one.',
    class: 'tcp',
    retry: 'later',
  },
  'AUTH-REQUIRED': {
    text: 'Proxy {proxy} requires authentication ({offered}, realm {realm}), but no credentials are sent to it (authentication: transparent).',
    check: 'Set {remedy:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-REJECTED': {
    text: 'Proxy {proxy} has refused user {user} ({scheme}) since {since:time}; {history:words}. Tried once; not retrying, to avoid account lockout.',
    check:
      'Check user and password of proxy {proxy}: they may have expired or been replaced. Sallyport tries again when the user or password changes, or {retry:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-UNCLEAR': {
    text: 'Proxy {proxy} or the server behind it refused user {user} for {origin} at {since:time}. A test with CONNECT did not show which of the two refused the user ({found:words}).',
    check:
      'The password worked at this proxy before. If the password has changed, enter the new one. Otherwise ask the admin of the server. The next try is at {retryAt:time}, or when you run sallyport check --retry-credential.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-INTERRUPTED': {
    text: 'An attempt with user {user} at proxy {proxy} was interrupted at {since:time}, so it is unknown whether the proxy refused the user. Not retrying for now, to avoid account lockout.',
    check:
      'If user and password of proxy {proxy} are correct, do not change them. Sallyport tries again {retry:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-DOMAIN': {
    text: 'Proxy {proxy} refused user {user} ({scheme}). The user has no domain, but the proxy expects one (it advertises {advertised}). Tried once; not retrying, to avoid account lockout.',
    check: 'Set the key domain of proxy {proxy}. Sallyport then logs in as {meant}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-SCHEME': {
    text: 'Proxy {proxy} offers {offered}, but the configuration sets its authentication to {configured}.',
    check: 'Set authentication to a scheme that the proxy offers, or ask the proxy team for an exemption.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-ALGORITHM': {
    text: 'Proxy {proxy} offers Digest in a form that is not supported: {missing:words}.',
    check:
      'Ask the proxy team. Sallyport supports MD5, SHA-256, SHA-512-256 and their -sess forms. The challenge needs a nonce, and its qop must be auth or absent.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-MESSAGE': {
    text: 'Authentication ({scheme}) with proxy {proxy} cannot continue: {reason:words}.',
    check: 'Something between this host and the proxy may be changing its responses. Ask the proxy team.',
    class: 'auth',
    retry: 'later',
  },
  'NTLM-CONN': {
    text: 'Authentication with proxy {proxy} was interrupted: {reason:words}. NTLM and Negotiate need the same connection for all steps.',
    check:
      'A load balancer or proxy in front of this proxy may close or share connections. Ask the proxy team for persistent connections, or set authentication to basic or digest.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-STALE': {
    text: 'Proxy {proxy} rejected {nonce:words} as stale (Digest). User and password are correct.',
    check:
      'An expired nonce is normal, and the next attempt gets a new one. If this repeats, ask the proxy team how long its Digest nonces live, and whether several proxies share one address.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-FIPS': {
    text: 'Proxy {proxy} requires {scheme}, which needs MD4 or MD5; this host runs in FIPS mode, which forbids them.',
    check: 'Ask the proxy team for Negotiate, for Digest with SHA-256, or for Basic over TLS to the proxy.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-DOWNGRADE': {
    text: 'Proxy {proxy} now offers {offered}, but {worked} worked there before. No weaker scheme is used, and no password was sent.',
    check:
      'Ask the proxy team. If they changed it on purpose, set authentication of proxy {proxy} to the scheme that Sallyport should use.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-CLEARTEXT': {
    text: 'Proxy {proxy} offers {offered}, which would send the password unencrypted. It was not sent.',
    check: 'Ask the proxy team for another scheme, or set allow_cleartext: true for proxy {proxy}.',
    class: 'auth',
    retry: 'change',
  },
  'NEGOTIATE-UNAVAILABLE': {
    text: 'Negotiate authentication at proxy {proxy} needs the npm package kerberos, which cannot be loaded ({reason:words}).',
    check:
      'Install the npm package kerberos in the folder of the program (for the service, /usr/lib/sallyport). It needs the system libraries libkrb5-dev and libgssapi-krb5-2.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-TICKET': {
    text: 'Cannot use a Kerberos ticket for {service} at proxy {proxy}: {reason:words}.',
    check:
      'Run klist to see whether there is a ticket or keytab. In the configuration, the address of the proxy must be its fully qualified name.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-REBIND': {
    text: 'The password of proxy {proxy} was entered for {bound}, not for {url}, so it is not sent there.',
    check:
      'If the new address is correct, run sallyport check --retry-credential as root. This allows the stored password for the new address. Or enter the password again: sallyport proxy edit {proxy}.',
    class: 'auth',
    retry: 'change',
  },
  'URL-ELSEWHERE': {
    text: '{target} directs the next request to {origin}, which is another server. It was not sent.',
    check: 'Ask the administrator of {target}: the requests must stay on that server.',
    class: 'policy',
    retry: 'change',
  },
  'CONFIG-PROXY-URL': {
    text: 'The environment variable {variable} of proxy {proxy} is not a valid proxy URL: {reason:words}.',
    check:
      'Use a URL such as http://user:password@proxy.example.com:3128, and percent-encode special characters (%40 for @). Or set address, user and password of the profile.',
    class: 'config',
    retry: 'change',
  },
  'PAC-UNAVAILABLE': {
    text: 'Cannot get the PAC file {where} of proxy {proxy}: {reason:words}.',
    check:
      'Check pac.url or pac.file of proxy {proxy}. Sallyport fetches pac.url directly, without a proxy. If the server uses a private CA, copy the PAC file to this host and set pac.file instead of pac.url.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-SYNTAX': {
    text: 'The PAC file {where} of proxy {proxy} cannot be used (line {line}): {reason:words}.',
    check:
      'Ask the administrator of the PAC file. A captive portal or a web server may also have sent a web page instead of the file.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-FAILED': {
    text: 'The PAC file {where} of proxy {proxy} failed for {url}: {reason:words}.',
    check: 'Ask the administrator of the PAC file.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-TIMEOUT': {
    text: 'The PAC file {where} of proxy {proxy} returned nothing for {url} within {elapsed:ms} and was stopped.',
    check: 'Ask the administrator of the PAC file. The file may loop forever, or wait for names that do not resolve.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-ANSWER': {
    text: 'The PAC file {where} of proxy {proxy} returned {answer} for {url}. That is neither a proxy nor DIRECT.',
    check: 'Ask the administrator of the PAC file. Connections go direct only if the file says DIRECT.',
    class: 'policy',
    retry: 'later',
  },
  'POLICY-DENIED': {
    text: 'Proxy {proxy} refused {target} ({status}, {said}).',
    check: 'Ask the proxy team to allow {target}. For the full list, run: sallyport endpoints.',
    class: 'policy',
    retry: 'change',
  },
  'POLICY-PORT': {
    text: 'Proxy {proxy} refused {target} ({status}, {said}), although it has opened tunnels to port 443 before.',
    check:
      'Many proxies allow CONNECT to port 443 only. Ask the proxy team to allow {target}. For the full list, run: sallyport endpoints.',
    class: 'policy',
    retry: 'change',
  },
  'LOOPBACK-ELSEWHERE': {
    text: '{url} names this host, but {by:words} {address}, which is another host. Nothing was sent.',
    check:
      'Plain HTTP is allowed only within this host. Use https, or bypass the proxy: set use_proxy_for of this purpose to none, or add the host to no_proxy of the profile.',
    class: 'policy',
    retry: 'change',
  },
  'POLICY-RESOLVE': {
    text: 'Proxy {proxy} ({scheme}) needs the IP address of {host}, but proxy_required is true, so this host is not allowed to resolve names.',
    check: 'Set {remedy:words}; the proxy then resolves names itself.',
    class: 'policy',
    retry: 'change',
  },
  'SOCKS-REFUSED': {
    text: 'SOCKS proxy {proxy} refused {target} ({status:words}: {said:words}).',
    check:
      'Check the log of the proxy at this time. The proxy may have a rule against {target}, or no network route to it.',
    class: 'policy',
    retry: 'later',
  },
  'SOCKS-LIMIT': {
    text: 'Proxy {proxy} speaks {scheme}, which cannot carry {what:words}.',
    check:
      'SOCKS allows host names, users and passwords of 1 to 255 bytes. socks4 and socks4a do not support IPv6 addresses.',
    class: 'config',
    retry: 'change',
  },
  'PROXY-UPSTREAM': {
    text: 'Proxy {proxy} accepted the request ({credentials:words}) but cannot reach {target} ({status}, {said}).',
    check: 'Ask the proxy team. The cause may be its DNS or a firewall behind it.',
    class: 'policy',
    retry: 'later',
  },
  'PROXY-TOO-BIG': {
    text: 'Proxy {proxy} refused {target} because the body is too large ({status}, {said}).',
    check: 'Ask the proxy team to raise the body size limit for this host (Squid: reply_body_max_size).',
    class: 'policy',
    retry: 'change',
  },
  'PROXY-REDIRECT': {
    text: 'Proxy {proxy} answered CONNECT {target} with a redirect ({status}) to {location}.',
    check:
      'A captive portal asks for a login or for acceptance of its terms. Ask the proxy team to exempt this host from it.',
    class: 'policy',
    retry: 'later',
  },
  'TUNNEL-PAGE': {
    text: 'Proxy {proxy} answered CONNECT {target} with 200, but sent a web page instead of opening a tunnel (title: {title}).',
    check: 'It is probably a captive portal or a block page. Ask the proxy team to let {target} through.',
    class: 'policy',
    retry: 'later',
  },
  'PROXY-REFUSED': {
    text: 'Proxy {proxy} answered the request for {target} with status {status} ({said}).',
    check: 'Check the log of the proxy at this time.',
    class: 'policy',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
