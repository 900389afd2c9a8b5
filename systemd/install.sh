#!/bin/sh
# Installs Sallyport as a service, upgrades it, or removes it. Run it as root in what `npm run build` made (dist/program, or a
# copy of it on another machine of the same kind) or in the checkout, or with DESTDIR to make the tree of a package. Running it
# again gives the same result. docs/install.md describes it.
#
# What an admin wrote is never changed: /etc/sallyport/sallyport.yaml, secrets, packages, state, logs. When it is interrupted,
# the program that was installed before is still there, and nothing unfinished is left.
set -eu
umask 022

usage() {
  cat <<'TEXT'
usage: systemd/install.sh [--node FILE] [--program DIR] [--foreign]
       systemd/install.sh --remove | --purge

  --node FILE     the Node to install (default: the one that came with the packages); it needs the library libatomic
  --program DIR   the built program (default: the folder around this script, or dist/program in a checkout)
  --remove        stop the service and remove the program; configuration, packages, state and logs stay
  --purge         like --remove, and also remove configuration, packages, state, logs, documents that wait in
                  /var/spool/sallyport, changes to the unit, and the user
  --foreign       with DESTDIR: the Node is for another machine, so it is not started to check it
  DESTDIR=DIR     install below DIR; makes no user and talks to no systemd
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
dest=${DESTDIR-}
lib=$dest/usr/lib/sallyport
doc=$dest/usr/share/doc/sallyport
share=$dest/usr/share/sallyport
foreign=
node=
program=$root/dist/program
if [ -f "$root/main.js" ]; then program=$root; fi
action=install
units='sallyport.service sallyport-change.socket sallyport-change@.service sallyport-menu@.service
  sallyport-metrics.socket sallyport-metrics.service'

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --node) node=${2:?--node needs a file}; shift ;;
    --program) program=${2:?--program needs a folder}; shift ;;
    --foreign) foreign=yes ;;
    --remove) action=remove ;;
    --purge) action=purge ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done

# Only a running system has users and units to change.
live=
if [ -z "$dest" ]; then
  [ "$(id -u)" -eq 0 ] || fail 'it must run as root (or with DESTDIR).'
  live=yes
fi
# Where zsh looks. Debian and its derivatives keep site-functions for the admin.
zsh=$dest/usr/share/zsh
zsh_functions=$zsh/site-functions
if [ -n "$live" ] && [ -e /etc/debian_version ]; then zsh_functions=$zsh/vendor-completions; fi
# Also true if systemd runs but cannot be reached, as in a chroot.
manages() { [ -n "$live" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

# A program that a package manager installed is upgraded and removed by it alone.
fail_if_packaged() {
  [ -n "$live" ] || return 0
  if command -v dpkg-query >/dev/null && dpkg-query -S /usr/lib/sallyport/node >/dev/null 2>&1; then
    fail "the Debian package sallyport owns /usr/lib/sallyport. Upgrade it with apt, or remove it first: apt remove sallyport"
  fi
  if command -v rpm >/dev/null && rpm -qf /usr/lib/sallyport/node >/dev/null 2>&1; then
    fail "the rpm sallyport owns /usr/lib/sallyport. Upgrade it with dnf, or remove it first: dnf remove sallyport"
  fi
}

find_node() {
  node=$program/node
  [ ! -e "$node" ] || return 0
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail "no Node comes with the packages for $(uname -m): name one by --node." ;;
  esac
  node=$root/node_modules/node-linux-$arch/bin/node
}

# Node needs GCC's libatomic, which a minimal system may not have.
fail_without_library() {
  missing=$(printf '%s\n' "$1" | sed -n 's/.*loading shared libraries: \([^: ]*\):.*/\1/p' | head -n 1)
  case $missing in
    '') fail "$node does not start here: $1" ;;
    libatomic.so.*)
      fail "$node needs the library $missing, which is missing here. Install it and run this again:
  Debian, Ubuntu:      apt-get install libatomic1
  Fedora, RHEL, Rocky: dnf install libatomic
  SUSE:                zypper install libatomic1
  Alpine has no glibc, which this Node also needs: name a Node for Alpine with --node." ;;
    *) fail "$node needs the library $missing, which is missing here. Install it and run this again." ;;
  esac
}

