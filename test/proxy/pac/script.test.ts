import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { MAX_PAC_BYTES, type PacFetch, PacScript, REFRESH_MS, RETRY_MS } from '#proxy/pac/script.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const asking = { purpose: 'updates', signal: new AbortController().signal } as const;
const nothing: PacFetch = () => Promise.reject(new Error('nothing is fetched here'));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a PAC file on disk', () => {
  it('a PAC file on disk: it is read again each time', async () => {
    const file = join(folder, 'anew.pac');
    const script = new PacScript({ file }, { clock: new FakeClock(), fetch: nothing });
    await writeFile(file, 'one');
    const first = await script.read('corp', asking);
    await writeFile(file, 'two');
    const second = await script.read('corp', asking);

    expect([first.text, second.text, second.stale]).toEqual(['one', 'two', null]);
    expect(first.digest).not.toBe(second.digest);
  });

  it('a PAC file on disk: if it never existed, the failure says so', async () => {
    const script = new PacScript({ file: join(folder, 'none.pac') }, { clock: new FakeClock(), fetch: nothing });

    await expect(script.read('corp', asking)).rejects.toMatchObject({
      code: 'PAC-UNAVAILABLE',
      facts: { proxy: 'corp', reason: 'there is no such file' },
    });
  });

  it('keeps its last text if it is removed or too large, and reports that', async () => {
    const file = join(folder, 'gone.pac');
    const script = new PacScript({ file }, { clock: new FakeClock(), fetch: nothing });
    await writeFile(file, 'one');
    await script.read('corp', asking);
    await writeFile(file, 'x'.repeat(MAX_PAC_BYTES + 1));

    expect(await script.read('corp', asking)).toMatchObject({ text: 'one', stale: { code: 'PAC-UNAVAILABLE' } });
    await rm(file);
    expect(await script.read('corp', asking)).toMatchObject({ text: 'one', stale: { code: 'PAC-UNAVAILABLE' } });
  });
});

describe('a PAC file from a URL', () => {
  function fetched(...answers: (string | Error | null)[]) {
    const clock = new FakeClock();
    const etags: (string | null)[] = [];
    const fetch: PacFetch = (_url, { etag }) => {
      etags.push(etag);
      const answer = answers.shift();
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer === null || answer === undefined) return Promise.resolve({ kind: 'unchanged' });
      return Promise.resolve({ kind: 'text', body: Buffer.from(answer), etag: `"${answer}"` });
    };
    const script = new PacScript({ url: 'http://pac.example/proxy.pac' }, { clock, fetch });
    return { clock, etags, read: () => script.read('corp', asking) };
  }

  it('is requested again after ten minutes, by its ETag', async () => {
    const { clock, etags, read } = fetched('one', null, 'two');

    expect((await read()).text).toBe('one');
    clock.advance(REFRESH_MS - 1);
    await read();
    expect(etags).toEqual([null]);
    clock.advance(1);
    expect((await read()).text).toBe('one');
    clock.advance(REFRESH_MS);
    expect((await read()).text).toBe('two');
    expect(etags).toEqual([null, '"one"', '"one"']);
  });

  it('a PAC file from a URL: if a refresh fails, the old text stays, and a retry follows', async () => {
    const failure = coded('TCP-REFUSED', { host: 'pac.example', port: 80, elapsed: 1, hop: 'pac.example:80' });
    const { clock, etags, read } = fetched('one', failure, 'two');
    await read();
    clock.advance(REFRESH_MS);

    expect(await read()).toMatchObject({
      text: 'one',
      stale: {
        code: 'PAC-UNAVAILABLE',
        hop: 'pac.example:80',
        safeText: expect.stringMatching(/\[TCP-REFUSED\].*[^.]\.$/),
      },
    });
    clock.advance(RETRY_MS - 1);
    await read();
    expect(etags).toHaveLength(2);
    clock.advance(1);
    expect(await read()).toMatchObject({ text: 'two', stale: null });
  });

  it('a PAC file from a URL: if it was never fetched, the failure repeats for a minute', async () => {
    const { clock, etags, read } = fetched(new Error('down'), 'one');

    await expect(read()).rejects.toMatchObject({ code: 'PAC-UNAVAILABLE' });
    await expect(read()).rejects.toMatchObject({ code: 'PAC-UNAVAILABLE' });
    expect(etags).toHaveLength(1);
    clock.advance(RETRY_MS);
    expect((await read()).text).toBe('one');
  });

  it('a PAC file from a URL: an aborted wait does not report it as unavailable', async () => {
    const controller = new AbortController();
    const fetch: PacFetch = () => {
      controller.abort(new Error('stop'));
      return Promise.reject(new Error('cut off'));
    };
    const script = new PacScript({ url: 'http://pac.example/' }, { clock: new FakeClock(), fetch });

    await expect(script.read('corp', { ...asking, signal: controller.signal })).rejects.toThrow('stop');
  });
});
