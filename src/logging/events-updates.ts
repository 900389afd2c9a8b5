// Events of updates: checking, downloading and publishing, the hook, and receipts.

import type { Definition } from './event-definition.ts';

export const UPDATES_EVENTS = {
  // A round
  checking: { level: 'info', thread: 'Updater', text: 'Checking for updates at {url}.' },
  'feed-read': {
    level: 'info',
    thread: 'Updater',
    text: 'Feed serial {serial} has {items} update{items:s}, {wanted} to download (trust: {trust}).',
  },
  'serial-forgotten': {
    level: 'warn',
    thread: 'Updater',
    text: 'Forgot serial {serial} of {url}. The next check accepts any serial up to 2^52.',
  },
  'root-rotated': {
    level: 'warn',
    thread: 'Updater',
    text: 'Accepted a new root of the signed feed: version {from} -> {to}, fingerprint {fingerprint}.',
  },
  'online-keys-rotated': {
    level: 'warn',
    thread: 'Updater',
    text: 'The vendor replaced keys of the signed feed (root version {root}). Its metadata files timestamp and snapshot may now have lower version numbers than before.',
  },
  'state-restored': {
    level: 'warn',
    thread: 'Updater',
    text: 'The stored state of the signed feed is older than before: {error:advised}',
  },
  'clock-back': { level: 'warn', thread: 'Updater', text: 'The clock went back: {error:advised}' },
  'trust-raised': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} was published from an unsigned feed. It is now marked as signed, because the signed feed has the same package.',
  },
  'root-imported': {
    level: 'warn',
    thread: 'Updater',
    text: 'Imported root metadata version {version} of the signed feed (fingerprint {fingerprint}), as requested by {by:words}. It is trusted now.',
  },
  'root-replaced': {
    level: 'warn',
    thread: 'Updater',
    text: 'Replaced the trusted root of the signed feed, as requested by {by:words}. Before: {from}. Now: version {version} (fingerprint {to}).',
  },
  'trust-forgotten': {
    level: 'warn',
    thread: 'Updater',
    text: 'Deleted the stored metadata of the signed feed, as requested by {by:words}.',
  },
  'mirror-skipped': {
    level: 'warn',
    thread: 'Updater',
    text: 'Trying the next copy of the repository, because a mirror failed{hop:at}: {error:advised}',
  },
  'feeds-differ': {
    level: 'warn',
    thread: 'Updater',
    text: 'The unsigned feed {url} differs from the signed one: update ID {id} {what:words}.',
  },
  'compared-feed-failed': {
    level: 'warn',
    thread: 'Updater',
    text: 'Reading the unsigned feed failed{hop:at}, so it is not compared with the signed feed: {error:advised}',
  },
  fetching: { level: 'info', thread: 'Updater', text: 'Fetching {updates:words}, {size:size}.' },
  'up-to-date': { level: 'info', thread: 'Updater', text: 'Everything is up to date.' },
  'item-refused': { level: 'warn', thread: 'Updater', text: 'Update ID {id} is refused: {error:advised}' },
  'item-deferred': { level: 'info', thread: 'Updater', text: 'Update ID {id} is deferred: {reason:words}.' },
  'more-wanted': {
    level: 'info',
    thread: 'Updater',
    text: 'After these, {count} more update{count:s} will follow.',
  },
  'check-failed': { level: 'error', thread: 'Updater', text: 'The check failed{hop:at}: {error:advised}' },
  'checks-overdue': { level: 'error', thread: 'Updater', text: 'Updates are overdue: {error:advised}' },
  'feed-starved': {
    level: 'error',
    thread: 'Updater',
    text: 'The feed cannot be downloaded completely: {error:advised}',
  },
  'checks-recovered': { level: 'info', thread: 'Updater', text: 'Checks succeed again after {age:ms}.' },
  'round-ended': {
    level: 'info',
    thread: 'Updater',
    text: 'Round ended: {published} published, {failed} failed, {pruned} pruned.',
  },
  'round-failed': {
    level: 'info',
    thread: 'Updater',
    text: 'Round ended because the check failed: {published} published, {failed} update{failed:s} failed, {pruned} pruned.',
  },
  // A download
  downloading: { level: 'info', thread: 'Updater', text: 'Downloading update ID {id}.' },
  resuming: { level: 'info', thread: 'Updater', text: 'Resuming update ID {id} at {offset} of {length} bytes.' },
  waiting: {
    level: 'info',
    thread: 'Updater',
    text: 'Waiting up to {limit:ms} for update ID {id} ({size:size}): {explanation:words}.',
  },
  'in-parts': {
    level: 'info',
    thread: 'Updater',
    text: 'Requesting update ID {id} in parts of {size:size}, because {evidence:words}.',
  },
  'proxy-holds': {
    level: 'info',
    thread: 'Updater',
    text: 'Proxy {proxy} answers in {latency:ms}; {who:words} update ID {id}.',
  },
  'proxy-silent': {
    level: 'warn',
    thread: 'Updater',
    text: 'Proxy {proxy} has not answered {count} probes for {elapsed:ms}, and no bytes of update ID {id} are arriving.',
  },
  'wait-extended': {
    level: 'info',
    thread: 'Updater',
    text: 'Proxy {proxy} {why:words}, so the response timeout for update ID {id} is extended to {limit:ms}{again:words}.',
  },
  'patience-changed': {
    level: 'info',
    thread: 'Updater',
    text: 'Response timeout for {size:size} from {origin} changed from {from:ms} to {to:ms}. Before: {before:words}. Now: {after:words}.',
  },
  progress: { level: 'debug', thread: 'Updater', text: 'Received {received:size} of {length:size} of update ID {id}.' },
  'resume-impossible': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} starts over from zero: {reason:words}.',
  },
  downloaded: {
    level: 'info',
    thread: 'Updater',
    text: 'Downloaded update ID {id}: {length:size} in {elapsed:ms}, longest silence {silence:ms}.',
  },
  rerouted: {
    level: 'info',
    thread: 'Updater',
    text: 'Continuing update ID {id} over the new route with the bytes received so far: {error:advised}',
  },
  'download-failed': { level: 'warn', thread: 'Updater', text: 'Update ID {id} failed{hop:at}: {error:advised}' },
  'next-try': { level: 'info', thread: 'Updater', text: 'Next try at {at:time} ({attempt} of {attempts}).' },
  'package-next-try': {
    level: 'info',
    thread: 'Updater',
    text: 'Next try of update ID {id} at {at:time}, or with the next check if that is earlier.',
  },
  'gave-way': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} is arriving slowly, in small parts ({elapsed:ms} so far). Its bytes are kept, and the other updates are downloaded first.',
  },
  'next-try-round': { level: 'info', thread: 'Updater', text: 'Trying again at the next check.' },
  // Disk space
  'disk-full': {
    level: 'error',
    thread: 'Updater',
    text: 'Downloads paused with {free:size} of disk space free: {error:advised} Next try at {at:time}.',
  },
  'disk-still-full': {
    level: 'debug',
    thread: 'Updater',
    text: 'Downloads still paused with {free:size} of disk space free: {error:advised}',
  },
  'disk-room': {
    level: 'info',
    thread: 'Updater',
    text: 'Enough disk space again after {elapsed:ms}; downloads continue.',
  },
  // Media and mirrors
  importing: { level: 'warn', thread: 'Updater', text: 'Importing updates from {path}, as requested by {by:words}.' },
  'import-read': {
    level: 'info',
    thread: 'Updater',
    text: 'The metadata on the medium (timestamp, version {version}) expires at {at:time}.',
  },
  'import-expired': {
    level: 'warn',
    thread: 'Updater',
    text: 'The metadata of role {role}, version {version}, expired {age:ms} ago. It is accepted, because {by:words} allowed metadata that expired at most {limit:ms} ago.',
  },
  'import-feed-read': {
    level: 'info',
    thread: 'Updater',
    text: 'The unsigned feed on the medium (serial {serial}) expires at {at:time}.',
  },
  'import-feed-expired': {
    level: 'warn',
    thread: 'Updater',
    text: 'The unsigned feed on the medium, serial {serial}, expired {age:ms} ago. It is accepted, because {by:words} allowed feeds that expired at most {limit:ms} ago.',
  },
  'not-on-medium': {
    level: 'info',
    thread: 'Updater',
    text: 'Not on the medium: {count} update{count:s} of the feed ({ids:words}).',
  },
  mirrored: {
    level: 'info',
    thread: 'Updater',
    text: 'Mirrored {targets} file{targets:s} to {path}. Downloaded now: {fetched} ({size:size}).',
  },
  // Publishing and pruning
  'update-ready': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} is ready. It is not published, because updates are on hold until {at:time}.',
  },
  'ready-waits': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} is ready. It is not published before {at:time} (updates.window.publish).',
  },
  'download-parked': {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} waits for {at:time} (updates.window.download). {received:size} of {length:size} are kept.',
  },
  'window-waits': {
    level: 'info',
    thread: 'Updater',
    text: 'Waiting for {at:time} ({key:key}): {count} update{count:s} to {what:words}.',
  },
  'window-ignored': {
    level: 'warn',
    thread: 'Updater',
    text: 'Downloading and publishing also outside the hours of updates.window, as requested by {by:words}.',
  },
  'publish-outside-window': {
    level: 'warn',
    thread: 'Updater',
    text: 'Publishing update ID {id} as requested by {by:words}, although updates.window.publish begins at {at:time}.',
  },
  'ready-discarded': {
    level: 'warn',
    thread: 'Updater',
    text: 'Deleted update ID {id}, which was ready and not published: {reason:words}.',
  },
  'hold-set': {
    level: 'warn',
    thread: 'Updater',
    text: 'Updates are on hold until {at:time}, set by {by:words}: {reason}. They are downloaded and verified, but not published.',
  },
  'hold-released': {
    level: 'warn',
    thread: 'Updater',
    text: 'The hold on updates until {at:time} was released by {by:words}. It was set by {who:words}: {reason}.',
  },
  'hold-ended': {
    level: 'info',
    thread: 'Updater',
    text: 'The hold on updates ended at {at:time}. It was set by {by:words}: {reason}.',
  },
  'held-back': {
    level: 'info',
    thread: 'Updater',
    text: '{count} verified update{count:s} not published: updates are on hold until {at:time} ({by:words}: {reason}).',
  },
  'publish-requested': {
    level: 'warn',
    thread: 'Updater',
    text: 'Publishing update ID {id} as requested by {by:words}, although updates are on hold until {at:time}.',
  },
  verified: { level: 'info', thread: 'Updater', text: 'Verified update ID {id}: sha256 {sha256}.' },
  published: { level: 'info', thread: 'Updater', text: 'Published update ID {id} as {path}.' },
  acknowledging: { level: 'info', thread: 'Updater', text: 'Acknowledging receipt of update ID {id}.' },
  recovered: {
    level: 'info',
    thread: 'Updater',
    text: 'Finished update ID {id}, which was {stage:words} when it was interrupted.',
  },
  discarded: {
    level: 'info',
    thread: 'Updater',
    text: 'Deleted the partial download of update ID {id}: {reason:words}.',
  },
  withdrawn: {
    level: 'warn',
    thread: 'Updater',
    text: 'The vendor has withdrawn update ID {id}. Its package was moved to {path}.',
  },
  pruned: { level: 'info', thread: 'Updater', text: 'Pruned update ID {id} ({reason:words}).' },
  'package-problem': { level: 'error', thread: 'Updater', text: 'Update ID {id}: {error:advised}', folds: true },
  'staging-problem': { level: 'error', thread: 'Updater', text: 'Staging folder: {error:advised}', folds: true },
  // The hook
  'hook-running': {
    level: 'info',
    thread: 'Updater',
    text: 'Running the hook for update ID {id} (try {attempt} of {attempts}).',
  },
  'hook-output': {
    level: 'info',
    thread: 'Updater',
    text: 'The hook for update ID {id} wrote to {stream}: {line}.',
  },
  'hook-output-cut': {
    level: 'warn',
    thread: 'Updater',
    text: 'The hook for update ID {id} wrote more than {limit:size}; the rest is dropped.',
  },
  'hook-done': { level: 'info', thread: 'Updater', text: 'The hook for update ID {id} succeeded in {elapsed:ms}.' },
  'hook-next-try': {
    level: 'warn',
    thread: 'Updater',
    text: 'The hook for update ID {id} failed ({ending:words}); next try at {at:time}.',
  },
  'hook-failed': { level: 'error', thread: 'Updater', text: 'Not running the hook again: {error:advised}' },
  'hook-refused': { level: 'error', thread: 'Updater', text: 'Cannot run the hook: {error:advised}' },
  'hook-skipped': {
    level: 'info',
    thread: 'Updater',
    text: 'The hook was not run for update ID {id}: {reason:words}.',
  },
  // Receipts
  'receipt-delivered': {
    level: 'info',
    thread: 'Receipts',
    text: 'Delivered the receipt of update ID {id} ({outcome}).',
  },
  'receipt-unsent': {
    level: 'info',
    thread: 'Receipts',
    text: 'Not sending the receipt of update ID {id} ({outcome}): updates.acknowledge_url is not set.',
  },
  'receipt-kept': {
    level: 'info',
    thread: 'Receipts',
    text: 'Kept the receipt of update ID {id} ({outcome}) on this host: updates.acknowledge_url is not set.',
  },
  'receipt-failed': {
    level: 'warn',
    thread: 'Receipts',
    text: 'Delivering the receipt of update ID {id} ({outcome}) failed{hop:at}: {error:advised}',
  },
  'receipt-next-try': {
    level: 'info',
    thread: 'Receipts',
    text: 'Next try to deliver the receipt of update ID {id} at {at:time}.',
  },
  'receipt-quarantined': {
    level: 'error',
    thread: 'Receipts',
    text: 'Moved a receipt to quarantine/, because it could not be read: {error:advised}',
    folds: true,
  },
} as const satisfies Record<string, Definition>;
