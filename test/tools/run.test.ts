import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';

const RUN = new URL('../../tools/run.js', import.meta.url).href;

/** A launcher around a child that runs this code; both are gone at the end of the test. */
function launch(code: string): ChildProcessByStdio<null, Readable, null> {
  const outer = `import { become } from '${RUN}'; await become(process.execPath, ['-e', ${JSON.stringify(code)}]);`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', outer], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => {
    try {
      process.kill(-(launcher.pid ?? 0), 'SIGKILL');
    } catch {
      // Both have ended, as they should.
    }
  });
  return launcher;
}

async function firstOutput(launcher: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  const [chunk] = (await once(launcher.stdout, 'data')) as [Buffer];
  return chunk.toString();
}

describe('launcher', () => {
  it("launcher: it ends with the command's exit code", async () => {
    expect(await once(launch('process.exit(5)'), 'exit')).toEqual([5, null]);
  });

  it('launcher: it ends by the signal that ended the command', async () => {
    expect(await once(launch("process.kill(process.pid, 'SIGTERM')"), 'exit')).toEqual([null, 'SIGTERM']);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'launcher: it passes on %s and waits for the command to end',
    async (signal) => {
      const launcher = launch(
        `process.on('${signal}', () => process.exit(7)); console.log('ready'); setInterval(() => {}, 1000);`,
      );
      await firstOutput(launcher);

      launcher.kill(signal);

      expect(await once(launcher, 'exit')).toEqual([7, null]);
    },
  );

  it('launcher: several copies of a signal are passed on once', async () => {
    const launcher = launch(
      "let n = 0; process.on('SIGTERM', () => console.log('got', ++n)); process.on('SIGHUP', () => process.exit(n));" +
        "console.log('ready'); setInterval(() => {}, 1000);",
    );
    await firstOutput(launcher);

    launcher.kill('SIGTERM');
    await firstOutput(launcher);
    launcher.kill('SIGTERM');
    launcher.kill('SIGHUP');

    expect(await once(launcher, 'exit')).toEqual([1, null]);
  });

  it('launcher: only the command writes to standard output', async () => {
    expect(await firstOutput(launch("console.log('only this')"))).toBe('only this\n');
  });
});
