#!/bin/bash
# SPDX-License-Identifier: MIT
# A device that bypasses the caches (非一致性 DMA, 缓存一致性): the CPU reads stale bytes (陈旧数据) until a sync throws its line away
# (作废), the device reads old ones until the line is written back (写回), and a forgotten dirty line destroys what the device wrote.
# Machine: arm64-virt
. "$(dirname "$0")/lesson.sh"
fresh ram=1G
mkdir "$sim/devices/nic" || must "a device can be made" false
see cat "$sim/devices/nic/coherent"
must "on this architecture a device goes around the caches, until its node says dma-coherent" [ "$(cat "$sim/devices/nic/coherent")" = 0 ]
act b = __get_free_pages GFP_DMA+__GFP_ZERO 0

title "1. The device writes, the CPU reads"
act store b 0x11111111 4
act -d nic d = dma_map_single b 4096 DMA_FROM_DEVICE
act load b 4
say "The CPU looked at a buffer that is the device's now: its line is in the cache."
act -d nic dma_write d 4096 0x22222222
act -d nic wait_for_completion
act load b 4
must "the CPU hits its own old line" [ "${got%% *}" = 0x11111111 ]
act load b+2K 4
must "a line that it had not read comes from memory, new" [ "${got%% *}" = 0x22222222 ]
act -d nic dma_sync_single_for_cpu d
act load b 4
must "the sync threw the line away: now the CPU sees it, too" [ "${got%% *}" = 0x22222222 ]
act -d nic dma_unmap_single d

title "2. The CPU writes, the device reads"
act -d nic d = dma_map_single b 4096 DMA_TO_DEVICE
act store b 0x44332211 4
say "The store is in a dirty line (脏行) of the cache; memory has the old bytes."
act -d nic dma_read d 64
act -d nic wait_for_completion
see grep seen "$sim/devices/nic/registers"
must "the device read the old ones" grep -q 'seen 22 22 22 22' "$sim/devices/nic/registers"
act -d nic dma_sync_single_for_device d
act -d nic dma_read d 64
act -d nic wait_for_completion
must "after the sync, which wrote the line back, the new ones" grep -q 'seen 11 22 33 44' "$sim/devices/nic/registers"
act -d nic dma_unmap_single d

title "3. A neighbour in the same line"
act -d nic d = dma_map_single b 32 DMA_FROM_DEVICE
act store b+32 0x77777777 4
say "The driver keeps a counter behind its 32-byte buffer: both share a line of 64 bytes."
act -d nic dma_write d 32 0x33333333
act -d nic wait_for_completion
act -d nic dma_unmap_single d
act load b+32 4
must "the counter is kept: the line was written back" [ "${got%% *}" = 0x77777777 ]
act load b 4
must "and what the device wrote is gone" no [ "${got%% *}" = 0x33333333 ]
say "Hence buffers for DMA begin and end with a line (ARCH_DMA_MINALIGN)."

title "4. A device that goes through the caches"
echo 1 >"$sim/devices/nic/coherent"
act -d nic d = dma_map_single b 4096 DMA_FROM_DEVICE
act load b 4
act -d nic dma_write d 4096 0x55555555
act -d nic wait_for_completion
act load b 4
must "the CPU sees its bytes at once" [ "${got%% *}" = 0x55555555 ]
act -d nic dma_unmap_single d

title "5. A buffer that both see at once (dma_alloc_coherent, 一致性缓冲区)"
echo 0 >"$sim/devices/nic/coherent"
act -d nic ring = dma_alloc_coherent 4096
cpu=$(sed -n 's/.* cpu=0x\([0-9a-f]*\).*/\1/p' <<<"$got")
see cat "$sim/devices/nic/mappings"
act load "$cpu" 4
act -d nic dma_write ring 64 0x66666666
act -d nic wait_for_completion
act load "$cpu" 4
must "no sync is needed" [ "${got%% *}" = 0x66666666 ]
say "The CPU has another address for it, which is mapped uncached (非缓存映射): each access goes to memory, and takes its time."
act load "$cpu" 4
cycles=$(sed -n 's/.*cycles=\([0-9]*\).*/\1/p' <<<"$got")
must "also the one after it" [ "$cycles" -ge 100 ]
act -d nic dma_free_coherent ring
