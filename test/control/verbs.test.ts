// The table of verbs: the effort for a new one, and the authority that each needs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectControl } from '#control/client.ts';
import { VERBS } from '#control/control.ts';
import { serveControl } from '#control/server.ts';
import type { SocketServer } from '#control/socket-server.ts';
import {
  type AnyVerb,
  type Authority,
  answer,
  eventsOf,
  field,
  isSufficient,
  methodOf,
  REQUEST_HEADER,
  work,
} from '#control/verb.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { ControlRig, handlersFrom } from '#test/support/control-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';

const NEVER = new AbortController().signal;
const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const AUTHORITIES: readonly Authority[] = ['look', 'operate', 'admin'];
const TABLE = Object.entries(VERBS as Readonly<Record<string, AnyVerb>>);

let rig: ControlRig;
let servers: SocketServer[] = [];
beforeEach(async () => {
  rig = await ControlRig.make();
});
afterEach(async () => {
  for (const server of servers) await server.close();
  servers = [];
  await rig.close();
});

describe('a new verb', () => {
  it('needs a declaration and a handler; client, server and limits are derived', async () => {
    const verbs = {
      ...VERBS,
      double: answer({
        path: '/v1/double',
        needs: 'look',
        does: 'double',
        request: field('n', z.int()),
        result: z.int(),
      }),
      count: work({
        path: '/v1/count',
        needs: 'operate',
        does: 'count',
        request: field('to', z.int()),
        events: eventsOf(z.object({ at: z.int() })),
        result: z.string(),
      }),
    };
    const handlers = {
      ...handlersFrom(fakeControl()),
      double: ({ request }: { request: number }) => request * 2,
      count: ({ request, onEvent }: { request: number; onEvent: (event: { at: number }) => void }) => {
        for (let at = 1; at <= request; at += 1) onEvent({ at });
        return 'counted';
      },
    };
    const sockets = {
      admin: join(rig.dir, 'admin'),
      operate: join(rig.dir, 'operate'),
      look: join(rig.dir, 'look'),
      control: join(rig.dir, 'control'),
      stateDir: rig.dir,
    };
    const known = { redact: (text: string) => text };
    const served = { verbs, handlers, files: realFiles, known, openTo: 'owner' } as const;
    servers.push(await serveControl(sockets.look, { ...served, authority: 'look' }));
    const parts = { clock: systemClock, files: realFiles, self: process.geteuid?.() ?? 0 };

    const looking = (await connectControl(sockets, parts, verbs))?.methods;
    expect(await looking?.double(21)).toBe(42);
    await expect(looking?.count(1, () => undefined, NEVER)).rejects.toMatchObject({
      code: 'CONTROL-OPERATE',
      facts: { what: 'count' },
    });

    servers.push(await serveControl(sockets.operate, { ...served, authority: 'operate' }));
    const heard: number[] = [];
    const operating = (await connectControl(sockets, parts, verbs))?.methods;
    expect(await operating?.count(3, ({ at }) => heard.push(at), NEVER)).toBe('counted');
    expect(heard).toEqual([1, 2, 3]);
  });

  it.each(
    TABLE.map(([name]) => name).filter(
      (name) => !['status', 'check', 'diagnose', 'endpoints', 'follow', 'settings'].includes(name),
    ),
  )('is one line each in a table of verbs and a table of handlers: %s', (name) => {
    const mentions = (module: string) =>
      readdirSync(join(SRC, module), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .filter((file) =>
          new RegExp(`(?<![.#\\w])${name}: (?:answer\\(|work\\(|(?:async )?\\()`).test(
            readFileSync(join(SRC, module, file), 'utf8'),
          ),
        );
    const tables = mentions('control');
    expect(tables).toHaveLength(1);
    expect(mentions('daemon')).toHaveLength(1);
    const files = readdirSync(join(SRC, 'control'), { recursive: true, encoding: 'utf8' });
    const control = files
      .filter((file) => file.endsWith('.ts'))
      .filter((file) =>
        new RegExp(`\\b${name}\\b`).test(
          readFileSync(join(SRC, 'control', file), 'utf8').replaceAll(/^ *(?:\/\/|\*|\/\*).*$/gm, ''),
        ),
      );
    expect(control).toEqual(tables);
  });
});

describe('table of verbs', () => {
  it('has a unique method and path for each verb', () => {
    const requests = TABLE.map(([, verb]) => `${methodOf(verb)} ${verb.path}`);
    expect(new Set(requests).size).toBe(requests.length);
  });

  it('gives a caller with more authority everything below it', () => {
    const may = (has: Authority) => TABLE.filter(([, verb]) => isSufficient(has, verb.needs)).map(([name]) => name);
    expect(may('look')).toEqual([
      'status',
      'settings',
      'follow',
      'metrics',
      'endpoints',
      'listUpdates',
      'explainTimeout',
      'previewReport',
      'listAdvice',
      'showTrust',
      'listQueue',
      'listLogs',
      'listLogsRequests',
      'listSent',
      'showActivation',
    ]);
    expect(may('operate')).toEqual(expect.arrayContaining([...may('look'), 'check', 'diagnose', 'confirmChange']));
    expect(may('operate')).not.toEqual(expect.arrayContaining(['tryChange']));
    expect(may('admin')).toHaveLength(TABLE.length);
  });
});

const DIAGNOSIS = { purposes: null, shell: {}, candidate: null, through: null };
const CANDIDATE = { ...DIAGNOSIS, candidate: { text: '', typed: [] } };
const CHANGE = { text: '', typed: [], window_ms: 60_000, waits: false, by: 'a test' };
const JOB = '20261130-k3f9q2';
const ORDER = { case: null, note: null, since: null, prepare: false };
/** A request that each verb accepts. */
const REQUESTS: Readonly<Record<string, unknown>> = {
  importRoot: { root: '{}', fingerprint: 'a'.repeat(64), replace: false },
  follow: { after: null },
  metrics: { format: 'text' },
  explainTimeout: { size: null },
  retryCredentials: { profile: null },
  seedTimeout: [],
  diagnose: DIAGNOSIS,
  holdUpdates: { until: '2026-12-27T06:00:00Z', reason: 'freeze' },
  publishUpdate: { id: 'u1' },
  exportUpdates: { ids: ['u1'] },
  importUpdates: { path: '/media/updates', max_age_ms: 0 },
  mirror: { dir: '/srv/mirror' },
  runHook: { id: 'u1' },
  tryChange: CHANGE,
  showQueued: { kind: null, id: 'a1b2' },
  retryQueued: { kind: null, id: null },
  dropQueued: { kind: 'receipt', id: 'a1b2' },
  verifyQueue: { kind: null },
  sendLogs: ORDER,
  followLogs: { job: JOB },
  showLogs: { job: JOB },
  readLogs: { job: JOB, file: null, offset: 0 },
  approveLogs: { job: JOB, sha256: null },
  deleteLogs: { job: JOB },
  planLogs: ORDER,
  beginImport: { case: null, note: null },
  importPart: { job: JOB, offset: 0 },
  endImport: { job: JOB },
  decideLogsRequest: { id: 'r-1', approve: false },
  listSent: { limit: 1 },
  activate: { key: 'AAAA-BBBB-CCCC-DDDD', replace: false },
  installLicense: { license: '{}' },
};

function asked(verb: AnyVerb, body: unknown): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  if (verb.request?.bytesOf !== undefined) {
    return `POST ${verb.path} HTTP/1.1\r\nHost: x\r\n${REQUEST_HEADER}: ${text}\r\nContent-Length: 2\r\n\r\nab`;
  }
  const head = `${methodOf(verb)} ${verb.path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n`;
  return `${head}${text}`;
}

