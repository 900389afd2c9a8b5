// What pages get from the daemon: the closed list of verbs, streams with their limits, failures, and no secret.

import { afterEach, expect, it } from 'vitest';
import { PAGE_STREAMS, PAGE_VERBS, type StreamLine } from '#console/wire.ts';
import { type Control, VERBS } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import { ConsoleRig, type ConsoleRigOptions, codeOf } from '#test/support/console-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';

const rigs: ConsoleRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

/** A console with a session, and how to call its routes. */
async function start(over: Partial<Control> = {}, options: ConsoleRigOptions = {}) {
  const rig = await ConsoleRig.start({ control: fakeControl(over), ...options });
  rigs.push(rig);
  const headers = await rig.begin();
  return {
    rig,
    post: (path: string, json: unknown = {}) => rig.send(path, { method: 'POST', headers, json }),
    headers,
  };
}

type Line = StreamLine<Record<string, unknown>, unknown>;
const linesOf = ({ body }: { readonly body: string }) =>
  body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

it('console: only the verbs of the list have a route', async () => {
  const { post } = await start();
  const shown: readonly string[] = [...PAGE_VERBS, ...PAGE_STREAMS];

  for (const name of Object.keys(VERBS)) {
    const [verb, stream] = [
      await post(`/api/verbs/${name}`, null),
      shown.includes(name) ? null : await post(`/api/streams/${name}`),
    ];
    const isVerb = (PAGE_VERBS as readonly string[]).includes(name);
    expect([name, verb.status === 404, stream === null || stream.status === 404]).toEqual([name, !isVerb, true]);
  }
  expect(shown).not.toContain('tryChange');
  expect(shown).not.toContain('runHook');
});

it('console: an argument that does not match the verb is refused with its field', async () => {
  const { post } = await start();
  const refused = await post('/api/verbs/holdUpdates', { until: 5, reason: 'freeze' });

  expect([refused.status, codeOf(refused)]).toEqual([422, 'CONSOLE-REQUEST']);
  expect(refused.body).toContain('until is malformed');
});

it('console: a verb gets its argument, and its failure keeps code, sentence and advice', async () => {
  const retried: unknown[] = [];
  const { post } = await start({
    retryCredentials: (profile) => {
      retried.push(profile);
      return Promise.reject(coded('CONTROL-OPERATE', { what: 'allow refused passwords once more' }));
    },
  });
  const refused = await post('/api/verbs/retryCredentials', 'corp');

  expect(retried).toEqual(['corp']);
  expect(refused.status).toBe(403);
  expect(JSON.parse(refused.body)).toMatchObject({
    error: {
      code: 'CONTROL-OPERATE',
      check: expect.stringContaining('Run the command as root') as string,
      class: 'system',
    },
  });
});

it('console: without a daemon, its verbs answer 503, and the session says that it is stopped', async () => {
  const { rig, post, headers } = await start({}, { control: null });
  const status = await post('/api/verbs/status');
  const session = JSON.parse((await rig.send('/api/session', { headers })).body) as Record<string, unknown>;

  expect([status.status, codeOf(status)]).toEqual([503, 'CONTROL-UNREACHABLE']);
  expect(session).toMatchObject({
    daemon: 'stopped',
    authority: null,
    may: { look: false, operate: false, change: true },
  });
  // The settings come from the file.
  expect((await rig.send('/api/settings', { headers })).status).toBe(200);
});

it('console: a daemon that stopped is looked for again at the next request', async () => {
  let isStopped = false;
  let connections = 0;
  const control = fakeControl({
    listAdvice: () =>
      isStopped
        ? Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/s', reason: 'ECONNREFUSED' }))
        : Promise.resolve([]),
  });
  const connect = () => {
    connections += 1;
    return Promise.resolve({ socket: '/s', control, authority: 'look' as const, other: null });
  };
  const { post } = await start({}, { connect });
  await post('/api/verbs/listAdvice');
  await post('/api/verbs/listAdvice');
  expect(connections).toBe(1);

  isStopped = true;
  expect((await post('/api/verbs/listAdvice')).status).toBe(503);
  isStopped = false;
  expect((await post('/api/verbs/listAdvice')).status).toBe(200);
  expect(connections).toBe(2);
});

it('console: a stream has numbered events with their sentences, and its result last', async () => {
  const { post } = await start({
    check: (onEvent) => {
      onEvent({ name: 'checking', url: 'https://updates.example.com/feed.json', thread: 'Updater' });
      return fakeControl().check(() => undefined, new AbortController().signal);
    },
  });
  const lines = linesOf(await post('/api/streams/check'));

  expect(lines[0]).toMatchObject({
    n: 1,
    event: { name: 'checking', message: expect.stringContaining('feed.json') as string },
  });
  expect(lines[1]).toHaveProperty('result.published');
  expect(lines).toHaveLength(2);
});

