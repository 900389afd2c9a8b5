// Plain JavaScript for Node 20 without dependencies, because it runs before anything is installed. Shows progress while npm
// works, and reads the result of `npm ping`. tools/install.js uses both.

/** Codes of npm for a registry that cannot be reached: network, name, TLS and proxy errors. */
const NO_ANSWER = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'ERR_SOCKET_TIMEOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EIDLETIMEOUT',
  'ECONNECTIONTIMEOUT',
  'ERESPONSETIMEOUT',
  'EPROTO',
  'E407',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
]);

/** The failure code if `npm ping` reached no registry; null if one answered, even with a refusal. */
export function judgePing({ status, stderr }) {
  if (status === 0) {
    return null;
  }
  const code = /^npm (?:error|ERR!) code (\S+)$/m.exec(stderr)?.[1] ?? '';
  return NO_ANSWER.has(code) ? code : null;
}

/** What to do about it. */
export const REGISTRY_ADVICE =
  'npm must reach a package registry: behind a proxy set HTTPS_PROXY or `npm config set https-proxy URL`, ' +
  'with a mirror `npm config set registry URL`';

const LINE_EVERY_MS = 15_000;
const DRAW_EVERY_MS = 1_000;

/**
 * Shows that work is in progress: at a terminal one line that counts the seconds, elsewhere a line from time to time.
 * `say` prints another line; `stop` ends it and leaves no partial line.
 */
export function showLife(
  what,
  stream = process.stderr,
  timers = { setInterval, clearInterval, now: () => Date.now() },
) {
  const startedAt = timers.now();
  const seconds = () => Math.round((timers.now() - startedAt) / 1_000);
  const draw = () =>
    stream.write(
      stream.isTTY
        ? `\r\u001b[Ksallyport: ${what} (${seconds()} s)`
        : `sallyport: still ${what} (${seconds()} s) ...\n`,
    );
  const clear = () => {
    if (stream.isTTY) {
      stream.write('\r\u001b[K');
    }
  };
  const timer = timers.setInterval(draw, stream.isTTY ? DRAW_EVERY_MS : LINE_EVERY_MS);
  return {
    say(line) {
      clear();
      stream.write(`sallyport: ${line}\n`);
    },
    stop() {
      timers.clearInterval(timer);
      clear();
    },
  };
}
