#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver with five bugs (驱动程序的错误), and dma-debug (CONFIG_DMA_API_DEBUG), which finds each of them: an unmap twice (重复解除映射),
# errors that are not asked for, two mappings in one cache line (缓存行重叠), a sync in the wrong direction, a leak (映射泄漏). And a sixth
# that no kernel can see: a sync that is missing.
# Machine: arm64-virt
. "$(dirname "$0")/lesson.sh"
fresh ram=1G
api=$sys/kernel/debug/dma-api
errors() { cat "$api/error_count"; }
found() { grep -qF "DMA-API: nicdrv nic: $1" "$sim/dmesg"; }

title "1. The books"
see grep DMA-API "$sim/dmesg"
mkdir "$sim/devices/nic" || must "a device can be made" false
echo nicdrv >"$sim/devices/nic/driver"
say "The driver has a name (sim/devices/nic/driver); we are the driver."
act b = __get_free_pages GFP_DMA+__GFP_ZERO 1
act -d nic d = dma_map_single b 4096 DMA_TO_DEVICE
act -d nic dma_mapping_error d
see cat "$api/dump"
must "the mapping has an entry: driver, device, how, bucket, physical address, page, bus address, bytes, cache line, direction" \
    grep -q "^nicdrv nic single idx .* L=1000 .* DMA_TO_DEVICE dma map error checked$" "$api/dump"
act -d nic dma_unmap_single d
must "and none when it has ended; nothing was wrong" [ "$(cat "$api/dump")$(errors)" = 0 ]

title "2. The first bug: unmapped twice"
refused -d nic dma_unmap_single d
see grep DMA-API "$sim/dmesg"
must "what is not mapped cannot be unmapped" found "device driver tries to free DMA memory it has not allocated"
say "A real kernel goes on after this line, and has given away somebody else's bounce slot or IOMMU entry. Here the call is refused."
refused -d nic dma_unmap_single d
must "the second error is counted" [ "$(errors)" = 2 ]
must "and not shown: the kernel shows one, lest a driver flood the log" [ "$(grep -c 'it has not allocated' "$sim/dmesg")" = 1 ]
see cat "$api/num_errors"
echo 1 >"$api/all_errors"
say "all_errors=1 shows all of them. (driver_filter chooses one driver; dma_debug_driver= does so at boot.)"

title "3. The second bug: did the mapping succeed?"
act -d nic d = dma_map_single b 4096 DMA_TO_DEVICE
act -d nic dma_unmap_single d
see sed -n '/failed to check/,$p' "$sim/dmesg"
must "a driver that does not ask for dma_mapping_error() would give a device the address -1" found "device driver failed to check map error"
must "the log says where it was mapped" grep -q ' dma_map_single+' "$sim/dmesg"

title "4. The third bug: two mappings in one cache line"
act -d nic d = dma_map_single b 32 DMA_FROM_DEVICE
act -d nic dma_mapping_error d
act -d nic e = dma_map_single b+32 32 DMA_FROM_DEVICE
act -d nic dma_mapping_error e
must "who syncs one of them throws away what the device wrote into the other" \
    found "cacheline tracking EEXIST, overlapping mappings aren't supported"
act -d nic dma_unmap_single e
act -d nic dma_unmap_single d

title "5. The fourth bug: a sync in the wrong direction"
act -d nic d = dma_map_single b 4096 DMA_FROM_DEVICE
act -d nic dma_mapping_error d
refused -d nic dma_sync_single_for_cpu d 4096 DMA_TO_DEVICE
must "the direction of a mapping is fixed" found "device driver syncs DMA memory with different direction"

title "6. The fifth bug: a driver that goes and leaves mappings behind"
act -d nic ring = dma_alloc_coherent 8K
echo >"$sim/devices/nic/driver"
see tail -n 6 "$sim/dmesg"
must "two are leaked, and one of them is shown" \
    grep -q 'DMA-API: platform nic: device driver has pending DMA allocations while released from device \[count=2\]' "$sim/dmesg"
say "The driver's name is gone already when the bus hears of it, so the line has the bus's: platform."
must "the device cannot be taken away: it would go on writing there" no rmdir "$sim/devices/nic" 2>/dev/null
act -d nic dma_free_coherent ring
act -d nic dma_unmap_single d
must "all entries are free again" [ "$(cat "$api/num_free_entries")" = "$(cat "$api/nr_total_entries")" ]
see cat "$api/error_count" "$api/num_free_entries" "$api/nr_total_entries"

title "7. A sixth, which no kernel sees: no sync at all"
errors=$(errors)
act -d nic d = dma_map_single b 4096 DMA_FROM_DEVICE
act -d nic dma_mapping_error d
act load b 4
act -d nic dma_write d 4096 0x22222222
act -d nic wait_for_completion
act load b 4
must "the CPU got its own old bytes" [ "${got%% *}" != 0x22222222 ]
must "dma-debug sees calls, and no call was wrong" [ "$(errors)" = "$errors" ]
see grep 'simmfs: platform nic' "$sim/dmesg"
see cat "$sim/devices/nic/unsynced"
must "a simulator sees accesses, too" grep -qx 'cpu_loads 1' "$sim/devices/nic/unsynced"
act -d nic dma_sync_single_for_cpu d
act load b 4
must "after the sync the bytes are new" [ "${got%% *}" = 0x22222222 ]
act -d nic dma_unmap_single d

title "8. Without it"
fresh ram=1G cmdline=dma_debug=off
see cat "$api/disabled"
must "dma_debug=off on the command line switches it off until the next boot" [ "$(cat "$api/disabled")" = Y ]
