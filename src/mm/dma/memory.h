/* SPDX-License-Identifier: MIT
 *
 * A device's access to memory: where its address leads, and the bytes.
 */
#ifndef SIMM_MM_DMA_MEMORY_H
#define SIMM_MM_DMA_MEMORY_H

#include "mm/dma/device.h"

/* @d reads or writes @bytes at the address that its software gave it: through its lines, the IOMMU or the windows of its
 * bus. What lies before a failure has happened. */
enum transfer_error device_memory(struct machine *m, struct device *d, uint64_t address, uint8_t *data,
	uint64_t bytes, bool write);

#endif
