// Plain JavaScript for Node 20, without dependencies: it runs before anything is installed.
//
// Runs one child in the foreground: what ends this process reaches the child, and how the child ended is handed back.
import { spawn } from 'node:child_process';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

// npm passes on what it gets, and a signal to the whole group reaches us as well: one of them is enough.
const SAME_SIGNAL_MS = 500;

/** Resolves with {code, signal} of the child, and whether it was told to end (`told`). The child's standard streams are ours unless `options.stdio` says else. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const stop = forwardSignals(child);
    child.once('error', (error) => {
      stop();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      resolve({ code, signal, told: stop() });
    });
  });
}

/** Runs the child and ends this process the way the child ended. */
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

// Ctrl-C and Ctrl-\ at a terminal go to the whole foreground group, so the child has had it. A second copy would look
// like a second Ctrl-C, which means "at once".
function isFromTerminal(signal) {
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  return onTerminal && (signal === 'SIGINT' || signal === 'SIGQUIT');
}