check_parts() {
  [ -n "$node" ] || find_node
  [ -f "$program/main.js" ] || fail "$program/main.js is missing: run npm run build first."
  [ -x "$node" ] || fail "$node is missing: run npm run build first, or name a Node by --node."
  if [ -n "$foreign" ] && [ -n "$dest" ]; then return; fi
  version=$("$node" --version 2>&1) || fail_without_library "$version"
  major=${version#v}
  [ "${major%%.*}" -ge 24 ] || fail "$node is $version; 24.15 or newer is needed."
}

# Unfinished files have only these names. They are deleted when the script ends for any reason.
unfinished=
tidy() {
  [ -z "$unfinished" ] || rm -f "$unfinished"
  rm -rf "$lib.new"
  if [ -e "$lib.old" ]; then
    if [ -e "$lib" ]; then rm -rf "$lib.old"; else mv "$lib.old" "$lib"; fi
  fi
}
trap tidy EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# One file with its mode, whatever the umask, by one rename: a reader sees the old one or the new one.
put() {
  [ -d "${3%/*}" ] || mkdir -p "${3%/*}"
  # mv would put it into a folder of that name.
  [ ! -d "$3" ] || fail "$3 is a folder; a file belongs there."
  unfinished=$3.new
  cp "$2" "$unfinished"
  chmod "$1" "$unfinished"
  mv -f "$unfinished" "$3"
  unfinished=
}

put_program() {
  tidy
  mkdir -p "$lib.new/program"
  cp "$node" "$lib.new/node"
  chmod 0755 "$lib.new/node"
  for part in "$program"/*; do
    case ${part##*/} in
      # These are installed elsewhere.
      node | systemd | docs | config | LICENSE) ;;
      *) cp -R "$part" "$lib.new/program/" ;;
    esac
  done
  chmod -R u=rwX,go=rX "$lib.new"
  cp "$root/LICENSE" "$lib.new/LICENSE"
  if [ -e "$lib" ]; then mv "$lib" "$lib.old"; fi
  mv "$lib.new" "$lib"
  rm -rf "$lib.old"
}

put_files() {
  # Pages of an older version, and what it left unfinished there.
  rm -rf "$doc"
  put 0755 "$here/sallyport.sh" "$dest/usr/bin/sallyport"
  for unit in $units; do put 0644 "$here/$unit" "$dest/usr/lib/systemd/system/$unit"; done
  put 0644 "$here/sysusers.d/sallyport.conf" "$dest/usr/lib/sysusers.d/sallyport.conf"
  put 0644 "$here/tmpfiles.d/sallyport.conf" "$dest/usr/lib/tmpfiles.d/sallyport.conf"
  for file in "$root"/docs/*.md; do put 0644 "$file" "$doc/${file##*/}"; done
  for file in "$here"/examples/*; do put 0644 "$file" "$doc/examples/${file##*/}"; done
  put 0644 "$here/logrotate/sallyport" "$doc/examples/logrotate/sallyport"
  for file in "$root"/docs/man/*.[58]; do
    if [ -e "$file" ]; then put 0644 "$file" "$dest/usr/share/man/man${file##*.}/${file##*/}"; fi
  done
  put 0644 "$here/completion/sallyport" "$dest/usr/share/bash-completion/completions/sallyport"
  put 0644 "$here/completion/_sallyport" "$zsh_functions/_sallyport"
  put 0644 "$here/completion/sallyport.fish" "$dest/usr/share/fish/vendor_completions.d/sallyport.fish"
  put 0644 "$root/config/sallyport.schema.json" "$share/sallyport.schema.json"
  put_example
  # Where older versions had them.
  rm -f "$dest/etc/sallyport/sallyport.example.yaml" "$dest/etc/sallyport/sallyport.schema.json" \
    "$dest/usr/share/man/man1/sallyport.1"
}

# The copy in another folder still finds the schema.
put_example() {
  unfinished=$share/sallyport.example.yaml.new
  sed '1s|=\./|=/usr/share/sallyport/|' "$root/config/sallyport.example.yaml" > "$unfinished"
  chmod 0644 "$unfinished"
  mv -f "$unfinished" "$share/sallyport.example.yaml"
  unfinished=
}

make_user_and_folders() {
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers "$dest/usr/lib/sysusers.d/sallyport.conf"
  elif ! id sallyport >/dev/null 2>&1; then
    useradd --system --user-group --home-dir /var/lib/sallyport --shell /usr/sbin/nologin sallyport
  fi
  for group in sallyport-admin sallyport-submit; do
    if ! getent group "$group" >/dev/null; then groupadd --system "$group"; fi
  done
  if ! id sallyport-menu >/dev/null 2>&1; then
    useradd --system --no-user-group --gid sallyport-admin --home-dir /var/lib/sallyport-menu --shell /usr/sbin/nologin sallyport-menu
  fi
  if ! id sallyport-console >/dev/null 2>&1; then
    useradd --system --user-group --groups sallyport,sallyport-admin --home-dir / --shell /usr/sbin/nologin sallyport-console
  fi
  # systemd-sysusers has done it. A minimal system has no usermod.
  case " $(id -nG sallyport) " in
    *' sallyport-submit '*) ;;
    *) usermod -aG sallyport-submit sallyport ;;
  esac
  # The same as in the tmpfiles. Created here so that a machine without systemd-tmpfiles also gets them.
  install -d -m 0750 -o root -g sallyport /etc/sallyport /etc/sallyport/secrets
  install -d -m 0711 -o sallyport -g sallyport /var/lib/sallyport
  install -d -m 0750 -o sallyport -g sallyport /var/log/sallyport
  install -d -m 2750 -o sallyport -g sallyport-submit /var/spool/sallyport /var/spool/sallyport/rejected
  install -d -m 3770 -o sallyport -g sallyport-submit /var/spool/sallyport/tmp /var/spool/sallyport/new
}

