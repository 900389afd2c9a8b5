// A `Control` whose responses a test specifies. They match the schemas.

import type { Control, Failure, RoundResult, Status, UpdateRow, VerifiedRow } from '#control/control.ts';
import type { EndpointList, EndpointRow } from '#control/endpoints.ts';
import type { ActivationResult, ShownActivationState } from '#control/platform/activation.ts';
import type { PlatformStatus } from '#control/platform/link-status.ts';
import type { QueueDetail, QueueEntry } from '#control/queue.ts';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import type { HoldRow } from '#control/updates/hold-rows.ts';
import type { TrustRow } from '#control/updates/trust.ts';
import type { LogsJob, PlatformRequestRow } from '#control/uploads/send-logs.ts';
import type { Diagnosis, PurposeReport } from '#diagnose/report.ts';

/** Answers of a healthy daemon; a test replaces the parts that it is about. */
export function fakeControl(over: Partial<Control> = {}): Control {
  return {
    status: () => Promise.resolve(aStatus()),
    settings: () =>
      Promise.resolve({ file: '/etc/sallyport/sallyport.yaml', since: '2026-11-20T00:04:10.000Z', keys: [] }),
    follow: () => Promise.resolve(),
    metrics: () => Promise.resolve({ text: '# EOF\n' }),
    retryCredentials: () => Promise.resolve(),
    check: () => Promise.resolve(aRound()),
    checkNow: () => Promise.resolve(aRound()),
    listUpdates: () => Promise.resolve([anUpdate()]),
    verifyUpdates: () => Promise.resolve([aVerified()]),
    forgetSerial: () => Promise.resolve({ feed: 'https://updates.example.com/feed.json', serial: 42 }),
    exportUpdates: () =>
      Promise.resolve({ documents: [], packages: [], requires: [], expires: '2026-12-20T00:00:00.000Z' }),
    importUpdates: () => Promise.resolve(aRound()),
    mirror: () => Promise.resolve({ targets: 3, fetched: 1, bytes: 20_000, metadata: 4 }),
    holdUpdates: ({ until, reason }) => Promise.resolve({ hold: { ...aHold(), until, reason }, replaced: null }),
    releaseUpdates: () => Promise.resolve({ released: aHold(), ready: [], publishing: false, opens_at: null }),
    showTrust: () => Promise.resolve(aTrust()),
    importRoot: () => Promise.resolve({ version: 1, sha256: 'a'.repeat(64), replaced: null }),
    forgetTrust: () => Promise.resolve(),
    publishUpdate: (id) => Promise.resolve({ id, path: `/packages/${id}.jar`, already: false }),
    runHook: (id) => Promise.resolve({ id, elapsed_ms: 12 }),
    diagnose: () => Promise.resolve(aDiagnosis()),
    endpoints: () => Promise.resolve(anEndpointList()),
    explainTimeout: () => Promise.resolve(anExplanation()),
    seedTimeout: (seeds) => Promise.resolve({ route: ROUTE, taken: seeds.length, known_before: 0 }),
    tryChange: () => Promise.resolve({ confirmed: true, by: 'stages', failure: null }),
    confirmChange: () => Promise.resolve(),
    listQueue: () => Promise.resolve({ at: '2026-11-20T02:00:00.000Z', kinds: [] }),
    showQueued: ({ kind, id }) =>
      Promise.resolve(aQueueDetail({ entry: aQueueEntry({ kind: kind ?? 'receipt', id }) })),
    retryQueued: () => Promise.resolve({ retried: [], sending: true }),
    dropQueued: ({ kind, id }) => Promise.resolve(aQueueEntry({ kind: kind ?? 'receipt', id })),
    verifyQueue: () => Promise.resolve([]),
    sendLogs: () => Promise.resolve({ job: aLogsJob(), joined: false, daemon: true }),
    followLogs: () => Promise.resolve(aLogsJob()),
    listLogs: () => Promise.resolve([aLogsJob()]),
    showLogs: () => Promise.resolve({ job: aLogsJob(), files: [], left_out: [] }),
    readLogs: () => Promise.resolve({ data: '', length: 0 }),
    approveLogs: () => Promise.resolve(aLogsJob()),
    deleteLogs: () => Promise.resolve(),
    planLogs: () => Promise.resolve({ source_bytes: 0, files: [], left_out: [] }),
    beginImport: () => Promise.resolve(aLogsJob()),
    importPart: () => Promise.resolve(),
    endImport: () => Promise.resolve(aLogsJob()),
    listLogsRequests: () => Promise.resolve([]),
    decideLogsRequest: ({ id, approve }) =>
      Promise.resolve(aLogsRequest({ id, state: approve ? 'approved' : 'denied' })),
    listSent: () => Promise.resolve([]),
    showActivation: () => Promise.resolve(anActivation()),
    activate: () => Promise.resolve(anActivationResult()),
    installLicense: () => Promise.resolve(anActivationResult()),
    requestActivation: () => Promise.resolve({ request: '{}' }),
    releaseActivation: () => Promise.resolve(anActivationResult()),
    resetIdentity: () => Promise.resolve({ agent: '6f1c0c1e-0000-4000-8000-000000000001', aside: null }),
    previewReport: () => Promise.resolve({ report: null, off: 'platform.report' }),
    listAdvice: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    ...over,
  };
}

