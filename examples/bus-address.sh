#!/bin/bash
# SPDX-License-Identifier: MIT
# A bus address is not a physical address (总线地址, 物理地址, dma-ranges): on this board the devices of one bus see RAM elsewhere than
# the CPU does. A driver that hands a device a physical address hands it somebody else's, or nobody's.
# Machine: arm64-virt
. "$(dirname "$0")/lesson.sh"
fresh ram=1G
net=b000000.ethernet crypto=b001000.crypto
field() { sed -n "s/.*$2=\(0x[0-9a-f]*\).*/\1/p" <<<"$1"; }

title "1. What the devicetree says (设备树)"
see cat "$sys/devices/platform/$net/uevent"
say "Its bus has  dma-ranges = <0xc0000000 0x0 0x40000000 0x40000000>:  bus address, physical address, size."
see cat "$sim/devices/$net/dma_ranges"
see cat "$sim/devices/$net/bus_offset"
see cat "$sim/devices/$net/bus_limit"
must "one gigabyte of RAM lies at 0xc0000000 for it" grep -q '^0xc0000000 0x40000000 0x40000000$' "$sim/devices/$net/dma_ranges"

title "2. The DMA API gives the device its own address of the buffer"
act -d $crypto ring = dma_alloc_coherent 4K
bus=${got%% *} phys=$(field "$got" phys) cpu=$(field "$got" cpu)
must "bus address minus physical address is what the window says" [ $((bus - phys)) = $((0x80000000)) ]
act -d $crypto dma_write ring 64 0x2a2a2a2a
act -d $crypto wait_for_completion
act load "${cpu#0x}" 4
must "what the device wrote is where the CPU looks" [ "${got%% *}" = 0x2a2a2a2a ]
act -d $crypto dma_free_coherent ring

title "3. The same page for a device of another bus"
act b = __get_free_pages GFP_DMA+__GFP_ZERO 0
act -d $crypto d = dma_map_single b 4096 DMA_BIDIRECTIONAL
one=${got%% *}
act -d a000000.dma e = dma_map_single b 4096 DMA_BIDIRECTIONAL
two=${got%% *}
must "has another address: mappings are for one device" [ "$one" != "$two" ]

title "4. A physical address in place of a bus address"
act -d $net dma_write "${two#0x}" 64 0x66666666
act -d $net wait_for_completion
see tail -1 "$sim/devices/$net/log"
must "no window of the bus has it: the bus aborts" grep -q "bus abort at $two" "$sim/devices/$net/log"
must "the CPU's page is untouched" [ "$(call load b 4 | cut -d' ' -f1)" = 0x0 ]
act -d $crypto dma_unmap_single d
act -d a000000.dma dma_unmap_single e
