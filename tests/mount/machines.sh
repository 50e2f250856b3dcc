#!/bin/bash
# SPDX-License-Identifier: MIT
# Every machine that can be named mounts and serves: presets, devicetrees, dumps of real machines, this host.
. "$(dirname "$0")/lib.sh"

serves() { # name options...
    local name=$1 said
    shift
    if ! said=$(timeout 60 "$SIMMFS" "$@" "$mnt" 2>&1); then
        note "$said"
        report 1 "$name mounts"
        return 1
    fi
    if grep -q "^Node 0, zone" "$mnt/proc/buddyinfo" && grep -q "^MemTotal:" "$mnt/proc/meminfo"; then
        report 0 "$name"
    else
        report 1 "$name serves"
    fi
}
for machine in $("$SIMMFS" --list-machines | awk '{ print $1 }'); do
    serves "$machine" "$machine" && stop
done
boards=${SIMM_SHARED:-/nowhere}/boards
if [ -d "$boards" ]; then
    for dtb in "$boards"/*.dtb; do
        serves "$(basename "$dtb")" -o ram=1G "$dtb" && stop
    done
    cp "$boards"/juno.dtb "$work/board"
    (cd "$work" && timeout 60 "$SIMMFS" -o ram=1G board "$mnt")
    ok "a devicetree named by a plain file name" grep -q "^Node 0" "$mnt/proc/buddyinfo"
    stop
    head -c 1000 "$boards/juno.dtb" >"$work/torn.dtb"
    refused "$SIMMFS" "$work/torn.dtb" "$mnt"
    like "a torn devicetree: a sentence" "$said" "simmfs: $work/torn.dtb: ?*"
else
    skip "boards' devicetrees" "SIMM_SHARED names no folder with boards/"
fi

oracle=${SIMM_SHARED:-/nowhere}/oracle
if [ -d "$oracle" ]; then
    for dump in "$oracle"/*/proc; do
        dump=${dump%/proc}
        serves "like $(basename "$dump")" -o "like=$dump" || continue
        want=$(awk '$1 == "Node" { n = n " " $2 $4 } END { print n }' "$dump/proc/buddyinfo")
        is "its zones" "$(awk '$1 == "Node" { n = n " " $2 $4 } END { print n }' "$mnt/proc/buddyinfo")" "$want"
        stop
    done
else
    skip "dumps of real machines" "SIMM_SHARED names no folder with oracle/"
fi
if serves "like this host" -o like=/; then
    sizes='/^Node/ { zone = $4 } $1 == "spanned" || $1 == "present" || $1 == "managed" { print zone, $1, $2 }'
    is "its zones have the host's sizes" "$(awk "$sizes" "$mnt/proc/zoneinfo")" "$(awk "$sizes" /proc/zoneinfo)"
    stop
fi
refused "$SIMMFS" -o "like=$work" "$mnt"
like "a dump that is empty: a sentence" "$said" "simmfs: like=$work: no file of a machine*"

serves "options change a preset" -o ram=256M,cpus=3,seed=5 pc-i386
is "cpus=3" "$(grep -c '^processor' "$mnt/proc/cpuinfo")" 3
stop
for bad in ram=1K ram=0 ram=-1 ram=1Q cpus=0 cpus=abc ram=999999999T nodes=999; do
    refused timeout 60 "$SIMMFS" -o "$bad" pc-i386 "$mnt"
    if [ "$status" = 0 ]; then
        report 1 "$bad is refused"
        stop
    else
        like "$bad is refused with a sentence" "$said" "simmfs: ?*"
    fi
done

# ---- time ----
clock() { head -1 "$mnt/sim/clock"; }
start
before=$(clock)
sleep 0.3
is "time stands still between acts" "$(clock)" "$before"
stop
start -o realtime
before=$(clock)
sleep 0.5
after=$(clock)
[ "$before" != "$after" ]
is "-o realtime: time passes" $? 0
note "$before to $after"
stop
finish