it('console: a fourth stream of a session is refused, and allowed again after one ended', async () => {
  const ends: (() => void)[] = [];
  const { post } = await start({ follow: () => new Promise<void>((resolve) => ends.push(resolve)) });
  const follow = () => post('/api/streams/follow', { after: null });
  const open = [follow(), follow(), follow()];
  await until(() => ends.length === 3);
  const fourth = await follow();

  expect([fourth.status, codeOf(fourth)]).toEqual([429, 'CONSOLE-STREAMS']);
  ends[0]?.();
  await Promise.race(open);
  const next = follow();
  await until(() => ends.length === 4);
  for (const end of ends) end();
  expect((await next).status).toBe(200);
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

it('console: a page that goes away ends the work of its stream', async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const { rig, headers } = await start({
    follow: (_request, _onEvent, signal) => {
      started.resolve(signal);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    },
  });
  const leaving = new AbortController();
  const json = { after: null };
  const stream = rig.send('/api/streams/follow', { method: 'POST', headers, json, signal: leaving.signal });
  const signal = await started.promise;
  leaving.abort();
  await expect(stream).rejects.toThrow();

  await until(() => signal.aborted);
});

it('console: of 10,000 lines at once, 200 are sent and the others are counted', async () => {
  const line = (number: number) =>
    ({ kind: 'line', number, at: 't', level: 'info', thread: 'Updater', event: 'x', message: 'm' }) as const;
  const { promise, resolve } = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  const { rig, post } = await start({
    follow: async (_request, onEvent) => {
      for (let number = 1; number <= 10_000; number += 1) onEvent(line(number));
      for (let received = 0; received < 100; received += 1)
        onEvent({ kind: 'progress', id: 'U1', received, length: 100 });
      sent.resolve();
      await promise;
    },
  });
  const stream = post('/api/streams/follow', { after: null });
  await sent.promise;
  await rig.clock.advanceAsync(250);
  resolve();
  const lines = linesOf(await stream);

  const events = lines.filter((one) => 'event' in one);
  expect(events).toHaveLength(201);
  expect(events[200]).toMatchObject({ event: { kind: 'progress', received: 99 } });
  expect(lines.filter((one) => 'skipped' in one)).toEqual([{ n: 10_000, skipped: 9_800 }]);
});

it('console: no response has a known secret, in any encoding', async () => {
  const secret = 'S3cr/et ü&"<>\\';
  const bytes = Buffer.from(secret);
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString('base64'),
    Buffer.from(`svc:${secret}`).toString('base64'),
  ];
  const text = `version: 2\nupdates:\n  feed_url: https://updates.example.com/feed.json\nproxies:\n  - name: corp\n    address: proxy.example.com\n    port: 3128\n    authentication: basic\n    user: svc\n    password: ${JSON.stringify(secret)}\n`;
  const leak = forms.join(' and ');
  const { rig, post, headers } = await start(
    {
      listAdvice: () => Promise.resolve([{ id: leak, at: 't', from: 'x', text: leak }]),
      listUpdates: () => Promise.reject(coded('FILE-FAILED', { operation: 'read', path: leak, reason: leak })),
      follow: (_request, onEvent) => {
        onEvent({ kind: 'line', number: 1, at: 't', level: 'info', thread: leak, event: 'x', message: leak });
        return Promise.reject(coded('FILE-FAILED', { operation: 'read', path: leak, reason: leak }));
      },
      check: (onEvent) => {
        onEvent({ name: 'checking', url: `https://x/${leak}`, thread: 'Updater' });
        return Promise.reject(coded('FILE-FAILED', { operation: 'read', path: leak, reason: leak }));
      },
    },
    { text },
  );
  rig.rig.folder.known.add(new Secret(secret));
  await rig.send('/api/settings', { headers });
  await rig.send('/api/session', { headers });
  for (const name of PAGE_VERBS) await post(`/api/verbs/${name}`, null);
  for (const name of PAGE_STREAMS) await post(`/api/streams/${name}`, name === 'follow' ? { after: null } : null);
  await post('/api/changes/save', { digest: secret, form: { password: secret } });
  await post('/api/diff', { password: secret });
  const { pending } = rig.clock;
  const wrong = rig.useKey(secret);
  await until(() => rig.clock.pending > pending);
  await rig.clock.advanceAsync(1_000);
  await wrong;

  expect(rig.bodies.length).toBeGreaterThan(40);
  expect(rig.bodies.join('\n')).toContain('***');
  for (const form of forms) expect(rig.bodies.filter((body) => body.includes(form))).toEqual([]);
});
