import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Acknowledgement } from '#origin/acknowledgement.ts';
import { openAcknowledgementLog } from '#origin/acknowledgement-log.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-receipts-'));
  path = join(dir, 'acknowledgements.jsonl');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const receipt = (key: string): Acknowledgement => ({
  key,
  id: '1602503',
  sha256: 'ab'.repeat(32),
  length: 22,
  elapsed_ms: 1,
  outcome: 'published',
  agent: 'a',
});

describe('the acknowledgement log', () => {
  it('drops the half line of a crash, and keeps whole ones', async () => {
    const log = await openAcknowledgementLog(path);
    await log.accept(receipt('k1'));
    await log.accept(receipt('k2'));
    await log.close();
    const whole = readFileSync(path);
    const first = whole.indexOf('\n') + 1;
    for (let cut = first; cut < whole.length; cut += 7) {
      writeFileSync(path, whole.subarray(0, cut));
      const again = await openAcknowledgementLog(path);
      expect(again.all.map(({ key }) => key)).toEqual(['k1']);
      expect(await again.accept(receipt('k2'))).toBe('first');
      await again.close();
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
  });

  it('is not opened if it contains anything else', async () => {
    appendFileSync(path, '{"key":"k1"}\n');
    await expect(openAcknowledgementLog(path)).rejects.toThrow(/:1 is not an acknowledgement/);
    expect(readFileSync(path, 'utf8')).toBe('{"key":"k1"}\n');
  });

  it('is not opened through a symbolic link', async () => {
    writeFileSync(join(dir, 'elsewhere'), 'mine');
    symlinkSync(join(dir, 'elsewhere'), path);
    await expect(openAcknowledgementLog(path)).rejects.toThrow();
    expect(readFileSync(join(dir, 'elsewhere'), 'utf8')).toBe('mine');
  });
});
