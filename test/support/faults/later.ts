// Loaded before the program by tests: SIGWINCH moves the monotonic clock 20 minutes ahead. Timers do not move with it.

const TWENTY_MINUTES_MS = 1_200_000;
const realNow = performance.now.bind(performance);
let aheadMs = 0;

performance.now = () => realNow() + aheadMs;
process.on('SIGWINCH', () => {
  aheadMs += TWENTY_MINUTES_MS;
});
