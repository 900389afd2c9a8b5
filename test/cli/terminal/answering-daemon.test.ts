import { expect, it } from 'vitest';
import { printAnsweringDaemon } from '#cli/terminal/answering-daemon.ts';

it('answering daemon: a command that uses a daemon names its socket on stderr', () => {
  const said: string[] = [];
  printAnsweringDaemon({ err: (line: string) => void said.push(line) }, '/run/c.sock');
  expect(said).toEqual(['Using the daemon that listens at /run/c.sock.']);
});
