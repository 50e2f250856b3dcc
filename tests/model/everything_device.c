/* SPDX-License-Identifier: MIT
 *
 * The model of everything: devices.
 *
 *	mapping   of a block, a slab object, a held page or a pin's pages: from map to unmap the bytes are the device's, and nobody
 *	          else looks at them or writes them; what it was given and what it wrote is compared at the unmap
 *	buffer    coherent: both see every byte at once
 *
 * A device's write is begun and then left alone: it goes on while other acts run, so that memory that moves under a device shows.
 * On machines whose devices bypass the caches a mapping begins and ends at lines.
 */
#include "model/everything.h"

#include "mm/dma/engine.h"
#include "mm/page/address.h"

#include <criterion/criterion.h>
#include <string.h>

struct device *device_of(const struct everything *x, unsigned i)
{
	struct device *d = device_find(x->m, x->device[i]);

	cr_assert(d);
	return d;
}

void finish_transfers(struct everything *x)
{
	while (x->m->devices.nr_busy)
		clock_advance(x->m, 1000);
}

/* ---- what is mapped ---- */

static struct piece *piece_of(struct everything *x, unsigned target, unsigned i)
{
	return target == TARGET_BLOCK	 ? &x->block[i]
	       : target == TARGET_OBJECT ? &x->object[i]
					 : &x->held[i];
}

static uint64_t phys_of(const struct everything *x, unsigned target, unsigned i)
{
	if (target == TARGET_HELD)
		return held_pfn(x, i) << PAGE_SHIFT;
	if (target == TARGET_BLOCK)
		return x->block[i].at << PAGE_SHIFT;
	return (virt_to_pfn(x->m, x->object[i].at) << PAGE_SHIFT) + x->object[i].at % PAGE;
}

static uint8_t *bytes_of(struct everything *x, const struct mapped *g)
{
	return g->target == TARGET_PIN ? x->pin[g->index].bytes
				       : piece_of(x, g->target, g->index)->bytes + g->from;
}

/* Some whole lines of a piece of memory that is free for it. */
static bool choose_piece(struct everything *x, struct mapped *g)
{
	struct piece *p = piece_of(x, g->target, g->index);

	if (!p->used || p->busy || p->window)
		return false;
	uint64_t phys = phys_of(x, g->target, g->index), end = phys + p->size;
	uint64_t first = (phys + x->line - 1) / x->line * x->line, lines;

	lines = end / x->line * x->line > first ? (end - first) / x->line : 0;
	if (!lines)
		return false;
	uint32_t skip = dice(x, (unsigned)lines);

	g->from = (uint32_t)(first - phys) + skip * x->line;
	g->size = (1 + dice(x, (unsigned)lines - skip)) * x->line;
	g->nr_sg = 1;
	g->sg[0] = (struct scatterlist){.phys = phys + g->from, .bytes = g->size};
	return true;
}

static bool choose_pin(struct everything *x, struct mapped *g)
{
	const struct pin *p = &x->pin[g->index];

	if (!p->used || p->busy)
		return false;
	g->from = 0;
	g->size = p->pages * (uint32_t)PAGE;
	g->nr_sg = p->pages;
	for (unsigned i = 0; i < p->pages; i++)
		g->sg[i] = (struct scatterlist){.phys = p->pfn[i] << PAGE_SHIFT, .bytes = PAGE};
	return true;
}

static bool choose(struct everything *x, struct mapped *g)
{
	static const uint8_t many[] = {BLOCKS, OBJECTS, HELD, PINS};

	g->target = (uint8_t)dice(x, NR_TARGETS);
	g->index = (uint8_t)dice(x, many[g->target]);
	g->device = (uint8_t)dice(x, DEVICES);
	g->dir = (enum dma_data_direction)dice(x, 3);
	/* ARM throws the CPUs' bytes away: what the device then does not write is nobody's. */
	if (g->dir == DMA_FROM_DEVICE && x->m->arch == ARCH_ARM && !x->coherent[g->device])
		g->dir = DMA_BIDIRECTIONAL;
	return g->target == TARGET_PIN ? choose_pin(x, g) : choose_piece(x, g);
}

