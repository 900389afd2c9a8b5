// Codes of `src/platform`: commands of the platform, the link to it, the identity of this host, and its activation.

import type { Entry } from './entry.ts';

export const PLATFORM_CODES = {
  // The link itself (`platform/link`)
  'LINK-LOST': {
    text: 'The link to the platform {host} broke after {elapsed:ms}, and no reason was given.',
    check:
      'The proxy, a firewall or the server ended the connection. If links always end after the same time, ask the proxy team for its limits for open and idle tunnels. Set platform.ping_seconds to less than the idle limit.',
    class: 'ws',
    retry: 'later',
  },
  'LINK-CLOSED': {
    text: 'The server {host} closed the link after {elapsed:ms} ({why}).',
    check: 'If this repeats, ask the vendor why the platform closes the link.',
    class: 'ws',
    retry: 'later',
  },
  'LINK-SILENT': {
    text: 'The link to {host} is open, but {host} has not answered for {elapsed:ms}.',
    check:
      'A proxy or firewall on the network path may have dropped the connection without closing it. Ask the proxy team how long a tunnel may be idle, and set platform.ping_seconds to less than that.',
    class: 'timeout',
    retry: 'later',
  },
  'LINK-PROTOCOL': {
    text: 'The server {host} does not follow the protocol of the link: {reason}.',
    check:
      'Check platform.url: it may lead to another service. The server may also need a newer version of Sallyport: ask the vendor.',
    class: 'content',
    retry: 'change',
  },
  // Commands of the platform (`platform/inbox`)
  'PLATFORM-COMMAND': {
    text: 'The platform sent a command that this version cannot carry out: {command}.',
    check: 'The command was refused. Ask the vendor which version of Sallyport supports it.',
    class: 'content',
    retry: 'never',
  },
  'PLATFORM-RATE': {
    text: 'The platform sent more than {limit} {command} commands within an hour.',
    check: 'This command was refused. Ask the vendor why the platform sends it so often.',
    class: 'policy',
    retry: 'never',
  },
  'PLATFORM-RUNNING': {
    text: 'The check for updates that the platform requested is running.',
    check: 'No action is needed. The platform gets the result when the check has ended.',
    class: 'system',
    retry: 'later',
  },
  'PLATFORM-DENIED': {
    text: 'Request {request} from the platform for support logs was denied by {by:words}.',
    check:
      'Nothing was collected. To handle such requests in another way, set support_logs.on_platform_request to deny, ask or allow.',
    class: 'policy',
    retry: 'never',
  },
  // Identity and activation (`platform/identity`, `platform/activation`)
  LICENSE: {
    text: 'Activation reached {server:words} {through:words}. The server answered: {answer:words}. The {leg:words} is not the problem.',
    check: 'Next step: {remedy:words}.',
    class: 'license',
    retry: 'change',
  },
  'LICENSE-PROXY': {
    text: 'Activation {how:words} {server:words}: {cause}.',
    check: 'What to fix first: {cause:advice}.',
    class: 'license',
    retry: 'later',
  },
  'LICENSE-CLOCK': {
    text: 'The clock of this host is {off:ms} {side:words} {reference:words}, so {consequence:words}.',
    check: 'Set the clock of this host (timedatectl), then repeat the command.',
    class: 'license',
    retry: 'later',
  },
  'LICENSE-KEY': {
    text: 'The activation key is not valid: {reason:words}. It was not sent.',
    check:
      'A key has four groups of four letters and digits, such as AAAA-BBBB-CCCC-DDDD. Copy the key exactly as the vendor sent it.',
    class: 'license',
    retry: 'change',
  },
  'LICENSE-INVALID': {
    text: 'The license cannot be used: {reason:words}.',
    check: 'Next step: {remedy:words}.',
    class: 'license',
    retry: 'change',
  },
  'LICENSE-UNVERIFIABLE': {
    text: 'This host cannot verify licenses, because it has no public key of the vendor. Nothing was sent.',
    check:
      'As root, set activation.license_keys to the public keys that the vendor publishes, or activation.license_keys_target to their path in the signed feed.',
    class: 'config',
    retry: 'change',
    isLocal: true,
  },
  'LICENSE-KEYS': {
    text: 'The license keys in target {path} of the signed feed were not read ({consequence:words}): {reason:words}.',
    check:
      'Compare activation.license_keys_target with the path that the vendor publishes. Then run sallyport check, which reads the keys again.',
    class: 'license',
    retry: 'later',
  },
  'LICENSE-NONE': {
    text: 'This host is not activated, so there is nothing to {what:words}.',
    check: 'To activate this host, run sallyport activate.',
    class: 'license',
    retry: 'change',
    isLocal: true,
  },
  'IDENTITY-CLONED': {
    text: 'The identity of this host was made on another machine (the machine ID differs). This host now has a new identity and agent ID, and is not activated.',
    check:
      'If this host is a copy of another one, activate it with a key of its own. If it is the same host with a new machine ID, run: sallyport activate --replace. The previous identity is in {aside}.',
    class: 'license',
    retry: 'change',
    isLocal: true,
  },
  'IDENTITY-UNSTORED': {
    text: 'The identity of this host was made on another machine (the machine ID differs), and a new identity cannot be stored: {cause}. Until it is stored, this host uses a temporary agent ID, and does not connect to the platform.',
    check:
      'What to fix first: {cause:advice}. Sallyport tries again at each start, and every minute if platform.enabled is true.',
    class: 'license',
    retry: 'later',
    isLocal: true,
  },
  'IDENTITY-KEY': {
    text: 'The private key in {path} cannot be used: {reason:words}.',
    check:
      'The file must have a private Ed25519 key (PKCS #8, PEM). To make one, run openssl genpkey -algorithm ed25519.',
    class: 'config',
    retry: 'change',
  },
  'IDENTITY-ABSENT': {
    text: 'Only the running service has the private key of this host (the credential {credential}).',
    check: 'Start the service (systemctl start sallyport), then repeat the command.',
    class: 'config',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
