import { describe, expect, it } from 'vitest';
import { isPage, repeatsStatus } from '#http/page.ts';
import { scannerFinding } from '#http/refusal-page.ts';

const head = (status: number, headers: Record<string, string> = {}) => ({
  status,
  reason: '',
  rawHeaders: Object.entries(headers).flat(),
});
const titled = (title: string) => Buffer.from(`<html><head><title>${title}</title></head><body>x</body></html>`);

describe('a page', () => {
  it.each([
    [{ 'Content-Type': 'text/html; charset=utf-8' }, ''],
    [{ 'Content-Type': 'application/xhtml+xml' }, '{}'],
    [{}, '  \n<!doctype html>'],
  ])('is recognized by %j and %j', (headers, body) => {
    expect(isPage(head(200, headers), Buffer.from(body))).toBe(true);
  });

  it.each([
    [{ 'Content-Type': 'application/json' }, '{"a":"<html>"}'],
    [{}, ''],
  ])('is not seen in %j and %j', (headers, body) => {
    expect(isPage(head(200, headers), Buffer.from(body))).toBe(false);
  });

  it.each([
    [413, '413 Request Entity Too Large'],
    [405, '405 Not Allowed'],
    [504, '504 Gateway Time-out'],
    [503, 'HTTP Status 503 – Service Unavailable'],
    [404, 'Error 404'],
  ])('with status %i and the title %s repeats its status', (status, title) => {
    expect(repeatsStatus(head(status), titled(title))).toBe(true);
  });

  it.each([
    [403, 'Access Denied'],
    [403, '403 - Blocked by the data loss policy'],
    [503, 'Upload stopped'],
    [200, '200 OK'],
    [403, '404 Not Found'],
  ])('with status %i and the title %s has words of its own', (status, title) => {
    expect(repeatsStatus(head(status), titled(title))).toBe(false);
  });

  it('without a title is read by its text', () => {
    expect(repeatsStatus(head(502), Buffer.from('<h1>502 Bad Gateway</h1>'))).toBe(true);
    expect(repeatsStatus(head(403), Buffer.from('<h1>Your upload was stopped</h1>'))).toBe(false);
    expect(repeatsStatus(head(403), Buffer.from(''))).toBe(true);
  });
});

it('a scanner shows its finding whatever the status and the scheme', () => {
  expect(scannerFinding(head(200, { 'X-Virus-ID': 'Eicar' }), Buffer.from(''))).toEqual({
    named: 'Eicar',
    title: null,
  });
  expect(scannerFinding(head(200), titled('Malware detected'))?.title).toBe('Malware detected');
  expect(scannerFinding(head(403), titled('Forbidden'))).toBeNull();
});