install_all() {
  check_parts
  put_program
  put_files
  [ -n "$live" ] || { echo "Installed below $dest."; return; }
  make_user_and_folders
  if manages; then
    systemctl daemon-reload
    # A running service still uses the old program, whose files are gone.
    systemctl try-restart sallyport.service
    # The same for enabled sockets, so that the new units take effect.
    systemctl try-restart sallyport-change.socket sallyport-metrics.socket
    systemctl try-restart 'sallyport-menu@*.service'
  fi
  echo "Installed Sallyport $(/usr/bin/sallyport --version) with Node $version."
  if [ ! -e /etc/sallyport/sallyport.yaml ]; then
    echo 'Next: install -m 0640 -g sallyport /usr/share/sallyport/sallyport.example.yaml /etc/sallyport/sallyport.yaml,'
    echo 'edit it, then: sallyport config check && systemctl enable --now sallyport'
  fi
}

delete_users() {
  if ! command -v userdel >/dev/null || ! command -v groupdel >/dev/null; then
    echo 'The users and groups of Sallyport stay, because this system has no userdel or groupdel.'
    return
  fi
  for user in sallyport-menu sallyport-console sallyport; do
    if id "$user" >/dev/null 2>&1; then userdel "$user"; fi
  done
  for group in sallyport-admin sallyport-submit; do
    if getent group "$group" >/dev/null; then groupdel "$group"; fi
  done
}

remove_all() {
  if manages; then
    systemctl disable --now sallyport.service 2>/dev/null || true
    systemctl disable --now sallyport-change.socket sallyport-metrics.socket 2>/dev/null || true
    systemctl stop sallyport-metrics.service 2>/dev/null || true
    systemctl stop 'sallyport-change@*.service' 'sallyport-menu@*.service' 2>/dev/null || true
    # systemctl disables no instances by a pattern.
    rm -f /etc/systemd/system/*.wants/sallyport-menu@*.service
  fi
  rm -rf "$lib" "$lib.new" "$lib.old" "$doc"
  for unit in $units; do rm -f "$dest/usr/lib/systemd/system/$unit"; done
  rm -f "$dest/usr/bin/sallyport" \
    "$dest/usr/lib/sysusers.d/sallyport.conf" "$dest/usr/lib/tmpfiles.d/sallyport.conf" \
    "$dest/usr/share/man/man1/sallyport.1" \
    "$dest/usr/share/man/man8/sallyport.8" "$dest/usr/share/man/man5/sallyport.yaml.5" \
    "$dest/usr/share/bash-completion/completions/sallyport" "$dest/usr/share/fish/vendor_completions.d/sallyport.fish" \
    "$zsh/site-functions/_sallyport" "$zsh/vendor-completions/_sallyport" \
    "$share/sallyport.example.yaml" "$share/sallyport.schema.json" \
    "$dest/etc/sallyport/sallyport.example.yaml" "$dest/etc/sallyport/sallyport.schema.json"
  rmdir "$share" 2>/dev/null || true
  if manages; then systemctl daemon-reload; fi
  if [ "$action" = purge ]; then
    rm -rf "$dest/etc/sallyport" "$dest/var/lib/sallyport" "$dest/var/log/sallyport" "$dest/var/spool/sallyport" \
      "$dest/var/lib/sallyport-menu"
    # Files of `systemctl edit`: a drop-in, or a unit that replaces ours.
    for unit in $units; do rm -rf "$dest/etc/systemd/system/$unit.d" "$dest/etc/systemd/system/$unit"; done
    if manages; then systemctl daemon-reload; systemctl reset-failed sallyport.service 2>/dev/null || true; fi
    if [ -n "$live" ]; then delete_users; fi
    echo 'Removed Sallyport with its configuration, changes to the unit, packages, state and logs.'
  else
    echo 'Removed Sallyport. Configuration, packages, state and logs are where they were.'
  fi
}

fail_if_packaged
case $action in
  install) install_all ;;
  *) remove_all ;;
esac
