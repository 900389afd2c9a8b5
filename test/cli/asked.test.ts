import { describe, expect, it } from 'vitest';
import { tellAsked } from '#cli/asked.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';

async function told(file: string, links: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const said: string[] = [];
  const config = { ...aStatus().config, file: '/etc/sallyport/sallyport.yaml' };
  const control = fakeControl({ status: () => Promise.resolve(aStatus({ config })) });
  const realPath = (path: string) => Promise.resolve(links[path] ?? path);
  const terminal = { err: (line: string) => void said.push(line) };
  await tellAsked(terminal, control, { socket: '/run/c.sock', file, files: { realPath } });
  return said;
}

describe('a command that finds a daemon', () => {
  it('says so, and no more where both go by one file, by whatever name', async () => {
    const only = ['Asked the daemon that listens at /run/c.sock.'];
    expect(await told('/etc/sallyport/sallyport.yaml')).toEqual(only);
    expect(await told('/link.yaml', { '/link.yaml': '/etc/sallyport/sallyport.yaml' })).toEqual(only);
  });

  it('warns where the answer is about another file than the one it was given', async () => {
    expect((await told('/nope.yaml'))[1]).toBe('It works with /etc/sallyport/sallyport.yaml, not with /nope.yaml.');
  });
});
