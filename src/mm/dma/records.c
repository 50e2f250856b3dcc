/* SPDX-License-Identifier: MIT
 *
 * The records of what is mapped: one table for all devices.
 *
 *	buckets: hash(device, page of the bus address) -> chain of entries in the table, linked by index
 *
 * Entries that are given back are a list; those never used lie behind. The table doubles, so that no record is far from
 * the head of its chain. A record is found by the address that the mapping call gave; a sync inside a mapping (of a part
 * of it) is found by looking at the pages before, as far as a mapping can reach back, and then at all.
 *
 * Invariant: nr is the number of entries in chains; a device's nr_mappings that of its own.
 */
#include "mm/dma/mapping.h"

#include "base/text.h"
#include "mm/dma/debug.h"
#include "mm/process/user_page.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

static struct dma_mapping *entries(const struct machine *m)
{
	return machine_at(m, m->devices.mappings.at);
}

static uint32_t *buckets(const struct machine *m)
{
	return machine_at(m, m->devices.mappings.buckets_at);
}

static uint32_t *bucket_of(const struct machine *m, uint32_t device, uint64_t dma)
{
	uint64_t hash = (dma ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15u;

	return &buckets(m)[hash >> 32 & (m->devices.mappings.cap - 1)];
}

const char *dma_direction_name(unsigned dir)
{
	static const char *const names[] = {
		"DMA_BIDIRECTIONAL", "DMA_TO_DEVICE", "DMA_FROM_DEVICE", "DMA_NONE"};

	return dir <= DMA_NONE ? names[dir] : "?";
}

unsigned dma_debug_type(unsigned type)
{
	static const uint8_t types[] = {[DMA_TYPE_SINGLE] = DMA_DEBUG_SINGLE,
		[DMA_TYPE_SG] = DMA_DEBUG_SG,
		[DMA_TYPE_COHERENT] = DMA_DEBUG_COHERENT,
		[DMA_TYPE_RESOURCE] = DMA_DEBUG_RESOURCE,
		[DMA_TYPE_PAGES] = DMA_DEBUG_SINGLE};

	return types[type];
}

static void link_entry(struct machine *m, uint32_t i)
{
	struct dma_mapping *x = &entries(m)[i];
	uint32_t *head = bucket_of(m, x->device, x->dma);

	x->next = *head;
	*head = i + 1;
}

int dma_mappings_reserve(struct machine *m, uint32_t n)
{
	struct dma_mappings *t = &m->devices.mappings;
	uint32_t cap = t->cap ? t->cap : 64;

	int err = debug_dma_reserve(m, n);
	if (err)
		return err;
	while (cap - t->nr < n && cap < 1u << 30)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	uint64_t links = heap_alloc(m, cap * sizeof(uint32_t));
	if (!links)
		return -m->why.err;
	uint64_t at = heap_grow(
		m, t->at, t->cap * sizeof(struct dma_mapping), cap * sizeof(struct dma_mapping));
	if (!at) {
		heap_free(m, links, cap * sizeof(uint32_t));
		return -m->why.err;
	}
	heap_free(m, t->buckets_at, t->cap * sizeof(uint32_t));
	t->at = at;
	t->buckets_at = links;
	t->cap = cap;
	/* Free entries keep their chain: it has device 0. */
	for (uint32_t i = 0; i < t->used; i++)
		if (entries(m)[i].device)
			link_entry(m, i);
	return 0;
}

/* ---- pages that could move ---- */

/* A page of the LRU lists, or one that a name holds (holder.h). */
static bool can_move(const struct machine *m, uint64_t pfn)
{
	if (!pfn_valid(m, pfn))
		return false;
	struct frame f = frame_peek(m, pfn);

	return f.refcount && !f.order &&
	       (f.flags & FRAME_LRU || (f.flags & FRAME_MOVABLE && f.index));
}

/* Drivers hold the pages that they map; here the mapping does, lest they move under the device or are given to others. All of
 * its pages or none. */
static bool hold_pages(struct machine *m, uint64_t phys, uint64_t bytes)
{
	uint64_t first = phys >> PAGE_SHIFT, last = (phys + bytes - 1) >> PAGE_SHIFT;

	for (uint64_t pfn = first; pfn <= last; pfn++)
		if (__builtin_expect(!can_move(m, pfn), 1))
			return false;
	for (uint64_t pfn = first; pfn <= last; pfn++)
		user_page_get(m, pfn);
	return true;
}

static void let_pages_go(struct machine *m, uint64_t phys, uint64_t bytes)
{
	uint64_t last = (phys + bytes - 1) >> PAGE_SHIFT;

	for (uint64_t pfn = phys >> PAGE_SHIFT; pfn <= last; pfn++)
		user_page_put(m, 0, pfn);
}

struct dma_mapping *dma_mapping_add(
	struct machine *m, struct device *d, uint64_t dma, uint64_t phys, uint64_t bytes)
{
	struct dma_mappings *t = &m->devices.mappings;
	uint32_t i = t->free ? t->free - 1 : t->used;

	assert(i < t->cap && d->id);
	struct dma_mapping *e = &entries(m)[i];
	if (t->free)
		t->free = e->next;
	else
		t->used++;
	/* Field by field: a copy of a record that was just made would wait for its stores. */
	e->dma = dma;
	e->phys = phys;
	e->bytes = bytes;
	e->cpu = 0;
	e->device = d->id;
	e->type = e->dir = e->flags = e->unused = 0;
	e->attrs = 0;
	e->held = hold_pages(m, phys, bytes);
	e->sg_index = e->sg_nents = 0;
	e->pages_at = 0;
	link_entry(m, i);
	t->nr++;
	d->nr_mappings++;
	return e;
}

void dma_mapping_del(struct machine *m, struct device *d, struct dma_mapping *x)
{
	struct dma_mappings *t = &m->devices.mappings;
	uint32_t i = (uint32_t)(x - entries(m)), *link = bucket_of(m, x->device, x->dma);

	while (*link != i + 1)
		link = &entries(m)[*link - 1].next;
	if (x->held)
		let_pages_go(m, x->phys, x->bytes);
	*link = x->next;
	x->device = 0;
	x->next = t->free;
	t->free = i + 1;
	t->nr--;
	d->nr_mappings--;
}

struct dma_mapping *dma_mapping_find(const struct machine *m, uint32_t device, uint64_t dma)
{
	if (!m->devices.mappings.nr)
		return NULL;
	for (uint32_t i = *bucket_of(m, device, dma); i;) {
		struct dma_mapping *x = &entries(m)[i - 1];

		if (x->dma == dma && x->device == device)
			return x;
		i = x->next;
	}
	return NULL;
}

struct dma_mapping *dma_mapping_match(const struct machine *m, uint32_t device, uint64_t dma,
	uint64_t bytes, unsigned type, unsigned dir)
{
	struct dma_mapping *best = NULL;

	if (!m->devices.mappings.nr)
		return NULL;
	for (uint32_t i = *bucket_of(m, device, dma); i;) {
		struct dma_mapping *x = &entries(m)[i - 1];

		i = x->next;
		if (x->dma != dma || x->device != device)
			continue;
		if (x->bytes == bytes && x->type == type && x->dir == dir)
			return x;
		if (!best)
			best = x;
	}
	return best;
}

const struct dma_mapping *dma_mapping_next(const struct machine *m, const struct dma_mapping *after)
{
	const struct dma_mapping *x = after ? after + 1 : entries(m);

	for (; x < entries(m) + m->devices.mappings.used; x++)
		if (x->device)
			return x;
	return NULL;
}

uint32_t dma_mapping_references(const struct machine *m, uint64_t pfn)
{
	const struct dma_mapping *x = NULL;
	uint32_t n = 0;

	while (m->devices.mappings.nr && (x = dma_mapping_next(m, x)))
		n += x->held && pfn >= x->phys >> PAGE_SHIFT &&
		     pfn <= (x->phys + x->bytes - 1) >> PAGE_SHIFT;
	return n;
}

const struct dma_mapping *dma_mapping_of_device(
	const struct machine *m, uint32_t device, const struct dma_mapping *after)
{
	while ((after = dma_mapping_next(m, after)) && after->device != device)
		;
	return after;
}

struct dma_mapping *dma_mapping_of_phys(
	const struct machine *m, uint32_t device, uint64_t phys, enum dma_data_direction not )
{
	for (uint32_t i = 0; i < m->devices.mappings.used; i++) {
		struct dma_mapping *x = &entries(m)[i];

		if (!x->device || phys - x->phys >= x->bytes || x->dir == not )
			continue;
		if (device ? x->device == device : !device_find(m, x->device)->hw.coherent)
			return x;
	}
	return NULL;
}

/* The mapping that holds @dma; slower. NULL: none. */
static struct dma_mapping *dma_mapping_around(
	const struct machine *m, uint32_t device, uint64_t dma)
{
	struct dma_mapping *exact = dma_mapping_find(m, device, dma);

	if (exact)
		return exact;
	for (uint32_t i = 0; i < m->devices.mappings.used; i++) {
		struct dma_mapping *x = &entries(m)[i];

		if (x->device == device && dma - x->dma < x->bytes)
			return x;
	}
	return NULL;
}

struct dma_mapping *dma_mapping_synced(
	const struct machine *m, uint32_t device, uint64_t dma, uint64_t bytes, unsigned dir)
{
	struct dma_mapping *best = dma_mapping_around(m, device, dma);

	if (!best || best->dma != dma)
		return best;
	for (uint32_t i = *bucket_of(m, device, dma); i; i = entries(m)[i - 1].next) {
		struct dma_mapping *x = &entries(m)[i - 1];

		if (x->dma == dma && x->device == device && x->dir == dir && x->bytes >= bytes)
			return x;
	}
	return best;
}

/* ---- what is refused ---- */

/* The calls that make mappings, for sentences. */
static const char *made_by(unsigned type)
{
	static const char *const names[] = {[DMA_TYPE_SINGLE] = "dma_map_single or dma_map_page",
		[DMA_TYPE_SG] = "dma_map_sg",
		[DMA_TYPE_COHERENT] = "dma_alloc_coherent",
		[DMA_TYPE_RESOURCE] = "dma_map_resource",
		[DMA_TYPE_PAGES] = "dma_alloc_pages"};

	return names[type];
}

int dma_check_unmap(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, unsigned type, unsigned dir)
{
	if (dma == DMA_MAPPING_ERROR)
		return refuse(
			&m->why, EINVAL, "this is DMA_MAPPING_ERROR: there is nothing to unmap");
	if (!x)
		return refuse(&m->why, EINVAL,
			"nothing of %s is mapped at 0x%llx: sim/devices/%s/mappings has what is",
			d->name, (ull)dma, d->name);
	if (x->bytes != bytes)
		return refuse(&m->why, EINVAL, "0x%llx was mapped with %llu bytes, not %llu",
			(ull)dma, (ull)x->bytes, (ull)bytes);
	if (x->type != type)
		return refuse(&m->why, EINVAL, "0x%llx was mapped by %s, not by %s", (ull)dma,
			made_by(x->type), made_by(type));
	if (x->dir != dir)
		return refuse(&m->why, EINVAL, "0x%llx was mapped with %s, not %s", (ull)dma,
			dma_direction_name(x->dir), dma_direction_name(dir));
	return 0;
}

int dma_end_mapping(struct machine *m, const struct device *d, const struct dma_mapping *x,
	uint64_t dma, uint64_t bytes, unsigned type, unsigned dir)
{
	int err = dma_check_unmap(m, d, x, dma, bytes, type, dir);

	if (!dma_debug_disabled(m))
		debug_dma_unmap(m, d,
			&(struct dma_debug_entry){.type = (uint8_t)dma_debug_type(type),
				.dev_addr = dma,
				.size = bytes,
				.dir = (uint8_t)dir},
			!err);
	return err;
}

unsigned dma_mappings_check(const struct machine *m, struct text *out)
{
	const struct dma_mappings *t = &m->devices.mappings;
	uint32_t live = 0;
	unsigned bad = 0;

	for (const struct dma_mapping *x = NULL; (x = dma_mapping_next(m, x));) {
		live++;
		if (device_find(m, x->device) && dma_mapping_around(m, x->device, x->dma) &&
			x->bytes)
			continue;
		text_printf(out, "mapping 0x%llx of device %u is in no chain, or of no device\n",
			(ull)x->dma, x->device);
		bad++;
	}
	if (live != t->nr || live > t->cap) {
		text_printf(out, "%u mappings are live, %u are counted\n", live, t->nr);
		bad++;
	}
	return bad;
}
