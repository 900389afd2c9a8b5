import { describe, expect, it } from 'vitest';
import { MAX_URL_LENGTH } from '#config/schema/values.ts';
import { completionOf, fileAt, storedUpload, uploadAt } from '#uploads/transfer/locations.ts';

const ENDPOINT = new URL('https://support.example.com/files/');

describe('the location of an upload', () => {
  it.each([
    ['/files/1', 'https://support.example.com/files/1'],
    ['1?key=a', 'https://support.example.com/files/1?key=a'],
    ['https://support.example.com:443/other/1#part', 'https://support.example.com/other/1'],
  ])('%s is used', (location, url) => {
    expect(uploadAt(location, ENDPOINT).href).toBe(url);
  });

  it.each([
    ['http://support.example.com/files/1', 'URL-ELSEWHERE'],
    ['https://support.example.com:444/files/1', 'URL-ELSEWHERE'],
    ['//evil.example.com/files/1', 'URL-ELSEWHERE'],
    ['https://user@support.example.com/files/1', 'UPLOAD-LOCATION'],
    ['https://[::1', 'UPLOAD-LOCATION'],
    ['', 'UPLOAD-LOCATION'],
    ['/files/', 'UPLOAD-LOCATION'],
  ])('%s is refused', (location, code) => {
    expect(() => uploadAt(location, ENDPOINT)).toThrow(expect.objectContaining({ code }));
  });

  it('that is longer than any URL of ours is refused', () => {
    const location = `/${'a'.repeat(MAX_URL_LENGTH)}`;
    expect(() => uploadAt(location, ENDPOINT)).toThrow(expect.objectContaining({ code: 'UPLOAD-LOCATION' }));
  });

  it('is used only for the configured server', () => {
    expect(storedUpload('https://support.example.com/files/1', ENDPOINT)?.pathname).toBe('/files/1');
    expect(storedUpload('https://old.example.com/files/1', ENDPOINT)).toBeNull();
    expect(storedUpload('no url', ENDPOINT)).toBeNull();
  });

  it('has the completion below it', () => {
    expect(completionOf(new URL('https://a.example/files/1?key=a')).href).toBe(
      'https://a.example/files/1/complete?key=a',
    );
    expect(fileAt(ENDPOINT, 'a b.zip').href).toBe('https://support.example.com/files/a%20b.zip');
  });
});
