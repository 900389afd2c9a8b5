/**
 * A real standalone winbindd with one user in the domain CORP. `ntlm_auth` uses it as a proxy in a domain does. It accepts only
 * NTLMv2. The path of its socket is built into Samba, so each instance gets its own folder at that path.
 *
 * A start costs most of a second of CPU time, so each worker keeps its winbindd: the first suite that needs it starts it, and
 * the run ends it (own-temporary.ts).
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { keptFolder, untilWorkerEnds } from './kept-servers.ts';
import { type FileReplacements, withReplacedFiles } from './part.ts';

/** An ordinary user of every Debian: Samba's own users need one of the machine. */
export const SAMBA_USER = { user: 'nobody', domain: 'CORP', password: 'grün-und-geheim' } as const;

export interface RunningSamba {
  /** Lines of squid.conf that ask it, and what that Squid has to see to find it. */
  readonly squid: { readonly schemes: readonly string[]; readonly seen: FileReplacements };
  /** Kills winbindd; the helpers fail until it is started again. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

const FOLDERS = ['private', 'lock', 'state', 'cache', 'ncalrpc', 'run'];
const SOCKET_FOLDER = '/run/samba';
const START_LIMIT_MS = 15_000;
const POLL_MS = 50;

let kept: Promise<RunningSamba> | undefined;

/** The winbindd of this worker. A test that pauses it must resume it. */
export function takeSamba(): Promise<RunningSamba> {
  kept ??= startSamba();
  return kept;
}

async function startSamba(): Promise<RunningSamba> {
  const { folder, pids } = keptFolder('samba');
  const at = (name: string) => join(folder, name);
  // The helper runs as the proxy's user.
  chmodSync(folder, 0o755);
  for (const name of FOLDERS) mkdirSync(at(name));
  const config = at('smb.conf');
  writeFileSync(config, configuration(at, pids));
  const { password, user } = SAMBA_USER;
  execFileSync('smbpasswd', ['-c', config, '-s', '-a', user], { input: `${password}\n${password}\n`, stdio: 'pipe' });
  mkdirSync(SOCKET_FOLDER, { recursive: true, mode: 0o755 });
  const seen = { [SOCKET_FOLDER]: at('run') };
  const start = async () => {
    const child = startWinbindd(config, seen);
    await untilItAnswers(child, seen);
    execFileSync('chgrp', ['proxy', at('state/winbindd_privileged')]);
    return child;
  };
  let child = await start();
  return {
    squid: {
      schemes: [
        `auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp --configfile=${config}`,
        'auth_param ntlm children 4 startup=1 idle=1',
      ],
      seen,
    },
    pause: () => ended(child),
    async resume() {
      child = await start();
    },
  };
}

/** It writes its process ID to a file, and that of the process for RPC that it starts, which outlives it. */
function startWinbindd(config: string, seen: FileReplacements): ChildProcess {
  const program = untilWorkerEnds(['winbindd', '-F', '--no-process-group', '-s', config]);
  const { command, args } = withReplacedFiles(seen, program);
  return spawn(command, args, { stdio: 'ignore' });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

function configuration(at: (name: string) => string, pids: string): string {
  return [
    '[global]',
    `netbios name = ${SAMBA_USER.domain}`,
    'server role = standalone server',
    'ntlm auth = ntlmv2-only',
    `passdb backend = tdbsam:${at('private/passdb.tdb')}`,
    `private dir = ${at('private')}`,
    `lock directory = ${at('lock')}`,
    `state directory = ${at('state')}`,
    `cache directory = ${at('cache')}`,
    `pid directory = ${pids}`,
    `ncalrpc dir = ${at('ncalrpc')}`,
    `log file = ${at('log')}`,
    '',
  ].join('\n');
}

async function untilItAnswers(child: ChildProcess, seen: FileReplacements): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  const { command, args } = withReplacedFiles(seen, ['wbinfo', '-p']);
  while (spawnSync(command, args).status !== 0) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('winbindd did not start');
    await delay(POLL_MS);
  }
}
