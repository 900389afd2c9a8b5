import { describe, expect, it } from 'vitest';
import { isSamePath } from '#system/same-path.ts';

describe('same path', () => {
  const links: Readonly<Record<string, string>> = { '/link.yaml': '/etc/sallyport/sallyport.yaml' };
  const realPath = (path: string) =>
    path === '/gone.yaml' ? Promise.reject(new Error('ENOENT')) : Promise.resolve(links[path] ?? path);

  it.each([
    ['/etc/sallyport/sallyport.yaml', true],
    ['/link.yaml', true],
    ['/nope.yaml', false],
    ['/gone.yaml', false],
  ])('same path: %s and /etc/sallyport/sallyport.yaml: %s', async (path, isSame) => {
    expect(await isSamePath({ realPath }, path, '/etc/sallyport/sallyport.yaml')).toBe(isSame);
  });
});
