import { describe, expect, it } from 'vitest';
import { statusError } from '#http/status-error.ts';

const URL_ASKED = new URL('https://updates.example.com/x.jar?token=abc');
const NOON = Date.UTC(2026, 10, 20, 12);

const errorFor = (status: number, ...rawHeaders: string[]) =>
  statusError({ status, reason: 'Reason', rawHeaders }, URL_ASKED, { nowMs: NOON });

describe('status error: an unexpected status', () => {
  it.each([408, 425, 429, 500, 502, 503, 504, 599])('is temporary: %i', (status) => {
    expect(errorFor(status)).toMatchObject({ code: 'ORIGIN-STATUS', retryable: true, hop: 'updates.example.com' });
  });

  it.each([300, 400, 401, 403, 404, 410, 416])('is permanent: %i', (status) => {
    expect(errorFor(status)).toMatchObject({ code: 'ORIGIN-REFUSED', retryable: false, hop: 'updates.example.com' });
  });

  it('contains the time to retry if the server sent one', () => {
    expect(errorFor(503, 'Retry-After', '120').facts['retryAfterMs']).toBe(120_000);
    expect(errorFor(429, 'retry-after', 'Fri, 20 Nov 2026 12:00:30 GMT').facts['retryAfterMs']).toBe(30_000);
    expect(errorFor(503).facts['retryAfterMs']).toBeNull();
  });

  it('shows no query: it may hold a token', () => {
    expect(errorFor(404).message).toBe('[ORIGIN-REFUSED] https://updates.example.com/x.jar?*** answered 404 Reason.');
  });
});
