/* SPDX-License-Identifier: MIT
 *
 * The model of everything: devices that do what they must not, and devices that go.
 *
 *	stray    a device behind the IOMMU reads or writes where nothing was mapped for it, or writes to what it may only read: a
 *	         fault is counted, and not a byte of anything has changed (which all looks find out)
 *	remove   a device of which something is mapped or attached stays; another one ends, with its domain and what waits there for
 *	         a flush, and a new one comes in its place
 *	bypass   the device leaves the IOMMU, or comes behind it, while nothing is mapped
 */
#include "model/everything.h"

#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

enum { BEHIND = DEVICES - 1 }; /* the one behind the IOMMU */

static const char *const names[DEVICES] = {"wide", "narrow", "other", "behind"};

static bool can_bypass_caches(const struct everything *x)
{
	return x->m->arch != ARCH_I386 && x->m->arch != ARCH_X86_64;
}

void device_new(struct everything *x, unsigned i)
{
	struct device *d;

	cr_assert_eq(device_make(x->m, names[i], strlen(names[i]), &d), 0);
	d->made = true;
	x->coherent[i] = i == 0 || !can_bypass_caches(x) || (i == BEHIND && dice(x, 2));
	cr_assert_eq(device_set_coherent(x->m, d, x->coherent[i]), 0);
	d->hw.address_bits = i == 0 ? 64 : 32;
	cr_assert_eq(dma_set_mask_and_coherent(x->m, d, DMA_BIT_MASK(i == 0 ? 64 : 32)), 0);
	x->device[i] = d->id;
}

/* In a world without IOMMU the last device is as the others. */
static void put_behind(struct everything *x, bool behind)
{
	if (iommu_supported(x->m))
		return;
	arm(x);
	int err = iommu_set(x->m, any_cpu(x), device_of(x, BEHIND), behind);

	if (!starved(x, err, false))
		expect(x, !err);
}

bool device_is_used(const struct everything *x, unsigned i)
{
	bool used = false;

	for (unsigned k = 0; k < MAPPINGS; k++)
		used |= x->mapped[k].used && x->mapped[k].device == i;
	for (unsigned k = 0; k < BUFFERS; k++)
		used |= x->buffer[k].used && x->buffer[k].device == i;
	for (unsigned k = 0; k < SHARED * ATTACHED; k++) {
		const struct attached *a = &x->shared[k / ATTACHED].attached[k % ATTACHED];

		used |= a->used && a->device == i;
	}
	return used;
}

static void act_remove(struct everything *x)
{
	unsigned i = dice(x, DEVICES);
	bool used = device_is_used(x, i);

	if (!used && dice(x, 4))
		return;
	if (!used)
		finish_transfers(x);
	expect(x, device_remove(x->m, device_of(x, i)) == (used ? -EBUSY : 0));
	if (used)
		return;
	device_new(x, i);
	if (i == BEHIND)
		put_behind(x, true);
}

static void act_bypass(struct everything *x)
{
	if (device_is_used(x, BEHIND) || iommu_supported(x->m))
		return;
	finish_transfers(x);
	put_behind(x, !device_of(x, BEHIND)->iommu || dice(x, 2));
}

static bool stray(struct everything *x, uint64_t *iova, bool *write)
{
	const struct mapped *g = &x->mapped[dice(x, MAPPINGS)];

	if (dice(x, 2)) {
		/* Addresses are given from above: nothing is down here. */
		*iova = 0x100000 + dice(x, 0x8000000);
		*write = dice(x, 2);
		return true;
	}
	*iova = g->sg[0].dma + dice(x, (unsigned)g->size + 1);
	*write = true;
	return g->used && g->device == BEHIND && g->dir == DMA_TO_DEVICE && g->nr_dma == 1 &&
	       *iova - g->sg[0].dma < g->size;
}

static void act_stray(struct everything *x)
{
	struct device *d = device_of(x, BEHIND);
	struct bus_transfer *t;
	uint64_t iova;
	bool write;

	if (!iommu_translates(x->m, d) || !stray(x, &iova, &write))
		return;
	finish_transfers(x);
	uint64_t faults = iommu_domain_of(x->m, d)->faults;

	if (device_start(x->m, d, write ? TRANSFER_WRITE : TRANSFER_READ, write ? 0 : iova,
		    write ? iova : 0, 1 + dice(x, 300), &t))
		return;
	t->pattern = (uint32_t)rng_next(&x->run.rng);
	finish_transfers(x);
	expect(x, iommu_domain_of(x->m, d)->faults > faults);
	x->strays++;
}

void stray_begin(struct everything *x)
{
	for (unsigned i = 0; i < DEVICES; i++)
		device_new(x, i);
	if (!iommu_supported(x->m))
		cr_assert_eq(iommu_set(x->m, 0, device_of(x, BEHIND), true), 0);
}

const struct act stray_acts[] = {{"stray", act_stray, 4}, {"remove", act_remove, 2},
	{"bypass", act_bypass, 1}, {NULL, NULL, 0}};
