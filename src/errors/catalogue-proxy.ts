// Codes of `src/proxy`: everything between this host and the far end of the tunnel. The proxy's own answers are here
// and never mixed with the origin's (law 9). Wording follows part C of the notes on the field's thirty situations.

import type { Entry } from './entry.ts';

export const PROXY_CODES = {
  'DNS-PROXY': {
    text: 'Cannot resolve proxy host {host} ({reason:words}; name servers {servers}).',
    check: 'Check the address of proxy {proxy} letter by letter, and that this host asks the inner DNS.',
    class: 'dns',
    retry: 'later',
  },
  'DNS-TARGET': {
    text: 'Cannot resolve {host} here ({reason:words}), and no proxy is used.',
    check: 'Behind a proxy this is normal: configure one. Otherwise check the DNS of this host.',
    class: 'dns',
    retry: 'later',
  },
  'DNS-SOCKS': {
    text: 'Cannot resolve {host} here ({reason:words}), and proxy {proxy} is asked by address ({scheme}).',
    check: 'Set {remedy:words}: then the proxy resolves the names.',
    class: 'dns',
    retry: 'later',
  },
  'TCP-REFUSED': {
    text: '{host} refused port {port} after {elapsed:ms}: the host is up, nothing listens there.',
    check: 'Check the port. Common proxy ports are 3128, 8080 and 80.',
    class: 'tcp',
    retry: 'later',
  },
  'TCP-TIMEOUT': {
    text: 'No answer from {host}:{port} in {elapsed:ms} ({key}), asked from {source:words}.',
    check: 'A firewall drops it, or the address is wrong.',
    class: 'tcp',
    retry: 'later',
  },
  'TCP-FAILED': {
    text: 'Cannot connect to {host}:{port}: {reason:words}.',
    check: 'Check the route and the firewall between this host and {host}.',
    class: 'tcp',
    retry: 'later',
  },
  'TUNNEL-TIMEOUT': {
    text: 'Proxy {proxy} did not answer {asked} {target} in {elapsed:ms} ({key}).',
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
    text: 'All {count} proxies failed ({failures:words}); direct access is not attempted because {why:words}.',
    check: 'Look at each of them; the failure of the last one is the one that its code names.',
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
    text: 'Proxy {proxy} answered {asked} with a response that breaks HTTP/1.1 ({reason:words}); it begins with {answer}.',
    check: 'Ask the proxy team: the proxy, or something in front of it, sends a malformed response head.',
    class: 'tcp',
    retry: 'later',
  },
  'AUTH-REQUIRED': {
    text: 'Proxy {proxy} asks for a user ({offered}, realm {realm}), and its authentication is transparent.',
    check: 'Set {remedy:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-REJECTED': {
    text: 'Proxy {proxy} refused user {user} ({scheme}), since {since:time}; {history:words}. Tried once; not retrying, to avoid account lockout.',
    check:
      'Check user and password of proxy {proxy}; expired or rotated? It is tried again when they change, or {retry:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-UNCLEAR': {
    text: 'Proxy {proxy} or the server behind it refused user {user} for {origin} at {since:time}. A CONNECT did not show which of the two ({found:words}).',
    check:
      'The password has worked at this proxy before. If it has changed, enter the new one. Otherwise ask the administrator of the server. The password is next used for this server at {retryAt:time}, or by check --retry-credential.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-INTERRUPTED': {
    text: 'An attempt with user {user} at proxy {proxy} was cut off at {since:time}, and nobody knows whether it was refused. Not retrying, to avoid account lockout.',
    check: 'When user and password of proxy {proxy} are right, it is tried again {retry:words}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-DOMAIN': {
    text: 'Proxy {proxy} refused user {user} ({scheme}), whose domain is empty, and it takes users of {advertised}. Tried once; not retrying, to avoid account lockout.',
    check: 'Set the domain of proxy {proxy}; the user is then {meant}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-SCHEME': {
    text: 'Proxy {proxy} offers {offered}; its authentication is configured as {configured}.',
    check: 'Set a scheme that the proxy offers, or ask the proxy team for an exemption.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-ALGORITHM': {
    text: 'Proxy {proxy} offers Digest in a form that cannot be answered: {missing:words}.',
    check:
      'Supported are MD5, SHA-256 and SHA-512-256, each also with -sess. The challenge needs a nonce, and its qop must be auth or absent. Ask the proxy team.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-MESSAGE': {
    text: 'Proxy {proxy} speaks {scheme} in a way that cannot be answered: {reason:words}.',
    check: 'Something between here and the proxy may change its answers; ask the proxy team.',
    class: 'auth',
    retry: 'later',
  },
  'NTLM-CONN': {
    text: 'Proxy {proxy} broke its authentication off: {reason:words}; NTLM and Negotiate need one connection.',
    check:
      'A load balancer or proxy in front may close or share connections. Ask for keep-alive, or use basic or digest.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-STALE': {
    text: 'Proxy {proxy} calls nonces stale that it has just made; user and password are fine.',
    check: 'Ask the proxy team how long its Digest nonces live, and whether several proxies share one address.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-FIPS': {
    text: 'Proxy {proxy} wants {scheme}, which needs MD4 or MD5; this host runs in FIPS mode, which forbids them.',
    check: 'Ask the proxy team for Negotiate, for Digest with SHA-256, or for Basic over a proxy that speaks TLS.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-DOWNGRADE': {
    text: 'Proxy {proxy} offers {offered}; {worked} worked there before. Nothing weaker is used, and no password was sent.',
    check: 'Ask the proxy team. When they did this, name the scheme in authentication of proxy {proxy}.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-CLEARTEXT': {
    text: 'Proxy {proxy} offers {offered}, which would show the password to whoever sees the bytes; it was not sent.',
    check: 'Ask the proxy team for another scheme, or set allow_cleartext: true of proxy {proxy}.',
    class: 'auth',
    retry: 'change',
  },
  'NEGOTIATE-UNAVAILABLE': {
    text: 'Proxy {proxy} is to get a Kerberos ticket, and the package kerberos cannot be loaded ({reason:words}).',
    check: 'Beside Sallyport run npm install kerberos; it needs the system libraries libkrb5-dev and libgssapi-krb5-2.',
    class: 'auth',
    retry: 'change',
  },
  'AUTH-TICKET': {
    text: 'No use of a Kerberos ticket for {service} at proxy {proxy}: {reason:words}.',
    check: 'Check with klist that there is a ticket or keytab, and that the address of the proxy is its full name.',
    class: 'auth',
    retry: 'later',
  },
  'AUTH-REBIND': {
    text: 'The password of proxy {proxy} was entered for {bound}, not for {url}; it is not sent there.',
    check:
      'If the new address is correct, enter the password again (set a new value or rewrite its file), or run check --retry-credential as root.',
    class: 'auth',
    retry: 'change',
  },
  'URL-ELSEWHERE': {
    text: '{target} wants the next request to go to {origin}; not followed.',
    check: 'Ask whoever runs {target}: it must take what it is sent itself.',
    class: 'policy',
    retry: 'change',
  },
  'CONFIG-PROXY-URL': {
    text: 'The environment variable {variable} of proxy {proxy} is of no use: {reason:words}.',
    check:
      'Write it like http://user:password@proxy.example.com:3128, with %40 for @ and so on; or use address, user and password of the profile.',
    class: 'config',
    retry: 'change',
  },
  'PAC-UNAVAILABLE': {
    text: 'Cannot get the PAC file {where} of proxy {proxy}: {reason:words}.',
    check:
      'Check pac.url or pac.file of proxy {proxy}. A URL is fetched directly, without a proxy. If its server uses a private CA, copy the PAC file to this host and set pac.file instead of pac.url.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-SYNTAX': {
    text: 'The PAC file {where} of proxy {proxy} cannot be used (line {line}): {reason:words}.',
    check:
      'Ask whoever keeps the PAC file. What a captive portal or a web server says in place of it looks like this, too.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-FAILED': {
    text: 'The PAC file {where} of proxy {proxy} failed for {url}: {reason:words}.',
    check: 'Ask whoever keeps the PAC file.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-TIMEOUT': {
    text: 'The PAC file {where} of proxy {proxy} gave no answer for {url} in {elapsed:ms}; it was stopped.',
    check: 'Ask whoever keeps the PAC file: it never ends, or waits for names that do not resolve.',
    class: 'policy',
    retry: 'later',
  },
  'PAC-ANSWER': {
    text: 'The PAC file {where} of proxy {proxy} answered {answer} for {url}, which names neither a proxy nor DIRECT.',
    check: 'Ask whoever keeps the PAC file. Nothing goes direct unless it says DIRECT.',
    class: 'policy',
    retry: 'later',
  },
  'POLICY-DENIED': {
    text: 'Proxy {proxy} refused {target} ({status}, {said}).',
    check: 'Ask the proxy team to allow {target}. The full list for them: sallyport endpoints.',
    class: 'policy',
    retry: 'change',
  },
  'POLICY-PORT': {
    text: 'Proxy {proxy} refused {target} ({status}, {said}); tunnels to port 443 it has opened before.',
    check:
      'Many proxies let CONNECT through to port 443 only. Ask the proxy team to allow {target}. The full list for them: sallyport endpoints.',
    class: 'policy',
    retry: 'change',
  },
  'LOOPBACK-ELSEWHERE': {
    text: '{url} names this machine, but {by:words} {address}, which is another machine. Nothing was sent.',
    check:
      'Plain HTTP is trusted only on this machine. Use https, or bypass the proxy: set use_proxy_for of this purpose to none, or add the host to no_proxy of the profile.',
    class: 'policy',
    retry: 'change',
  },
  'POLICY-RESOLVE': {
    text: 'The name {host} would be resolved here for proxy {proxy} ({scheme}), and proxy_required is true.',
    check: 'Set {remedy:words}: then the proxy resolves the names.',
    class: 'policy',
    retry: 'change',
  },
  'SOCKS-REFUSED': {
    text: 'SOCKS proxy {proxy} refused {target} ({status:words}: {said:words}).',
    check: 'Look into the log of the proxy at this minute; its rules or its way to {target} may be the reason.',
    class: 'policy',
    retry: 'later',
  },
  'SOCKS-LIMIT': {
    text: '{what:words} does not fit into {scheme}, which proxy {proxy} is spoken to with.',
    check: 'SOCKS takes names, users and passwords of 1 to 255 bytes; socks4 and socks4a take no IPv6 address.',
    class: 'config',
    retry: 'change',
  },
  'PROXY-UPSTREAM': {
    text: 'Proxy {proxy} accepted us ({credentials:words}) but cannot reach {target} ({status}, {said}).',
    check: 'Its DNS or the firewall behind it; ask the proxy team.',
    class: 'policy',
    retry: 'later',
  },
  'PROXY-TOO-BIG': {
    text: 'Proxy {proxy} refused {target} as too large ({status}, {said}).',
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
    text: 'Proxy {proxy} answered {target} with status {status} ({said}).',
    check: 'Look into the log of the proxy at this minute.',
    class: 'policy',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
