// Loaded before the program by tests: SIGWINCH throws an uncaught error with a password in its message.

const defect = new Error('stray defect of http://svc:hunter2hunter2@proxy.example:3128/');

process.once('SIGWINCH', () => {
  if (process.env['STRAY'] === 'rejection') void Promise.reject(defect);
  else throw defect;
});
