"""What is run on a host to put a build of a server there. POSIX shell; `$1` and so on are told at
each. Exit statuses that are ours are in `STATUSES`.
"""

from mcp_install import shell

STATUSES = {
    75: "busy",
    76: "dir_not_ours",
    72: "file_error",
    77: "noexec",
    78: "disk_space",
    127: "runtime_missing",
}

# What programs that install are to know: nobody answers their questions; no file for others.
_SETTINGS = r"""
umask 077
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 npm_config_yes=true
export npm_config_update_notifier=false GIT_TERMINAL_PROMPT=0 DEBIAN_FRONTEND=noninteractive
export PYTHONUTF8=1 PYTHONUNBUFFERED=1 UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true
[ -n "$LC_ALL$LC_CTYPE$LANG" ] || export LC_ALL=C.UTF-8
"""

# The folder is ours while we are in it: `lock ROOT ID`. A lock whose holder is gone is taken over.
_LOCK = r"""
lock() {
  mcp_lock="$1/.mcp-install.lock"
  until mkdir -- "$mcp_lock" 2>/dev/null; do
    holder=$(cat "$mcp_lock/pid" 2>/dev/null)
    if [ -n "$holder" ] && [ "$(cat "$mcp_lock/id")" != "$2" ]; then
      if [ -d "/proc/$holder" ] || kill -0 "$holder" 2>/dev/null; then exit 75; fi
    fi
    [ -n "$holder" ] || sleep 1  # it may be writing
    rm -rf -- "$mcp_lock" || exit 72
  done
  trap 'rm -rf -- "$mcp_lock"' EXIT
  trap 'exit 129' HUP
  trap 'exit 143' TERM INT
  { echo "$$" > "$mcp_lock/pid" && echo "$2" > "$mcp_lock/id"; } || exit 72
}
"""

# `$1` the server's folder, `$2` the build's, `$3` its name. Says how many folders, from the
# server's on upwards, are not there yet, and then `done` when the build is there, else `new`.
PREPARE = r"""
umask 077
root=$1; build=$2; name=$3
if [ -e "$root" ] && [ ! -d "$root" ]; then exit 76; fi
if [ -d "$root" ] && [ ! -f "$root/.mcp-install.json" ] && [ -n "$(ls -A -- "$root")" ]; then
  exit 76
fi
if [ -e "$build" ] && [ ! -f "$build/.mcp-install.json" ]; then exit 76; fi
missing=0; place=$root
until [ -d "$place" ]; do
  place=$(dirname -- "$place")
  missing=$((missing + 1))
done
state=new
if [ "$(cat "$build/.mcp-install.done" 2>/dev/null)" = "$name" ]; then state=done; fi
echo "$missing $state"
"""

# `$1` nonce, `$2` terminal or watch, `$3` the server's folder, `$4` the build's, `$5` its name,
# `$6` and `$7` what is written to .mcp-install.json of both, `$8` the run's id, `$9` "again" to go
# on in a build that is there; then for each command its mark, how it is shown, how many words it
# has, and these.
BUILD = (
    shell.USUAL_PLACES
    + _SETTINGS
    + _LOCK
    + r"""
nonce=$1; mode=$2; root=$3; build=$4; name=$5; of_root=$6; of_build=$7; id=$8; how=$9
shift 9
mark() { printf '\033]777;%s;%s\007' "$nonce" "$1"; }
if [ "$mode" = watch ]; then
  exec 3<&0
  (cat <&3 >/dev/null; kill -s TERM -- "-$$" 2>/dev/null || kill -s TERM "$$") >/dev/null 2>&1 &
  watcher=$!
  exec 3<&- 2>&1
fi
mkdir -p -- "$root" || exit 72
lock "$root" "$id"
if [ "$mode" = watch ]; then
  trap 'rm -rf -- "$mcp_lock"; kill "$watcher" 2>/dev/null' EXIT
fi
mkdir -p -- "$root/versions" || exit 72
[ -f "$root/.mcp-install.json" ] || printf '%s\n' "$of_root" > "$root/.mcp-install.json" || exit 72
if [ "$how" != again ]; then
  rm -rf -- "$build" || exit 72
  mkdir -- "$build" || exit 72
fi
rm -f -- "$build/.mcp-install.done"
printf '%s\n' "$of_build" > "$build/.mcp-install.json" || exit 72
cd -- "$build" || exit 72
export TMPDIR="$build/.tmp"
mkdir -p -- "$TMPDIR" || exit 72
first() {
  count=$1; shift
  left=$#
  while [ "$left" -gt 0 ]; do
    if [ "$count" -gt 0 ]; then set -- "$@" "$1"; count=$((count - 1)); fi
    shift
    left=$((left - 1))
  done
  "$@" </dev/null
}
while [ $# -gt 0 ]; do
  mark "$1"
  printf '\033[1m$ %s\033[0m\n' "$2"
  shift 2
  first "$@" || {
    status=$?
    free=$(df -Pk -- "$build" 2>/dev/null | awk 'NR == 2 { print $4 }')
    if [ -n "$free" ] && [ "$free" -lt 1024 ]; then exit 78; fi
    if [ "$status" = 127 ]; then exit 127; fi
    exit 1
  }
  shift "$(($1 + 1))"
done
rm -rf -- "$TMPDIR"
printf '%s\n' "$name" > "$build/.mcp-install.done" || exit 72
mark end
"""
)

# `$1` the server's folder, `$2` the run's id, `$3` the build's name, `$4` that of the one to go
# back to, or nothing. Other builds of ours are removed.
ACTIVATE = (
    _LOCK
    + r"""
root=$1; id=$2; name=$3; previous=$4
lock "$root" "$id"
cd -- "$root" || exit 72
if [ -e current ] && [ ! -L current ]; then exit 76; fi
rm -f -- .current-new
ln -s -- "versions/$name" .current-new || exit 72
mv -Tf -- .current-new current 2>/dev/null || {
  ln -sfn -- "versions/$name" current || exit 72
  rm -f -- .current-new
}
for build in versions/*; do
  case "${build#versions/}" in
    "$name" | "$previous") ;;
    *) if [ -f "$build/.mcp-install.json" ]; then rm -rf -- "$build"; fi ;;
  esac
done
exit 0
"""
)
