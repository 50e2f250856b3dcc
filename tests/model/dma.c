/* SPDX-License-Identifier: MIT
 *
 * Seeded random programs of the DMA API against a dumb model: for each buffer the bytes that the CPU has, and while it is
 * mapped the bytes that the device has.
 *
 *	map            device's := CPU's
 *	device writes  device's
 *	sync for CPU, unmap (not TO_DEVICE)          CPU's := device's
 *	sync for device (not FROM_DEVICE)            device's := CPU's
 *
 * The programs keep the API's rules: the CPU writes only what is its own, devices use only what is mapped for them. So
 * whatever lies between, direct mapping, windows, bounce buffers or caches that devices bypass, both must see what the
 * model says. Only what they unmap is sometimes wrong: dma-debug must find that, and nothing else, its entries must be those
 * of the mappings, and nobody may be said to have forgotten a sync. After each act the bytes of one place are compared, and
 * now and then all of them, and machine_check(). One act breaks the model on purpose; a program with it must be noticed.
 */
#include "support/booted.h"

#include "base/rng.h"
#include "base/text.h"
#include "mm/dma/debug.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"
#include "mm/kernel/cpus.h"
#include "mm/page/address.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <string.h>

enum { BUFFERS = 24, DEVICES = 4, BYTES = 8192, STEPS = 1500 };

struct buffer {
	uint64_t va, phys;
	uint8_t cpu[BYTES], device[BYTES];
	struct device *d; /* it is mapped for; NULL: for none */
	uint64_t dma;
	uint32_t from, bytes; /* what of it is mapped */
	enum dma_data_direction dir;
	bool cpus;  /* synced: the CPU may use it */
	bool asked; /* dma_mapping_error() */
};

struct model {
	struct machine *m;
	struct rng rng;
	struct device *device[DEVICES];
	struct buffer buffer[BUFFERS];
	uint32_t line; /* buffers begin and end at multiples of it */
	unsigned wrong, bounced, mapped, faults;
	unsigned errors; /* that dma-debug should have found */
	bool strays; /* devices behind an IOMMU that forgets at once: what is not mapped is a fault */
	int first_line;
};

#define expect(x, ok)                                                                              \
	do {                                                                                       \
		if (!(ok) && !(x)->wrong++)                                                        \
			(x)->first_line = __LINE__;                                                \
	} while (0)

static uint32_t dice(struct model *x, uint32_t sides)
{
	return rng_below(&x->rng, sides);
}

static uint32_t cpu_load(struct model *x, uint64_t va)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = HW_LOAD};

	cr_assert_eq(machine_access(x->m, dice(x, x->m->nr_cpus), &a), 0);
	return (uint32_t)a.value;
}

static void cpu_store(struct model *x, uint64_t va, uint32_t value)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = HW_STORE, .value = value};

	cr_assert_eq(machine_access(x->m, dice(x, x->m->nr_cpus), &a), 0);
}

static void finish_transfers(struct model *x)
{
	while (x->m->devices.nr_busy)
		clock_advance(x->m, 1000);
}

/* May the CPU use these bytes of it? */
static bool is_cpus(const struct buffer *b, uint32_t at)
{
	return !b->d || b->cpus || at + 4 <= b->from || at >= b->from + b->bytes;
}

static void cpu_act(struct model *x, struct buffer *b)
{
	uint32_t at = dice(x, BYTES / 4) * 4, value = (uint32_t)rng_next(&x->rng);

	if (!is_cpus(b, at))
		return;
	if (dice(x, 2)) {
		uint32_t want;

		memcpy(&want, b->cpu + at, 4);
		expect(x, cpu_load(x, b->va + at) == want);
		return;
	}
	/* Of a buffer that the device only writes, the CPU writes nothing. */
	if (b->d && b->dir == DMA_FROM_DEVICE && at + 4 > b->from && at < b->from + b->bytes)
		return;
	cpu_store(x, b->va + at, value);
	memcpy(b->cpu + at, &value, 4);
}

