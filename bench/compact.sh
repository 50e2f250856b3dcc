#!/bin/bash
# SPDX-License-Identifier: MIT
# How long `cat proc/buddyinfo` takes while a machine of 64 GiB does what takes long: moving pages. It is answered between two
# slices of the work. Daemon and client are on CPUs of their own when there are two, before all others if that is permitted:
# how long programs of the host are put off is not the question.
#
#	memory		compact_memory; half of the memory was given out a page at a time, and every second page freed
#	fails		a large block that cannot be made: one page of 200 is held (direct compaction to the zone's end)
#	many		1000 large blocks, each made by compaction
#	huge		the same through nr_hugepages
#	woken		kcompactd, by a request that cannot wait
#	proactive	kcompactd by itself, compaction_proactiveness=90
#	cma, release	an area of 4 GiB full of tenants, by debugfs; and back
#	replay		such an area by a recording
#	contig		4 GiB side by side
#
#   bench/compact.sh SIMMFS CLIENT [RAM [ACT...]]     (meson benchmark compact runs it; wanted: 99 of 100 in at most 5 ms)
#
# Needs a build without sanitizers: meson setup build-release -Dbuildtype=release
set -eu
simmfs=$1 client=$2 ram=${3:-64G}
shift 2
shift $(($# > 0))
acts=("$@")
[ $# != 0 ] || acts=(memory fails many huge woken proactive cma release replay contig)
[ -c /dev/fuse ] || { echo "skipped: no /dev/fuse"; exit 77; }

mnt=$(mktemp -d /tmp/simmfs-bench-XXXXXX)
trap 'umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt" 2>/dev/null || true; rmdir "$mnt"' EXIT
first=()
chrt -f 1 true 2>/dev/null && first=(chrt -f 1)
area=$((4 << 18))

ctl() { printf '%s\n' "$@" >"$mnt/sim/ctl" || true; }
half() {
    local pages
    pages=$(awk '/^MemTotal/ { print int($2 / 8) }' "$mnt/proc/meminfo")
    ctl "p.0-$((pages - 1)) = alloc_pages GFP_HIGHUSER_MOVABLE 0" "__free_pages p.1-:1/2 0"
}
# All of it, every second page free, and no large block left.
crumbs() {
    ctl "p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0" "__free_pages p.1-:1/2 0" drain_all_pages
    ctl "x.0- = alloc_pages __GFP_MOVABLE 9" 2>/dev/null
}
held() { crumbs; ctl "get_page p.0-:1/200"; }
tenants() { ctl "p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0" "__free_pages p.0-:1/3 0" "__free_pages p.1-:1/3 0"; }

measure() { # ACT OPTIONS SETUP FILE TEXT
    "${first[@]}" taskset -c 0 "$simmfs" -o "ram=$ram,$2" pc-x86_64 "$mnt"
    echo 0 >"$mnt/proc/sys/vm/compaction_proactiveness"
    eval "$3"
    printf '%-10s ' "$1"
    "${first[@]}" taskset -c $(($(nproc) > 1)) "$client" beside "$mnt/proc/buddyinfo" "$mnt/$4" "$5"
    awk '$1 == "pgmigrate_success" { print "           " $2 " pages were moved" }' "$mnt/proc/vmstat"
    umount "$mnt"
}

for act in "${acts[@]}"; do
    case $act in
    memory) measure $act cma=0 half proc/sys/vm/compact_memory 1 ;;
    fails) measure $act cma=0 held sim/ctl $'big = alloc_pages GFP_HIGHUSER_MOVABLE 9\n' ;;
    many) measure $act cma=0 crumbs sim/ctl $'big.0-999 = alloc_pages GFP_HIGHUSER_MOVABLE 9\n' ;;
    huge) measure $act cma=0 crumbs proc/sys/vm/nr_hugepages 1000 ;;
    woken) measure $act cma=0 held sim/ctl $'big = alloc_pages GFP_NOWAIT 9\n' ;;
    proactive) measure $act cma=0 half proc/sys/vm/compaction_proactiveness 90 ;;
    cma) measure $act cma=4G tenants sys/kernel/debug/cma/reserved/alloc $area ;;
    release) measure $act cma=4G 'echo $area >"$mnt/sys/kernel/debug/cma/reserved/alloc"' \
        sys/kernel/debug/cma/reserved/free $area ;;
    replay) measure $act cma=4G tenants sim/replay " a-1 [000] ..... 1.0: cma_alloc_finish: name=reserved pfn=0x3b400 page=0000000012 count=$area align=0 errorno=0
" ;;
    contig) measure $act cma=0 tenants sim/ctl "alloc_contig_pages $area GFP_KERNEL
" ;;
    *) echo "compact.sh: no act $act"; exit 2 ;;
    esac
done
