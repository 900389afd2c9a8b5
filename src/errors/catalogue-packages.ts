// Codes of a package: a download with wrong content, and problems of a published package.

import type { Entry } from './entry.ts';

export const PACKAGE_CODES = {
  'NOT-THE-PACKAGE': {
    text: 'Expected a .JAR of {expected:size}, but received {type} ({bytes:size}) with the title {title}. Discarded.',
    check: 'A block page or a captive portal answered instead of the server. Ask the proxy team to allow the download.',
    class: 'content',
    retry: 'later',
  },
  'NOT-A-JAR': {
    text: 'The file is not a .JAR: {reason:words}. Discarded.',
    check:
      'The proxy replaced or modified the package, or the vendor published something else. Ask the proxy team first, then the vendor.',
    class: 'content',
    retry: 'later',
  },
  'LENGTH-MISMATCH': {
    text: 'According to the feed, the package has {expected} bytes, but according to the response it has {announced}. Nothing was downloaded.',
    check:
      'The proxy modified the package, or the vendor changed the file under the same ID. Ask the proxy team first, then the vendor.',
    class: 'content',
    retry: 'later',
  },
  'LENGTH-UNKNOWN': {
    text: 'The response for {url} has no Content-Length, and only the end of the connection marks its end. An interrupted transfer would look complete. Nothing was downloaded.',
    check: 'Give the digest of the file with --sha256 or --checksum-file. Or let the server send Content-Length.',
    class: 'content',
    retry: 'change',
  },
  'FETCH-DIGEST': {
    text: 'The file from {url} has sha256 {found}, but {source:words} has {expected}. Discarded.',
    check:
      'Check that URL and digest belong together. If they do, a proxy modified the file or cached an old copy: ask the proxy team.',
    class: 'content',
    retry: 'change',
  },
  'FETCH-EXISTS': {
    text: '{path} exists, and {reason:words}. Nothing was requested.',
    check: 'Choose another name with -o, or replace the file with --force.',
    class: 'system',
    retry: 'change',
  },
  'FETCH-TARGET': {
    text: 'Cannot write a file to {path}: {reason:words}.',
    check: 'Choose the name of a regular file with -o.',
    class: 'system',
    retry: 'change',
  },
  'FETCH-BUSY': {
    text: 'Another process is downloading to {path}.',
    check: 'Wait until it has finished, or choose another name with -o.',
    class: 'system',
    retry: 'change',
  },
  'FETCH-CHECKSUMS': {
    text: 'Cannot take the digest of {name} from {path}: {reason:words}.',
    check: 'The file needs one line with 64 hexadecimal digits and that name, as sha256sum writes it. Or use --sha256.',
    class: 'config',
    retry: 'change',
  },
  'BODY-TOO-LONG': {
    text: 'The response has more than the {expected} bytes that the feed lists. Discarded.',
    check:
      'The proxy modified the package, or the vendor changed the file under the same ID. Ask the proxy team first, then the vendor.',
    class: 'content',
    retry: 'later',
  },
  'BODY-SHORT': {
    text: 'The response ended after {received} of {expected} bytes.',
    check:
      'The proxy or the server ended the transfer too early. The next attempt continues after the last received byte.',
    class: 'content',
    retry: 'later',
  },
  'RANGE-INVALID': {
    text: 'The package was requested from byte {asked}, but the response has {range}.',
    check:
      'A cache between this host and the server answers range requests wrongly. The next attempt requests the whole package.',
    class: 'content',
    retry: 'later',
  },
  'DIGEST-MISMATCH': {
    text: 'The downloaded package has {algorithm:words} {found}, but the feed lists {algorithm:words} {expected} ({via:words}). Discarded.',
    check:
      'The proxy modified the package or cached a modified copy. The next attempt requests a fresh copy. If that fails as well, ask the proxy team.',
    class: 'content',
    retry: 'later',
  },
  'PACKAGE-TOO-LARGE': {
    text: 'The package of update ID {id} has {length:size}, but updates.max_package_bytes allows only {limit:size}. It is not downloaded.',
    check: 'If you want this package, raise updates.max_package_bytes.',
    class: 'content',
    retry: 'change',
  },
  'PACKAGE-DAMAGED': {
    text: 'The published package {path} has changed (expected sha256 {expected}, found {found}). It was moved to {aside}.',
    check:
      'A user, a program or a failing disk changed the file. The next check downloads the package again if it is the newest version or if the newest version requires it.',
    class: 'content',
    retry: 'later',
    isLocal: true,
  },
  'SIDECAR-NEWER': {
    text: '{path} was written by a newer Sallyport: it has format {found}, but this version reads only format {known}. The file and its package were left unchanged.',
    check: 'After a downgrade this is normal. The package stays published and is not downloaded again.',
    class: 'system',
    retry: 'never',
  },
  'PACKAGE-MISSING': {
    text: 'The published package {path} is gone.',
    check:
      'A user or a program removed the file. The next check downloads the package again if it is the newest version or if the newest version requires it. If you removed it to save space, lower updates.keep_versions.',
    class: 'content',
    retry: 'later',
    isLocal: true,
  },
  'HOOK-FAILED': {
    text: 'The hook for update ID {id} failed after {tries} attempt{tries:s}: {ending:words}.',
    check: 'Its output is in the log above. To run it again: sallyport updates hook {id}.',
    class: 'system',
    retry: 'change',
  },
  'HOOK-UNSAFE': {
    text: 'The hook was not run: {path} {reason:words}.',
    check:
      'Make sure that only root and the service user can change {command} and every folder above it. The hook then runs automatically.',
    class: 'config',
    retry: 'change',
  },
  'EXPORT-UPDATE': {
    text: 'Update ID {id} cannot be exported: {reason:words}. Nothing was written.',
    check: 'To see the published updates: sallyport updates list. To download what the feed offers: sallyport check.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'EXPORT-TOO-LARGE': {
    text: 'The metadata of these updates has {length:size}; a bundle can have at most {limit:size} of it. Nothing was written.',
    check: 'Copy the whole repository instead: sallyport mirror DIR.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'IMPORT-OTHER-FEED': {
    text: 'The bundle {path} is from {found:words}, but this host uses {expected:words}. Nothing was changed.',
    check:
      'Export the updates on a host that uses the same feed, or change updates.feed_url or updates.trust of this host.',
    class: 'config',
    retry: 'change',
    isLocal: true,
  },
  'IMPORT-BARE': {
    text: '{path} is a package without the metadata of a feed, so nothing shows where it is from. Nothing was changed.',
    check: 'On a host that has published this update, run: sallyport updates export ID -o FILE. Then import that file.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'IMPORT-INCOMPLETE': {
    text: 'The bundle {path} does not have the file {file}, which this host needs.',
    check:
      'Bundles have only the feeds and keys that the exporting host uses. Compare updates.tuf.feed_target and activation.license_keys_target of both hosts. Or import a mirror: sallyport mirror DIR.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'IMPORT-UNSIGNED': {
    text: 'The repository at {path} cannot be used, because updates.trust is not tuf. Nothing was changed.',
    check: 'Import and mirror need signed feeds. Set updates.trust and updates.tuf.',
    class: 'config',
    retry: 'change',
    isLocal: true,
  },
  'IMPORT-ARCHIVE': {
    text: 'No repository can be read from {path}: {reason:words}.',
    check:
      'Name a bundle of `sallyport updates export`, a folder with metadata/ and targets/, or a tar archive that contains them.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'MIRROR-UNVERSIONED': {
    text: 'The mirror in {path} was not changed: the repository has no consistent snapshots, so new files would replace files that readers of the mirror still need.',
    check:
      'Mirror into a new folder, then let the web server use that folder. To allow updates of a mirror, the vendor must set consistent_snapshot to true in the root metadata.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'READY-DAMAGED': {
    text: 'Update ID {id} changed on this host after it was verified: it has sha256 {found}, expected {expected}. Its file was deleted.',
    check:
      'A failing disk, a user or a program changed it. The next check downloads it again. To download it now, run: sallyport check.',
    class: 'content',
    retry: 'later',
    isLocal: true,
  },
  'UPDATE-NOT-READY': {
    text: 'Update ID {id} cannot be published: {reason:words}.',
    check: 'To see the updates that are ready: sallyport status. To download what the feed offers: sallyport check.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'UPDATE-REQUIRES': {
    text: 'Update ID {id} requires update ID {requires}, which is not published. Nothing was published.',
    check: 'Publish the required update first: sallyport updates publish ID.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'HOLD-INVALID': {
    text: 'Updates cannot be put on hold until {until}: {reason:words}.',
    check: 'Choose a time in the future, at most 366 days from now. Check the clock of this host.',
    class: 'system',
    retry: 'change',
    isLocal: true,
  },
  'HOOK-IMPOSSIBLE': {
    text: 'The hook cannot be run for update ID {id}: {reason:words}.',
    check: 'Check updates.on_published and updates.hook_trust. To see what is published: sallyport updates list.',
    class: 'config',
    retry: 'change',
  },
  'ACKNOWLEDGE-REFUSED': {
    text: 'The server for receipts answered {status}. The receipt is kept and sent again once a day.',
    check: 'Check updates.acknowledge_url. Then ask the vendor.',
    class: 'http',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
