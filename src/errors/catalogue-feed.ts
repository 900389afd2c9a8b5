// Codes of the feed: failures of the whole document, and of single items in it.

import type { Entry } from './entry.ts';

export const FEED_CODES = {
  'FEED-UNSIGNED': {
    text: 'The feed {url} is unsigned and uses plain HTTP: anyone on the network path could change it.',
    check: 'Use an https feed_url. Plain HTTP is accepted from this host only (127.0.0.0/8, ::1, localhost).',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
  'FEED-INVALID': {
    text: 'The feed is not valid: {reason:words}.',
    check: 'Report it to the vendor; docs/protocol.md has the format. A block page of the proxy can also cause this.',
    class: 'content',
    retry: 'later',
  },
  'FEED-NOT-JSON': {
    text: 'Expected JSON, but received {type} ({bytes:size}) with the title {title}.',
    check:
      'A block page or a captive portal answered instead of the server. To see the page, open the URL through the same proxy.',
    class: 'content',
    retry: 'later',
  },
  'FEED-NEWER': {
    text: 'The feed has format {found}, but this version of Sallyport reads only format {known}.',
    check: 'Update Sallyport.',
    class: 'content',
    retry: 'change',
  },
  'FEED-LIMIT': {
    text: 'The feed exceeds the limit for {what:words}: it has {found}, and at most {limit} are allowed.',
    check: 'Report it to the vendor; docs/protocol.md has the limits.',
    class: 'content',
    retry: 'change',
  },
  'FEED-ROLLBACK': {
    text: 'The serial of the feed went back from {known} to {found}.',
    check:
      'A cache may have sent an old copy, or someone may be replaying an old feed. The next attempt requests a fresh copy. If the vendor says that the serial starts over, run sallyport updates forget-serial as root.',
    class: 'content',
    retry: 'later',
  },
  'FEED-SERIAL': {
    text: 'The feed has serial {found}, but at most {limit} is accepted (last accepted serial: {known}).',
    check:
      'The first serial can be at most 2^52. Each later serial can be at most 10^14 higher than the previous one. Report it to the ' +
      'vendor. If the vendor confirms the jump, run sallyport updates forget-serial as root.',
    class: 'content',
    retry: 'later',
  },
  'FEED-FORKED': {
    text: 'The feed has changed, but its serial is still {found}.',
    check: 'Report it to the vendor, who must raise the serial with each change.',
    class: 'content',
    retry: 'later',
  },
  'FEED-STALE': {
    text: 'The feed expired at {expires}; the clock of this host says {now:time}.',
    check: 'Check the clock of this host. Then check whether a cache sends an old feed. Then ask the vendor.',
    class: 'content',
    retry: 'later',
  },
  'FEED-OVERDUE': {
    text: 'No check for updates has succeeded for {age:ms}. Last failure: {cause:words}.',
    check: 'The log lines of the failed checks say what to do. To check now, run: sallyport check.',
    class: 'system',
    retry: 'later',
  },
  'FREEZE-SUSPECT': {
    text: 'No complete feed was received at {schedules} scheduled checks in a row, although the proxy or the server answered. Last failure: {cause:words}.',
    check:
      'Someone on the network path may be keeping new updates from this host. Download updates.feed_url on this host and over another network, and compare the two files. Then ask the proxy team and the vendor.',
    class: 'content',
    retry: 'later',
  },
  'ID-INVALID': {
    text: 'The update ID {id} is not valid: {reason:words}.',
    check:
      'If you typed it, run sallyport updates list to see the published IDs. If it comes from the feed, report it to the vendor.',
    class: 'content',
    retry: 'never',
  },
  'ID-DUPLICATE': {
    text: 'The feed has the update ID {id} twice. IDs are not case-sensitive.',
    check: 'Report it to the vendor.',
    class: 'content',
    retry: 'never',
  },
  'FEED-PACKAGE-TWICE': {
    text: 'Update ID {id} is refused, because several feeds list the package {package}: {feeds}.',
    check:
      'Report it to the vendor: each package may be in only one feed. Otherwise the publisher of one feed could replace a package of another.',
    class: 'content',
    retry: 'change',
  },
  'FEED-PACKAGE-MOVED': {
    text: 'Update ID {id} from the feed {found} is refused: this host has the same ID or the same package ({package}) from the feed {known}.',
    check:
      'Report it to the vendor: one team must not withdraw or replace the packages of another. If the vendor has moved the package, remove the old feed from `updates.tuf.feed_target` until the update is published.',
    class: 'content',
    retry: 'change',
  },
  'ID-REUSED': {
    text: 'Update ID {id} had sha256 {known} before and has {found} now. The digest of an ID must never change.',
    check:
      'Report it to the vendor: a changed package needs a new ID. If the vendor did not change it, someone else did.',
    class: 'content',
    retry: 'never',
  },
  'REQUIRES-UNKNOWN': {
    text: 'Update ID {id} requires {requires}, which is not in the feed.',
    check: 'Report it to the vendor.',
    class: 'content',
    retry: 'change',
  },
  'REQUIRES-CYCLE': {
    text: 'Update ID {id} requires itself through {path}.',
    check: 'Report it to the vendor.',
    class: 'content',
    retry: 'change',
  },
  'REQUIRES-DEPTH': {
    text: 'Update ID {id} depends on a chain of required updates that is longer than {limit}.',
    check: 'Report it to the vendor.',
    class: 'content',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
