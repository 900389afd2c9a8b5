// Codes of a package: what arrived, and what became of what was published.

import type { Entry } from './entry.ts';

export const PACKAGE_CODES = {
  'NOT-THE-PACKAGE': {
    text: 'Expected a .JAR of {expected:size}, got {type}, {bytes:size}, titled {title}. Discarded.',
    check: 'A block page or a captive portal answers in place of the package. Ask the proxy team to allow it.',
    class: 'content',
    retry: 'later',
  },
  'NOT-A-JAR': {
    text: 'The file is no .JAR: {reason:words}. Discarded.',
    check: 'The proxy replaced or rewrote the package, or the vendor published something else.',
    class: 'content',
    retry: 'later',
  },
  'LENGTH-MISMATCH': {
    text: 'The feed says {expected} bytes, the response says {announced}. Nothing was fetched.',
    check: 'The proxy rewrote the package, or the vendor changed the file under the same id.',
    class: 'content',
    retry: 'later',
  },
  'BODY-TOO-LONG': {
    text: 'More than the {expected} bytes of the feed arrived. Discarded.',
    check: 'The proxy rewrote the package, or the vendor changed the file under the same id.',
    class: 'content',
    retry: 'later',
  },
  'BODY-SHORT': {
    text: 'The response ended after {received} of {expected} bytes.',
    check: 'The proxy or the server cut it; the next attempt goes on from there.',
    class: 'content',
    retry: 'later',
  },
  'RANGE-INVALID': {
    text: 'Asked for the bytes from {asked}, got {range}.',
    check:
      'A cache between here and the server answers range requests wrongly. The next attempt requests the whole package.',
    class: 'content',
    retry: 'later',
  },
  'DIGEST-MISMATCH': {
    text: 'sha256 is {found}, the feed says {expected} ({via:words}). Discarded.',
    check: 'The proxy rewrote or cached an altered package; the next attempt asks it for a fresh copy.',
    class: 'content',
    retry: 'later',
  },
  'PACKAGE-TOO-LARGE': {
    text: 'Update ID {id} has {length:size}; updates.max_package_bytes allows {limit:size}.',
    check: 'Raise updates.max_package_bytes when this package is wanted.',
    class: 'content',
    retry: 'change',
  },
  'PACKAGE-DAMAGED': {
    text: 'The published package {path} has changed: sha256 {found}, published as {expected}. It was moved to {aside}.',
    check:
      'A user, a program or a failing disk changed it. The next check downloads it again if it is still needed: as the newest version of its package, or because the newest requires it.',
    class: 'content',
    retry: 'later',
    isLocal: true,
  },
  'SIDECAR-NEWER': {
    text: '{path} was written by a newer Sallyport (format {found}, this one reads {known}); it and its package are left alone.',
    check: 'After a downgrade this is normal. The package stays published; nothing is fetched in its place.',
    class: 'system',
    retry: 'never',
  },
  'PACKAGE-MISSING': {
    text: 'The published package {path} is gone.',
    check:
      'A user or a program removed it. The next check downloads it again if it is still needed: as the newest version of its package, or because the newest requires it. To keep fewer versions, lower updates.keep_versions.',
    class: 'content',
    retry: 'later',
    isLocal: true,
  },
  'HOOK-FAILED': {
    text: 'The hook for update ID {id} failed in {tries} tries: {ending:words}.',
    check: 'Look at what it wrote, in the log above; sallyport updates hook {id} runs it again.',
    class: 'system',
    retry: 'change',
  },
  'HOOK-UNSAFE': {
    text: 'The hook is not run: {path} {reason:words}.',
    check:
      'Only root and the service user may be able to change {command} and every folder above it; then it runs by itself.',
    class: 'config',
    retry: 'change',
  },
  'HOOK-IMPOSSIBLE': {
    text: 'The hook cannot be run for update ID {id}: {reason:words}.',
    check: 'See updates.on_published and updates.hook_trust; sallyport updates list names what is published.',
    class: 'config',
    retry: 'change',
  },
  'ACKNOWLEDGE-REFUSED': {
    text: 'The acknowledgement endpoint answered {status}; the receipt is kept and tried again once a day.',
    check: 'Check updates.acknowledge_url; then ask the vendor.',
    class: 'http',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
