// A pseudoterminal in a machine, held by a small Perl program: unlike tmux, it outlives a hangup of its terminal.

import { readFileSync } from 'node:fs';
import type { Machine } from './machine.ts';

const FOLDER = '/run/terminal-of-the-test';
const UNIT = 'terminal-of-the-test.service';

/** The ioctls are TIOCSPTLCK, TIOCGPTN and TIOCSWINSZ. */
const PROGRAM = `
use strict;
use Fcntl;
mkdir '${FOLDER}';
system('mkfifo', '-m', '600', '${FOLDER}/keys') == 0 or die;
sysopen(my $master, '/dev/ptmx', O_RDWR | O_NOCTTY) or die;
my $locked = pack('i', 0);
ioctl($master, 0x40045431, $locked) or die;
my $number = pack('i', 0);
ioctl($master, 0x80045430, $number) or die;
my $size = pack('S4', 24, 80, 0, 0);
ioctl($master, 0x5414, $size) or die;
sysopen(my $keys, '${FOLDER}/keys', O_RDWR) or die;
sysopen(my $screen, '${FOLDER}/screen', O_WRONLY | O_CREAT) or die;
sysopen(my $made, '${FOLDER}/number', O_WRONLY | O_CREAT) or die;
syswrite($made, unpack('i', $number));
close($made);
while (1) {
  my $ready = '';
  vec($ready, fileno($_), 1) = 1 for $master, $keys;
  select($ready, undef, undef, undef);
  if (vec($ready, fileno($keys), 1)) { sysread($keys, my $bytes, 4096); syswrite($master, $bytes); }
  # While nothing has the terminal open, a read fails at once.
  if (vec($ready, fileno($master), 1)) {
    if (sysread($master, my $bytes, 4096)) { syswrite($screen, $bytes); } else { select(undef, undef, undef, 0.02); }
  }
}
`;

export class MachineTerminal {
  readonly #machine: Machine;
  /** Such as `pts/3`. */
  readonly name: string;

  private constructor(machine: Machine, name: string) {
    this.#machine = machine;
    this.name = name;
  }

  static async open(machine: Machine): Promise<MachineTerminal> {
    machine.write('/run/terminal-of-the-test.pl', PROGRAM);
    await machine.run('systemd-run', '--collect', `--unit=${UNIT}`, 'perl', '/run/terminal-of-the-test.pl');
    const number = () => (machine.exists(`${FOLDER}/number`) ? readIn(machine, 'number') : '');
    await machine.until('the terminal exists', () => number() !== '');
    return new MachineTerminal(machine, `pts/${number()}`);
  }

  /** Everything that was written to it, with control sequences. */
  get screen(): string {
    return readIn(this.#machine, 'screen');
  }

  /** Presses keys; `\r` is ENTER. */
  async type(keys: string): Promise<void> {
    await this.#machine.run('sh', '-c', `printf '%s' "$1" > ${FOLDER}/keys`, 'sh', keys);
  }

  /** Ends the program. */
  async close(): Promise<void> {
    await this.#machine.run('systemctl', 'stop', UNIT);
    await this.#machine.run('rm', '-r', FOLDER, '/run/terminal-of-the-test.pl');
  }
}

function readIn(machine: Machine, name: string): string {
  return readFileSync(machine.outside(`${FOLDER}/${name}`), 'utf8');
}
