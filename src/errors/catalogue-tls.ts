// Codes of TLS in `src/proxy`. PROXY-TLS-* is for TLS to a proxy, and TLS-* for TLS to the target, with or without a
// proxy. They are separate because an admin fixes the first in the profile of the proxy, and the second in the section
// of the purpose (principle 6).

import type { Entry } from './entry.ts';

export const TLS_CODES = {
  'PROXY-SCHEME': {
    text: 'Port {port} of proxy {proxy} speaks {speaks:words}, but the scheme of the proxy is set to {scheme} (it answered {answer}).',
    check: 'Set {remedy:words}. TLS to the servers inside its tunnels is not affected.',
    class: 'tls',
    retry: 'change',
  },
  'PROXY-TLS-TIMEOUT': {
    text: 'The TLS handshake with proxy {proxy} itself did not complete within {elapsed:ms} ({key}).',
    check: 'Its port may speak plain HTTP (then set scheme: http for proxy {proxy}), or the proxy is overloaded.',
    class: 'timeout',
    retry: 'later',
  },
  'PROXY-TLS-UNTRUSTED': {
    text: 'The certificate of proxy {proxy} itself is not trusted ({reason:words}). Issuer: {issuer}. Expected: {expected:words}.',
    check: 'Set ca_file of proxy {proxy} to a file with the certificate of the CA that issued it.',
    class: 'tls',
    retry: 'change',
  },
  'PROXY-TLS-NAME': {
    text: 'The certificate of proxy {proxy} itself is for {names}, not for {host}; it was issued by {issuer}.',
    check: 'Set the address of proxy {proxy} to a name in its certificate.',
    class: 'tls',
    retry: 'change',
  },
  'PROXY-TLS-CLOCK': {
    text: 'The certificate of proxy {proxy} itself is {reason:words} (valid from {from} to {to}). The clock of this host says {now:time}, and {others:words}.',
    check: 'Check the clock of this host first, then the certificate of the proxy.',
    class: 'tls',
    retry: 'later',
  },
  'PROXY-TLS-EXPIRED': {
    text: 'The certificate of proxy {proxy} itself is {reason:words} (valid from {from} to {to}). The clock of this host says {now:time}, and {others:words}.',
    check: 'The clock of this host is not the cause. Ask the proxy team to renew the certificate of the proxy.',
    class: 'tls',
    retry: 'later',
  },
  'PROXY-TLS-FAILED': {
    text: 'The TLS handshake with proxy {proxy} itself failed: {reason:words}.',
    check:
      'Check that its port speaks TLS (otherwise set scheme: http for proxy {proxy}), and whether it requires a client_certificate.',
    class: 'tls',
    retry: 'later',
  },
  'PROXY-TLS-OLD': {
    text: 'The TLS of proxy {proxy} itself is too old: {reason:words}.',
    check: 'Ask the proxy team for TLS 1.2 or newer on port {port} of proxy {proxy}.',
    class: 'tls',
    retry: 'change',
  },
  'PROXY-TLS-WEAK': {
    text: 'TLS to proxy {proxy} itself uses {suite} ({version}), a suite without authenticated encryption. The connection is used anyway.',
    check:
      'Ask the proxy team for AES-GCM or ChaCha20-Poly1305. TLS to the servers inside its tunnels is not affected.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-OLD': {
    text: 'The TLS of {host} is too old: {reason:words}. No request was sent.',
    check:
      'Ask the administrator of {host} for TLS 1.2 or newer with AES-GCM or ChaCha20-Poly1305. The answer may also come from an old device in between.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-TIMEOUT': {
    text: 'The TLS handshake with {host} did not complete within {elapsed:ms} ({key}).',
    check: 'Something between this host and {host} blocks TLS, or the server is overloaded.',
    class: 'timeout',
    retry: 'later',
  },
  'TLS-INTERCEPTED': {
    text: 'The certificate for {host} was issued by {issuer} (expected: {expected:words}). TLS is intercepted at proxy {proxy} or behind it. No request was sent.',
    check:
      'By default, this (SSL bridging) is refused. Ask the proxy team for a bypass for {target}. For all hosts that need a bypass, run: sallyport endpoints. Without a bypass: {otherwise:words}. Only if that issuer is a CA of the server: {remedy:words}.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-CHAIN': {
    text: 'The certificate chain of {host} is incomplete: the certificate of {end} is missing. Either the server did not send it, or TLS is intercepted. No request was sent.',
    check:
      'Without the proxy, run: openssl s_client -showcerts -connect {target}. If the certificate is missing there too, the server must send it ({aia:words}); for a private CA, {remedy:words}. Otherwise, TLS is intercepted: ask for a bypass.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-PIN': {
    text: 'The certificate for {host} is valid, but {key} contains no key of its chain. The issuer is {issuer}, and the keys are {found}. No request was sent.',
    check:
      'If that issuer is your own company, TLS is intercepted. Ask the proxy team not to decrypt connections to {target}. Without a bypass: {otherwise:words}. If the issuer is another one, ask the vendor for the new pins.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-UNTRUSTED': {
    text: 'The certificate of {host} is not trusted ({reason:words}). Issuer: {issuer}. Expected: {expected:words}.',
    check:
      'If that issuer is your own company, TLS is intercepted: ask the proxy team for a bypass. If it is a private CA of the operator of the server: {remedy:words}.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-NAME': {
    text: 'The certificate of the server is for {names}, not for {host}; it was issued by {issuer}.',
    check: 'Check the host name in the URL.',
    class: 'tls',
    retry: 'change',
  },
  'TLS-CLOCK': {
    text: 'The certificate of {host} is {reason:words} (valid from {from} to {to}). The clock of this host says {now:time}, and {others:words}.',
    check: 'Check the clock of this host first, then the certificate of the server.',
    class: 'tls',
    retry: 'later',
  },
  'TLS-EXPIRED': {
    text: 'The certificate of {host} is {reason:words} (valid from {from} to {to}). The clock of this host says {now:time}, and {others:words}.',
    check: 'The clock of this host is not the cause. Ask the administrator of the server to renew its certificate.',
    class: 'tls',
    retry: 'later',
  },
  'TLS-FAILED': {
    text: 'The TLS handshake with {host} failed: {reason:words}.',
    check: 'Check that this port speaks TLS and that nothing between this host and {host} interferes with it.',
    class: 'tls',
    retry: 'later',
  },
  'TLS-FILE': {
    text: 'Cannot use {path} ({key}): {reason:words}.',
    check: 'The file must contain PEM text, and the user that Sallyport runs as must be able to read it.',
    class: 'config',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
