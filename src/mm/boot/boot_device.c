/* SPDX-License-Identifier: MIT
 *
 * The board's devices come to be, each with the masks and windows that its node gives it (of_dma_configure_id()):
 *
 *	no dma-ranges      masks of 32 bits, bus addresses are physical ones
 *	dma-ranges         masks as wide as the last bus address of the windows needs, at most 32 bits; that address is the
 *	                   bus limit; the device drives as many lines as the windows need
 *
 * A driver may widen the masks later; the bus limit stays. A device whose name is taken is passed over, as the kernel fails
 * to add it.
 *
 * Left out: probing, deferred or not; device links. Follows drivers/of/device.c of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/reserved_mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* dma_default_coherent, and what the node says. */
static bool is_coherent(const struct machine *m, const struct device_desc *x)
{
	return arch_is_x86(m->arch) || x->coherent ||
	       (!x->noncoherent && device_default_coherent(m));
}

static void set_windows(
	struct device *d, const struct machine_desc *desc, const struct dma_window_set *set)
{
	uint64_t first = UINT64_MAX, last = 0, mask;

	for (unsigned i = 0; i < set->nr && d->hw.nr_windows < DEVICE_MAX_WINDOWS; i++) {
		const struct dma_window *w = &desc->dma_window[set->first + i];

		d->hw.window[d->hw.nr_windows++] =
			(struct bus_window){.bus = w->bus, .cpu = w->cpu, .bytes = w->bytes};
		first = min_u64(first, w->bus);
		last = max_u64(last, w->bus + w->bytes - 1);
	}
	if (!d->hw.nr_windows)
		return;
	d->hw.windowed = true;
	/* Sizes that were written as masks, one too small. */
	if ((last - first + 1) & 1 && last < UINT64_MAX)
		last++;
	mask = last ? UINT64_MAX >> __builtin_clzll(last) : 0;
	d->dma_mask &= mask;
	d->coherent_dma_mask &= mask;
	d->bus_dma_limit = last;
	if (last >> 32)
		d->hw.address_bits = (uint8_t)(64 - __builtin_clzll(last));
}

/* Does its `iommus` name an SMMU that the kernel drives? Other vendors' IOMMUs are not here. */
static bool behind_smmu(const struct boot *b, const struct device_desc *x)
{
	if (!x->iommu_phandle || b->m->arch != ARCH_ARM64 || b->c.iommu_off)
		return false;
	for (unsigned i = 0; i < b->d->nr_devices; i++)
		if (b->d->device[i].phandle == x->iommu_phandle)
			return iommu_is_smmu(b->d->device[i].compatible);
	return false;
}

static int make(struct boot *b, const struct device_desc *x)
{
	struct machine *m = b->m;
	struct device *d;
	int err = device_make(m, x->name, strlen(x->name), &d);

	if (err == -EDQUOT)
		return err;
	/* A name that is taken, or is none, or one too many. */
	if (err)
		return 0;
	snprintf(d->of_path, sizeof(d->of_path), "%s", x->path);
	snprintf(d->compatible, sizeof(d->compatible), "%s", x->compatible);
	d->reg_start = x->reg_start;
	d->reg_bytes = x->reg_bytes;
	for (unsigned i = 0; i < x->nr_regions; i++)
		d->region[d->nr_regions++] = x->region[i];
	if (x->windows)
		set_windows(d, b->d, &b->d->dma_set[x->windows - 1]);
	/* Without windows nothing says how many lines there are: as many as there is RAM. */
	else
		d->hw.address_bits = 64;
	d->iommu = behind_smmu(b, x);
	if (!d->iommu)
		of_dma_set_restricted_buffer(m, d);
	if (x->iommu_phandle)
		d->iommu_stream = x->iommu_id;
	err = device_set_coherent(m, d, is_coherent(m, x));
	if (!err && x->dma_channels)
		err = dma_set_channels(m, d, (unsigned)min_u64(x->dma_channels, DMA_MAX_CHANNELS));
	return err;
}

int boot_devices(struct boot *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->d->nr_devices && !err; i++)
		err = make(b, &b->d->device[i]);
	return err;
}
