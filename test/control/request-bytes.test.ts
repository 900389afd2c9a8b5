// Bytes that follow a request, from a command to the handler of the daemon.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Control } from '#control/control.ts';
import { IMPORT_PART_BYTES } from '#control/uploads/send-logs.ts';
import { coded } from '#errors/coded-error.ts';
import { ControlRig } from '#test/support/control-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';

const PART = { job: '20261130-k3f9q2', offset: 7 };
type Handed = Parameters<Control['importPart']>[0];

let rig: ControlRig;
beforeEach(async () => {
  rig = await ControlRig.make();
});
afterEach(() => rig.close());

async function serve(importPart: (handed: Handed) => Promise<void>): Promise<Control> {
  await rig.serve({ ...fakeControl(), importPart });
  return await rig.ask();
}

async function* chunks(count: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < count; n += 1) yield await Promise.resolve(Buffer.alloc(65_536, n));
}

async function lengthOf({ bytes }: Handed): Promise<number> {
  let length = 0;
  for await (const chunk of bytes) length += chunk.length;
  return length;
}

describe('bytes of a request', () => {
  it('reach the handler with its argument, in chunks and unchanged', async () => {
    const got: Uint8Array[] = [];
    const control = await serve(async ({ bytes, ...request }) => {
      expect(request).toEqual(PART);
      for await (const chunk of bytes) got.push(Uint8Array.from(chunk));
    });
    await control.importPart({ ...PART, bytes: chunks(40) });
    expect(got.length).toBeGreaterThan(1);
    expect(Buffer.concat(got).equals(Buffer.concat(await Array.fromAsync(chunks(40))))).toBe(true);
  });

  it('beyond the limit refuse the request, and the sender gets the reason', async () => {
    const control = await serve(async (handed) => void (await lengthOf(handed)));
    await expect(control.importPart({ ...PART, bytes: chunks(200) })).rejects.toMatchObject({
      code: 'CONTROL-REQUEST',
      facts: { reason: `it is longer than ${IMPORT_PART_BYTES} bytes` },
    });
  });

  it('that the handler does not read do not hide its failure', async () => {
    const control = await serve(() => Promise.reject(coded('JOB-UNKNOWN', { job: PART.job })));
    await expect(control.importPart({ ...PART, bytes: chunks(60) })).rejects.toMatchObject({ code: 'JOB-UNKNOWN' });
  });

  it('of a source that fails end the request on both sides', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const control = await serve(async (handed) => {
      await lengthOf(handed).then(resolve, resolve);
    });
    const broken = async function* () {
      yield* chunks(2);
      await Promise.reject(coded('FILE-FAILED', { path: '/x', operation: 'read', reason: 'EIO' }));
    };
    await expect(control.importPart({ ...PART, bytes: broken() })).rejects.toMatchObject({ code: 'FILE-FAILED' });
    expect(await promise).toBeInstanceOf(Error);
  });

  it('need an argument that fits', async () => {
    await serve(async (handed) => void (await lengthOf(handed)));
    const head = 'POST /v1/logs/import/part HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n';
    for (const argument of ['', 'sallyport-request: {}\r\n', 'sallyport-request: x\r\n']) {
      expect(await rig.raw(`${head}${argument}\r\nab`)).toMatch(/^HTTP\/1\.1 400 .*CONTROL-REQUEST/s);
    }
  });
});
