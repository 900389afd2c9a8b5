#!/bin/sh
# Runs a real systemd as PID 1 (systemd-inner.sh) in a control group and namespaces of its own, until standard input ends or
# SIGTERM; then nothing of it is left. Runs as root in a mount namespace of its own: systemd-outer.sh WORK CHECKOUT NODE [BASE]
# While it runs, its process ID is in WORK/outer.pid.
set -eu
work=$1
here=$(dirname "$0")

# The shell gives a command in the background no standard input unless it is named.
exec 3<&0
cat <&3 >/dev/null &
input=$!
trap 'kill "$input" 2>/dev/null || true' TERM
trap 'rm -f "$work/outer.pid"' EXIT
echo $$ > "$work/outer.pid"

mount --make-rprivate /
mkdir -p "$work/cgroup"
mount -t cgroup2 cgroup2 "$work/cgroup"
group=$work/cgroup/sallyport-test-$$
mkdir "$group"

# Started from inside the group, so that its control group namespace begins there.
sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
  unshare --pid --fork --kill-child --mount --uts --ipc --cgroup sh "$here/systemd-inner.sh" "$@" </dev/null 3<&- &
child=$!
echo "$child" > "$work/unshare.pid"

wait "$input" || true
kill -KILL "$child" 2>/dev/null || true
wait "$child" 2>/dev/null || true
# The kernel needs a moment to empty the groups of what was killed.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  [ -d "$group" ] || break
  sleep 0.1
done
umount "$work/cgroup"
