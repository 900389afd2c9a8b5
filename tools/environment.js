// Plain JavaScript for Node 20. Removes the environment variables with which the program refuses to start
// (src/system/process/environment.ts), and reports each by name.

const REFUSED = ['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'SSLKEYLOGFILE'];

/** A copy of this process's environment without them. Writes a line to standard error for each that was set. */
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
