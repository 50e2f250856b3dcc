#!/bin/bash
# SPDX-License-Identifier: MIT
# A program's references, as valgrind's lackey wrote them to a file, through the mount on the simulated MMU; the peer is
# the same program under valgrind's cachegrind, which simulates caches for it while it runs.
#
#   bench/lackey.sh SIMMFS [PROGRAM [ARGUMENT...]]      (meson benchmark lackey runs it)
#
# The ratio is cachegrind's whole run / `cat FILE > MNT/proc/PID/access`, each the best of three, in CPU time (of cat and
# of the daemon), so that other programs on the host disturb little. The machine counts cycles, as it does when nobody
# says otherwise, and once more without.
# Needs valgrind, a build without sanitizers (meson setup build-release -Dbuildtype=release), and 20 bytes of /tmp a
# reference.
set -eu
simmfs=$1
shift
# shellcheck disable=SC2016
[ $# -gt 0 ] || set -- bash -c 'for ((i = 0; i < 1200; i++)); do s=$((s + i)); done'
[ -c /dev/fuse ] || { echo "skipped: no /dev/fuse"; exit 77; }
command -v valgrind >/dev/null || { echo "skipped: no valgrind"; exit 77; }

dir=$(mktemp -d /tmp/simmfs-bench-XXXXXX)
mkdir "$dir/machine"
cleanup() {
    umount "$dir/machine" 2>/dev/null || fusermount3 -u "$dir/machine" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
pin=(taskset -c 0)

# Ticks of CPU time that this shell's children had, and the process $1 when it is given.
ticks() {
    { cat /proc/$$/stat; [ -z "$1" ] || cat "/proc/$1/stat"; } |
        awk -v own=$$ '{ sum += $1 == own ? $16 + $17 : $14 + $15 } END { print sum }'
}
# best DAEMON COMMAND...: ticks of its quickest run of three, those of the daemon with them
best() {
    local daemon=$1 least=0 before n
    shift
    for _ in 1 2 3; do
        before=$(ticks "$daemon")
        "$@" >/dev/null 2>&1
        n=$(($(ticks "$daemon") - before))
        [ "$least" != 0 ] && [ "$n" -ge "$least" ] || least=$n
    done
    echo "$least"
}

valgrind --tool=lackey --trace-mem=yes --log-file="$dir/references" "$@" >/dev/null
lines=$(grep -c '^[I ]' "$dir/references")
hz=$(getconf CLK_TCK)
best "" "${pin[@]}" valgrind --tool=cachegrind --cachegrind-out-file=/dev/null "$@" >"$dir/ticks"
cachegrind=$(cat "$dir/ticks")

# -f: the daemon is this shell's own process, whose time can be read.
setsid "${pin[@]}" "$simmfs" -f -o ram=4G pc-x86_64 "$dir/machine" &
daemon=$!
until mountpoint -q "$dir/machine"; do sleep 0.05; done
mkdir "$dir/machine/sim/tasks/prog"
prog=$dir/machine/sim/tasks/prog
# What the process was born with makes room for the program's own addresses.
echo 'munmap 0x400000 2M' >"$prog/ctl"
echo automap >"$prog/access"
feed() { "${pin[@]}" cat "$dir/references" >"$prog/access"; }
row() {
    awk -v what="$1" -v n="$2" -v hz="$hz" -v lines="$lines" -v peer="$cachegrind" 'BEGIN {
        printf "%-28s %6.2f s %7.1f million references a second", what, n / hz, lines * hz / n / 1e6
        if (n != peer) printf "   %.2fx   (wanted: 0.40x)", peer / n
        print "" }'
}
echo "$lines references"
row "cachegrind, whole run" "$cachegrind"
best "$daemon" feed >"$dir/ticks"
row "cat to PID/access" "$(cat "$dir/ticks")"
echo 0 >"$dir/machine/sim/cpu0/cycles"
best "$daemon" feed >"$dir/ticks"
row "the same without cycles" "$(cat "$dir/ticks")"
grep -E '^(refused|beyond)' "$prog/access"
