// `sallyport submit` and the socket of a daemon, in one process.

import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AnalyticsRig, makeDropDirectory, openAnalytics } from '#test/support/analytics-rig.ts';

let drop: string;
let rig: AnalyticsRig;

beforeEach(async () => {
  drop = await makeDropDirectory();
});
afterEach(async () => {
  await rig.close();
  await rm(drop, { recursive: true });
});

const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_none, at) => `{"n":${from + at}}\n`).join('');
const waiting = () => rig.parts.uploads.documents.store?.waiting.documents;
const events = (name: string) => rig.events.filter((event) => event.name === name);
const socket = () => join(rig.dir, 'submit.sock');

describe('submit', () => {
  it('submit: documents of files and of standard input arrive', async () => {
    rig = await openAnalytics();
    const [one, two] = [join(rig.dir, 'one'), join(rig.dir, 'two')];
    await writeFile(one, lines(2));
    await writeFile(two, '[\n{"n":2},\n{"n":3}]');
    expect(await rig.run([one, two])).toEqual({
      code: 0,
      out: expect.stringMatching(
        /^Accepted 2 documents of .*one \(\d+ bytes\)\.\nAccepted 2 documents of .*two \(\d+ bytes\)\.\n$/,
      ),
      err: '',
    });
    expect(await rig.run(['--json'], '{"n":4}')).toMatchObject({ code: 0, err: '' });
    expect(await rig.run(['--quiet', '-'], '{"n":5}\n')).toEqual({ code: 0, out: '', err: '' });
    await rig.untilArrived(0, 1, 2, 3, 4, 5);
    expect((await stat(drop)).isDirectory()).toBe(true);
  });

  it('submit: a wrong line refuses the whole submission with 65 and names every wrong line', async () => {
    rig = await openAnalytics({ section: { batch_max_age_seconds: 3_600 } });
    const ran = await rig.run([], '{"n":1}\nno\n{"n":2}\n[1]\n');
    expect(ran).toMatchObject({ code: 65, out: '' });
    expect(ran.err).toContain('Nothing in stdin was accepted, because 2 lines of the input cannot be accepted');
    expect(ran.err).toContain('(line 2: it is not JSON; line 4: a document is a JSON object)');
    const six = await rig.run([], 'no\n'.repeat(6));
    expect(six.err).toContain('  stdin, line 6: it is not JSON\n');
    const { out } = await rig.run(['--json'], `${lines(9_000)}no\n${lines(9_000)}no\n`);
    expect(JSON.parse(out)).toMatchObject({
      submissions: [{ stored: null, wrong: [{ line: 9_001 }, { line: 18_002 }], wrong_count: 2 }],
    });
    expect([waiting(), events('documents-invalid').length]).toEqual([0, 3]);
  });

  it('submit: documents that do not fit are refused with 75, logged once, and none is stored', async () => {
    rig = await openAnalytics({ section: { batch_max_age_seconds: 3_600, spool_max_documents: 1_000 } });
    expect(await rig.run([], lines(600))).toMatchObject({ code: 0 });
    for (const count of [600, 40_000]) {
      const ran = await rig.run([], lines(count));
      expect(ran).toMatchObject({ code: 75, out: '' });
      expect(ran.err).toContain('[SPOOL-FULL]');
    }
    expect([waiting(), events('documents-full').length]).toEqual([600, 1]);
  });

  it('submit: a user can fill half of the spool', async () => {
    rig = await openAnalytics({ section: { batch_max_age_seconds: 3_600, spool_max_bytes: 16_777_216 } });
    const large = `{"text":"${'x'.repeat(900_000)}"}\n`;
    expect((await rig.run([], large.repeat(10))).err).toContain('[SPOOL-SHARE]');
    expect(await rig.run([], large.repeat(5))).toMatchObject({ code: 0 });
    expect(await rig.run([], large.repeat(5))).toMatchObject({ code: 75 });
    // The command can end before the daemon has removed what it had stored of the refused documents.
    await vi.waitFor(() => expect(waiting()).toBe(5));
  });

  it('submit: not enabled is 69, with and without a daemon', async () => {
    rig = await openAnalytics();
    await rig.reload(rig.sections({ enabled: false }));
    await expect.poll(() => events('analytics-off')).toHaveLength(1);
    const ran = await rig.run([], '{"n":1}');
    expect(ran).toMatchObject({ code: 69, out: '' });
    expect(ran.err).toContain('[UPLOADS-OFF]');
    await expect(stat(socket())).rejects.toThrow('ENOENT');
    await rig.reload(rig.sections({}, { uploads_allowed: false }));
    expect((await rig.run([], '{"n":1}')).err).toContain('[POLICY-UPLOADS]');
  });

  it('submit: without a daemon, documents go into the drop directory, and later arrive once', async () => {
    rig = await openAnalytics({ section: { drop_dir: drop } });
    await rig.agent.close();
    expect(await rig.run([], '{"n":1}\n{"n":2}\n')).toMatchObject({
      code: 0,
      out: expect.stringContaining('No daemon is running. Stored 2 documents of stdin'),
    });
    expect(await rig.run([], 'no')).toMatchObject({ code: 65 });
    const [name = '', ...others] = await readdir(join(drop, 'new'));
    expect([others, await readdir(join(drop, 'tmp'))]).toEqual([[], []]);
    expect((await stat(join(drop, 'new', name))).mode & 0o777).toBe(0o640);
    expect(await readFile(join(drop, 'new', name), 'utf8')).toBe('{"n":1}\n{"n":2}\n');
    rig = await rig.restart();
    await rig.untilArrived(1, 2);
  });

  it('submit: without a daemon and a drop directory it is 75', async () => {
    rig = await openAnalytics();
    await rig.agent.close();
    expect((await rig.run([], '{"n":1}')).err).toContain('[SUBMIT-NO-DAEMON]');
    expect(await rig.run([join(rig.dir, 'missing')])).toMatchObject({ code: 19 });
    rig = await rig.restart();
  });
});

describe('the socket', () => {
  it('submit socket: a sender that leaves early has nothing accepted', async () => {
    rig = await openAnalytics({ section: { batch_max_age_seconds: 3_600 } });
    expect((await stat(socket())).mode & 0o777).toBe(0o660);
    const open = connect(socket());
    open.write('POST /v1/documents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"n":1}\n\r\n');
    await new Promise((go) => open.once('connect', go));
    await new Promise((go) => setTimeout(go, 50));
    open.destroy();
    expect(await rig.run([], '{"n":2}')).toMatchObject({ code: 0 });
    expect(waiting()).toBe(1);
  });

  it('submit socket: another request gets 404', async () => {
    rig = await openAnalytics();
    const status = await new Promise((resolve) => {
      request({ socketPath: socket(), path: '/v1/status' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(404);
  });

  it('submit socket: a stop while a program sends ends at once, and nothing of it is accepted', async () => {
    rig = await openAnalytics({ section: { batch_max_age_seconds: 3_600 } });
    const open = connect(socket());
    open.on('error', () => undefined);
    open.write('POST /v1/documents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"n":1}\n\r\n');
    await new Promise((go) => open.once('connect', go));
    await rig.agent.close();
    rig = await rig.restart();
    expect(waiting() ?? 0).toBe(0);
    open.destroy();
  });
});
