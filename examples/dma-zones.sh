#!/bin/bash
# SPDX-License-Identifier: MIT
# Devices that reach only a part of memory (DMA 掩码, 地址线): a card with 24 address lines, the zone that was made for it (ZONE_DMA),
# bounce buffers (反弹缓冲, swiotlb) for what lies elsewhere, and what happens when nobody cares.
# Machine: pc-x86_64
. "$(dirname "$0")/lesson.sh"
fresh ram=6G
mkdir "$sim/devices/isa" || must "a device can be made" false
echo 24 >"$sim/devices/isa/address_lines"
field() { sed -n "s/.*$2=\(0x[0-9a-f]*\).*/\1/p" <<<"$1"; }

title "1. The driver says what the device can reach"
act -d isa dma_set_mask_and_coherent 0xffffff
see cat "$sim/devices/isa/mask"
act -d isa dma_get_required_mask
must "to reach all of RAM it would need more" [ "${got%% *}" != 0xffffff ]
refused -d isa dma_set_mask 0xffff
must "no memory is so low that 16 lines reach it" [ "${got#*EIO}" != "$got" ]

title "2. A buffer from the DMA API lies in ZONE_DMA"
act -d isa ring = dma_alloc_coherent 16K
phys=$(field "$got" phys)
must "below 16 MiB" [ $((phys)) -lt $((0x1000000)) ]
see cat "$sim/page/$(printf '0x%x' $((phys >> 12)))"

title "3. Somebody else's buffer is bounced"
act b = __get_free_pages GFP_KERNEL+__GFP_ZERO 0
must "boot made room for bounce buffers, since there is RAM above 4 GiB" grep -q 'software IO TLB: mapped' "$sim/dmesg"
see grep 'software IO TLB' "$sim/dmesg"
refused -d isa dma_map_single b 4096 DMA_TO_DEVICE
say "They lie below 4 GiB, which is too high for 24 lines. For a card with 32 it goes:"
must "the kernel says so" grep -q 'swiotlb addr .* overflow (mask ffffff' "$sim/dmesg"
mkdir "$sim/devices/pci" || must "a device can be made" false
act store b 0x44332211 4
act -d pci d = dma_map_single b 4096 DMA_BIDIRECTIONAL
must "the mapping is bounced" [ "${got#*bounced}" != "$got" ]
see cat "$sim/devices/pci/mappings"
see cat "$sys/kernel/debug/swiotlb/io_tlb_used"
act -d pci dma_read d 64
act -d pci wait_for_completion
must "the device read the copy" grep -q 'seen 11 22 33 44' "$sim/devices/pci/registers"
act -d pci dma_write d 64 0x66666666
act -d pci wait_for_completion
act load b 4
must "the CPU does not see yet what the device wrote" [ "${got%% *}" = 0x44332211 ]
act -d pci dma_sync_single_for_cpu d
act load b 4
must "after the sync, which copies, it does" [ "${got%% *}" = 0x66666666 ]
act -d pci dma_unmap_single d
must "the slots are free again" [ "$(cat "$sys/kernel/debug/swiotlb/io_tlb_used")" = 0 ]

title "4. The pool is small, and its segments smaller"
act -d pci dma_max_mapping_size
must "256 KiB at most in one mapping" [ "$got" = 262144 ]
act big = __get_free_pages GFP_KERNEL 7
refused -d pci dma_map_single big 512K DMA_TO_DEVICE
must "in the kernel's words" grep -q 'swiotlb buffer is full (sz: 524288 bytes), total 32768 (slots)' "$sim/dmesg"

title "5. Without the API: the address is cut off"
act victim = __get_free_pages GFP_DMA+__GFP_ZERO 0
act load victim 4
page=$(cat "$sim/vars/victim")
page=${page#address } page=${page%%,*}
low=$((page - 0xffff888000000000))
printf 'The card is told 0x%x, and drives 24 lines of it: 0x%x.\n' $((low + 0x7000000)) "$low"
act -d isa dma_write "$(printf '%x' $((low + 0x7000000)))" 64 0x13131313
act -d isa wait_for_completion
act load victim 4
must "somebody's page is overwritten, and nobody says a word" [ "${got%% *}" = 0x13131313 ]
act -d isa dma_read ring 64
echo 1 >"$sys/kernel/debug/dma-api/num_errors"
must "a device that still has buffers stays" no rmdir "$sim/devices/isa" 2>/dev/null
must "and the kernel complains" grep -q 'device driver has pending DMA allocations while released from device' "$sim/dmesg"
act -d isa wait_for_completion
act -d isa dma_free_coherent ring
must "now it goes" rmdir "$sim/devices/isa"
