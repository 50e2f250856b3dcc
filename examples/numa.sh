#!/bin/bash
# SPDX-License-Identifier: MIT
# Machine: pc-x86_64-numa
# Where a page lies and what it costs (NUMA, 节点 node, 距离 distance, 内存策略 mempolicy, 页面迁移 migration, mbind, move_pages,
# numa_maps, numastat): the same access, near and far; saying where memory is to come from; moving what is there; and who stays.
. "$(dirname "$0")/lesson.sh"
fresh
node=$sys/devices/system/node
maps() { grep "^${buf#0x} " "$sim/tasks/p/numa_maps"; }
policy() { maps | cut -d' ' -f2; }
on() { maps | sed -n "s/.* N$1=\([0-9]*\).*/\1/p"; }
cycles() { sed 's/.*cycles=\([0-9]*\).*/\1/' <<<"$got"; }
stat() { awk -v k="$2" '$1 == k { print $2 }' "$node/node$1/numastat"; }

title "1. Two nodes, each with memory and CPUs"
see cat "$node/node0/distance"
see cat "$node/node0/cpulist" "$node/node1/cpulist"
near=$(cut -d' ' -f1 "$node/node0/distance") far=$(cut -d' ' -f2 "$node/node0/distance")
must "the other node's memory is farther away" [ "$far" -gt "$near" ]

title "2. Without a policy, memory comes from the node of the CPU that touches it first"
mkdir "$sim/tasks/p" || must "a process can be made" false
act -p p buf = mmap NULL 4M rw-p
buf=${got%% *}
act -p p store buf 0x2a
act -p p touch buf 4M w
see grep "^${buf#0x} " "$sim/tasks/p/numa_maps"
must "all 1024 pages are on node 0, where it runs" [ "$(on 0)" = 1024 ]
must "the policy is the default one" [ "$(policy)" = default ]
act -p p touch buf 4M r
local_cycles=$(cycles)

title "3. move_pages: the same memory, elsewhere"
act -p p move_pages 0 1024 buf 1
must "none was left behind" [ "${got%% *}" = 0 ]
must "all are on node 1 now" [ "$(on 1)" = 1024 ]
act -p p load buf
must "with what was in them" [ "${got%% *}" = 0x2a ]
act -p p touch buf 4M r
say "The TLB knew nothing of the new pages: once more, for a fair comparison."
act -p p touch buf 4M r
remote_cycles=$(cycles)
must "and each access costs more, by the distance ($local_cycles, $remote_cycles cycles)" [ "$remote_cycles" -gt "$local_cycles" ]

title "4. mbind: where memory is to come from"
act -p p buf = mmap NULL 4M rw-p
buf=${got%% *}
before=$(stat 1 interleave_hit)
act -p p mbind buf 4M MPOL_INTERLEAVE 0-1
act -p p touch buf 4M w
see grep "^${buf#0x} " "$sim/tasks/p/numa_maps"
must "page by page from both" [ "$(on 0)" = 512 -a "$(on 1)" = 512 ]
must "which numastat counts" [ "$(($(stat 1 interleave_hit) - before))" = 512 ]
act -p p mbind buf 4M MPOL_BIND 0
must "another policy does not move what is there" [ "$(on 1)" = 512 ]
act -p p mbind buf 4M MPOL_BIND 0 flags=MPOL_MF_MOVE
must "MPOL_MF_MOVE does" [ "$(on 0)" = 1024 ]
refused -p p mbind buf 4M MPOL_BIND 1 flags=MPOL_MF_STRICT
must "and MPOL_MF_STRICT refuses what is not as it should be (EIO)" grep -q EIO <<<"$got"

title "5. Who stays: a page that is pinned, since a device knows its physical address"
act -p p dma = pin_user_pages buf 4K FOLL_WRITE
pfn=${got%% *}
see grep ^moves "$sim/page/$pfn"
act -p p move_pages 0 4 buf 1
must "one of the four did not move" [ "${got%% *}" = 1 ]
act -p p move_pages 0 4 buf
must "it is where it was, the others are not" grep -q 'node0=1 node1=3' <<<"$got"
act -p p unpin_user_page dma
act -p p move_pages 0 4 buf 1
must "without the pin it moves" [ "${got%% *}" = 0 ]
see grep pgmigrate "$proc/vmstat"
rmdir "$sim/tasks/p"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
