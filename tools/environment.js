// Plain JavaScript for Node 20. The variables that the program refuses to start with (src/system/process/environment.ts): the
// tools remove them for what they start, and say so by name.

const REFUSED = ['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'SSLKEYLOGFILE'];

/** A copy of our environment without them; a line on standard error for each that was set. */
export function cleanEnvironment() {
  const environment = { ...process.env };
  for (const name of REFUSED) {
    if (environment[name]) {
      process.stderr.write(`sallyport: the environment variable ${name} is set; it is not passed on.\n`);
    }
    delete environment[name];
  }
  return environment;
}
