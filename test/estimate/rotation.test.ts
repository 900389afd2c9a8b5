import { describe, expect, it } from 'vitest';
import { byLog, rotatedFilesOf } from '#estimate/rotation.ts';

describe('rotated files', () => {
  it('are read from the oldest to the current one', () => {
    expect(byLog(['nsc.log', 'nsc.log.gz.0', 'nsc.log.gz.9', 'nsc.log.gz.1'])).toEqual([
      ['nsc.log.gz.9', 'nsc.log.gz.1', 'nsc.log.gz.0', 'nsc.log'],
    ]);
    expect(byLog(['a/s.log.1', 'a/s.log.10', 'a/s.log', 'a/s.log.2.gz'])).toEqual([
      ['a/s.log.10', 'a/s.log.2.gz', 'a/s.log.1', 'a/s.log'],
    ]);
  });

  it('of another log or folder are read separately, and each file once', () => {
    expect(byLog(['a/nsc.log', 'b/nsc.log', 'sallyport.log', 'a/nsc.log'])).toEqual([
      ['a/nsc.log'],
      ['b/nsc.log'],
      ['sallyport.log'],
    ]);
  });

  it('next to a named log belong to it', () => {
    const names = ['nsc.log', 'nsc.log.gz.0', 'nsc.log.1', 'nsc.log.bak', 'auth.log.gz.0', 'nsc.log.gz.0.tmp'];
    expect(rotatedFilesOf('nsc.log', names)).toEqual(['nsc.log.gz.0', 'nsc.log.1']);
    expect(rotatedFilesOf('nsc.log.gz.0', names)).toEqual([]);
  });
});
