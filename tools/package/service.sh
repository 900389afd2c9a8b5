# Shared by the scripts of the Debian package and of the rpm.
#
# An upgrade stops what runs before the files change and starts it after: a process of the old version would not find the
# parts that it loads later. The names of the stopped units are kept in a file until then.

parked=/run/sallyport-upgrade

manages() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

running_units() {
  systemctl list-units --plain --no-legend --state=active,activating,reloading,deactivating \
    sallyport.service sallyport-change.socket 'sallyport-change@*.service' 'sallyport-menu@*.service' \
    sallyport-metrics.socket sallyport-metrics.service 2>/dev/null |
    sed -n 's/^ *\(sallyport[^ ]*\).*/\1/p'
}

# Stops them, and adds those that are started again to the file.
park() {
  manages || return 0
  units=$(running_units)
  [ -n "$units" ] || return 0
  for unit in $units; do
    case $unit in
      # Started by their sockets. A change that is being tried is reverted by its stop.
      sallyport-change@* | sallyport-metrics.service) ;;
      *) echo "$unit" >>"$parked" ;;
    esac
  done
  # shellcheck disable=SC2086
  systemctl stop $units
}

# Starts what was stopped. An admin who masked or disabled a unit meanwhile has the last word: a masked one stays stopped.
start_parked() {
  manages || return 0
  systemctl daemon-reload || true
  [ -e "$parked" ] || return 0
  sort -u "$parked" | while read -r unit; do
    if [ "$(systemctl show --property=LoadState --value "$unit")" = masked ]; then continue; fi
    systemctl start "$unit" || echo "sallyport: $unit did not start again: see systemctl status $unit" >&2
  done
  rm -f "$parked"
}

make_user_and_folders() {
  systemd-sysusers sallyport.conf
  systemd-tmpfiles --create sallyport.conf
}

# The program of systemd/install.sh has the same place. Files that only it has would stay for ever.
set_script_program_aside() {
  if [ -e /usr/lib/sallyport/node ] && [ ! -e /usr/lib/sallyport.script ]; then
    mv /usr/lib/sallyport /usr/lib/sallyport.script
  fi
  rm -f /etc/sallyport/sallyport.example.yaml /etc/sallyport/sallyport.schema.json
}
