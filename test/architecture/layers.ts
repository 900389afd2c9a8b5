/**
 * The plan of src as data: every module, its layer, and what it may import. Only the tests in this folder and the
 * linter (oxlint.config.ts) read it. Add a new module here first.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

export interface ModuleRule {
  readonly name: string;
  readonly layer: number;
  /** What it may import, where that is not simply "every module on a layer below". */
  readonly only?: readonly string[];
  readonly why: string;
}

/** Outside the layers: only the demo, tests, and the commands that main registers for it use it. */
const NO_LAYER = -1;

export const MODULES: readonly ModuleRule[] = [
  { name: 'errors', layer: 0, only: [], why: 'every module uses errors, so errors import no module' },
  {
    name: 'system',
    layer: 0,
    only: ['errors'],
    why: 'every module uses files, clock and timers, so they import only errors',
  },
  { name: 'redaction', layer: 0, only: ['errors'], why: 'redaction must work before any other module runs' },
  { name: 'config', layer: 1, why: 'configuration is read before there is a log' },
  { name: 'logging', layer: 1, why: 'log events must be the same for every configuration' },
  { name: 'proxy', layer: 2, why: 'the only entry point to the network must not depend on what is sent' },
  {
    name: 'http',
    layer: 3,
    why: 'requests need connections and deadlines, but not the purpose or the origin of a deadline',
  },
  {
    name: 'timeout',
    layer: 3,
    only: ['errors', 'config', 'logging', 'system'],
    why: 'timeouts are calculated from stored samples, without the network',
  },
  { name: 'path', layer: 3, why: 'observations about a route must not depend on the purpose that uses it' },
  { name: 'transfer', layer: 4, why: 'a resumable download must work for any kind of file' },
  { name: 'spool', layer: 4, why: 'the durable queue must work for any kind of entry' },
  {
    name: 'trust',
    layer: 4,
    only: ['errors', 'system', 'logging'],
    why: 'signed metadata is judged without the network and without the configuration; a source gives the bytes',
  },
  {
    name: 'estimate',
    layer: 4,
    only: ['errors', 'system', 'timeout'],
    why: 'an old log is read with the rights of the caller, without configuration or daemon',
  },
  { name: 'updates', layer: 5, why: 'updates must not depend on the command or schedule that starts a round' },
  { name: 'uploads', layer: 5, why: 'uploads know nothing of the programs and people that submit them' },
  { name: 'platform', layer: 5, why: 'the link to the platform knows nothing of the work that its messages start' },
  {
    name: 'diagnose',
    layer: 5,
    why: 'a diagnosis tests connections as the purposes use them, but not the data of a purpose',
  },
  { name: 'control', layer: 6, why: 'control defines the requests; the daemon above it answers them' },
  {
    name: 'changes',
    layer: 7,
    only: ['control', 'config', 'logging', 'errors', 'system', 'redaction'],
    why: 'changes are tested and applied through Control; the commands that show them are above',
  },
  { name: 'daemon', layer: 7, why: 'the daemon combines the modules and contains no command' },
  {
    name: 'cli',
    layer: 8,
    only: ['changes', 'control', 'config', 'estimate', 'logging', 'errors', 'system', 'redaction'],
    why: 'a command is a function of (Control, Terminal)',
  },
  {
    name: 'menu',
    layer: 8,
    only: ['changes', 'control', 'platform', 'config', 'logging', 'errors', 'system', 'redaction'],
    why: 'the menu shows the same changes as the commands, on a small display',
  },
  {
    name: 'console',
    layer: 8,
    only: ['changes', 'control', 'platform', 'estimate', 'config', 'logging', 'errors', 'system', 'redaction'],
    why: 'the console shows the same verbs and changes as the commands, in a browser',
  },
  {
    name: 'origin',
    layer: NO_LAYER,
    only: ['system', 'logging', 'errors'],
    why: 'the reference server is a separate program',
  },
  { name: 'fetch', layer: 8, why: 'one file is fetched with the parts of a daemon, but without one' },
  { name: 'demo', layer: 8, why: 'the demo runs a daemon and an origin' },
];

/** Maximum number of files directly in a directory of src/. */
export const MAX_FLAT_FILES = 20;