static void map(struct model *x, struct buffer *b)
{
	struct device *d = x->device[dice(x, DEVICES)];
	uint32_t units = BYTES / x->line;

	b->from = dice(x, units) * x->line;
	b->bytes = (1 + dice(x, units - b->from / x->line)) * x->line;
	b->dir = (enum dma_data_direction)dice(x, 3);
	if (dma_map_phys(x->m, 0, d, b->phys + b->from, b->bytes, b->dir, 0, &b->dma))
		return; /* out of reach, and the pool is full */
	b->d = d;
	b->cpus = false;
	b->asked = dice(x, 2);
	if (b->asked)
		expect(x, !dma_mapping_error(x->m, d, b->dma));
	x->mapped++;
	x->bounced += dma_mapping_find(x->m, d->id, b->dma)->flags & DMA_MAPPING_BOUNCED;
	memcpy(b->device + b->from, b->cpu + b->from, b->bytes);
}

static void device_act(struct model *x, struct buffer *b)
{
	uint32_t at = dice(x, b->bytes), n = 1 + dice(x, b->bytes - at), sum = 0;
	struct bus_transfer *t;
	uint32_t pattern = (uint32_t)rng_next(&x->rng);

	if (dice(x, 2) && b->dir != DMA_FROM_DEVICE) {
		for (uint32_t i = 0; i < n; i++)
			sum += b->device[b->from + at + i];
		uint32_t before = device_engine(x->m, b->d)->fifo_sum;

		cr_assert_eq(device_start(x->m, b->d, TRANSFER_READ, b->dma + at, 0, n, NULL), 0);
		finish_transfers(x);
		expect(x, device_engine(x->m, b->d)->fifo_sum - before == sum);
	} else if (b->dir != DMA_TO_DEVICE) {
		cr_assert_eq(device_start(x->m, b->d, TRANSFER_WRITE, 0, b->dma + at, n, &t), 0);
		t->pattern = pattern;
		finish_transfers(x);
		for (uint32_t i = 0; i < n; i++)
			b->device[b->from + at + i] = (uint8_t)(pattern >> 8 * (i % 4));
	}
}

/* Beside all of the device's mappings, or against the direction of one: a fault, and nothing changes. */
static void stray_act(struct model *x)
{
	struct device *d = x->device[1 + dice(x, DEVICES - 1)];
	const struct dma_mapping *y = dma_mapping_of_device(x->m, d->id, NULL);
	bool write = dice(x, 2);
	uint64_t at = rng_next(&x->rng) & DMA_BIT_MASK(d->hw.address_bits);

	if (y && dice(x, 2)) {
		/* Stage 1 of AArch64 cannot say "not read". */
		write = y->dir == DMA_TO_DEVICE;
		if (y->dir == DMA_BIDIRECTIONAL || (!write && x->m->arch == ARCH_ARM64))
			return;
		at = y->dma;
	} else {
		for (; y; y = dma_mapping_of_device(x->m, d->id, y))
			if (at >> PAGE_SHIFT >= y->dma >> PAGE_SHIFT &&
				at >> PAGE_SHIFT <= (y->dma + y->bytes - 1) >> PAGE_SHIFT)
				return;
	}
	cr_assert_eq(
		device_start(x->m, d, write ? TRANSFER_WRITE : TRANSFER_READ, at, at, 4, NULL), 0);
	finish_transfers(x);
	expect(x, device_engine(x->m, d)->failed);
	x->faults++;
}

static void sync_act(struct model *x, struct buffer *b)
{
	if (b->cpus) {
		expect(x, !dma_sync_single(x->m, b->d, b->dma, b->bytes, b->dir, false));
		if (b->dir != DMA_FROM_DEVICE)
			memcpy(b->device + b->from, b->cpu + b->from, b->bytes);
	} else {
		expect(x, !dma_sync_single(x->m, b->d, b->dma, b->bytes, b->dir, true));
		if (b->dir != DMA_TO_DEVICE)
			memcpy(b->cpu + b->from, b->device + b->from, b->bytes);
	}
	b->cpus = !b->cpus;
}

static void unmap(struct model *x, struct buffer *b)
{
	/* What the CPU wrote since the last sync for it is lost where the device could write: so it gives it back first. */
	if (b->cpus)
		sync_act(x, b);
	expect(x, !dma_unmap_phys(x->m, 0, b->d, b->dma, b->bytes, b->dir, 0));
	x->errors += !b->asked;
	if (b->dir != DMA_TO_DEVICE)
		memcpy(b->cpu + b->from, b->device + b->from, b->bytes);
	b->d = NULL;
}

