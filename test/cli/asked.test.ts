import { describe, expect, it } from 'vitest';
import { isSameFile, tellAsked } from '#cli/asked.ts';

it('a command that asks a daemon names its socket on stderr', () => {
  const said: string[] = [];
  tellAsked({ err: (line: string) => void said.push(line) }, '/run/c.sock');
  expect(said).toEqual(['Asked the daemon that listens at /run/c.sock.']);
});

describe('two paths are of one file', () => {
  const links: Readonly<Record<string, string>> = { '/link.yaml': '/etc/sallyport/sallyport.yaml' };
  const realPath = (path: string) =>
    path === '/gone.yaml' ? Promise.reject(new Error('ENOENT')) : Promise.resolve(links[path] ?? path);

  it.each([
    ['/etc/sallyport/sallyport.yaml', true],
    ['/link.yaml', true],
    ['/nope.yaml', false],
    ['/gone.yaml', false],
  ])('%s beside /etc/sallyport/sallyport.yaml: %s', async (path, isSame) => {
    expect(await isSameFile({ realPath }, path, '/etc/sallyport/sallyport.yaml')).toBe(isSame);
  });
});