static void act_map(struct everything *x)
{
	struct mapped *g = &x->mapped[dice(x, MAPPINGS)];
	int err;

	if (g->used || !choose(x, g))
		return;
	struct device *d = device_of(x, g->device);

	arm(x);
	if (g->target == TARGET_PIN) {
		err = dma_map_sg(x->m, any_cpu(x), d, g->sg, g->nr_sg, g->dir, 0, &g->nr_dma);
	} else {
		err = dma_map_phys(
			x->m, any_cpu(x), d, g->sg[0].phys, g->size, g->dir, 0, &g->sg[0].dma);
		g->sg[0].dma_bytes = g->size;
		g->nr_dma = 1;
	}
	/* Bounce buffers may be used up. */
	if (starved(x, err, true))
		return;
	expect(x, !err);
	g->used = true;
	if (g->target == TARGET_PIN)
		pin_take(x, g->index);
	else
		piece_of(x, g->target, g->index)->busy = true;
	memcpy(g->bytes, bytes_of(x, g), g->size);
}

static void unmap(struct everything *x, struct mapped *g)
{
	struct device *d = device_of(x, g->device);
	int err;

	finish_transfers(x);
	if (g->target == TARGET_PIN)
		err = dma_unmap_sg(x->m, any_cpu(x), d, g->sg, g->nr_dma, g->dir, 0);
	else
		err = dma_unmap_phys(x->m, any_cpu(x), d, g->sg[0].dma, g->size, g->dir, 0);
	expect(x, !err);
	if (g->dir != DMA_TO_DEVICE)
		memcpy(bytes_of(x, g), g->bytes, g->size);
	for (uint32_t i = 0, at = 0; i < g->nr_sg; at += (uint32_t)g->sg[i++].bytes)
		if (g->target != TARGET_HELD)
			same_phys(x, g->sg[i].phys, bytes_of(x, g) + at, (uint32_t)g->sg[i].bytes);
	if (g->target == TARGET_PIN)
		pin_give_back(x, g->index);
	else
		piece_of(x, g->target, g->index)->busy = false;
	memset(g, 0, sizeof(*g));
}

static void act_unmap(struct everything *x)
{
	struct mapped *g = &x->mapped[dice(x, MAPPINGS)];

	if (g->used)
		unmap(x, g);
}

/* ---- transfers ---- */

uint64_t dma_of(const struct scatterlist *sg, uint32_t nr, uint32_t at, uint32_t *left)
{
	uint32_t i = 0;

	while (i + 1 < nr && at >= sg[i].dma_bytes)
		at -= (uint32_t)sg[i++].dma_bytes;
	*left = (uint32_t)sg[i].dma_bytes - at;
	return sg[i].dma + at;
}

void device_reads(
	struct everything *x, unsigned device, uint64_t dma, const uint8_t *bytes, uint32_t n)
{
	struct device *d = device_of(x, device);
	uint32_t sum = 0;

	finish_transfers(x);
	uint32_t before = device_engine(x->m, d)->fifo_sum;

	expect(x, !device_start(x->m, d, TRANSFER_READ, dma, 0, n, NULL));
	finish_transfers(x);
	for (uint32_t i = 0; i < n; i++)
		sum += bytes[i];
	expect(x, device_engine(x->m, d)->fifo_sum - before == sum);
	x->compared += n;
	x->transfers++;
}

void device_reads_all(struct everything *x, unsigned device, const struct scatterlist *sg,
	uint32_t nr, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t at = 0, left; at < size; at += left) {
		uint64_t dma = dma_of(sg, nr, at, &left);

		device_reads(x, device, dma, bytes + at, left);
	}
}

void device_writes(struct everything *x, unsigned device, uint64_t dma, uint8_t *bytes, uint32_t n)
{
	struct device *d = device_of(x, device);
	struct bus_transfer *t;
	uint32_t pattern = (uint32_t)rng_next(&x->run.rng);

	if (device_start(x->m, d, TRANSFER_WRITE, 0, dma, n, &t)) {
		finish_transfers(x);
		return;
	}
	t->pattern = pattern;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(pattern >> 8 * (i % 4));
	x->transfers++;
}

