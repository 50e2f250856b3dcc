#!/bin/bash
# SPDX-License-Identifier: MIT
# Three ways to get bytes from a device into memory (三种数据传输方式): the CPU reads them word by word (编程输入输出, PIO), a DMA
# controller (DMA 控制器) does it, or the device is a bus master itself (总线主控). What each costs the CPU, and in time.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
now() { sed -n 's/^now //p' "$sim/clock" | tr -d .; }
bytes=65536

mkdir "$sim/devices/sensor" || must "a device can be made" false
act -d sensor writel 0x5a5a5a5a 0xc
say "sensor has registers: a FIFO at offset 0, which gives the word that was just written to offset 12."
act a = __get_free_pages GFP_DMA+__GFP_ZERO 4
act b = __get_free_pages GFP_DMA+__GFP_ZERO 4
act c = __get_free_pages GFP_DMA+__GFP_ZERO 4

title "1. The CPU does it (programmed I/O)"
t=$(now)
act -d sensor ioread32_rep 0 a $((bytes / 4))
pio=$((10#$(now) - 10#$t))
say "For each word the CPU waits until the device has answered, and stores it. Meanwhile it does nothing else."
act load a+65532 4
must "the bytes are there" [ "${got%% *}" = 0x5a5a5a5a ]

title "2. A DMA controller does it"
mkdir "$sim/devices/dma0" && echo 4 >"$sim/devices/dma0/channels" || must "it has channels" false
act -d dma0 to = dma_map_single b $bytes DMA_FROM_DEVICE
act -d sensor chan = dma_request_chan rx
act -d sensor desc = dmaengine_prep_slave_single chan to $bytes DMA_DEV_TO_MEM
act -d sensor cookie = dmaengine_submit chan desc
t=$(now)
act -d sensor dma_async_issue_pending chan
started=$((10#$(now) - 10#$t))
act -d sensor dma_async_is_tx_complete chan cookie
must "the CPU goes on at once" [ "${got%% *}" = DMA_IN_PROGRESS ]
act -d sensor wait_for_completion
channel=$((10#$(now) - 10#$t))
act -d sensor dma_async_is_tx_complete chan cookie
act -d dma0 dma_unmap_single to
act load b+65532 4
must "the bytes are there" [ "${got%% *}" = 0x5a5a5a5a ]
see cat "$sim/devices/sensor/log"

title "3. The device does it itself (bus master)"
act -d sensor self = dma_map_single c $bytes DMA_FROM_DEVICE
t=$(now)
act -d sensor dma_write self $bytes 0x5a5a5a5a
act -d sensor wait_for_completion
master=$((10#$(now) - 10#$t))
act -d sensor dma_unmap_single self
act load c+65532 4
must "the bytes are there" [ "${got%% *}" = 0x5a5a5a5a ]

title "4. What it cost"
printf '    %-16s %10s %22s\n' "way" "time (ns)" "of it the CPU's (ns)" \
    "CPU" "$pio" "$pio" "DMA controller" "$channel" "$started" "bus master" "$master" 0
see cat "$sim/bus/masters"
must "the CPU's way takes longest" [ "$pio" -gt $((channel * 10)) ]
must "with DMA the CPU gives an order and is free" [ "$started" -lt $((channel / 10 + 1)) ]
must "the bus carried each burst once" [ "$(awk '$1 == "sensor" { print $4 }' "$sim/bus/masters")" = $bytes ]
act -d sensor dma_release_channel chan
