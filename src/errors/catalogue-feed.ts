// Codes of the feed: the document itself, and single items of it.

import type { Entry } from './entry.ts';

export const FEED_CODES = {
  'FEED-UNSIGNED': {
    text: 'The feed {url} is unsigned and http: anybody on the way could change it.',
    check: 'Use an https feed_url. Plain http is taken from this machine only (127.0.0.0/8, ::1, localhost).',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
  'FEED-INVALID': {
    text: 'The feed is not valid: {reason:words}.',
    check: 'Tell the vendor; docs/protocol.md has the format. A block page of the proxy looks like this, too.',
    class: 'content',
    retry: 'later',
  },
  'FEED-NOT-JSON': {
    text: 'Expected JSON, got {type}, {bytes:size}, titled {title}.',
    check: 'A block page or a captive portal answers in place of the server. Open the URL through the same proxy.',
    class: 'content',
    retry: 'later',
  },
  'FEED-NEWER': {
    text: 'The feed has format {found}; this Sallyport reads {known}.',
    check: 'Update Sallyport.',
    class: 'content',
    retry: 'change',
  },
  'FEED-LIMIT': {
    text: 'The feed exceeds a limit: {what:words} is {found}, at most {limit} is taken.',
    check: 'Tell the vendor; docs/protocol.md has the limits.',
    class: 'content',
    retry: 'change',
  },
  'FEED-ROLLBACK': {
    text: 'The feed went back from serial {known} to {found}.',
    check:
      'A cache sent an old copy, or somebody replays one. The next try asks for a fresh copy. If the vendor says that the ' +
      'serial starts over, run sallyport updates forget-serial as root.',
    class: 'content',
    retry: 'later',
  },
  'FEED-SERIAL': {
    text: 'The feed has serial {found}, but at most {limit} is accepted (last accepted serial: {known}).',
    check:
      'A first serial is at most 2^52, and later ones rise by at most 100000000000000 at once. Report it to the vendor. If ' +
      'the vendor confirms a jump, run sallyport updates forget-serial as root.',
    class: 'content',
    retry: 'later',
  },
  'FEED-FORKED': {
    text: 'The feed has serial {found} as before, but other content.',
    check: 'The vendor must raise the serial with each change.',
    class: 'content',
    retry: 'later',
  },
  'FEED-STALE': {
    text: 'The feed expired at {expires}; the clock here says {now:time}.',
    check: 'Check the clock of this host, then whether a cache holds the feed back, then ask the vendor.',
    class: 'content',
    retry: 'later',
  },
  'FEED-OVERDUE': {
    text: 'No check for updates has succeeded for {age:ms}; the last one: {cause:words}.',
    check: 'The lines of the failed checks say what to do; sallyport check tries one now.',
    class: 'system',
    retry: 'later',
  },
  'FREEZE-SUSPECT': {
    text: 'Schedules in a row without one complete feed, though the way there answered: {schedules}; the last failure: {cause:words}.',
    check:
      'Somebody on the way may keep new updates from this host. Fetch updates.feed_url by another way and compare; then ask ' +
      'the proxy team and the vendor.',
    class: 'content',
    retry: 'later',
  },
  'ID-INVALID': {
    text: 'The id {id} is not usable: {reason:words}.',
    check:
      'If you typed it, run sallyport updates list to see the published IDs. If it comes from the feed, report it to the vendor.',
    class: 'content',
    retry: 'never',
  },
  'ID-DUPLICATE': {
    text: 'The feed has the id {id} twice (case does not count).',
    check: 'Tell the vendor.',
    class: 'content',
    retry: 'never',
  },
  'ID-REUSED': {
    text: 'Update ID {id} had sha256 {known} before and has {found} now; an id keeps its digest for ever.',
    check: 'Tell the vendor: a changed package needs a new id. If they did not change it, somebody else did.',
    class: 'content',
    retry: 'never',
  },
  'REQUIRES-UNKNOWN': {
    text: 'Update ID {id} requires {requires}, which the feed does not have.',
    check: 'Tell the vendor.',
    class: 'content',
    retry: 'change',
  },
  'REQUIRES-CYCLE': {
    text: 'Update ID {id} requires itself by way of {path}.',
    check: 'Tell the vendor.',
    class: 'content',
    retry: 'change',
  },
  'REQUIRES-DEPTH': {
    text: 'Update ID {id} stands on a chain of more than {limit} required updates.',
    check: 'Tell the vendor.',
    class: 'content',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
