// Plain JavaScript for Node 20 without dependencies, because it runs before anything is installed. Decides which Node
// to use from facts about this host. tools/install.js collects the facts and carries out the decision.

/** The first release line that runs the TypeScript of src/ directly and that is tested. */
export const OLDEST_NODE = '24.15';

/**
 * Used if the pinned Node does not start because a library is missing that this one does not need. Only here are its version
 * and its digest.
 */
export const FALLBACK = {
  library: 'libatomic.so.1',
  version: '24.21.0',
  integrity: {
    'linux-x64': 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    'linux-arm64': 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/**
 * `pinned`, `own` (the one that runs us), `fetched` (the fallback), or `none`. `pinned` is how the pinned one started:
 * {runs, reason}; `own` is the version of the running one; `platform` is such as linux-x64.
 */
export function chooseNode({ pinned, own, platform }) {
  if (pinned.runs) {
    return 'pinned';
  }
  if (isNewEnough(own)) {
    return 'own';
  }
  return platform in FALLBACK.integrity && pinned.reason.includes(FALLBACK.library) ? 'fetched' : 'none';
}

export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/** The two files from which `npm ci` fetches the fallback and nothing else, and checks its digest. */
export function describeFallback(platform) {
  const name = `node-${platform}`;
  const dependencies = { [name]: FALLBACK.version };
  const entry = { version: FALLBACK.version, integrity: FALLBACK.integrity[platform] };
  return {
    'package.json': { private: true, dependencies },
    'package-lock.json': {
      lockfileVersion: 3,
      requires: true,
      packages: { '': { dependencies }, [`node_modules/${name}`]: entry },
    },
  };
}