/** A hold that a user set. */
export function aHold(): HoldRow {
  return {
    until: '2026-11-27T06:00:00.000Z',
    since: '2026-11-20T02:00:00.000Z',
    reason: 'change freeze',
    by: 'user 1000 (anna)',
    uid: 1_000,
  };
}

/** A bundle of support logs that was sent. */
function aLogsJob(over: Partial<LogsJob> = {}): LogsJob {
  return {
    job: '20261130-k3f9q2',
    state: 'sent',
    since: '2026-11-30T08:01:00.000Z',
    created_at: '2026-11-30T08:00:00.000Z',
    requested_by: 'root',
    approved_by: null,
    case: '4711',
    note: null,
    file: '20261130-k3f9q2.tar.zst',
    length: 1_200_000,
    sha256: 'a'.repeat(64),
    files: 3,
    left_out: 0,
    masked: { authorization: 2 },
    confirmed: null,
    failures: 0,
    failure: null,
    next_try: null,
    url: 'https://support.example.com/files/',
    via: 'proxy corp',
    receipt: 'r-20261130-k3f9q2',
    ...over,
  };
}

/** A request of the platform that was decided. */
function aLogsRequest(over: Partial<PlatformRequestRow> = {}): PlatformRequestRow {
  return {
    id: 'r-1',
    case: '4711',
    at: '2026-11-30T08:00:00.000Z',
    state: 'approved',
    decided_at: '2026-11-30T09:00:00.000Z',
    decided_by: 'root',
    job: '20261130-k3f9q2',
    expires_at: null,
    ...over,
  };
}

/** A receipt that was not sent yet. */
export function aQueueEntry(over: Partial<QueueEntry> = {}): QueueEntry {
  return {
    kind: 'receipt',
    id: '3fa91b22c0de44115d8c0f7be1aa99e2c1d2e3f405162738495a6b7c8d9e0f10',
    state: 'due',
    accepted_at: '2026-11-20T01:00:00.000Z',
    attempts: 0,
    next_try: null,
    last_failure: null,
    bytes: 305,
    content: null,
    ...over,
  };
}

/** That receipt in full. */
export function aQueueDetail(over: Partial<QueueDetail> = {}): QueueDetail {
  return {
    entry: aQueueEntry(),
    failure: null,
    reason: null,
    sha256: null,
    facts: { id: '1602503', outcome: 'published', length: 20_000_000 },
    documents: [],
    ...over,
  };
}

const FEED_ROW: EndpointRow = {
  purpose: 'updates',
  use: 'feed',
  scheme: 'https',
  host: 'updates.example.com',
  port: 443,
  requests: ['GET'],
  websocket: false,
  tls_end_to_end: true,
  ways: [{ proxy: 'corp', how: 'connect', methods: ['CONNECT'], stands_in: false }],
  refused: null,
  from: ['updates.feed_url (sallyport.yaml:3)'],
  why: [
    'use_proxy_for.updates is default (not set in the file)',
    'the default proxy is proxies[0] corp (sallyport.yaml:5)',
  ],
  seen: null,
};

/** A feed behind a proxy. */
export function anEndpointList(over: Partial<EndpointList> = {}): EndpointList {
  return {
    version: '0.1.0',
    at: '2026-11-20T02:00:00.000Z',
    config: '/etc/sallyport/sallyport.yaml',
    source: 'daemon',
    endpoints: [FEED_ROW],
    seen_only: [],
    proxies: [
      { name: 'corp', scheme: 'http', address: 'proxy.example.com', port: 3_128, authentication: 'transparent' },
    ],
    bodies: [],
    notes: [],
    ...over,
  };
}

/** All is well: updates through a proxy, nothing else configured. */
export function aDiagnosis(over: Partial<Diagnosis> = {}): Diagnosis {
  return {
    as: { user: 'sallyport', pid: 4711, service: true },
    version: '0.1.0',
    at: '2026-11-20T02:00:00.000Z',
    config: '/etc/sallyport/sallyport.yaml',
    saved: true,
    through: null,
    verdict: { outcome: 'ok', sentence: 'All is well: updates through corp.', purpose: null, finding: null },
    notes: [],
    environment: { service: {}, shell: {} },
    purposes: [aPurposeReport()],
    ...over,
  };
}

