/* SPDX-License-Identifier: MIT
 *
 * From a device's address to DRAM (see memory.h).
 *
 *	1. the lines: bits that the device does not drive are 0
 *	2. the IOMMU, when it is behind one; else the windows of its bus, or one to one
 *	3. DRAM, if there is some: else the bus aborts
 *
 * A piece ends where a page or a window does. Coherent devices see what the CPUs see. Others bypass the caches.
 */
#include "mm/dma/memory.h"

#include "base/number.h"
#include "mm/dma/coherence.h"
#include "mm/dma/iommu.h"
#include "mm/page/contents.h"

#include <errno.h>

/* Where the device's address leads, and how far. */
static enum transfer_error route(struct machine *m, struct device *d, uint64_t address, bool write,
	uint64_t *pa, uint64_t *left)
{
	uint64_t bus = hw_device_lines(&d->hw, address);

	if (d->iommu) {
		enum transfer_error error = iommu_access(m, d, bus, write, pa, left);

		if (error)
			return error;
	} else if (!hw_device_route(&d->hw, bus, pa, left)) {
		return TRANSFER_ABORT;
	}
	*left = min_u64(*left, PAGE_BYTES - *pa % PAGE_BYTES);
	return TRANSFER_OK;
}

/* A device that bypasses the caches. */
static int move_around(
	struct machine *m, struct device *d, uint64_t pa, uint8_t *data, uint64_t bytes, bool write)
{
	struct dram dram = machine_dram(m);
	uint64_t old_reads = m->devices.stale.old_reads;
	struct stale stale;

	machine_stale(m, &stale);
	if (write)
		return stale_write(&stale, &dram, pa, data, bytes, &m->why);
	int err = stale_read(&stale, &dram, pa, data, bytes);
	if (m->devices.stale.old_reads != old_reads)
		dma_unsynced_read(m, d);
	return err;
}

static int move(
	struct machine *m, struct device *d, uint64_t pa, uint8_t *data, uint64_t bytes, bool write)
{
	struct dram dram = machine_dram(m);

	if (!d->hw.coherent && m->devices.stale.at)
		return move_around(m, d, pa, data, bytes, write);
	return write ? dram_write(&dram, pa, data, bytes, &m->why)
		     : dram_read(&dram, pa, data, bytes);
}

enum transfer_error device_memory(struct machine *m, struct device *d, uint64_t address,
	uint8_t *data, uint64_t bytes, bool write)
{
	while (bytes) {
		uint64_t pa, n;
		enum transfer_error error = route(m, d, address, write, &pa, &n);

		if (error)
			return error;
		n = min_u64(n, bytes);
		int err = move(m, d, pa, data, n, write);
		if (err)
			return err == -ENXIO ? TRANSFER_ABORT : TRANSFER_HOST;
		address += n;
		data += n;
		bytes -= n;
	}
	return TRANSFER_OK;
}
