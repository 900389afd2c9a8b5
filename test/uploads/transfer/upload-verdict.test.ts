import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { afterUpload, stillHeld, type UploadedJob } from '#uploads/transfer/upload-verdict.ts';

const KNOWN: UploadedJob = { job: 'j-1', failures: 0, block: null, route: 'corp' };
const failure = coded('UPLOAD-LOCKED', { url: 'https://support.example.com/files/1' });
const names = (verdict: ReturnType<typeof afterUpload>['verdict']) =>
  (typeof verdict.says === 'function' ? verdict.says(1_000) : verdict.says).map(({ name }) => name);

describe('the verdict after an upload', () => {
  it('with a receipt settles the entry', () => {
    const after = afterUpload(
      { ended: 'receipt', receipt: 'r-1', via: 'no proxy' },
      { ...KNOWN, block: { route: 'corp', times: 1 } },
    );
    expect(after).toEqual({ verdict: { does: 'settle', says: [] }, block: null, state: 'sent' });
  });

  it('with a failure postpones it: the first is a warning, the next ones are counted', () => {
    const outcome = { ended: 'postponed', failure, holds: true } as const;
    const first = afterUpload(outcome, KNOWN);
    expect(first).toMatchObject({ verdict: { does: 'postpone', holds: true }, state: 'waiting' });
    expect(names(first.verdict)).toEqual(['upload-failed']);
    expect(names(afterUpload(outcome, { ...KNOWN, failures: 1 }).verdict)).toEqual(['upload-failed-again']);
  });

  it('with a block waits an hour, then holds the entry', () => {
    const outcome = { ended: 'blocked', failure } as const;
    const first = afterUpload(outcome, KNOWN);
    expect(first).toMatchObject({ verdict: { does: 'postpone', waitMs: 3_600_000, holds: false }, state: 'waiting' });
    const second = afterUpload(outcome, { ...KNOWN, failures: 1, block: first.block });
    expect(second).toMatchObject({ verdict: { does: 'hold' }, state: 'held' });
    expect(names(second.verdict)).toEqual(['upload-held']);
    expect(names(stillHeld(failure))).toEqual([]);
  });

  it('with other bytes at the server rejects it', () => {
    const after = afterUpload({ ended: 'failed', failure }, KNOWN);
    expect(after).toMatchObject({ verdict: { does: 'reject' }, state: 'failed' });
    expect(names(after.verdict)).toEqual(['upload-refused']);
  });
});
