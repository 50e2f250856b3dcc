#!/bin/bash
# SPDX-License-Identifier: MIT
# An IOMMU (输入输出内存管理单元) between a device and memory: scattered pages (分散的物理页) become one run of addresses (IOVA), and a
# stray DMA (越界的 DMA) is a fault in the log. Without an IOMMU the same mistake destroys somebody's memory, and nobody notices.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M cmdline=iommu.strict=1

title "1. Scattered pages, one run"
mkdir "$sim/devices/nic" && echo 1 >"$sim/devices/nic/iommu" || must "a device behind an IOMMU can be made" false
see cat "$sim/devices/nic/iommu"
say "Every second page of 256 is freed again, so the next pages that are asked for do not lie side by side (碎片)."
act p.0-255 = alloc_pages GFP_KERNEL
for ((i = 0; i < 256; i += 2)); do echo "__free_pages p.$i"; done >"$sim/ctl"
act -d nic dma_set_max_seg_size 1M
act s.0-63 = alloc_pages GFP_KERNEL
act -d nic dma_map_sg s 64 DMA_FROM_DEVICE seg
must "64 pages, and the device is told one segment" [ "${got%% *}" = 1 ]
see head -4 "$sim/devices/nic/iova"
runs=$(wc -l <"$sim/devices/nic/iova")
say "Its tables, in the machine's own memory (页表在内存中), lead to $runs runs of physical pages:"
see head -3 "$sim/iommu"
act -d nic dma_write seg.0 256K 0x2a2a2a2a
act -d nic wait_for_completion
act a = page_address s.63
act load a 4
must "the last page has the device's bytes" [ "${got%% *}" = 0x2a2a2a2a ]
act -d nic dma_unmap_sg seg 1 DMA_FROM_DEVICE
must "nothing leads anywhere any more" [ ! -s "$sim/devices/nic/iova" ]

title "2. A stray DMA is caught"
act buf = __get_free_pages GFP_KERNEL+__GFP_ZERO 0
act victim = __get_free_pages GFP_KERNEL+__GFP_ZERO 0
act store victim 0x600df00d 4
act -d nic d = dma_map_single buf 4096 DMA_FROM_DEVICE
say "The driver gives the device a length of two pages, but mapped one. (Behind the last page that 32 lines reach comes page 0.)"
act -d nic dma_write d 8192 0xbadbadba
act -d nic wait_for_completion
see tail -1 "$sim/devices/nic/log"
see grep -e 'DMAR: ' "$sim/dmesg"
must "the IOMMU refused, and the kernel says why" grep -q 'DMA Write NO_PASID.*PTE Write access is not set' "$sim/dmesg"
act load victim 4
must "nobody's memory was touched" [ "${got%% *}" = 0x600df00d ]
act -d nic dma_unmap_single d
say "Use after unmap (解除映射后使用): the address is nobody's now."
act -d nic dma_write d 4 0x55555555
act -d nic wait_for_completion
act load buf 4
must "the buffer is as it was" [ "${got%% *}" = 0xbadbadba ]
must "the log has another fault" [ "$(grep -c 'DMA Write NO_PASID' "$sim/dmesg")" = 2 ]

title "3. The same without an IOMMU"
mkdir "$sim/devices/raw" || must "a device can be made" false
act two = __get_free_pages GFP_KERNEL+__GFP_ZERO 1
act store two+4096 0x600df00d 4
say "The second page of these two is somebody else's. The first one is mapped."
act -d raw d = dma_map_single two 4096 DMA_FROM_DEVICE
act -d raw dma_write d 8192 0xbadbadba
act -d raw wait_for_completion
see tail -1 "$sim/devices/raw/log"
act load two+4096 4
must "the stranger's memory is destroyed (内存被破坏)" [ "${got%% *}" = 0xbadbadba ]
must "and no log says so" [ "$(grep -c 'DMA Write NO_PASID' "$sim/dmesg")" = 2 ]
act -d raw dma_unmap_single d

title "4. The window of lazy flushes"
fresh ram=512M cmdline=iommu.strict=0
mkdir "$sim/devices/nic" && echo 1 >"$sim/devices/nic/iommu" || must "a device behind an IOMMU can be made" false
act buf = __get_free_pages GFP_KERNEL+__GFP_ZERO 0
act -d nic d = dma_map_single buf 4096 DMA_FROM_DEVICE
act -d nic dma_write d 4 0x11111111
act -d nic wait_for_completion
act -d nic dma_unmap_single d
must "the tables have nothing" [ ! -s "$sim/devices/nic/iova" ]
see grep '^iotlb domain' "$sim/iommu"
say "But the IOTLB (IOMMU 的 TLB) still knows the page: flushing it costs time, so x86's kernels gather unmappings (延迟刷新)."
act -d nic dma_write d 4 0x22222222
act -d nic wait_for_completion
act load buf 4
must "the device wrote to a buffer that was unmapped" [ "${got%% *}" = 0x22222222 ]
echo +20ms >"$sim/clock"
act -d nic dma_write d 4 0x33333333
act -d nic wait_for_completion
act load buf 4
must "after 10 ms the queue was flushed, and the door is shut" [ "${got%% *}" = 0x22222222 ]
