/**
 * OpenSSH's dynamic forwarding on loopback: a SOCKS server for 4, 4a and 5 without authentication, which resolves names at the
 * far end. The test starts both ends with their own keys. It creates no service and no account.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { hostsFile, partFolder, startPart, untilLines, withReplacedFiles } from './part.ts';

export interface RunningSshSocks {
  readonly port: number;
  /** `socks4 host updates.example.com port 443` for each request, in order; 4a is a 4 with a name. */
  log(atLeast?: number): Promise<string[]>;
  stop(): Promise<void>;
}

/** `hosts` are names that it resolves to 127.0.0.1. */
export async function startSshSocks(hosts: readonly string[] = []): Promise<RunningSshSocks> {
  // Where sshd puts who is not logged in yet; the package's service makes it at each boot.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const server = await startPart('sshd', 1, ([port = 0]) => {
    const folder = partFolder('ssh');
    const at = (name: string) => join(folder, name);
    for (const name of ['host', 'user']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)], { stdio: 'pipe' });
    }
    writeFileSync(at('authorized'), readFileSync(at('user.pub')));
    writeFileSync(at('sshd.conf'), serverConfiguration(at, port));
    writeFileSync(at('hosts'), hostsFile(hosts));
    // It wants to be called by its whole path.
    const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', at('sshd.conf')] as const;
    return { ...withReplacedFiles({ '/etc/hosts': at('hosts') }, [...sshd]), folder };
  });
  const client = await startPart('ssh -D', 1, ([port = 0]) => {
    const folder = partFolder('ssh-client');
    const options = [
      'StrictHostKeyChecking=no',
      `UserKnownHostsFile=${join(folder, 'known')}`,
      'IdentitiesOnly=yes',
      'ExitOnForwardFailure=yes',
      'BatchMode=yes',
    ].flatMap((option) => ['-o', option]);
    const where = ['-p', String(server.ports[0]), '-l', userInfo().username, '127.0.0.1'];
    const identity = ['-i', join(server.folder, 'user')];
    const args = ['-F', 'none', '-N', '-vv', '-D', `127.0.0.1:${port}`, ...identity, ...options, ...where];
    return { command: 'ssh', args, folder };
  });
  return {
    port: client.ports[0] ?? 0,
    log: (atLeast = 0) => untilLines(() => requested(client.said()), atLeast),
    async stop() {
      for (const part of [client, server]) {
        await part.end();
        part.remove();
      }
    },
  };
}

function requested(said: string): string[] {
  return [...said.matchAll(/dynamic request: (\S+ host \S+ port \d+) command 1/g)].map(([, line = '']) => line);
}

function serverConfiguration(at: (name: string) => string, port: number): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    'PidFile none',
    'UsePAM no',
    // The temporary folder is everybody's.
    'StrictModes no',
    'PasswordAuthentication no',
    'AllowTcpForwarding local',
    '',
  ].join('\n');
}
