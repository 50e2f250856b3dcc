#!/bin/bash
# SPDX-License-Identifier: MIT
# One bus, many masters (总线仲裁): who goes first when CPU and devices want memory at the same time, by priority (固定优先级) or in
# turns (轮转), and what the others wait.
. "$(dirname "$0")/lesson.sh"
waited() { awk -v m="$1" '$1 == m { print $6 }' "$sim/bus/masters"; }
# Three devices write 64 KiB each while the CPU reads memory that is in no cache: arbiter, CPU's priority.
race() {
    fresh ram=512M
    echo "$1" >"$sim/bus/arbiter" || must "the arbiter can be chosen" false
    echo "$2" >"$sim/bus/cpu_priority"
    local i
    for i in 1 2 3; do
        mkdir "$sim/devices/disk$i" || must "a device can be made" false
        echo "$i" >"$sim/devices/disk$i/priority"
        echo 0 >"$sim/devices/disk$i/gap_ns"
        call "b.$i = __get_free_pages GFP_DMA 4" >/dev/null
        call -d disk$i "d.$i = dma_map_single b.$i 64K DMA_FROM_DEVICE" >/dev/null
    done
    call "mine = __get_free_pages GFP_KERNEL 4" >/dev/null
    for i in 1 2 3; do call -d disk$i "dma_write d.$i 64K 1" >/dev/null; done
    for ((i = 0; i < 16; i++)); do echo "load mine+$((i * 64)) 4"; done >"$sim/ctl"
    for i in 1 2 3; do call -d disk$i wait_for_completion >/dev/null; done
    see cat "$sim/bus/masters"
}

title "1. Fixed priority, the CPU last"
say "disk3 has the highest priority; none of them leaves a gap between its bursts."
race fixed 0
low=$(waited cpu0) first=$(waited disk3) last=$(waited disk1)
must "disk3 waits the least" [ "$first" -lt "$last" ]
must "the CPU waited until all devices were done: it starved (饥饿)" [ "$low" -gt 20000 ]

title "2. Fixed priority, the CPU first"
race fixed 9
high=$(waited cpu0)
must "the CPU waits for one burst at most, each time" [ "$high" -le $((16 * 10)) ]
must "disk1, the last one, waits longer than disk3" [ "$(waited disk1)" -gt "$(waited disk3)" ]

title "3. Round robin"
race round-robin 0
turns=$(waited cpu0)
a=$(waited disk1) b=$(waited disk3)
must "nobody starves: the CPU waits less than behind everybody" [ "$turns" -lt "$low" ]
must "but more than in front" [ "$turns" -gt "$high" ]
must "the disks wait alike" [ $((a > b ? a - b : b - a)) -lt $((a / 10 + 100)) ]
