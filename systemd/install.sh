#!/bin/sh
# Installs Sallyport as a service, upgrades it, or removes it. Run it as root in a checkout after `npm run build`, or with
# DESTDIR to make the tree of a package. Running it again gives the same result. docs/install.md has the whole story.
#
# What an admin wrote is never changed: /etc/sallyport/sallyport.yaml, secrets, packages, state, logs.
set -eu
umask 022

usage() {
  cat <<'TEXT'
usage: systemd/install.sh [--node FILE] [--program DIR]
       systemd/install.sh --remove | --purge

  --node FILE     the Node to install (default: the one that came with the packages)
  --program DIR   the built program (default: dist/program)
  --remove        stop the service and remove the program; configuration, packages, state and logs stay
  --purge         the same, and remove those and the user as well
  DESTDIR=DIR     install below DIR; makes no user and talks to no systemd
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
dest=${DESTDIR-}
lib=$dest/usr/lib/sallyport
doc=$dest/usr/share/doc/sallyport
node=
program=$root/dist/program
action=install

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --node) node=${2:?--node needs a file}; shift ;;
    --program) program=${2:?--program needs a folder}; shift ;;
    --remove) action=remove ;;
    --purge) action=purge ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done

# Nothing but a running system has users and units to change.
live=
if [ -z "$dest" ]; then
  [ "$(id -u)" -eq 0 ] || fail 'it must run as root (or with DESTDIR).'
  live=yes
fi
# Also true while systemd runs but is not asked, such as in a chroot.
manages() { [ -n "$live" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

find_node() {
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail "no Node comes with the packages for $(uname -m): name one by --node." ;;
  esac
  node=$root/node_modules/node-linux-$arch/bin/node
}

check_parts() {
  [ -n "$node" ] || find_node
  [ -f "$program/main.js" ] || fail "$program/main.js is missing: run npm run build first."
  [ -x "$node" ] || fail "$node is missing: run npm run build first, or name a Node by --node."
  version=$("$node" --version) || fail "$node does not start here."
  major=${version#v}
  [ "${major%%.*}" -ge 24 ] || fail "$node is $version; 24.15 or newer is needed."
}

# One file with its mode, whatever the umask, by one rename: a reader sees the old one or the new one.
put() {
  mkdir -p "$(dirname "$3")"
  cp "$2" "$3.new"
  chmod "$1" "$3.new"
  mv -f "$3.new" "$3"
}

put_program() {
  rm -rf "$lib.new" "$lib.old"
  mkdir -p "$lib.new"
  cp "$node" "$lib.new/node"
  chmod 0755 "$lib.new/node"
  cp -R "$program" "$lib.new/program"
  chmod -R u=rwX,go=rX "$lib.new"
  cp "$root/LICENSE" "$lib.new/LICENSE"
  if [ -e "$lib" ]; then mv "$lib" "$lib.old"; fi
  mv "$lib.new" "$lib"
  rm -rf "$lib.old"
}

put_files() {
  put 0755 "$here/sallyport.sh" "$dest/usr/bin/sallyport"
  put 0644 "$here/sallyport.service" "$dest/usr/lib/systemd/system/sallyport.service"
  put 0644 "$here/sysusers.d/sallyport.conf" "$dest/usr/lib/sysusers.d/sallyport.conf"
  put 0644 "$here/tmpfiles.d/sallyport.conf" "$dest/usr/lib/tmpfiles.d/sallyport.conf"
  for file in "$root"/docs/*.md; do put 0644 "$file" "$doc/$(basename "$file")"; done
  for file in "$here"/examples/*; do put 0644 "$file" "$doc/examples/$(basename "$file")"; done
  put 0644 "$here/logrotate/sallyport" "$doc/examples/logrotate/sallyport"
  put 0644 "$here/logrotate/sallyport" "$doc/examples/logrotate"
  for file in "$root"/docs/man/*.1; do
    if [ -e "$file" ]; then put 0644 "$file" "$dest/usr/share/man/man1/$(basename "$file")"; fi
  done
  put 0644 "$root/config/sallyport.example.yaml" "$dest/etc/sallyport/sallyport.example.yaml"
  put 0644 "$root/config/sallyport.schema.json" "$dest/etc/sallyport/sallyport.schema.json"
}

make_user_and_folders() {
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers "$dest/usr/lib/sysusers.d/sallyport.conf"
  elif ! id sallyport >/dev/null 2>&1; then
    useradd --system --home-dir /var/lib/sallyport --shell /usr/sbin/nologin sallyport
  fi
  # As the tmpfiles say; by hand, so that a machine without systemd-tmpfiles gets them, too.
  install -d -m 0750 -o root -g sallyport /etc/sallyport /etc/sallyport/secrets
  install -d -m 0711 -o sallyport -g sallyport /var/lib/sallyport
  install -d -m 0750 -o sallyport -g sallyport /var/log/sallyport
}

install_all() {
  check_parts
  put_program
  put_files
  [ -n "$live" ] || { echo "Installed below $dest."; return; }
  make_user_and_folders
  if manages; then
    systemctl daemon-reload
    # A running service still holds the old program, whose parts are gone.
    systemctl try-restart sallyport.service
  fi
  echo "Installed Sallyport $(/usr/bin/sallyport --version) with Node $version."
  if [ ! -e /etc/sallyport/sallyport.yaml ]; then
    echo 'Next: copy /etc/sallyport/sallyport.example.yaml to /etc/sallyport/sallyport.yaml (chmod 0640, chgrp sallyport),'
    echo 'edit it, then: sallyport config check && systemctl enable --now sallyport'
  fi
}

remove_all() {
  if manages; then systemctl disable --now sallyport.service 2>/dev/null || true; fi
  rm -rf "$lib" "$lib.new" "$lib.old" "$doc"
  rm -f "$dest/usr/bin/sallyport" "$dest/usr/lib/systemd/system/sallyport.service" \
    "$dest/usr/lib/sysusers.d/sallyport.conf" "$dest/usr/lib/tmpfiles.d/sallyport.conf" \
    "$dest/usr/share/man/man1/sallyport.1" \
    "$dest/etc/sallyport/sallyport.example.yaml" "$dest/etc/sallyport/sallyport.schema.json"
  if manages; then systemctl daemon-reload; fi
  if [ "$action" = purge ]; then
    rm -rf "$dest/etc/sallyport" "$dest/var/lib/sallyport" "$dest/var/log/sallyport"
    if [ -n "$live" ] && id sallyport >/dev/null 2>&1; then userdel sallyport; fi
    echo 'Removed Sallyport with its configuration, packages, state and logs.'
  else
    echo 'Removed Sallyport. Configuration, packages, state and logs are where they were.'
  fi
}

case $action in
  install) install_all ;;
  *) remove_all ;;
esac
