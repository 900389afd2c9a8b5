/**
 * The plan of the house as data: every room, its floor, and what it may import. The tests in this folder, the linter
 * (oxlint.config.ts) and nothing else read it. A new room is added here first.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

export interface Room {
  readonly name: string;
  readonly floor: number;
  /** What it may import, where that is not simply "every room on a floor below". */
  readonly only?: readonly string[];
  readonly why: string;
}

/** Stands beside the floors: used by demo, tests, and the commands that main registers for it. */
const NO_FLOOR = -1;

export const ROOMS: readonly Room[] = [
  { name: 'errors', floor: 0, only: [], why: 'errors are data for everyone, so they know nobody' },
  { name: 'system', floor: 0, only: ['errors'], why: 'files, clock and timers serve every room and know none' },
  { name: 'redaction', floor: 0, only: ['errors'], why: 'redaction is pure and must work before anything else' },
  { name: 'config', floor: 1, why: 'configuration is read before there is a log' },
  { name: 'logging', floor: 1, why: 'the event vocabulary must not depend on how things are configured' },
  { name: 'proxy', floor: 2, why: 'the one door to the network knows nothing of what goes through it' },
  {
    name: 'http',
    floor: 3,
    why: 'http knows connections and deadlines, not updates and not where a deadline came from',
  },
  {
    name: 'timeout',
    floor: 3,
    only: ['errors', 'config', 'logging', 'system'],
    why: 'the life of a timeout is arithmetic and memory, without the network',
  },
  { name: 'path', floor: 3, why: 'what a route has shown is kept apart from who uses it' },
  { name: 'transfer', floor: 4, why: 'a durable fetch does not know what it fetches' },
  { name: 'spool', floor: 4, why: 'the durable way out does not know what it sends' },
  {
    name: 'estimate',
    floor: 4,
    only: ['errors', 'system', 'timeout'],
    why: 'an old log is read with the rights of whoever asks, without anything of a running Sallyport',
  },
  { name: 'updates', floor: 5, why: 'updates know nothing of who asks for them' },
  {
    name: 'diagnose',
    floor: 5,
    why: 'a diagnosis walks routes as the work does, and knows nothing of what the work is',
  },
  { name: 'control', floor: 6, why: 'control says what may be asked; the daemon answers' },
  {
    name: 'changes',
    floor: 7,
    only: ['control', 'config', 'logging', 'errors', 'system', 'redaction'],
    why: 'a change is proposed, tried and applied by calls of Control; who shows it is above',
  },
  { name: 'daemon', floor: 7, why: 'the daemon composes the rooms; no front end is in it' },
  {
    name: 'cli',
    floor: 8,
    only: ['changes', 'control', 'config', 'estimate', 'logging', 'errors', 'system', 'redaction'],
    why: 'a command is a function of (Control, Terminal)',
  },
  { name: 'origin', floor: NO_FLOOR, only: ['system', 'logging', 'errors'], why: 'the reference server stands apart' },
  { name: 'demo', floor: 8, why: 'the demo composes a daemon and an origin' },
];

/** At most this many files lie flat in a directory of src/. */
export const MAX_FLAT_FILES = 20;

/** The directories inside modules, with what each holds. The page docs/architecture.md gets its table from here. */
export const DIRECTORIES: Readonly<Record<string, string>> = {
  'cli/program': 'Every command with its options and help.',
  'cli/settings': 'The commands that show, try and change the configuration.',
  'cli/terminal': 'What a person sees and answers: lines, tables, JSON, questions.',
  'config/editing': 'Changes of the file: splices of its text, profiles, secrets in files of their own, upgrades.',
  'config/following': 'What changed in the file or in a file that it names, and how a change takes effect.',
  'config/generate': 'The example, the JSON schema and the reference, made from the schema.',
  'config/reading': 'From the bytes of the file to checked settings with their secrets.',
  'config/rules': 'What must hold between keys, beyond what the schema says of each.',
  'config/schema': 'The schema, a file for each section.',
  'config/values': 'Rules for single values, whichever key has them, and what was probably meant by a wrong one.',
  'daemon/answers': 'What callers of Control get to know: status, health, endpoints, settings, the log.',
  'daemon/reload': 'How settings take effect, at the start and later, in every part or in none.',
  'daemon/schedule': 'When rounds run, and the loop that runs them.',
  'daemon/service': 'The process as a service: systemd, its watchdog, the control sockets, the state folder.',
  'daemon/trial': 'Diagnosis, and a change that is tried before it is written.',
  'http/session': 'Small requests and uploads over connections that are used again.',
  'proxy/auth': 'Who we are to a proxy: the conversation, the record of each credential, the verdict on an answer.',
  'proxy/auth/schemes': 'Basic, Digest, NTLM and Negotiate, and the choice between them.',
  'proxy/choosing': 'Which proxy a purpose uses, and which comes next after a failure.',
  'proxy/opening': 'From a proxy or a target to an open connection: TCP, CONNECT, SOCKS, reading answers to them.',
  'proxy/pac': 'PAC files: fetching them, and running them in a thread of their own.',
  'proxy/tls': 'TLS to the proxy and to the target: trust, pins, and what went wrong.',
  'system/network': 'What the kernel says of gateways, peers of a socket and unsent bytes.',
  'system/process': 'This process and its children: commands, the environment, signs of life to systemd, the end.',
  'system/time': 'Time zones, steps of the clock, and a clock that knows every wait on it.',
  'updates/feed': 'What the vendor offers: reading the feed, and deciding about each item.',
  'updates/hook': "The admin's command for each published update.",
  'updates/package': 'One package from download to withdrawal: verify, publish, reconcile, prune.',
  'updates/receipts': 'What is reported to the vendor about each outcome.',
};

/** Who may use the room that stands apart. Files directly in src/ are the program itself: they may import all. */
const USERS_OF_ORIGIN = ['demo'];

export function allowedRooms(room: Room): readonly string[] {
  if (room.only !== undefined) {
    return room.only;
  }
  return ROOMS.filter(({ floor }) =>
    floor === NO_FLOOR ? USERS_OF_ORIGIN.includes(room.name) : floor < room.floor,
  ).map(({ name }) => name);
}

export function bannedRooms(room: Room): readonly string[] {
  const allowed = allowedRooms(room);
  return ROOMS.map(({ name }) => name).filter((name) => name !== room.name && !allowed.includes(name));
}

/** Paths of all source files, relative to src/, with forward slashes. */
export function sourceFiles(): readonly string[] {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(SRC.length).replaceAll('\\', '/'))
    .sort();
}

/** The room of a file such as `proxy/auth/schemes/basic.ts`, or `main` for one directly in src/. */
export function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : 'main';
}