/* A driver that unmaps what it has not mapped so: refused, and nothing changes. */
static void mistaken_act(struct model *x, const struct buffer *b)
{
	enum dma_data_direction other = (enum dma_data_direction)((b->dir + 1) % 3);

	switch (dice(x, 3)) {
	case 0:
		expect(x, dma_unmap_phys(x->m, 0, b->d, b->dma, b->bytes + 1, b->dir, 0));
		x->errors += 1 + !b->asked;
		break;
	case 1:
		expect(x, dma_unmap_phys(x->m, 0, b->d, b->dma, b->bytes, other, 0));
		x->errors += 1 + !b->asked;
		break;
	default:
		expect(x, dma_unmap_phys(x->m, 0, b->d, b->dma + 1, b->bytes, b->dir, 0));
		x->errors++;
	}
}

static void step(struct model *x)
{
	struct buffer *b = &x->buffer[dice(x, BUFFERS)];

	switch (dice(x, 9)) {
	case 0:
		if (!b->d)
			map(x, b);
		break;
	case 1:
		if (b->d)
			sync_act(x, b);
		break;
	case 2:
		if (b->d)
			unmap(x, b);
		break;
	case 3:
		if (x->strays)
			stray_act(x);
		break;
	case 4:
		if (b->d && !b->cpus)
			device_act(x, b);
		break;
	case 5:
		if (b->d)
			mistaken_act(x, b);
		break;
	default:
		for (unsigned i = 0; i < 8; i++)
			cpu_act(x, b);
	}
}

static void compare_all(struct model *x)
{
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct buffer *b = &x->buffer[i];

		for (uint32_t at = 0; at < BYTES; at += 4) {
			uint32_t want;

			memcpy(&want, b->cpu + at, 4);
			if (is_cpus(b, at))
				expect(x, cpu_load(x, b->va + at) == want);
		}
	}
	/* Who keeps the rules is not blamed, and nobody else's mistakes are overlooked. */
	expect(x, x->m->devices.debug.error_count == x->errors);
	for (unsigned i = 0; i < DEVICES; i++)
		expect(x, !x->device[i]->unsynced_loads && !x->device[i]->unsynced_reads);
	booted_check(x->m);
}

static struct device *make(
	struct model *x, const char *name, unsigned lines, uint64_t offset, bool coherent)
{
	struct device *d;

	cr_assert_eq(device_make(x->m, name, strlen(name), &d), 0);
	d->made = true;
	d->hw.address_bits = (uint8_t)lines;
	if (offset) {
		d->hw.windowed = true;
		d->hw.nr_windows = 1;
		d->hw.window[0] = (struct bus_window){.bus = offset, .bytes = (uint64_t)1 << 40};
		d->hw.address_bits = 64;
		d->dma_mask = d->coherent_dma_mask = UINT64_MAX;
	} else {
		(void)dma_set_mask_and_coherent(x->m, d, DMA_BIT_MASK(lines));
	}
	cr_assert_eq(device_set_coherent(x->m, d, coherent), 0);
	return d;
}

static const struct world {
	const char *preset, *ram, *cmdline;
	uint32_t line;
	bool coherent, bounces, iommu;
} worlds[] = {
	{"pc-x86_64", "8G", "", 4, true, true},
	{"pc-x86_64", "8G", "swiotlb=512,force", 4, true, true},
	{"arm64-virt", "1G", "", 64, false, false},
	{"arm64-virt", "8G", "", 64, false, true},
	{"arm64-virt", "1G", "swiotlb=512,force", 64, false, true},
	{"riscv64-virt", "1G", "", 64, false, false},
	{"pc-x86_64", "8G", "", 4, true, false, true},
	{"pc-x86_64", "8G", "iommu.strict=1", 4, true, false, true},
	{"arm64-virt", "1G", "", 64, false, false, true},
	{"arm64-virt", "8G", "iommu.strict=0", 64, false, false, true},
};

/* All but the first, which has no IOMMU and a mask that needs none. */
static void put_behind_iommu(struct model *x)
{
	for (unsigned i = 1; i < DEVICES; i++) {
		struct device *d = x->device[i];

		d->hw.windowed = false;
		cr_assert_eq(iommu_set(x->m, 0, d, true), 0);
	}
	x->strays = x->m->devices.iommus.strict;
}

