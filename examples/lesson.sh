# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the lessons share. Sourced by each:  . "$(dirname "$0")/lesson.sh"
#
# A lesson is run as  bash MNT/sim/lessons/01-buddy.sh  or  examples/buddy.sh MNT. It boots the machine afresh, so that
# the same numbers are seen each time, and once more at its end, with the options that the machine had before. It says
# what it does and why, shows what is seen, and asserts it: `must` ends the lesson with status 1 and a sentence when
# something is not as it says.
set -u
export LC_ALL=C
MNT=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
if [ ! -e "$MNT/sim/ctl" ]; then
    echo "usage: $0 MOUNTPOINT    (no machine is mounted on $MNT; \`simmfs $MNT\` mounts one)" >&2
    exit 2
fi
# A program that a lesson needs beside bash and the usual tools is named in its head: `# Needs: valgrind`.
for needed in $(sed -n 's/^# Needs: //p' "$0"); do
    if ! command -v "$needed" >/dev/null; then
        echo "$(basename "$0") needs $needed, which is not installed here" >&2
        exit 77
    fi
done
# shellcheck source=/dev/null
. "$MNT/sim/bashrc"
proc=$MNT/proc sys=$MNT/sys sim=$MNT/sim

title() { printf '\n== %s ==\n' "$*"; }
say() { printf '%s\n' "$@"; }
# Show a command as it could be typed on the mountpoint, and what it prints.
see() {
    printf '$ %s\n' "${*//$MNT\//}"
    "$@" | sed 's/^/    /'
}
# A call written to sim/ctl, shown; its result is left in $got. A refusal ends the lesson.
act() {
    printf '$ call %s\n' "$*"
    got=$(call "$@") || must "the call \`$*\` is taken" false
    [ -z "$got" ] || printf '    %s\n' "$got"
}
# A call that has to be refused: its errno's name in $got.
refused() {
    printf '$ call %s\n' "$*"
    got=$(call "$@" 2>&1) && must "the call \`$*\` is refused" false
    printf '%s\n' "$got" | sed 's/^/    /'
}
# must "what has to be true" COMMAND...: the assertion of a lesson.
must() {
    local sentence=$1
    shift
    if "$@"; then
        printf '  [true] %s\n' "$sentence"
    else
        printf '  [FALSE] %s\n' "$sentence"
        printf '%s: this should be true and is not: %s  (%s)\n' "$(basename "$0")" "$sentence" "$*" >&2
        exit 1
    fi
}
no() { ! "$@"; }

# ---- the machine ----
settings=$(cat "$sim/machine" 2>/dev/null)
declare -A changed=()
fresh() { # options of the machine, one a word: boot it afresh
    local option
    for option in "$@"; do
        changed[${option%%=*}]=1
    done
    cat <<<"reboot $*" >"$sim/ctl" || must "the machine boots again ($*)" false
}
# The machine as it was: what the lesson changed gets its old value, or the preset's.
leave() {
    local name value line=
    for name in "${!changed[@]}"; do
        value=$(sed -n -E "s/(^|.*[ ,])$name=(\"[^\"]*\"|[^ ,]*).*/\2/p" <<<"$settings")
        case $name:$value in
        ram:) value=2G ;;
        cma:) value=0 ;;
        esac
        line+=" $name=$value"
    done
    cat <<<"reboot$line" >"$sim/ctl"
}
trap leave EXIT

# ---- reading ----
# Free blocks of a zone, order by order: `blocks Normal`, of node 0.
blocks() { awk -v z="$1" '$1 == "Node" && $2 == "0," && $4 == z { for (i = 5; i <= NF; i++) printf "%s ", $i; print "" }' "$proc/buddyinfo"; }
# Free pages in those blocks.
pages() { blocks "$1" | awk '{ for (i = 1; i <= NF; i++) n += $i * 2 ^ (i - 1); print n + 0 }'; }
# A number of a zone of node 0 in zoneinfo: `zone Normal min`, `zone DMA managed`.
zone() { awk -v z="$1" -v k="$2" '/^Node/ { on = ($2 == "0," && $4 == z) } on && $1 == "pages" { sub(/^ *pages */, "") } on && $1 == k { print $2; exit }' "$proc/zoneinfo"; }
# A field of meminfo in kB: `kb MemFree`.
kb() { awk -v k="$1:" '$1 == k { print $2 }' "$proc/meminfo"; }