describe.each(AUTHORITIES)('a socket that grants %s', (authority) => {
  it('answers the verbs it allows and refuses the others with a code', async () => {
    await rig.serve(fakeControl(), { authority });
    for (const [name, verb] of TABLE) {
      const answered = await rig.raw(asked(verb, REQUESTS[name]));
      const code = verb.needs === 'admin' ? 'CONTROL-ADMIN' : 'CONTROL-OPERATE';
      if (isSufficient(authority, verb.needs)) expect(answered, name).toMatch(/^HTTP\/1\.1 200 /);
      else expect(answered, name).toMatch(new RegExp(`^HTTP/1\\.1 403 .*"code":"${code}"`, 's'));
    }
  });

  it('diagnoses proposed settings for an admin only', async () => {
    await rig.serve(fakeControl(), { authority });
    const status = { look: '403', operate: '403', admin: '200' }[authority];
    expect(await rig.raw(asked(VERBS.diagnose as AnyVerb, CANDIDATE))).toContain(`HTTP/1.1 ${status} `);
  });
});

describe('the request log', () => {
  type Reported = [what: string, refused: string | null];
  async function report(authority: (typeof AUTHORITIES)[number], requests: readonly [AnyVerb, unknown][]) {
    const reported: Reported[] = [];
    const onRequest = (what: string, _peer: unknown, refused: { readonly code: string } | null) =>
      void reported.push([what, refused?.code ?? null]);
    await rig.serve(fakeControl(), { authority, onRequest });
    for (const [verb, request] of requests) await rig.raw(asked(verb, request));
    return reported;
  }

  it.each(AUTHORITIES)('with authority %s names each request and whether it was refused', async (authority) => {
    const reported = await report(
      authority,
      TABLE.map(([name, verb]) => [verb, REQUESTS[name]]),
    );
    expect(reported).toEqual(
      TABLE.filter(([, { needs }]) => needs !== 'look').map(([, { does, needs }]): Reported => {
        const code = needs === 'admin' ? 'CONTROL-ADMIN' : 'CONTROL-OPERATE';
        return [does, isSufficient(authority, needs) ? null : code];
      }),
    );
  });

  it('names requests that need more authority, and malformed ones', async () => {
    const requests = [
      [VERBS.diagnose, CANDIDATE],
      [VERBS.retryCredentials, { profile: 7 }],
    ] as [AnyVerb, unknown][];
    expect(await report('operate', requests)).toEqual([
      ['diagnose settings that are not active', 'CONTROL-ADMIN'],
      ['allow refused passwords once more', 'CONTROL-REQUEST'],
    ]);
  });

  it('leaves out a caller that disconnects before the end of its request', async () => {
    const reported: Reported[] = [];
    const onRequest = (what: string, _peer: unknown, refused: { readonly code: string } | null) =>
      void reported.push([what, refused?.code ?? null]);
    await rig.serve(fakeControl(), { authority: 'operate', onRequest });
    const { path } = VERBS.retryCredentials;
    await rig.leave(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`);
    expect(await rig.raw(asked(VERBS.retryCredentials as AnyVerb, { profile: null }))).toContain('200');
    expect(reported).toEqual([['allow refused passwords once more', null]]);
  });
});
