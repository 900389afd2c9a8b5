// Plain JavaScript for Node 20 without dependencies, because it runs before anything is installed.
//
// Runs one child process in the foreground. A signal that would end this process is passed on to the child. Returns how
// the child ended.
import { spawn } from 'node:child_process';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

// npm passes on signals, and a signal to the whole group also arrives directly. One of the two is enough.
const SAME_SIGNAL_MS = 500;

/** Resolves with {code, signal} of the child, and whether a signal was passed on (`signalled`). The child inherits the standard streams unless `options.stdio` differs. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const stop = forwardSignals(child);
    child.once('error', (error) => {
      stop();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      resolve({ code, signal, signalled: stop() });
    });
  });
}

/** Runs the child and ends this process with the child's exit status or signal. */
export async function become(command, args, options) {
  const { code, signal } = await run(command, args, options);
  if (signal === null) {
    process.exit(code);
  }
  process.kill(process.pid, signal);
}

function forwardSignals(child) {
  const last = new Map();
  const forward = (signal) => {
    const isRepeat = Date.now() - (last.get(signal) ?? -Infinity) < SAME_SIGNAL_MS;
    last.set(signal, Date.now());
    if (!isRepeat && !isFromTerminal(signal)) {
      child.kill(signal);
    }
  };
  for (const signal of FORWARDED) {
    process.on(signal, forward);
  }
  return () => {
    for (const signal of FORWARDED) {
      process.off(signal, forward);
    }
    return last.size > 0;
  };
}

// Ctrl-C and Ctrl-\ at a terminal go to the whole foreground group, including the child. A second copy would look like a
// second Ctrl-C, which means "at once".
function isFromTerminal(signal) {
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  return onTerminal && (signal === 'SIGINT' || signal === 'SIGQUIT');
}
