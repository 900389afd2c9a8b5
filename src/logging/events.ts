// The one vocabulary of what happens (principle 2). A step reports an event; it never formats text.
//
// Each event has a level, the manual's thread name and a template; an event of the network happens for a purpose and has
// the thread of that purpose. Classic log line, JSON and terminal are renderers of it, and a reader of old logs is made from
// the same templates. Story lines (info and above) are what an admin tails: one line each, foreign text only quoted.

import type { FieldsOf, FieldValue } from '#errors/template.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

interface Definition {
  readonly level: Level;
  /** Null: that of the purpose which the event happens for (`Scope`). */
  readonly thread: 'Main' | 'Config' | 'Updater' | 'Receipts' | 'Control' | null;
  readonly text: string;
  /** May be counted instead of shown when it comes in storms (`repeats.ts`); an attempt or a verdict never may. */
  readonly folds?: true;
}

export const EVENTS = {
  // Life of the process
  started: {
    level: 'info',
    thread: 'Main',
    text: 'Sallyport {version} started as process {pid}; configuration {file}.',
  },
  stopping: { level: 'info', thread: 'Main', text: 'Stopping ({reason:words}); bytes already fetched are kept.' },
  stopped: { level: 'info', thread: 'Main', text: 'Stopped.' },
  diagnosed: { level: 'info', thread: 'Control', text: 'Diagnosed {what:words}: {found:words}.' },
  'control-listening': { level: 'info', thread: 'Control', text: 'Commands are taken at {path}.' },
  'control-asked': {
    level: 'info',
    thread: 'Control',
    text: 'Request to {what:words} from {who:words}, over {socket}.',
  },
  'control-refused': {
    level: 'warn',
    thread: 'Control',
    text: 'Refused a request to {what:words} from {who:words}, over {socket}: {error:advised}',
  },
  'change-requested': {
    level: 'info',
    thread: 'Config',
    text: 'Request from {who:words} to {verb:words} settings: {keys}.',
  },
  'change-made': { level: 'info', thread: 'Config', text: 'Settings changed for {who:words}: {keys}.' },
  'change-not-made': {
    level: 'warn',
    thread: 'Config',
    text: 'Settings not changed for {who:words}: {error:advised}',
  },
  'check-next-try': {
    level: 'info',
    thread: 'Main',
    text: 'Next try at {at:time}; failed checks in a row: {failures}.',
  },
  'slot-overdue': {
    level: 'info',
    thread: 'Main',
    text: 'The check of {slot:time} was missed; it is made up for at {at:time}.',
  },
  'clock-stepped': {
    level: 'info',
    thread: 'Main',
    text: 'The clock moved {direction:words} by {by:ms} by itself (a suspend, or somebody set it).',
  },
  'next-round': { level: 'info', thread: 'Main', text: 'Next check for updates at {at:time}.' },
  fault: { level: 'error', thread: 'Main', text: '{error:advised}', folds: true },
  'notify-failed': { level: 'warn', thread: 'Main', text: 'Telling systemd failed: {error:advised}', folds: true },
  'wait-stuck': {
    level: 'error',
    thread: 'Main',
    text: 'Some wait outlived its deadline: {error:advised}',
    folds: true,
  },
  'log-lines-lost': {
    level: 'warn',
    thread: 'Main',
    text: '{count} lines are missing here: the log file could not be written.',
  },
  'screen-behind': {
    level: 'warn',
    thread: 'Main',
    text: 'The reader of stdout does not keep up, so lines are dropped there. The log file has all lines.',
  },
  'screen-lines-lost': {
    level: 'warn',
    thread: 'Main',
    text: '{count} lines are missing on stdout because its reader did not keep up. The log file has them.',
  },
  'fault-stack': { level: 'debug', thread: 'Main', text: 'The fault came from {frames}.' },
  repeated: {
    level: 'warn',
    thread: 'Main',
    text: 'Repeated {times:words} within {elapsed:ms}: {opening} (first at {at:clock}).',
  },
  // Configuration
  'purpose-route': { level: 'info', thread: 'Config', text: '{purpose} goes {how:words} ({why:words}).' },
  'purpose-disabled': {
    level: 'info',
    thread: 'Config',
    text: '{purpose} is configured, not enabled. Its route: {how:words} ({why:words}).',
  },
  'purpose-unconfigured': { level: 'info', thread: 'Config', text: '{purpose} is not configured.' },
  'config-warning': { level: 'warn', thread: 'Config', text: '{file}:{line}:{column} {key:key}: {message:words}' },
  'config-mistake': { level: 'error', thread: 'Config', text: '{file}:{line}:{column} {key:key}: {message:words}' },
  'config-deaf': {
    level: 'warn',
    thread: 'Config',
    text: 'The file system tells nothing of changed files ({reason}); they are compared every 10 s.',
    folds: true,
  },
  'config-restless': {
    level: 'warn',
    thread: 'Config',
    text: 'The configuration has been changing for {elapsed:ms} without a pause; it is read once it is still.',
    folds: true,
  },
  reloading: { level: 'info', thread: 'Config', text: 'Reading {file} again ({cause:words}).' },
  'setting-changed': { level: 'info', thread: 'Config', text: 'Changed: {key:key}, {effect:words}.' },
  'secret-fixed': {
    level: 'info',
    thread: 'Config',
    text: 'The secret {key:key} comes from a variable or a credential of the service; a new value needs a restart.',
  },
  'policy-loosened': {
    level: 'warn',
    thread: 'Config',
    text: '{key} is no longer set: from now on the file alone decides whether a purpose goes direct.',
  },
  reloaded: {
    level: 'info',
    thread: 'Config',
    text: 'The changed configuration is in force ({count} changes); {waiting} settings wait for a restart.',
  },
  'reload-unchanged': { level: 'info', thread: 'Config', text: 'The configuration is in force as before.' },
  'reload-problem': { level: 'error', thread: 'Config', text: '{error:advised}' },
  'reload-more': { level: 'error', thread: 'Config', text: 'And {count} more; config check tells them.' },
  'reload-refused': {
    level: 'error',
    thread: 'Config',
    text: 'The configuration as it is now is refused ({count} mistakes); the settings of before stay in force.',
  },
  'file-held': {
    level: 'warn',
    thread: 'Config',
    text: '{file} is not in force since {since:words}: it failed at {code:words}, and nobody confirmed it (proxy_change). {message:words}',
  },
  'change-tried': {
    level: 'info',
    thread: 'Config',
    text: 'New settings of {by:words} are tried for {window:ms} at most; those of before stay in force.',
  },
  'change-failed': {
    level: 'warn',
    thread: 'Config',
    text: 'New settings failed at {code:words}; previous settings still in force. {message:words}',
  },
  'change-confirmed': { level: 'info', thread: 'Config', text: 'The new settings are confirmed by {by:words}.' },
  'change-dropped': {
    level: 'warn',
    thread: 'Config',
    text: 'The new settings of {by:words} were not confirmed; previous settings still in force.',
  },
  'not-put-back': {
    level: 'error',
    thread: 'Config',
    text: '{room} could not be put back and may work with refused settings until a restart: {error:advised}',
  },
  'folder-exposed': {
    level: 'warn',
    thread: 'Main',
    text: '{path} {reason:words} (owner {owner}, mode {mode}). A user who can write there can replace {folder}.',
  },
  'state-set-aside': { level: 'warn', thread: 'Main', text: '{error:advised}', folds: true },
  // The way out
  connected: {
    level: 'info',
    thread: null,
    text: 'Connected to {host}:{port} through proxy {proxy} ({how}){update_id:for}.',
  },
  'failed-over': {
    level: 'warn',
    thread: null,
    text: 'Proxy {proxy} cannot be used now and rests for {rest:ms}; trying {next:hop}. {error:advised}',
  },
  'proxy-tls-weak': { level: 'warn', thread: null, text: '{error:advised}' },
  'proxies-unnamed': {
    level: 'warn',
    thread: null,
    text: 'Nothing names the proxies of {proxy} now; going on without it. {error:advised}',
    folds: true,
  },
  'connected-direct': { level: 'info', thread: null, text: 'Connected to {host}:{port} (direct){update_id:for}.' },
  'pac-answered': { level: 'info', thread: null, text: 'The PAC file {where} answered {ways} for {url}.' },
  'pac-kept': {
    level: 'warn',
    thread: null,
    text: 'The PAC file {where} is of no use as it is now; the last good one stays in use: {error:advised}',
    folds: true,
  },
  'pac-left-out': {
    level: 'warn',
    thread: null,
    text: 'The PAC file {where} named what is not known here: {parts}.',
    folds: true,
  },
  'pac-names-withheld': {
    level: 'info',
    thread: null,
    text: 'The PAC file {where} asked for the address of {names}; proxy_required is true, so none was looked up.',
  },
  'response-via': { level: 'info', thread: null, text: 'Response via {via:via}.' },
  redirected: { level: 'info', thread: null, text: 'Redirected to {url}.' },
  // A round
  checking: { level: 'info', thread: 'Updater', text: 'Checking for updates at {url}.' },
  'feed-read': {
    level: 'info',
    thread: 'Updater',
    text: 'Feed serial {serial} has {items} updates; {wanted} wanted (trust {trust}).',
  },
  'serial-forgotten': {
    level: 'warn',
    thread: 'Updater',
    text: 'Forgot serial {serial} of {url}. The next check accepts any serial up to 2^52.',
  },
  fetching: { level: 'info', thread: 'Updater', text: 'Fetching {updates:words}, {size:size}.' },
  'up-to-date': { level: 'info', thread: 'Updater', text: 'Everything is up to date.' },
  'item-refused': { level: 'warn', thread: 'Updater', text: 'Update ID {id} is refused: {error:advised}' },
  'item-deferred': { level: 'info', thread: 'Updater', text: 'Update ID {id} is deferred: {reason:words}.' },
  'more-wanted': { level: 'info', thread: 'Updater', text: '{count} more updates are left for the next round.' },
  'check-failed': { level: 'error', thread: 'Updater', text: 'The check failed{hop:at}: {error:advised}' },
  'checks-overdue': { level: 'error', thread: 'Updater', text: 'Updates are overdue: {error:advised}' },
  'feed-starved': { level: 'error', thread: 'Updater', text: 'No complete feed arrives: {error:advised}' },
  'checks-recovered': { level: 'info', thread: 'Updater', text: 'Checks succeed again, after {age:ms}.' },
  'round-ended': {
    level: 'info',
    thread: 'Updater',
    text: 'Round ended: {published} published, {failed} failed, {pruned} pruned.',
  },
  'round-failed': {
    level: 'info',
    thread: 'Updater',
    text: 'Round ended because the check failed: {published} published, {failed} updates failed, {pruned} pruned.',
  },
  // A download
  downloading: { level: 'info', thread: 'Updater', text: 'Downloading update ID {id}.' },
  resuming: { level: 'info', thread: 'Updater', text: 'Resuming update ID {id} at {offset} of {length} bytes.' },
  waiting: {
    level: 'info',
    thread: 'Updater',
    text: 'Waiting up to {limit:ms} for update ID {id} ({size:size}): {explanation:words}.',
  },
  'patience-changed': {
    level: 'info',
    thread: 'Updater',
    text: 'For {size:size} from {origin} the wait is now up to {to:ms} ({after:words}); it was {from:ms} ({before:words}).',
  },
  progress: { level: 'debug', thread: 'Updater', text: 'Received {received:size} of {length:size} of update ID {id}.' },
  'resume-impossible': { level: 'info', thread: 'Updater', text: 'Update ID {id} starts from zero: {reason:words}.' },
  downloaded: {
    level: 'info',
    thread: 'Updater',
    text: 'Downloaded update ID {id}: {length:size} in {elapsed:ms}, longest silence {silence:ms}.',
  },
  rerouted: {
    level: 'info',
    thread: 'Updater',
    text: 'Update ID {id} keeps its bytes and goes on over the new route at once: {error:advised}',
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
    text: 'Update ID {id} arrives in small parts ({elapsed:ms} so far). Its bytes are kept, and the other updates are fetched first.',
  },
  'next-try-round': { level: 'info', thread: 'Updater', text: 'Next try with the next check.' },
  // Room on the disk
  'disk-full': {
    level: 'error',
    thread: 'Updater',
    text: 'Paused with {free:size} free: {error:advised} Next try at {at:time}.',
  },
  'disk-still-full': { level: 'debug', thread: 'Updater', text: 'Still paused with {free:size} free: {error:advised}' },
  'disk-room': { level: 'info', thread: 'Updater', text: 'There is room again after {elapsed:ms}; going on.' },
  // What became of it
  verified: { level: 'info', thread: 'Updater', text: 'Verified update ID {id}: sha256 {sha256}.' },
  published: { level: 'info', thread: 'Updater', text: 'Published update ID {id} as {path}.' },
  acknowledging: { level: 'info', thread: 'Updater', text: 'Acknowledging receipt of update ID {id}.' },
  recovered: {
    level: 'info',
    thread: 'Updater',
    text: 'Finished update ID {id}, which an interruption had left {stage:words}.',
  },
  discarded: {
    level: 'info',
    thread: 'Updater',
    text: 'Discarded the unfinished bytes of update ID {id}: {reason:words}.',
  },
  withdrawn: {
    level: 'warn',
    thread: 'Updater',
    text: 'Update ID {id} was withdrawn by the vendor; moved to {path}.',
  },
  pruned: { level: 'info', thread: 'Updater', text: 'Pruned update ID {id} ({reason:words}).' },
  'package-problem': { level: 'error', thread: 'Updater', text: 'Update ID {id}: {error:advised}', folds: true },
  'staging-problem': { level: 'error', thread: 'Updater', text: 'Staging: {error:advised}', folds: true },
  // The hook
  'hook-running': {
    level: 'info',
    thread: 'Updater',
    text: 'Running the hook for update ID {id} (try {attempt} of {attempts}).',
  },
  'hook-output': {
    level: 'info',
    thread: 'Updater',
    text: 'The hook for update ID {id} wrote on {stream}, in quotes: {line}.',
  },
  'hook-output-cut': {
    level: 'warn',
    thread: 'Updater',
    text: 'The hook for update ID {id} wrote more than {limit:size}; the rest is dropped.',
  },
  'hook-done': { level: 'info', thread: 'Updater', text: 'The hook for update ID {id} went well in {elapsed:ms}.' },
  'hook-next-try': {
    level: 'warn',
    thread: 'Updater',
    text: 'The hook for update ID {id} failed ({ending:words}); next try at {at:time}.',
  },
  'hook-failed': { level: 'error', thread: 'Updater', text: 'The hook failed: {error:advised}' },
  'hook-refused': { level: 'error', thread: 'Updater', text: 'The hook is not run: {error:advised}' },
  'hook-skipped': {
    level: 'info',
    thread: 'Updater',
    text: 'The hook is not run for update ID {id}: {reason:words}.',
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
    text: 'No receipt of update ID {id} ({outcome}) goes out; updates.acknowledge_url is not set.',
  },
  'receipt-kept': {
    level: 'info',
    thread: 'Receipts',
    text: 'Kept the receipt of update ID {id} ({outcome}) here; updates.acknowledge_url is not set.',
  },
  'receipt-failed': {
    level: 'warn',
    thread: 'Receipts',
    text: 'The receipt of update ID {id} ({outcome}) was not delivered{hop:at}: {error:advised}',
  },
  'receipt-next-try': {
    level: 'info',
    thread: 'Receipts',
    text: 'The receipt of update ID {id} is tried again at {at:time}.',
  },
  'receipt-quarantined': {
    level: 'error',
    thread: 'Receipts',
    text: 'Set aside a receipt that could not be read: {error:advised}',
    folds: true,
  },
  'set-aside-full': { level: 'warn', thread: 'Main', text: '{dir} is full; its oldest entries are deleted.' },
} as const satisfies Record<string, Definition>;

export type EventName = keyof typeof EVENTS;

/** The purpose that work is done for, and the thread that log lines about it name. */
export interface Scope {
  readonly purpose: string;
  readonly thread: string;
}

/** The fields that the template of an event names; more fields may travel along in JSON. */
export type FieldsOfEvent<N extends EventName> = { readonly name: N } & FieldsOf<(typeof EVENTS)[N]['text']> &
  Readonly<Record<string, FieldValue>>;

/** An event by its name; one that happens for a purpose says for which. */
type EventOf<N extends EventName> = FieldsOfEvent<N> & ((typeof EVENTS)[N]['thread'] extends null ? Scope : unknown);

/** Anything that can be reported. */
export type SallyportEvent = { [N in EventName]: EventOf<N> }[EventName];

/** Where a step reports to. Never throws, never blocks. */
export type Report = (event: SallyportEvent) => void;
