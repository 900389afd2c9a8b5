// Decides the response to a conditional or range request for a file, from the headers and the file. Pure.
//
// It follows RFC 9110, 13.2.2 (order of preconditions) and 14.2 (ranges). Only a request for one byte range gets a
// part. Several ranges, another unit or an invalid range give the whole file, as 14.2 allows.

import type { IncomingHttpHeaders } from 'node:http';

/** The file as a representation: its length and validators. */
export interface Representation {
  readonly length: number;
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
}

export type Answer =
  | { readonly status: 200 }
  /** First and last byte, inclusive. */
  | { readonly status: 206; readonly first: number; readonly last: number }
  | { readonly status: 304 | 412 | 416 };

/** Decides for GET and HEAD; a range applies to GET only (14.2). */
export function decideAnswer(method: string, headers: IncomingHttpHeaders, file: Representation): Answer {
  if (!passesMatch(headers, file)) return { status: 412 };
  if (isUnchanged(headers, file)) return { status: 304 };
  const range = headers.range;
  if (method !== 'GET' || range === undefined || !passesIfRange(headers['if-range'], file)) return { status: 200 };
  return decideRange(range, file.length);
}

/** The value of Last-Modified (RFC 9110, 5.6.7): whole seconds. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

function passesMatch(headers: IncomingHttpHeaders, { etag, modifiedMs }: Representation): boolean {
  const match = headers['if-match'];
  if (match !== undefined) return listsTag(match, etag, 'strong');
  const since = parseDate(headers['if-unmodified-since']);
  return since === null || wholeSeconds(modifiedMs) <= since;
}

function isUnchanged(headers: IncomingHttpHeaders, { etag, modifiedMs }: Representation): boolean {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) return listsTag(noneMatch, etag, 'weak');
  const since = parseDate(headers['if-modified-since']);
  return since !== null && wholeSeconds(modifiedMs) <= since;
}

/** RFC 9110, 13.1.5: exactly the same tag or date; a weak tag never matches. */
function passesIfRange(value: string | string[] | undefined, { etag, modifiedMs }: Representation): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'string') return false;
  if (value.startsWith('"') || value.startsWith('W/')) return value === etag;
  return parseDate(value) === wholeSeconds(modifiedMs);
}

function listsTag(value: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (value.trim() === '*') return true;
  const tags = value.split(',').map((tag) => tag.trim());
  return tags.includes(etag) || (comparison === 'weak' && tags.includes(`W/${etag}`));
}

const SINGLE_RANGE = /^bytes=[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/i;

function decideRange(range: string, length: number): Answer {
  const [, from = '', to = ''] = SINGLE_RANGE.exec(range) ?? [];
  if (from === '' && to === '') return { status: 200 };
  if (from === '') {
    // The last N bytes; zero bytes, or those of an empty file, are unsatisfiable (14.1.2).
    const count = Math.min(Number(to), length);
    return count === 0 ? { status: 416 } : { status: 206, first: length - count, last: length - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return { status: 200 };
  if (first >= length) return { status: 416 };
  return { status: 206, first, last: to === '' ? length - 1 : Math.min(Number(to), length - 1) };
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}

function parseDate(value: string | undefined): number | null {
  const ms = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}
