import { describe, expect, it } from 'vitest';
import { importsOf, readSource, withoutComments } from './imports.ts';
import { sourceFiles } from './layers.ts';

/** A thing that only the listed places may use. A place is a file, or a folder with a `/` at its end, under src/. */
interface Reserved {
  readonly what: string;
  readonly modules?: readonly string[];
  /** Looked for in the code without its comments. */
  readonly code?: RegExp;
  readonly places: Readonly<Record<string, string>>;
  readonly typesAreFree?: boolean;
}

const RESERVED: readonly Reserved[] = [
  {
    what: 'dialling out (principle 1: one entry point to the network)',
    modules: ['net', 'tls', 'dns', 'dns/promises', 'dgram', 'quic'],
    typesAreFree: true,
    places: {
      'proxy/': 'the only entry point',
      'diagnose/witness-worker.ts': 'the witness that is not us: contexts of TLS for a client of its own',
      'changes/': 'a unix socket, and the connection that systemd hands over: nothing leaves the machine',
      'control/client.ts': 'a unix socket, for HTTP without an agent: it does not leave the machine',
      'control/uploads/submit-client.ts': 'a unix socket, for HTTP without an agent: it does not leave the machine',
      'config/values/no-proxy.ts': 'isIP: whether a text is an address',
      'system/network/addresses.ts': 'isIP and BlockList: arithmetic on addresses, nothing dialled',
      'config/values/host-name.ts': 'isIP: whether a text is an address',
      'systemd-action.ts': 'isIP: whether a text is an address',
      'origin/': 'a server: it listens, it does not dial',
      'demo/': 'a small proxy of its own: it listens on loopback and dials the demo origin',
    },
  },
  {
    what: 'an HTTP stack',
    modules: ['http', 'https', 'http2'],
    typesAreFree: true,
    places: {
      'http/response-parser.ts': "Node's parser over a connection that src/proxy dialled",
      'proxy/opening/connect-answer.ts': "Node's parser over the answer to CONNECT",
      'proxy/connection-agent.ts':
        'an Agent whose connections are connections, for libraries that bring their own HTTP',
      'diagnose/witness-worker.ts': "Node's own client, for the second opinion of a diagnosis",
      'origin/': 'the reference server',
      'demo/': 'the demo proxy',
      'control/': 'HTTP over a unix socket: it does not leave the machine',
      'console/server/': 'the server of the console: it listens, and sends no request',
    },
  },
  {
    what: 'undici',
    modules: ['undici'],
    typesAreFree: true,
    places: { 'http/session/client.ts': 'small requests and uploads, over a connection that src/proxy dialled' },
  },
  {
    what: 'a WebSocket library',
    modules: ['ws'],
    typesAreFree: true,
    places: {
      'http/websocket.ts': 'the upgrade, over connections by an agent',
      'origin/': 'the reference platform: a server',
    },
  },
  {
    what: 'a small request over a connection of its own, where a session would share one',
    code: /\brequestDocument\b/,
    places: {
      'http/session/document.ts': 'where it is',
      'daemon/reload/pac-fetch.ts': 'a PAC file is fetched before a route is known',
    },
  },
  {
    what: 'proxy-agent and its family',
    modules: [
      'proxy-agent',
      'https-proxy-agent',
      'http-proxy-agent',
      'socks-proxy-agent',
      'pac-proxy-agent',
      'proxy-from-env',
      'socks',
    ],
    typesAreFree: true,
    places: { 'diagnose/witness-worker.ts': 'the second opinion, in a thread with an empty environment' },
  },
  {
    what: 'the global fetch and friends, which would dial by themselves',
    code: /(?<![.\w])(?:fetch|WebSocket|EventSource)\s*\(|\bglobalThis\.(?:fetch|WebSocket|EventSource)\b/,
    places: { 'console/pages/link/api.ts': 'runs in a browser, which connects to its own console only' },
  },
  {
    what: 'the file system',
    modules: ['fs', 'fs/promises'],
    typesAreFree: true,
    places: {
      'system/': 'Files: the one port, with its crashing twin',
      'config/': 'load and secrets: read before anything is composed',
      'logging/': 'rotation of the log files, which may not fail because of what they report on',
      'origin/': 'stands apart: a server of files',
      'proxy/pac/worker.ts': 'the WebAssembly of the interpreter, a part of the program',
      'demo/': 'makes its own temporary world',
      'start.ts': 'asks whether it runs from a checkout, before anything is composed',
      'sallyport.ts': 'asks whether it runs from a checkout, before anything is composed',
    },
  },
  {
    what: "Node's database",
    modules: ['sqlite'],
    typesAreFree: true,
    places: { 'system/lock.ts': 'the only lock of the kernel that Node has; nothing is stored' },
  },
  {
    what: 'starting processes',
    modules: ['child_process', 'cluster', 'worker_threads'],
    typesAreFree: true,
    places: {
      'system/process/command.ts': "the admin's hook: no shell, a built environment, a process group of its own",
      'system/process/on-terminal.ts': "the user's editor, on the terminal of a command that asks for it",
      'proxy/pac/': 'a thread for a PAC file, which may never end by itself',
      'diagnose/witness.ts': 'a thread for a client that may never end by itself',
      'diagnose/witness-worker.ts': 'that thread',
      'system/hashing/':
        'a thread that hashes a file which is being downloaded: its digest must not delay the event loop',
    },
  },
  {
    what: 'the environment',
    code: /\bprocess\.env\b|\bloadEnvFile\b/,
    places: {
      'main.ts': 'composes the program',
      'config/places.ts': 'where files are: the directories that systemd names',
      'config/reading/secrets.ts': 'secrets {env: ...} and {credential: ...}',
      'cli/terminal/terminal.ts': 'NO_COLOR and the like',
    },
  },
  {
    what: 'a method of Date that throws on numbers beyond its range',
    code: /\.toISOString\s*\(/,
    places: { 'system/moment.ts': 'utcTime, which takes any number' },
  },
  {
    what: 'randomness (principle 2: decisions are pure)',
    code: /\bMath\.random\b/,
    places: { 'system/clock.ts': 'the one source, given to those who need it' },
  },
  {
    what: 'the time of day (principle 2: decisions are pure)',
    code: /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
    places: {
      'system/clock.ts': 'the one clock, given to those who need it',
      'console/pages/link/browser-clock.ts': 'the clock of the browser',
      'origin/': 'stands apart: a server with a clock of its own',
      'demo/': 'makes its own world',
    },
  },
  {
    what: 'a timer (principle 4: every wait through one clamped timer)',
    // By any bare mention, so an import counts; setImmediate does not wait.
    code: /(?<![.\w])(?:setTimeout|setInterval)\b|\bscheduler\.wait\b|\bAbortSignal\.timeout\b/,
    places: {
      'system/': 'the one clamped timer',
      'console/pages/link/browser-clock.ts': 'the timers of the browser',
      'origin/': 'stands apart',
      'demo/': 'makes its own world',
    },
  },
  {
    what: 'a listener for an abort (principle 4: a signal that is already aborted must not be missed)',
    code: /(['"`])abort\1|\baddAbortListener\b|\bonabort\b/,
    places: { 'system/abort.ts': 'onAbort, which acts at once for an aborted signal' },
  },
  {
    // Only names that are no other words.
    what: 'the name of a purpose: it comes from the table',
    code: /\b(?:support_logs|exposure_analytics)\b|[=!]== 'updates'/,
    places: {
      'config/purposes.ts': 'the table',
      'config/schema/support-logs.ts': 'the section of the purpose',
      'config/schema/exposure-analytics.ts': 'the section of the purpose',
      'config/rules/interception-rules.ts': 'what each purpose requires before a proxy may decrypt it',
      'daemon/answers/interception.ts': 'what a proxy can read of each purpose',
      'config/rules/upload-rules.ts': 'the rules of the sections for uploads',
      'daemon/reload/settings-reloader.ts': 'the keys of these sections that it applies',
      'errors/catalogue-uploads.ts': 'the keys that a sentence names',
      'errors/catalogue-platform.ts': 'the key that a sentence names',
      'uploads/': 'the module of these purposes',
      'cli/program/program-submit.ts': 'the keys that the help of `submit` names',
      'submit-action.ts': 'composes `submit` with the settings of this purpose',
      'cli/program/program-logs.ts': 'the keys that the help of `send-logs` names',
      'cli/program/program-platform.ts': 'the key that the help of `platform` names',
      'daemon/schedule/logs-schedule.ts': 'the schedule of this purpose',
      'daemon/logs/': 'makes the contents of bundles with the settings of this purpose',
      'daemon/uploads/': 'composes that module with the settings of these purposes',
      'config/reading/renamed.ts': 'where version 1 of the format had its keys',
      'demo/demo.ts': 'enables these purposes in the configuration of the demo',
      'systemd-action.ts': 'whether the socket of this purpose needs a group of the host',
      'console/pages/settings/proxy-settings.tsx': 'the boxes of R10, with their labels',
      'vendor-actions.ts': 'prints the key for each address of the reference server',
    },
  },
  {
    what: 'turning off TLS verification',
    code: /rejectUnauthorized:\s*false|NODE_TLS_REJECT_UNAUTHORIZED/,
    places: { 'system/process/environment.ts': 'refuses to start with it' },
  },
];

/** Decisions that must be functions of data: no effect can be reached from them, not even by way of another module. */
const PURE: readonly RegExp[] = [
  /^timeout\/(?!(?:memory|timeout-session|witness-memory)\.ts$)/,
  /^estimate\/(?!estimate\.ts$)/,
  /^daemon\/schedule\/(?:decide-round|freeze-detector|slots)\.ts$/,
  /^path\/(?:kind|shape-watch)\.ts$/,
  /^updates\/(?:origin-failure-budget|feed\/requires)\.ts$/,
  /^system\/(?:time\/zone|moment|json-shape|newest)\.ts$/,
  /^updates\/feed\/decide[\w-]*\.ts$/,
  /^updates\/hook\/hook-decision\.ts$/,
  /^http\/check-url\.ts$/,
  /^http\/retry-delay\.ts$/,
  /^transfer\/resume[\w-]*\.ts$/,
];
const isPure = (file: string) => PURE.some((pattern) => pattern.test(file));
const PURE_MODULES = ['node:crypto', 'node:buffer'];

const MAX_LINES = 400;

function moduleName(specifier: string): string {
  return specifier.replace(/^node:/, '');
}

function isIn(file: string, place: string): boolean {
  return place.endsWith('/') ? file.startsWith(place) : file === place;
}

function usesOf(reserved: Reserved, code: string): readonly string[] {
  const modules = importsOf(code)
    .filter(({ typeOnly }) => !(typeOnly && reserved.typesAreFree))
    .map(({ specifier }) => specifier)
    .filter((specifier) => reserved.modules?.includes(moduleName(specifier)));
  const match = reserved.code?.exec(withoutComments(code));
  return match ? [...modules, match[0]] : modules;
}

/** Code and a name for it; files that the rule does not reserve anything from are out. */
function offenders(reserved: Reserved): readonly string[] {
  return sourceFiles()
    .filter((file) => !Object.keys(reserved.places).some((place) => isIn(file, place)))
    .flatMap((file) => usesOf(reserved, readSource(file)).map((use) => `src/${file} uses ${use}`));
}

describe('entry points', () => {
  it.each(RESERVED)('only the listed places may use $what', (reserved) => {
    expect(offenders(reserved)).toEqual([]);
  });

  it.each([
    ['dialling', "import { connect } from 'node:net';"],
    ['dialling', "import tls from 'tls';"],
    ['dialling', "const net = await import('node:net');"],
    ['HTTP stack', "import { request } from 'node:https';"],
    ['undici', "const { request } = await import('undici');"],
    ['proxy-agent', "import { HttpsProxyAgent } from 'https-proxy-agent';"],
    ['WebSocket library', "import WebSocket from 'ws';"],
    ['session would share', 'await requestDocument({ connection });'],
    ['fetch', 'const response = await fetch(url);'],
    ['file system', "import { readFile } from 'node:fs/promises';"],
    ['processes', "import { spawn } from 'node:child_process';"],
    ['environment', "const home = process.env['HOME'];"],
    ['randomness', 'const x = Math.random();'],
    ['time of day', 'const now = new Date();'],
    ['timer', 'setTimeout(() => {}, 5);'],
    ['timer', "import { setTimeout as pause } from 'node:timers/promises';"],
    ['listener for an abort', "signal.addEventListener('abort', stop, { once: true });"],
    ['listener for an abort', "await once(signal, 'abort');"],
    ['listener for an abort', 'addAbortListener(signal, stop);'],
    ['listener for an abort', 'signal.onabort = stop;'],
    ['TLS verification', 'tls.connect({ rejectUnauthorized: false });'],
  ])('the rule about %s sees: %s', (what, code) => {
    expect(RESERVED.filter((reserved) => reserved.what.includes(what)).map((one) => usesOf(one, code))).toEqual([
      [expect.any(String)],
    ]);
  });

  it.each([
    "import type { Socket } from 'node:net';",
    '// never Math.random() here, nor process.env',
    'const at = new Date(clock.now());',
    'await route.fetch(url);',
    'clock.setTimeout(work, 5);',
    'const stopListening = onAbort(signal, () => ender.abort(signal.reason));',
    "import { setImmediate } from 'node:timers/promises';",
  ])('no rule minds: %s', (code) => {
    expect(RESERVED.flatMap((reserved) => usesOf(reserved, code))).toEqual([]);
  });
});

describe('pure decisions', () => {
  const files = sourceFiles().filter(isPure);

  it('every pattern of the list names a file', () => {
    expect(PURE.filter((pattern) => !files.some((file) => pattern.test(file)))).toEqual([]);
  });

  it('reach no effect through a module', () => {
    const impure = files.flatMap((file) =>
      importsOf(readSource(file))
        .filter(({ specifier, typeOnly }) => !typeOnly && specifier.startsWith('node:'))
        .filter(({ specifier }) => !PURE_MODULES.includes(specifier))
        .map(({ specifier }) => `src/${file} imports ${specifier}`),
    );

    expect(impure).toEqual([]);
  });

  it('use only types, error codes, the schema and pure files of other modules', () => {
    const allowed = /^#(?:errors\/|config\/schema\/|system\/network\/addresses\.ts$)/;
    const impure = files.flatMap((file) =>
      importsOf(readSource(file))
        .filter(
          ({ specifier, typeOnly }) =>
            !typeOnly && specifier.startsWith('#') && !allowed.test(specifier) && !isPure(specifier.slice(1)),
        )
        .map(({ specifier }) => `src/${file} imports ${specifier}`),
    );

    expect(impure).toEqual([]);
  });
});

describe('every source file', () => {
  it(`has at most ${MAX_LINES} lines`, () => {
    const long = sourceFiles().filter((file) => readSource(file).trimEnd().split('\n').length > MAX_LINES);

    expect(long).toEqual([]);
  });

  it('says at its head what it is for', () => {
    const silent = sourceFiles().filter((file) => !/^(#![^\n]*\n)?\s*(\/\/\s*\S|\/\*\*?\s*\S)/.test(readSource(file)));

    expect(silent).toEqual([]);
  });

  it('has a header of at most eight lines', () => {
    const header = (code: string) => /^(?:#![^\n]*\n)?((?:\/\/[^\n]*\n)*)/.exec(code)?.[1] ?? '';
    const long = sourceFiles().filter((file) => header(readSource(file)).split('\n').length - 1 > 8);

    expect(header('#!x\n// a\n//\n// b\n\n// c\n')).toBe('// a\n//\n// b\n');
    expect(long).toEqual([]);
  });

  it('has a name in kebab-case', () => {
    expect(sourceFiles().filter((file) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.generated)?\.tsx?$/.test(file))).toEqual([]);
  });
});
