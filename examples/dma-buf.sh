#!/bin/bash
# SPDX-License-Identifier: MIT
# One buffer, two devices and a process (dma-buf 缓冲区共享): a camera writes a frame, a process draws on it, a display reads it, and no
# byte is copied (零拷贝). The buffer lives until the last holder (最后一个持有者) is gone. A display without an IOMMU that is told one
# address only needs a buffer in one run: the heap of the contiguous area (连续内存区 CMA) has one.
# Machine: arm64-virt
. "$(dirname "$0")/lesson.sh"
fresh ram=1G
mkdir "$sim/devices/camera" "$sim/devices/display" "$sim/tasks/app" || must "two devices and a process can be made" false
echo 1 >"$sim/devices/camera/iommu"
bufinfo=$sys/kernel/debug/dma_buf/bufinfo

title "1. A buffer from a heap"
say "system takes blocks wherever they are free; reserved has the name of the machine's contiguous area (section 5)."
see ls "$MNT/dev/dma_heap"
act -p app fd = dma_heap_alloc system 1200K
act -p app dma_buf_set_name fd frame
act -p app a = mmap NULL 1200K 'PROT_READ|PROT_WRITE' MAP_SHARED fd 0
see grep dmabuf "$sim/tasks/app/maps"
see cat "$bufinfo"
must "two hold it: the file descriptor and the mapping" grep -q '00000002.system.*frame' "$bufinfo"

title "2. Two devices attach"
act -d camera dma_buf_attach frame
act -d display dma_buf_attach frame
act -d camera dma_set_max_seg_size 4M
act -d camera dma_buf_map_attachment frame DMA_FROM_DEVICE s
must "behind its IOMMU the camera has one segment" [ "${got%% *}" = 1 ]
act -d display dma_buf_map_attachment frame DMA_TO_DEVICE t
must "the display has the pieces as they lie in memory" [ "${got%% *}" -gt 1 ]
see cat "$bufinfo"

title "3. A frame goes through"
act -d camera dma_write s.0 1200K 0x44332211
act -d camera wait_for_completion
act -p app dma_buf_sync fd 'DMA_BUF_SYNC_START|DMA_BUF_SYNC_RW'
act -p app load a+4096 4
must "the process sees what the camera wrote" [ "${got%% *}" = 0x44332211 ]
act -p app store a 0x88776655 4
say "The store is in the CPU's cache (缓存). These devices go around it, so the end of the access is told, too."
act -d display dma_read t.0 64
act -d display wait_for_completion
see grep seen "$sim/devices/display/registers"
must "before that the display reads old bytes" grep -q 'seen 11 22 33 44' "$sim/devices/display/registers"
act -p app dma_buf_sync fd 'DMA_BUF_SYNC_END|DMA_BUF_SYNC_RW'
act -d display dma_read t.0 64
act -d display wait_for_completion
see grep seen "$sim/devices/display/registers"
must "after it the process's" grep -q 'seen 55 66 77 88 11 22 33 44' "$sim/devices/display/registers"

title "4. The last holder"
act -p app munmap a 1200K
act -p app close fd
must "the process is gone from it, the devices hold it" grep -q '00000002.system.*frame' "$bufinfo"
act -d camera dma_buf_unmap_attachment frame
act -d camera dma_buf_detach frame
act -d display dma_buf_unmap_attachment frame
act -d display dma_buf_detach frame
see cat "$bufinfo"
must "with the last detach its pages went back" grep -q 'Total 0 objects' "$bufinfo"

title "5. A display that is told one address"
say "Without an IOMMU (没有 IOMMU) the pieces are what they are in memory. A driver whose hardware has one address register" \
    "counts them, and refuses more than one (drm_gem_dma_prime_import_sg_table: EINVAL)."
act -p app fd = dma_heap_alloc system 1200K
act -p app dma_buf_set_name fd scattered
act -d display dma_buf_attach scattered
act -d display dma_buf_map_attachment scattered DMA_TO_DEVICE t
must "the system heap's buffer is refused: it has $got pieces" [ "${got%% *}" -gt 1 ]
act -d display dma_buf_unmap_attachment scattered
act -d display dma_buf_detach scattered
act -p app close fd
say "The other heap has the name of the default contiguous area; what it gives is one run, for which tenants (租户) move out."
area_free() { sed -n 's/^nr_free_cma //p' "$proc/vmstat"; }
before=$(area_free)
act -p app fd = dma_heap_alloc reserved 1200K
act -p app dma_buf_set_name fd frame
must "its 300 pages are the area's" [ "$(area_free)" = $((before - 300)) ]
act -d display dma_buf_attach frame
act -d display dma_buf_map_attachment frame DMA_TO_DEVICE t
must "it is one piece: the display takes it" [ "${got%% *}" = 1 ]
see cat "$bufinfo"
act -p app a = mmap NULL 1200K 'PROT_READ|PROT_WRITE' MAP_SHARED fd 0
act -p app store a 0x88776655 4
act -p app dma_buf_sync fd 'DMA_BUF_SYNC_END|DMA_BUF_SYNC_RW'
act -d display dma_read t.0 64
act -d display wait_for_completion
must "the display shows what the process drew" grep -q 'seen 55 66 77 88' "$sim/devices/display/registers"
act -d display dma_buf_unmap_attachment frame
act -d display dma_buf_detach frame
act -p app munmap a 1200K
act -p app close fd
act drain_all_pages
must "the area has its pages back" [ "$(area_free)" = "$before" ]
