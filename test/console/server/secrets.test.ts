// No answer of the console has a secret, in any encoding: of every route, with success and with failure, although the
// daemon's answers, events and failures are full of it.

import { expect, it } from 'vitest';
import { PAGE_STREAMS, PAGE_VERBS } from '#console/wire.ts';
import type { Control } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { ConsoleRig } from '#test/support/console-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';
import { leaksIn } from '#test/support/leaks.ts';

const SECRET = 'pl4nted/S3cret+<value>&~ü';
const TEXT = `version: 2
updates:
  feed_url: https://updates.example.com/feed.json
proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    default: true
    authentication: basic
    user: svc
    password: { file: secrets/corp }
`;

const FORMS = [
  SECRET,
  JSON.stringify(SECRET),
  JSON.stringify(JSON.stringify(SECRET)),
  encodeURIComponent(SECRET),
  encodeURIComponent(encodeURIComponent(SECRET)),
  Buffer.from(SECRET).toString('hex'),
  Buffer.from(SECRET).toString('hex').toUpperCase(),
  Buffer.from(SECRET).toString('base64'),
  Buffer.from(SECRET).toString('base64url'),
  Buffer.from(`svc:${SECRET}`).toString('base64'),
];

/** A daemon whose every answer, event and failure has the secret in each form. */
function leakingControl(fails: boolean): Control {
  const answer = { text: FORMS.join(' '), list: FORMS, deep: [{ one: [FORMS[7]] }] };
  const over = Object.fromEntries(
    [...PAGE_VERBS, ...PAGE_STREAMS].map((name) => [
      name,
      (...given: unknown[]) => {
        for (const one of given) if (typeof one === 'function') one({ name: 'progress', ...answer });
        return fails
          ? Promise.reject(coded('CONTROL-UNREACHABLE', { path: FORMS[3] ?? '', reason: FORMS.join(' ') }))
          : Promise.resolve(answer);
      },
    ]),
  );
  return Object.assign(fakeControl(), over);
}

const SETTINGS = ['/api/settings', '/api/session', '/api/changes/trial'];
const FORM = { form: 'proxy-settings', user: 'ann', password: { kind: 'typed', text: SECRET } };

it.each([false, true])(
  'console: no answer of any route has a secret in any encoding (the daemon fails: %s)',
  async (fails) => {
    const rig = await ConsoleRig.start({ text: TEXT, control: leakingControl(fails) });
    await rig.rig.folder.write('secrets/corp', `${SECRET}\n`, 0o640);
    const headers = await rig.begin();
    const post = async (path: string, json: unknown) => await rig.send(path, { method: 'POST', headers, json });
    // The settings are read first, which makes the secret known, as the daemon's own has it known.
    for (const path of SETTINGS) await rig.send(path, { headers });
    const { digest } = JSON.parse(rig.bodies.at(-3) ?? '{}') as { digest: string };
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    const bodies = [{}, null, { id: SECRET }, { text: FORMS }, SECRET];
    for (const name of PAGE_VERBS) for (const body of bodies) await post(`/api/verbs/${name}`, body);
    for (const name of PAGE_STREAMS) for (const body of bodies) await post(`/api/streams/${name}`, body);
    for (const path of ['/api/diff', '/api/changes/try', '/api/changes/save']) {
      await post(path, { digest, form: FORM });
      await post(path, { digest, form: { form: 'keys', keys: [{ key: `a.${SECRET}`, value: SECRET }] } });
      await post(path, { digest: SECRET, form: SECRET });
    }
    for (const action of ['again', 'anyway', 'in-clear', 'leave']) await post(`/api/changes/${action}`, { trial: 1 });
    for (const path of SETTINGS) await rig.send(path, { headers });
    await post('/api/settings/unlock', { pin: SECRET.slice(0, 20) });
    await post(`/api/${encodeURIComponent(SECRET)}`, {});
    const known = rig.bodies.filter((body) => leaksIn(body, [SECRET]).length > 0);
    expect(known.flatMap((body) => leaksIn(body, [SECRET]))).toEqual([]);
    expect(rig.bodies.length).toBeGreaterThan(200);
    await rig.close();
  },
);

it('console: the search for secrets finds each of these forms', () => {
  for (const form of FORMS) expect(leaksIn(`{"a":${JSON.stringify(form)}}`, [SECRET]), form).not.toEqual([]);
});
