#!/bin/sh
# Makes a small machine in memory and becomes its PID 1: /usr is the one of this machine with a layer on top that takes
# every change, /etc and /var are empty but for what is made here, the network is the machine's own. With BASE, the folder of
# another system, such as Debian 13, /usr is the one of that system, and /etc and /var are copies of its own.
# systemd-inner.sh WORK CHECKOUT NODE [BASE]
set -eu
work=$1 checkout=$2 node=$3 base=${4-}
root=$work/root

mkdir -p "$root"
mount -t tmpfs -o mode=755,size=2g tmpfs "$root"
cd "$root"
if [ -n "$base" ]; then cp -a "$base/etc" "$base/var" .; fi
mkdir -p .changes .work usr proc sys dev run tmp old root checkout node etc/systemd/system var/lib var/log var/tmp
# Node's compile cache, for the commands of tests.
mkdir compile-cache
chmod 1777 tmp var/tmp compile-cache
mount -t overlay -o "lowerdir=$base/usr,upperdir=$root/.changes,workdir=$root/.work" overlay usr
for name in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$name" ]; then ln -s "usr/$name" "$name"; fi
done
mount --bind "$checkout" checkout
mount -o remount,bind,ro checkout
mount --bind "$node" node
mount -o remount,bind,ro node

mount -t proc proc proc
# Settings of the kernel are the whole machine's.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
while read -r name major minor; do
  mknod -m 666 "dev/$name" c "$major" "$minor"
done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
mkdir dev/shm dev/pts
mount -t devpts devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

if [ -z "$base" ]; then
  echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
  echo 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >> etc/passwd
  printf 'root:x:0:\nnogroup:x:65534:\n' > etc/group
fi
echo 'application:x:1500:1500::/nonexistent:/usr/sbin/nologin' >> etc/passwd
echo 'application:x:1500:' >> etc/group
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n' > etc/nsswitch.conf
printf '127.0.0.1 localhost\n' > etc/hosts
[ -n "$base" ] || printf 'ID=sallyport-test\n' > etc/os-release
# A machine that has an id is not asked to set itself up for the first time.
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
for unit in systemd-sysusers systemd-tmpfiles-setup systemd-udevd systemd-udev-trigger systemd-sysctl systemd-modules-load systemd-binfmt systemd-timesyncd; do
  ln -sf /dev/null "etc/systemd/system/$unit.service"
done
# Every daemon-reload runs the generators, and none of them makes a unit that is needed here.
mkdir -p etc/systemd/system-generators
for generator in usr/lib/systemd/system-generators/*; do
  ln -sf /dev/null "etc/systemd/system-generators/${generator##*/}"
done
printf '[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\nAllowIsolate=yes\n' > etc/systemd/system/test.target

pivot_root . old
umount -l /old
# systemd hands credentials and private folders to services through mounts that must spread.
mount --make-rshared /
cd /
exec env -i container=sallyport-test PATH=/usr/sbin:/usr/bin \
  /lib/systemd/systemd --system --unit=test.target --show-status=no