static void begin(struct model *x, const struct world *w, uint64_t seed)
{
	memset(x, 0, sizeof(*x));
	x->m = booted(w->preset, "ram", w->ram, "cmdline", w->cmdline, "cpus", "2", NULL);
	x->rng.state = seed;
	x->line = w->line;
	x->device[0] = make(x, "wide", 64, 0, true);
	x->device[1] = make(x, "narrow", 32, 0, w->coherent);
	x->device[2] = make(x, "shifted", 64, (uint64_t)1 << 44, w->coherent);
	x->device[3] = make(x, "other", 32, 0, w->coherent);
	if (w->iommu)
		put_behind_iommu(x);
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct buffer *b = &x->buffer[i];
		uint64_t pfn;
		gfp_t gfp = GFP_KERNEL | __GFP_ZERO | (i % 2 ? (gfp_t)__GFP_DMA32 : 0);

		cr_assert_eq(alloc_pages_node(x->m, 0, -1, gfp, 1, &pfn), 0);
		b->phys = pfn << PAGE_SHIFT;
		b->va = page_address(x->m, pfn);
	}
}

static void run(struct model *x, unsigned steps)
{
	for (unsigned i = 0; i < steps && !x->wrong; i++) {
		step(x);
		if (i % 100 == 99)
			compare_all(x);
	}
}

static void end(struct model *x)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		if (x->buffer[i].d)
			unmap(x, &x->buffer[i]);
	compare_all(x);
	for (unsigned i = 0; i < DEVICES; i++)
		cr_expect_eq(device_remove(x->m, x->device[i]), 0);
	cr_expect_eq(x->m->devices.mappings.nr, 0);
	cr_expect_eq(x->m->devices.swiotlb.used, 0);
	machine_destroy(x->m);
}

Test(dma, random_programs, .timeout = 120)
{
	static struct model x;

	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		for (uint64_t seed = 1; seed <= 2; seed++) {
			begin(&x, &worlds[i], seed);
			run(&x, STEPS);
			cr_assert(!x.wrong, "%s %s, seed %d: line %d of the model",
				worlds[i].preset, worlds[i].cmdline, (int)seed, x.first_line);
			cr_expect(x.mapped > 50);
			cr_expect_eq(x.faults > 20, x.strays);
			cr_expect_eq(x.bounced != 0, worlds[i].bounces, "%s %s", worlds[i].preset,
				worlds[i].cmdline);
			end(&x);
		}
}

/* A device that is told an address beside its mapping. */
Test(dma, a_stray_write_is_noticed)
{
	static struct model x;
	struct bus_transfer *t;

	begin(&x, &worlds[2], 1);
	run(&x, 300);
	cr_assert(!x.wrong);
	cr_assert_eq(
		device_start(x.m, x.device[0], TRANSFER_WRITE, 0, x.buffer[3].phys, BYTES, &t), 0);
	t->pattern = 0x13571357;
	finish_transfers(&x);
	compare_all(&x);
	cr_expect(x.wrong);
	machine_destroy(x.m);
}

/* The books of dma-debug are part of what is checked. */
Test(dma, an_entry_that_is_lost_is_noticed)
{
	static struct model x;
	struct text out;

	begin(&x, &worlds[0], 3);
	run(&x, 300);
	cr_assert(!x.wrong);
	cr_assert(dma_debug_next(x.m, NULL));
	dma_debug_del(x.m, (struct dma_debug_entry *)dma_debug_next(x.m, NULL));
	text_init(&out);
	cr_expect(machine_check(x.m, &out));
	cr_expect(strstr(text_str(&out), "dma-debug does not know the mapping"));
	text_finish(&out);
	machine_destroy(x.m);
}

/* The machine is a value: a copy in the middle of a transfer ends it alike. */
Test(dma, a_copy_goes_on_alike)
{
	static struct model x;
	struct machine *copy;

	begin(&x, &worlds[2], 5);
	run(&x, 400);
	cr_assert_eq(
		device_start(x.m, x.device[1], TRANSFER_WRITE, 0, x.buffer[1].phys, BYTES, NULL),
		0);
	clock_advance(x.m, 100);
	cr_assert(x.m->devices.nr_busy);
	cr_assert_eq(machine_copy(x.m, &copy, NULL), 0);
	cr_expect_eq(machine_digest(copy), machine_digest(x.m));
	clock_advance(x.m, 1000000);
	clock_advance(copy, 1000000);
	cr_expect(!x.m->devices.nr_busy);
	cr_expect_eq(machine_digest(copy), machine_digest(x.m));
	machine_destroy(copy);
	machine_destroy(x.m);
}