export function aPurposeReport(over: Partial<PurposeReport> = {}): PurposeReport {
  const target = 'updates.example.com:443';
  return {
    purpose: 'updates',
    outcome: 'ok',
    target: 'https://updates.example.com/feed.json',
    enabled: true,
    proxy: 'corp',
    how: 'tunnel',
    why: [
      'use_proxy_for.updates is default (sallyport.yaml:9)',
      'the default proxy is proxies[0] corp (sallyport.yaml:3)',
    ],
    elapsed_ms: 120,
    failure: null,
    warnings: [],
    proven: ['choice', 'dial'],
    credential_waits: false,
    stages: [
      {
        name: 'choice',
        target,
        outcome: 'ok',
        elapsed_ms: 0,
        says: 'proxy corp (proxy.example.com:3128): use_proxy_for.updates is default (sallyport.yaml:9)',
        code: null,
        facts: {},
      },
      {
        name: 'dial',
        target,
        outcome: 'ok',
        elapsed_ms: 12,
        says: 'connected to 10.1.1.5:3128',
        code: null,
        facts: { address: '10.1.1.5', port: 3_128 },
      },
    ],
    endpoints: [{ endpoint: target, outcome: 'ok', issuer: 'CN=Example CA', expires: null, code: null }],
    second_opinion: null,
    ...over,
  };
}

export function aFailure(over: Partial<Failure> = {}): Failure {
  return {
    code: 'AUTH-REJECTED',
    message: 'Proxy corp rejected user svc.',
    check: 'Check user and password of the proxy corp.',
    hop: 'proxy corp (proxy.example.com:3128)',
    class: 'auth',
    ...over,
  };
}

export function aRound(over: Partial<RoundResult> = {}): RoundResult {
  return {
    failure: null,
    published: ['1602503'],
    ready: [],
    parked: [],
    failed: [],
    refused: [],
    withdrawn: [],
    pruned: [],
    left: 0,
    retry_at: null,
    ...over,
  };
}

export function anUpdate(over: Partial<UpdateRow> = {}): UpdateRow {
  return {
    id: '1602503',
    package: 'content',
    sequence: 42,
    kind: 'content',
    length: 20_000_000,
    sha256: 'a'.repeat(64),
    trust: 'tls',
    released: '2026-11-01T00:00:00Z',
    published_at: '2026-11-20T00:05:07.000Z',
    path: '/data/packages/1602503.jar',
    notes: null,
    ...over,
  };
}

export function aVerified(over: Partial<VerifiedRow> = {}): VerifiedRow {
  return { id: '1602503', path: '/data/packages/1602503.jar', failure: null, ...over };
}

const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };

/** One route that has shown something. */
export function anExplanation(over: Partial<TimeoutExplanation> = {}): TimeoutExplanation {
  const why = '2 s plus 2.5 times the longest of 6 recent waits (0.5 s + 0.51 s per MB)';
  const plan = (mb: number, seconds: number) => ({
    size: mb * 1_000_000,
    first_byte_ms: seconds * 1_000,
    silence_ms: 21_000,
    total_ms: seconds * 1_500,
    expected_ms: seconds * 400,
    why,
  });
  return {
    mode: 'adaptive',
    base_ms: 30_000,
    min_ms: 10_000,
    max_ms: 7_200_000,
    total_max_ms: 86_400_000,
    routes: [
      {
        ...ROUTE,
        kind: 'held back until scanned',
        plans: [plan(1, 10), plan(10, 16), plan(100, 131)],
        evidence: {
          downloads: 6,
          newest: '2026-11-20T00:05:07.000Z',
          largest: 100_000_000,
          longest_wait_ms: 51_000,
          longest_wait_size: 100_000_000,
        },
        changed: {
          at: '2026-11-20T00:05:07.000Z',
          size: 100_000_000,
          from_ms: 400_000,
          to_ms: 131_000,
          before: 'no history of this route',
          after: why,
        },
      },
    ],
    ...over,
  };
}

/** A daemon that has worked for a while, behind a proxy. */
/** Why a purpose sends nothing. */
function offBecause(key: string): Status['uploads'][number]['off'] {
  return { key, failure: aFailure({ code: 'UPLOADS-OFF', message: `${key} is not set.`, class: 'policy' }) };
}

/** Exposure analytics that are enabled, with nothing that waits. */
export function anUpload(over: Partial<Status['uploads'][number]> = {}): Status['uploads'][number] {
  return {
    purpose: 'exposure_analytics',
    title: 'exposure analytics',
    off: null,
    queue: null,
    transfer: null,
    ...over,
  };
}

