import { describe, expect, it } from 'vitest';
import { CONNECT_PHASES, provenSentence, readConnectTrace } from '#errors/connect-trace.ts';

describe('a connect trace', () => {
  it('connect trace: lists the succeeded phases in their order', () => {
    const proven = ['choice', 'resolve', 'dial', 'proxy_tls', 'tunnel', 'authentication'] as const;
    expect(provenSentence({ phase: 'tls', elapsedMs: 1, proven })).toBe(
      'Already succeeded: name resolution, connection, TLS to the proxy, tunnel, user and password.',
    );
  });

  it('connect trace: says nothing if no phase proves anything', () => {
    expect(provenSentence({ phase: 'resolve', elapsedMs: 1, proven: ['choice'] })).toBe('');
  });

  it.each([...CONNECT_PHASES])('connect trace: survives JSON, failed in %s', (phase) => {
    const trace = { phase, elapsedMs: 12.5, proven: ['resolve', 'dial'] as const };
    expect(readConnectTrace(JSON.parse(JSON.stringify(trace)))).toEqual(trace);
  });

  it.each([
    null,
    'tls',
    {},
    { phase: 'lunch', elapsedMs: 1, proven: [] },
    { phase: 'tls', elapsedMs: '1', proven: [] },
    { phase: 'tls', elapsedMs: 1, proven: ['[INFO]'] },
  ])('from outside that is none is taken for none: %j', (raw) => {
    expect(readConnectTrace(raw)).toBeNull();
  });
});