static void act_transfer(struct everything *x)
{
	struct mapped *g = &x->mapped[dice(x, MAPPINGS)];
	uint32_t left;

	if (!g->used)
		return;
	uint32_t at = dice(x, g->size);
	uint64_t dma = dma_of(g->sg, g->nr_dma, at, &left);
	uint32_t n = 1 + dice(x, left);

	if (g->dir != DMA_FROM_DEVICE && dice(x, 2))
		device_reads(x, g->device, dma, g->bytes + at, n);
	else if (g->dir != DMA_TO_DEVICE)
		device_writes(x, g->device, dma, g->bytes + at, n);
}

/* Let time pass. */
static void act_wait(struct everything *x)
{
	clock_advance(x->m, 1u << dice(x, 24));
}

/* ---- coherent buffers ---- */

static void act_coherent(struct everything *x)
{
	struct buffer *b = &x->buffer[dice(x, BUFFERS)];
	unsigned device = dice(x, DEVICES);
	uint32_t size = 4 + dice(x, sizeof(b->bytes) / 4 - 1) * 4;

	if (b->used)
		return;
	arm(x);
	int err = dma_alloc_coherent(
		x->m, any_cpu(x), device_of(x, device), size, GFP_KERNEL, 0, &b->va, &b->dma);

	if (starved(x, err, true))
		return;
	expect(x, !err);
	b->used = true;
	b->device = (uint8_t)device;
	b->size = size;
	memset(b->bytes, 0, size);
}

static void act_free_coherent(struct everything *x)
{
	struct buffer *b = &x->buffer[dice(x, BUFFERS)];

	if (!b->used)
		return;
	device_reads(x, b->device, b->dma, b->bytes, b->size);
	expect(x, !dma_free_coherent(
			  x->m, any_cpu(x), device_of(x, b->device), b->size, b->va, b->dma));
	memset(b, 0, sizeof(*b));
}

static void act_buffer_access(struct everything *x)
{
	struct buffer *b = &x->buffer[dice(x, BUFFERS)];

	if (!b->used)
		return;
	uint32_t at = dice(x, b->size / 4) * 4, n = 1 + dice(x, b->size - at);

	finish_transfers(x);
	if (dice(x, 3))
		kernel_access(x, b->va + at, b->bytes + at);
	else if (dice(x, 2))
		device_reads(x, b->device, b->dma + at, b->bytes + at, n);
	else
		device_writes(x, b->device, b->dma + at, b->bytes + at, n);
}

/* ---- all of it ---- */

void device_begin(struct everything *x)
{
	bool can_bypass = x->m->arch != ARCH_I386 && x->m->arch != ARCH_X86_64;

	stray_begin(x);
	x->line = can_bypass ? 1u << x->m->cpus.desc.dcache.line_shift : 4;
}

void device_look(struct everything *x)
{
	finish_transfers(x);
	for (unsigned i = 0; i < BUFFERS; i++)
		if (x->buffer[i].used)
			device_reads(x, x->buffer[i].device, x->buffer[i].dma, x->buffer[i].bytes,
				x->buffer[i].size);
	for (unsigned i = 0; i < MAPPINGS; i++) {
		const struct mapped *g = &x->mapped[i];

		if (g->used && g->dir != DMA_FROM_DEVICE)
			device_reads_all(x, g->device, g->sg, g->nr_dma, g->bytes, g->size);
	}
}

void device_end(struct everything *x)
{
	for (unsigned i = 0; i < MAPPINGS; i++)
		if (x->mapped[i].used)
			unmap(x, &x->mapped[i]);
	for (unsigned i = 0; i < 100; i++)
		act_free_coherent(x);
	for (unsigned i = 0; i < DEVICES; i++)
		expect(x, !device_remove(x->m, device_of(x, i)));
}

const struct act device_acts[] = {{"dma map", act_map, 5}, {"dma unmap", act_unmap, 2},
	{"transfer", act_transfer, 8}, {"wait", act_wait, 2}, {"coherent", act_coherent, 1},
	{"free coherent", act_free_coherent, 1}, {"buffer access", act_buffer_access, 4},
	{NULL, NULL, 0}};
