// Builds one bundle in a process of its own, which is bundled and started as the daemon is. Prints time and memory.
// Exit status 1 if its memory exceeds the limit.

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { systemClock } from '#system/clock.ts';
import { SystemCommands } from '#system/process/command.ts';
import { realFiles } from '#system/real-files.ts';
import { buildBundle } from '#uploads/bundle/contents/build-bundle.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';

const MIB = 1_048_576;
const MAX_PEAK_MIB = 130;
const [size = '256', archive = 'tar.zst', age] = process.argv.slice(2);

/** Lines as in our log, no two the same. */
function writeLog(path: string, bytes: number): void {
  writeFileSync(path, '');
  for (let written = 0, n = 0; written < bytes; ) {
    const lines: string[] = [];
    for (let at = 0; at < 8_000; at += 1, n += 1) {
      const time = new Date(1_790_000_000_000 + n * 137).toISOString().slice(0, 19);
      lines.push(
        `${time} [INFO] [Thread: Main] Downloading update ID pkg-${n % 971} (${(n * 7_919) % 50_000_000} bytes) from https://updates.example.com/packages/pkg-${n % 971}.jar via proxy corp.\n`,
      );
    }
    const chunk = lines.join('');
    appendFileSync(path, chunk);
    written += chunk.length;
  }
}

/** A timer runs once in each turn that takes longer than it. */
function watchTurns(): () => number {
  let longest = 0;
  let last = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, now.user + now.system - last.user - last.system);
    last = now;
  }, 2);
  return () => {
    clearInterval(timer);
    return longest / 1_000;
  };
}

const root = mkdtempSync(join(tmpdir(), 'sallyport-bench-bundle-'));
try {
  mkdirSync(join(root, 'logs'));
  writeLog(join(root, 'logs', 'sallyport.log'), (Number(size) * MIB) / 2);
  writeLog(join(root, 'logs', 'sallyport.log.1'), (Number(size) * MIB) / 2);
  const known = new KnownSecrets();
  for (let n = 0; n < 8; n += 1) known.add(`configured-secret-${n}-Xy7#`);
  const recipients = age === 'age' ? [await identityToRecipient(await generateX25519Identity())] : [];
  const longestTurn = watchTurns();
  const began = performance.now();
  const bundle = await buildBundle(
    {
      files: realFiles,
      clock: systemClock,
      commands: new SystemCommands(systemClock),
      logFile: join(root, 'logs', 'sallyport.log'),
      hostName: 'bench',
      version: '0',
      journalctl: '/usr/bin/journalctl',
      neverCollected: () => ({ folders: [], files: [] }),
      builtIn: () => Promise.resolve('{}'),
      redaction: () =>
        Promise.resolve({
          redactor: createBundleRedactor({ known }),
          rules: [],
          pseudonymGeneration: null,
          savePseudonyms: () => Promise.resolve(),
        }),
    },
    {
      job: 'bench',
      case: null,
      note: null,
      sinceMs: null,
      askedBy: 'bench',
      pseudonyms: false,
      settings: {
        max_bytes: 2 * Number(size) * MIB,
        sources: ['log'],
        archive: archive === 'zip' ? 'zip' : 'tar.zst',
        encrypt_to: recipients,
        redaction: [],
      },
    },
    { work: join(root, 'work'), signal: new AbortController().signal },
  );
  const seconds = (performance.now() - began) / 1_000;
  const peak = Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024);
  const { user, system } = process.cpuUsage();
  process.stdout.write(
    `${size} MiB ${bundle.fileName}: ${seconds.toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of CPU), ` +
      `${bundle.length} bytes, VmHWM ${peak} MiB (at most ${MAX_PEAK_MIB}), ` +
      `at most ${longestTurn().toFixed(0)} ms of CPU in one turn of the event loop\n`,
  );
  if (!(peak <= MAX_PEAK_MIB)) process.exitCode = 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
