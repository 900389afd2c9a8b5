// Codes of signed feeds: metadata of The Update Framework (TUF), the stored versions, and the clock that decides about
// expiry. The facts `role`, `version` and `clause` name the signed document and the clause of the TUF specification
// 1.0.

import type { Entry } from './entry.ts';

export const TRUST_CODES = {
  'TUF-INVALID': {
    text: 'The signed metadata {file} (role {role}) is not valid: {reason:words} (TUF {clause}).',
    check:
      'A proxy or a captive portal probably sent a page in its place: open the URL through the same proxy. If the file is really from the vendor, report it there.',
    class: 'content',
    retry: 'later',
  },
  'TUF-SIGNATURE': {
    text: 'The metadata {file}, version {version}, has {found} valid signature{found:s} for role {role}; {threshold} required (TUF {clause}).',
    check:
      'A proxy, cache or mirror changed it, or it is from another repository: compare it over another network. Otherwise the vendor signed with the wrong keys. Nothing of it is used.',
    class: 'content',
    retry: 'later',
  },
  'TUF-ROLLBACK': {
    text: 'The signed metadata would go back: {file} names version {found} of {role}, but version {known} was accepted before (TUF {clause}).',
    check:
      'A cache or mirror probably sent an old copy, or someone replays one. If it persists, ask the vendor whether the repository was restored from a backup.',
    class: 'content',
    retry: 'later',
  },
  'TUF-EXPIRED': {
    text: 'The metadata of role {role}, version {version}, expired at {expires}; the clock of this host says {now:time} (TUF {clause}).',
    check:
      'Check the clock of this host first. Then check whether a proxy, cache or mirror holds back newer files. Then ask the vendor to renew the role.',
    class: 'content',
    retry: 'later',
  },
  'TUF-MISMATCH': {
    text: 'The file {file} (role {role}) differs from what {listedBy:words} lists: {what:words} is {found}, expected {expected} (TUF {clause}).',
    check:
      'A proxy or cache changed it, or a cache or mirror mixes old and new files. The next attempt may succeed. If it does not, ask the proxy team, then the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-MISSING': {
    text: 'The repository has no file {file} for role {role}, although {listedBy:words} requires it (TUF {clause}).',
    check:
      'The upload at the vendor or the mirror is probably incomplete, or a proxy blocks this file. Open its URL through the same proxy, then ask the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-LIMIT': {
    text: 'The file {file} (role {role}) is longer than {limit:size} (TUF {clause}).',
    check: 'A proxy or server sends other data in its place, or sends without end. Otherwise ask the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-TARGET-UNKNOWN': {
    text: 'No signed metadata lists the file {path}.',
    check:
      'If the feed names it, the vendor has published the feed but not signed the file. If the name is from `updates.tuf.feed_target`, check its spelling.',
    class: 'content',
    retry: 'later',
  },
  'TUF-TARGET-DIFFERS': {
    text: 'The feed and the signed metadata disagree about {path}: {what:words} is {feed} in the feed and {signed} in the metadata of role {role}.',
    check: 'Report it to the vendor, who must sign the same file that the feed lists. Nothing was downloaded.',
    class: 'content',
    retry: 'later',
  },
  'TUF-ROOT-UNSURE': {
    text: 'Cannot tell whether {file} exists: the answer was HTTP 403, which the server or a proxy may have sent.',
    check:
      'Ask the proxy team whether the proxy blocks this URL. If the server answers 403 for missing files, use an https metadata_url: then the sender of an answer is known.',
    class: 'http',
    retry: 'later',
  },
  'TUF-ROOT-STEPS': {
    text: 'The repository has more than {limit} new root files in one check; version {version} was reached (TUF {clause}).',
    check: 'Nothing if this host was off for years: the next check continues there. Otherwise ask the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-ROOT-FILE': {
    text: 'The trusted root {path} cannot be used: {reason:words}.',
    check: 'Get the root file from the vendor again and compare its fingerprint, then set `updates.tuf.root_file`.',
    class: 'config',
    retry: 'change',
  },
  'TUF-DELEGATIONS': {
    text: 'Searching for {path} needed more than {limit} delegated roles (TUF {clause}).',
    check: 'Report it to the vendor, who must delegate more directly.',
    class: 'content',
    retry: 'change',
  },
  'STATE-RESTORED': {
    text: 'The state has version {found} of {role}, but version {known} was accepted on this host before. The higher one stays the minimum.',
    check: 'The state folder was probably restored from a backup. Nothing is to be done: older metadata is refused.',
    class: 'system',
    retry: 'later',
  },
  'CLOCK-BACK': {
    text: 'The clock of this host says {now:time}, but metadata was already checked at {latest:time}.',
    check: 'Check the clock and its time servers. A clock that is slow accepts metadata that has expired.',
    class: 'system',
    retry: 'later',
  },
  'TRUST-DOWNGRADE': {
    text: 'This host has accepted a signed feed, and updates.trust is now tls. An unsigned feed is not used.',
    check:
      'Set `updates.trust: tuf` again. If the vendor no longer signs its feed and you trust its server instead, also set `updates.trust_downgrade: true`.',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
  'TRUST-REPLACED': {
    text: 'The trusted root was replaced by hand at {at:time}: {from} before, {to} now.',
    check:
      'Nothing if this was intended: this notice ends after 30 days. If not, ask who has root access to this host.',
    class: 'config',
    retry: 'change',
    isLocal: true,
  },
  'MIRROR-STALE': {
    text: 'The mirror {url} is incomplete, or behind what this host has accepted ({cause}).',
    check: 'Check when the mirror was last synchronized. Updates come from the next mirror, or from the vendor.',
    class: 'content',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