/** The trust of a host without a signed feed. */
export function aTrust(over: Partial<TrustRow> = {}): TrustRow {
  return { kind: 'tls', signed: false, root: null, roles: [], replaced: null, warnings: [], problem: null, ...over };
}

/** The link of a host that has none. */
function aPlatform(over: Partial<PlatformStatus> = {}): PlatformStatus {
  return {
    enabled: false,
    url: null,
    state: 'off',
    since: null,
    over: null,
    proxy: null,
    blocked: null,
    failure: null,
    next_try: null,
    reports: 'none',
    commands: { waiting: 0, last: null },
    advice: [],
    ...over,
  };
}

export function aStatus(over: Partial<Status> = {}): Status {
  return {
    at: '2026-11-20T02:05:00.000Z',
    main: {
      version: '0.1.0',
      state: 'running',
      pid: 4711,
      since: '2026-11-20T00:00:00.000Z',
      agent: '6f1c0c1e-0000-4000-8000-000000000000',
    },
    outcome: { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' },
    activation: { state: 'unactivated', used: false },
    health: {
      level: 'ok',
      sentence: 'The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00.',
      age_seconds: 7_200,
      stale_after_seconds: 259_200,
    },
    config: {
      file: '/etc/sallyport/sallyport.yaml',
      warnings: 0,
      since: '2026-11-20T00:04:10.000Z',
      refused: null,
      waiting: [],
      trying: null,
      held: null,
    },
    routes: [
      {
        purpose: 'updates',
        how: 'tunnel',
        enabled: true,
        proxy: 'corp',
        target: 'https://updates.example.com/feed.json',
        why: [
          'use_proxy_for.updates is default (sallyport.yaml:9)',
          'the default proxy is proxies[0] corp (sallyport.yaml:3)',
        ],
        interception: null,
        last_success: '2026-11-20T00:05:00.000Z',
        last_failure: null,
        next_try: null,
      },
      {
        purpose: 'support_logs',
        how: 'not configured',
        enabled: false,
        proxy: null,
        target: null,
        why: [],
        interception: null,
        last_success: null,
        last_failure: null,
        next_try: null,
      },
    ],
    credentials: [],
    updates: {
      feed: 'https://updates.example.com/feed.json',
      serial: 17,
      checking: false,
      last_success: '2026-11-20T00:05:00.000Z',
      last_failure: null,
      next_check: '2026-11-20T06:07:00.000Z',
      published: 2,
      published_bytes: 30_000_000,
      hold: null,
      window: null,
      bandwidth: null,
      ready: [],
      failing: [],
      transfers: [],
      transfer: null,
      waiting: null,
    },
    trust: aTrust(),
    hook: { command: null, running: null, waiting: [], failed: [], problem: null },
    paused: null,
    receipts: { waiting: 0, next_try: null, last_failure: null, endpoint: 'https://updates.example.com/acknowledge' },
    platform: aPlatform(),
    uploads: [
      anUpload({ purpose: 'support_logs', title: 'support logs', off: offBecause('support_logs.enabled') }),
      anUpload({
        purpose: 'exposure_analytics',
        title: 'exposure analytics',
        off: offBecause('exposure_analytics.enabled'),
      }),
    ],
    response_timeout: { mode: 'fixed', base_ms: 30_000, unknown_route_ms: 300_000 },
    paths: [
      {
        proxy: 'http://proxy.example.com:3128',
        origin: 'https://updates.example.com',
        seen: '2026-11-20T00:05:00.000Z',
        via: '1.1 proxy.example.com',
        ranges_work: true,
        ranges_at: '2026-11-19T02:05:00.000Z',
        etag: 'strong',
        kind: 'held back until scanned',
        limits: [],
      },
    ],
    log: { file: '/var/log/sallyport/sallyport.log' },
    ...over,
  };
}

/** A host that is activated. */
function anActivation(over: Partial<ShownActivationState> = {}): ShownActivationState {
  const agent = '6f1c0c1e-0000-4000-8000-000000000000';
  return {
    state: 'activated',
    used: true,
    identity: {
      agent,
      public_key: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
      created_at: '2026-11-20T00:00:00.000Z',
      key_in: 'file',
      bound: true,
    },
    license: {
      id: 'L-1',
      agent,
      site: null,
      not_before: '2026-11-01T00:00:00.000Z',
      expires: '2027-11-01T00:00:00.000Z',
      features: ['updates'],
    },
    keys: { configured: 1, target: null, from_target: 0, read_at: null, failure: null },
    problem: null,
    renewal: null,
    ...over,
  };
}

function anActivationResult(over: Partial<ActivationResult> = {}): ActivationResult {
  const outcome = { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' } as const;
  return { activation: anActivation(), failure: null, cause: null, outcome, ...over };
}
