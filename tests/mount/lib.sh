# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of this folder share: a scratch directory, a machine mounted in it, TAP, and the clearing away.
#
# Needs $SIMMFS, the daemon's path. Each test mounts under a directory of its own, so that all may run at once.
#   start [words of simmfs before the mountpoint]     mounts on $mnt
#   stop                                              unmounts it
#   is NAME GOT WANT        like NAME TEXT PATTERN    ok NAME COMMAND...     (PATTERN as in [[ == ]])
#   finish                                            must be the last line
set -u
export LC_ALL=C
: "${SIMMFS:?the path of the daemon}"

skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}
[ -c /dev/fuse ] || skip_all "this system has no /dev/fuse"

work=$(mktemp -d /tmp/simmfs-mount-XXXXXX)
chmod 755 "$work"
mnt=$work/m
mkdir "$mnt"
case_number=0
bad_cases=0

clear_away() {
    local m
    cd / || return
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null
    awk -v w="$work/" 'index($2, w) == 1 { print $2 }' /proc/self/mounts | sed 's/\\040/ /g' | while read -r m; do
        umount "$m" 2>/dev/null || fusermount3 -u "$m" 2>/dev/null || umount -l "$m" 2>/dev/null || fusermount3 -uz "$m"
    done
    rm -rf --one-file-system "$work"
}
trap clear_away EXIT

report() { # status name
    set -- "$1" "${2//$'\n'/ }"
    case_number=$((case_number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $case_number - $2"
    else
        bad_cases=$((bad_cases + 1))
        echo "not ok $case_number - $2"
    fi
}
note() { printf '%s\n' "$*" | sed 's/^/# /'; }
skip() { # name why
    case_number=$((case_number + 1))
    echo "ok $case_number - $1 # SKIP $2"
}
ok() { # name command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then report 0 "$name"; else report 1 "$name"; note "$* said: $said"; fi
}
not_ok() { # name command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then report 1 "$name"; note "$* succeeded: $said"; else report 0 "$name"; fi
}
is() { # name got want
    if [ "$2" = "$3" ]; then report 0 "$1"; else report 1 "$1"; note "got:  $2"; note "want: $3"; fi
}
like() { # name text pattern
    # shellcheck disable=SC2053
    if [[ $2 == $3 ]]; then report 0 "$1"; else report 1 "$1"; note "got:  $2"; note "want: $3"; fi
}
finish() {
    echo "1..$case_number"
    [ "$bad_cases" = 0 ]
    exit
}

# ---- the daemon ----
start() {
    local said
    if ! said=$(timeout 60 "$SIMMFS" "$@" "$mnt" 2>&1); then
        note "simmfs $* does not mount: $said"
        report 1 "a machine is mounted"
        finish
    fi
}
is_mounted() { grep -q " $1 fuse.simmfs " /proc/self/mounts; }
daemon_pid() { # of the daemon that serves $1 (default $mnt): the process with that path among its words
    local p want=${1:-$mnt}
    for p in /proc/[0-9]*; do
        [ "$(readlink "$p/exe" 2>/dev/null)" = "$(readlink -f "$SIMMFS")" ] || continue
        tr '\0' '\n' <"$p/cmdline" 2>/dev/null | grep -qxF -- "$want" && echo "${p#/proc/}" && return
    done
    return 1
}
stop() { umount "$mnt"; }
# Wait until a command holds, at most so many seconds.
wait_for() { # seconds command...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
# What a command that must fail says on stderr, and its status, in $said and $status.
refused() {
    said=$("$@" 2>&1 >/dev/null)
    status=$?
}
# A user who is not root: runs a command, with a copy of the daemon that he can reach as $SIMMFS.
as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/ "$@"; }
need_user() {
    [ "$(id -u)" = 0 ] || skip_all "only root can become an ordinary user"
    command -v setpriv >/dev/null || skip_all "setpriv (util-linux) is missing"
    [ -u /usr/bin/fusermount3 ] || skip_all "fusermount3 does not run as root"
    # As udev sets it wherever it runs.
    chmod 666 /dev/fuse || skip_all "/dev/fuse cannot be opened to everybody"
    cp "$SIMMFS" "$work/simmfs"
    SIMMFS=$work/simmfs
}