/** The directories inside modules, with what each holds. The page docs/architecture.md gets its table from here. */
export const DIRECTORIES: Readonly<Record<string, string>> = {
  'uploads/analytics': 'Documents of other programs: reading, the drop directory, sending batches.',
  'cli/actions': 'The functions that `cli/program` calls for each command.',
  'cli/completion': 'Words for a shell that completes a command line, and the scripts for bash, zsh and fish.',
  'cli/fetch': 'The command that fetches one file: what it prints, and the digests that it reads.',
  'cli/logs': 'The commands about support logs and about what left this host.',
  'cli/platform': 'The commands about the platform, activation and identity.',
  'cli/program': 'Every command with its options and help.',
  'cli/settings': 'The commands that show, try and change the configuration.',
  'cli/systemd': 'The drop-in for the unit of the service.',
  'cli/updates': 'The commands about trust in updates, change freezes, imports and mirrors.',
  'cli/watch': 'The commands that watch a daemon: metrics, lines of the log, the status while it changes.',
  'cli/terminal': 'Output and questions: lines, tables, JSON, prompts.',
  'config/importing': 'Proxy settings of other programs: reading their files, and deciding what to import.',
  'config/editing': 'Edits of the file: replacing parts of its text, profiles, secrets in separate files, upgrades.',
  'config/following': 'Notices changes of the file and of the files that it names, and makes new settings take effect.',
  'config/generate': 'The example, the JSON schema, the reference and the manual page, made from the schema.',
  'config/reading': 'Reads the file and returns checked settings with their secrets.',
  'config/rules': 'Rules between keys, in addition to those of the schema for each key.',
  'config/schema': 'The schema, a file for each section.',
  'config/values': 'Rules for values that several keys use, and suggestions for misspellings.',
  'control/text': 'The answers of verbs as text, for the commands and the pages of the console. Pure.',
  'control/platform': 'Verbs about the platform, activation and identity.',
  'control/updates': 'Verbs about the hold on updates, imports and mirrors.',
  'control/uploads': 'Verbs about support logs and about what left this host.',
  'changes/proxy': 'Changes of proxy profiles as values, and the facts that a menu needs for them.',
  'console/pages': 'The pages of the console, for browsers: the first file, and the table of pages.',
  'console/pages/link': 'Requests of the pages, and what every page knows of session, service and address.',
  'console/pages/parts': 'What pages consist of: headings, tables, fields, dialogs, failures, stages.',
  'console/pages/service': 'The pages about the running service, from the overview to its log.',
  'console/pages/settings': 'The pages that change the configuration: their forms, and the change while it is tested.',
  'console/pages/shell': 'The frame of the pages: navigation, and what a person must know on every page.',
  'menu/model': 'The screens of the menu as a pure state machine: fields, keys, answers.',
  'menu/terminal': 'The terminal of the menu: bytes to keys, frames to bytes, and the loop between them.',
  'menu/view': 'The screens as text, for a large and for a small display.',
  'console/api':
    'What pages can request in addition to changes: the session, and the verbs of the daemon with their events.',
  'console/saving': 'The part of the settings pages that runs in the process: reading, trying and saving changes.',
  'console/server': 'The HTTP server of the console: where it listens, what it refuses, keys, tokens, limits.',
  'daemon/answers': 'Answers to requests over Control: status, health, endpoints, settings, the log.',
  'daemon/logs': 'Support logs on request: answers to commands, the contents of bundles, bundles of other hosts.',
  'daemon/metrics':
    'Metrics for monitoring: counters of events, gauges of the status, and the socket that serves them.',
  'daemon/platform':
    'The link to the platform, identity and activation in a running daemon: commands, reports, the section of the status.',
  'daemon/reload': 'Applies settings at the start and on a reload, in every part or in none.',
  'daemon/schedule': 'When rounds run, and the loop that runs them.',
  'daemon/service': 'The process as a service: systemd, its watchdog, the control sockets, the state folder.',
  'daemon/trial': 'Diagnosis, and the test of a change before it is written.',
  'daemon/updates': 'Answers about updates: their section of the status, the hold, the result of a round.',
  'daemon/uploads': 'Accepts data of other programs, and sends what leaves this host.',
  'http/session': 'Small requests and uploads over reused connections.',
  'http/signatures': 'Signatures of requests and digests of their bodies (RFC 9421, RFC 9530).',
  'origin/platform': 'The reference platform: its folder, and what its vendor can do.',
  'origin/platform/licenses': 'Activation keys, the hosts that use them, and their licenses.',
  'origin/platform/link': 'The link with agents: messages, WebSocket and long polling, commands and their results.',
  'origin/platform/signatures': 'Signatures of requests, verified on the side of the vendor.',
  'origin/signing': 'The documents, keys and publications of a signed feed, on the side of the vendor.',
  'origin/uploads': 'What agents send to the reference server.',
  'origin/uploads/batches': 'Batches of documents: checked, stored once, acknowledged.',
  'origin/uploads/bundles': 'Bundles of support logs: received by tus or by PUT, completed, acknowledged.',
  'platform/link': 'The link to the platform: the state machine, WebSocket and long polling.',
  'platform/activation': 'Activating this host: requests to the server, licenses, the durable state.',
  'platform/identity': 'The agent ID and the key of this host, bound to its machine.',
  'platform/outcome': 'One line of the status, from the result of the last connection and the state of the activation.',
  'platform/report': 'What this host reports about itself.',
  'platform/inbox': 'Commands of the platform: durable before they are acknowledged, carried out once, with results.',
  'proxy/auth':
    'Authentication at a proxy: the exchange of challenges, the record of each credential, the verdict on a response.',
  'proxy/auth/schemes': 'Basic, Digest, NTLM and Negotiate, and the choice between them.',
  'proxy/choosing': 'Which proxy a purpose uses, and which proxy is tried next after a failure.',
  'proxy/opening': 'Opens connections: TCP, CONNECT and SOCKS, with the responses to them.',
  'proxy/pac': 'PAC files: fetching them, and running them in a separate thread.',
  'proxy/tls': 'TLS to the proxy and to the target: trust, pins, and what went wrong.',
  'spool/segments': 'Documents in segments, and batches that are ranges of segments.',
  'system/disk':
    'Operations of the real disk: files that are open, the errors of operations, and which operations run in the main thread.',
  'system/folders': 'Folders that are held open: addressed by descriptor, or read without following links.',
  'system/hashing': 'The digest of a file that is being downloaded, in a thread if much of it is there already.',
  'system/network': 'Facts from the kernel: gateways, the peer of a socket, unsent bytes.',
  'system/process': 'This process and its children: commands, the environment, notifications to systemd, shutdown.',
  'system/time': 'Time zones, steps of the wall clock, and a clock that records every wait on it.',
  'transfer/throttle': 'The bandwidth limit of downloads: the rule, and the pauses that follow from it.',
  'trust/tuf': 'The client of The Update Framework: documents and signatures, root rotation, delegations, the store.',
  'updates/feed': 'What the vendor offers: reading the feed, and deciding about each item.',
  'updates/medium': 'Signed repositories in folders: imports from a medium, and mirrors.',
  'updates/hold': 'Why packages wait: the hold on publication during a change freeze, and the hours of updates.window.',
  'updates/hook': "The admin's command for each published update.",
  'updates/package': 'One package from download to withdrawal: verify, publish, reconcile, prune.',
  'updates/signed':
    'The signed feed: the servers that have a copy, what their responses mean, merging feeds, the stored trust state.',
  'updates/receipts': 'What is reported to the vendor about each outcome.',
  'uploads/bundle/jobs': 'Jobs of support logs: from a request to the receipt, on disk and in the spool.',
  'uploads/bundle/contents':
    'What a bundle of support logs contains: collecting, packing, the final check, the finished file.',
  'uploads/transfer':
    'The upload of one file whose bytes never change: creating, resuming, chunk sizes, methods, the receipt.',
  'uploads/redaction':
    'Masks secrets in what is sent: streams of text in overlapping windows, rules from the configuration, pseudonyms, file names.',
  'uploads/redaction/rules':
    'The rules that ship with Sallyport, and their common code: which keys hold a secret, and where a value ends.',
  'uploads/telemetry': 'Metrics and log events for a collector of OpenTelemetry: the queue, the requests, the pace.',
};

/** The modules that may use one outside the layers. Files directly in src/ are the program itself: they may import all. */
const USERS_OF_ORIGIN = ['demo'];

export function allowedModules(module: ModuleRule): readonly string[] {
  if (module.only !== undefined) {
    return module.only;
  }
  return MODULES.filter(({ layer }) =>
    layer === NO_LAYER ? USERS_OF_ORIGIN.includes(module.name) : layer < module.layer,
  ).map(({ name }) => name);
}

export function bannedModules(module: ModuleRule): readonly string[] {
  const allowed = allowedModules(module);
  return MODULES.map(({ name }) => name).filter((name) => name !== module.name && !allowed.includes(name));
}

/** Paths of all source files, relative to src/, with forward slashes. */
export function sourceFiles(): readonly string[] {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(SRC.length).replaceAll('\\', '/'))
    .sort();
}

/** The module of a file such as `proxy/auth/schemes/basic.ts`, or `main` for one directly in src/. */
export function moduleOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : 'main';
}
