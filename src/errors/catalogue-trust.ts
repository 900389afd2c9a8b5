// Codes of signed feeds: metadata of The Update Framework (TUF), stored versions, and a clock that may be wrong,
// because metadata expires. The facts `role`, `version` and `clause` name the signed document and the clause of the TUF
// specification 1.0.

import type { Entry } from './entry.ts';

export const TRUST_CODES = {
  'TUF-INVALID': {
    text: 'The signed metadata {file} (role {role}) is not valid: {reason:words} (TUF {clause}).',
    check:
      'A proxy or a captive portal probably sent a page instead of the file: open the URL through the same proxy. If the file is from the vendor, report it to the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-SIGNATURE': {
    text: 'The metadata {file}, version {version}, has {found} valid signature{found:s} for role {role} ({threshold} required; TUF {clause}).',
    check:
      'The file was not used. A proxy, cache or mirror may have changed it, or it is from another repository. Download it over another network and compare the two files. If they are the same, the vendor signed with the wrong keys.',
    class: 'content',
    retry: 'later',
  },
  'TUF-ROLLBACK': {
    text: 'The signed metadata {file} lists version {found} of {role}, but version {known} was accepted before (TUF {clause}).',
    check:
      'A cache or mirror may have sent an old copy, or someone may be replaying one. If this happens again, ask the vendor whether the repository was restored from a backup.',
    class: 'content',
    retry: 'later',
  },
  'TUF-EXPIRED': {
    text: 'The metadata of role {role}, version {version}, expired at {expires}; the clock of this host says {now:time} (TUF {clause}).',
    check:
      'Check the clock of this host first. Then check whether a proxy, cache or mirror sends old files. Then ask the vendor to renew this metadata.',
    class: 'content',
    retry: 'later',
  },
  'TUF-MISMATCH': {
    text: 'The file {file} (role {role}) does not match {listedBy:words}: {what:words} is {found}, but {expected} is listed (TUF {clause}).',
    check:
      'A proxy may have changed the file, or a cache or mirror may have a mix of old and new files. If the next attempts also fail, ask the proxy team, then the vendor.',
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
    check:
      'A proxy or server may be sending other data instead of the file. If the file itself is this long, report it to the vendor.',
    class: 'content',
    retry: 'later',
  },
  'TUF-TARGET-UNKNOWN': {
    text: 'No signed metadata lists the file {path}.',
    check:
      'If the feed names the file, the vendor has not signed it. If the name is from updates.tuf.feed_target, check its spelling.',
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
    text: 'Cannot tell whether the repository has a newer root ({file}): HTTP {status} may have come from the server or from a proxy.',
    check:
      'Ask the proxy team whether the proxy blocks this URL. If metadata_url uses https and the proxy does not decrypt it, every response is from the server.',
    class: 'http',
    retry: 'later',
  },
  'TUF-ROOT-STEPS': {
    text: 'The repository has more than {limit} new root files. This check ended at version {version} (TUF {clause}).',
    check:
      'If this host was off for years, no action is needed: the next check continues with the later roots. Otherwise, ask the vendor.',
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
    check: 'Report it to the vendor, who must delegate this path through fewer roles.',
    class: 'content',
    retry: 'change',
  },
  'STATE-RESTORED': {
    text: 'The state has version {found} of the metadata of role {role}, but version {known} was accepted on this host before. The higher version is still required.',
    check: 'The state folder was probably restored from a backup. No action is needed: older metadata is refused.',
    class: 'system',
    retry: 'later',
  },
  'CLOCK-BACK': {
    text: 'The clock of this host shows {now:time}, which is earlier than the previous check ({latest:time}).',
    check: 'Check the clock and its time servers. While the clock is slow, this host accepts expired metadata.',
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
  'TRUST-OTHER-ROOT': {
    text: 'This host already trusts root {version}, fingerprint {known}; the given root has fingerprint {found}.',
    check:
      'Later roots of the same vendor are accepted automatically. If the vendor lost its root keys, run: sallyport trust import ROOT --replace --fingerprint SHA256.',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
  'TRUST-REPLACED': {
    text: 'The trusted root of the signed feed was replaced by hand at {at:time}. Before: {from}. Now: {to}.',
    check:
      'If this was intended, no action is needed: this notice ends after 30 days. If not, find out who ran sallyport trust import as root.',
    class: 'config',
    retry: 'change',
    isLocal: true,
  },
  'MIRROR-STALE': {
    text: 'The mirror {url} is incomplete, or has older metadata than this host has accepted ({cause}).',
    check: 'Check when the mirror was last synchronized. Updates come from the next mirror, or from the vendor.',
    class: 'content',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
