/* SPDX-License-Identifier: MIT
 *
 * The books of dma-debug: an entry for each mapping (see debug.h).
 *
 *	buckets      by the bus address (debug_hash.c)
 *	             │
 *	             v
 *	entries      [device, bus address, size, CPU's side, how, direction, asked for errors?, stack]
 *
 *	cachelines   radix tree: number of the first cache line of a mapping that the device may write ──> how many there are
 *
 * 65536 entries are there at boot (or dma_debug_entries=), in whole pages; when they are used up a page more is taken at a
 * time, and when there is none, dma-debug switches itself off for good. A second mapping of a line that a device may write
 * is an error: whoever syncs one of them throws the other's bytes away.
 *
 * Invariant: while it is switched on, the entries and the DMA API's own records (records.c) are of the same mappings, but
 * those without a kernel address (DMA_ATTR_NO_KERNEL_MAPPING), which the kernel does not note either;
 * nr_total_entries - num_free_entries of them are in buckets.
 *
 * Left out: that the entries of boot take memory (8 MiB on most machines), as all that boot's initcalls take.
 * Follows kernel/dma/debug.c of 6.1.
 */
#include "mm/dma/debug.h"

#include "base/text.h"
#include "mm/core/cmdline.h"

#include <assert.h>
#include <string.h>

#define MAX_OVERLAP 7 /* ACTIVE_CACHELINE_MAX_OVERLAP: the tags of a radix tree count so far */

static struct dma_debug_entry *entries(const struct machine *m)
{
	return machine_at(m, m->devices.debug.at);
}

/* ---- the pool ---- */

/* L1_CACHE_SHIFT */
static unsigned l1_cache_shift(const struct machine *m)
{
	return m->arch == ARCH_ARM && !machine_has(m, CONFIG_MMU) ? 5 : 6;
}

/* DMA_DEBUG_DYNAMIC_ENTRIES: of the kernel's own struct, which begins at a cache line where there are several CPUs. */
static uint32_t entries_per_page(const struct machine *m)
{
	uint64_t line = (uint64_t)1 << l1_cache_shift(m);
	uint64_t bytes = machine_has(m, CONFIG_64BIT) ? 120 : m->arch == ARCH_I386 ? 80 : 88;

	if (machine_has(m, CONFIG_SMP))
		bytes = (bytes + line - 1) & ~(line - 1);
	return (uint32_t)(PAGE_BYTES / bytes);
}

void dma_debug_setup(struct machine *m, const struct cmdline *c)
{
	struct dma_debug *s = &m->devices.debug;

	s->show_num_errors = 1;
	s->nr_prealloc_entries =
		c->dma_debug_entries_given ? c->dma_debug_entries : DMA_DEBUG_PREALLOC;
	if (!machine_has(m, CONFIG_DMA_API_DEBUG))
		return;
	if (c->dma_debug_off) {
		log_printf(m, "DMA-API: debugging disabled on kernel command line");
		s->global_disable = true;
	}
	memcpy(s->driver, c->dma_debug_driver, sizeof(s->driver));
	if (*s->driver)
		log_printf(m, "DMA-API: enable driver filter for driver [%s]", s->driver);
}

void dma_debug_init(struct machine *m)
{
	struct dma_debug *s = &m->devices.debug;
	uint64_t per_page = entries_per_page(m), pages;

	if (!machine_has(m, CONFIG_DMA_API_DEBUG) || s->global_disable)
		return;
	pages = (s->nr_prealloc_entries + per_page - 1) / per_page;
	s->nr_total_entries =
		(uint32_t)((pages < m->totalram_pages ? pages : m->totalram_pages) * per_page);
	s->num_free_entries = s->min_free_entries = s->nr_total_entries;
	if (s->nr_total_entries >= s->nr_prealloc_entries)
		log_printf(m, "DMA-API: preallocated %d debug entries", (int)s->nr_total_entries);
	else
		log_printf(m, "DMA-API: %d debug entries requested but only %d allocated",
			(int)s->nr_prealloc_entries, (int)s->nr_total_entries);
	s->initialized = true;
	log_printf(m, "DMA-API: debugging enabled by kernel config");
}

/* One page more. The reason of an act that goes on without it stays what it was. */
static bool create_entries(struct machine *m, unsigned cpu)
{
	struct dma_debug *s = &m->devices.debug;
	struct refusal why = m->why;
	uint64_t pfn;

	callstack_push(&m->callstack, CALLER_dma_debug_create_entries);
	int err = alloc_pages_node(m, cpu, -1, GFP_ATOMIC | __GFP_ZERO, 0, &pfn);
	callstack_pop(&m->callstack);
	m->why = why;
	if (err) {
		s->global_disable = true;
		log_printf(m, "DMA-API: debugging out of memory - disabling");
		return false;
	}
	s->num_free_entries += entries_per_page(m);
	s->nr_total_entries += entries_per_page(m);
	/* Each time that it has grown by as much as there was at first; a kernel that began with nothing divides by it. */
	if (s->nr_prealloc_entries &&
		s->nr_total_entries % s->nr_prealloc_entries < entries_per_page(m))
		log_printf(m, "DMA-API: dma_debug_entry pool grown to %u (%u00%%)",
			s->nr_total_entries, s->nr_total_entries / s->nr_prealloc_entries);
	return true;
}

int debug_dma_reserve(struct machine *m, uint32_t n)
{
	struct dma_debug *s = &m->devices.debug;
	uint32_t cap = s->cap ? s->cap : 64;

	if (dma_debug_disabled(m))
		return 0;
	if (!s->heads_at)
		s->heads_at =
			heap_alloc(m, NR_DMA_DEBUG_RINGS * DMA_DEBUG_HASH_SIZE * sizeof(uint32_t));
	if (!s->heads_at)
		return -m->why.err;
	while (cap - s->nr < n && cap < 1u << 30)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	uint64_t at = heap_grow(m, s->at, s->cap * sizeof(struct dma_debug_entry),
		cap * sizeof(struct dma_debug_entry));
	if (!at)
		return -m->why.err;
	s->at = at;
	s->cap = cap;
	return 0;
}

/* NULL: out of memory, and dma-debug is switched off. */
static struct dma_debug_entry *entry_alloc(struct machine *m, unsigned cpu)
{
	struct dma_debug *s = &m->devices.debug;

	if (!s->num_free_entries && !create_entries(m, cpu))
		return NULL;
	s->num_free_entries--;
	if (s->num_free_entries < s->min_free_entries)
		s->min_free_entries = s->num_free_entries;
	uint32_t i = s->free ? s->free - 1 : s->used;

	assert(i < s->cap);
	struct dma_debug_entry *x = &entries(m)[i];
	if (s->free)
		s->free = x->link[0].next;
	else
		s->used++;
	s->nr++;
	return x;
}

/* ---- cache lines ---- */

uint64_t dma_debug_cacheline(const struct machine *m, const struct dma_debug_entry *x)
{
	return x->phys >> l1_cache_shift(m);
}

/* active_cacheline_insert(); false: the line is in another mapping, too. */
static bool cacheline_insert(struct machine *m, const struct dma_debug_entry *x)
{
	struct dma_debug *s = &m->devices.debug;
	uint64_t line = dma_debug_cacheline(m, x);
	uint32_t count = radix_get(m, &s->cachelines, line);
	struct refusal why = m->why;

	if (count > MAX_OVERLAP) {
		if (!s->overlap_said)
			log_printf(m,
				"DMA-API: exceeded %d overlapping mappings of cacheline 0x%0*llx",
				MAX_OVERLAP, machine_phys_digits(m), (unsigned long long)line);
		s->overlap_said = true;
	} else if (radix_set(m, &s->cachelines, line, count + 1)) {
		m->why = why;
		log_printf(m, "DMA-API: cacheline tracking ENOMEM, dma-debug disabled");
		s->global_disable = true;
	}
	return !count;
}

/* What went beyond the most that is counted is forgotten, here as there. */
static void cacheline_remove(struct machine *m, const struct dma_debug_entry *x)
{
	struct dma_debug *s = &m->devices.debug;
	uint64_t line = dma_debug_cacheline(m, x);
	uint32_t count = radix_get(m, &s->cachelines, line);

	if (count > 1)
		(void)radix_set(m, &s->cachelines, line, count - 1);
	else if (count)
		radix_erase(m, &s->cachelines, line);
}

/* ---- an entry's life ---- */

void debug_dma_note(struct machine *m, unsigned cpu, const struct device *d,
	struct dma_debug_entry x, unsigned attrs)
{
	static const uint16_t callers[] = {[DMA_DEBUG_SINGLE] = CALLER_debug_dma_map_page,
		[DMA_DEBUG_SG] = CALLER_debug_dma_map_sg,
		[DMA_DEBUG_COHERENT] = CALLER_debug_dma_alloc_coherent,
		[DMA_DEBUG_RESOURCE] = CALLER_debug_dma_map_resource};
	bool single = x.type == DMA_DEBUG_SINGLE;

	callstack_push(&m->callstack, callers[x.type]);
	struct dma_debug_entry *e = entry_alloc(m, cpu);
	x.stack = e ? stack_depot_save(m) : 0;
	callstack_pop(&m->callstack);
	if (!e)
		return;
	x.device = d->id;
	x.map_err = single || x.type == DMA_DEBUG_RESOURCE ? MAP_ERR_NOT_CHECKED
							   : MAP_ERR_CHECK_NOT_APPLICABLE;
	*e = x;
	if (single)
		dma_debug_check_area(m, cpu, d, x.phys, x.size);
	dma_debug_hash_add(m, e);
	if (x.dir != DMA_TO_DEVICE && !cacheline_insert(m, e) && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		dma_debug_err(m, d, e,
			"cacheline tracking EEXIST, overlapping mappings aren't supported");
}

void dma_debug_del(struct machine *m, struct dma_debug_entry *x)
{
	struct dma_debug *s = &m->devices.debug;

	dma_debug_hash_del(m, x);
	if (x->dir != DMA_TO_DEVICE)
		cacheline_remove(m, x);
	x->device = 0;
	x->link[0].next = s->free;
	s->free = (uint32_t)(x - entries(m)) + 1;
	s->nr--;
	s->num_free_entries++;
}

void debug_dma_forget(struct machine *m, const struct device *d)
{
	for (uint32_t i = 0; i < m->devices.debug.used; i++)
		if (entries(m)[i].device == d->id)
			dma_debug_del(m, &entries(m)[i]);
}

/* ---- the invariants ---- */

/* Every record has its entry, and there are as many of both. */
static unsigned check_records(const struct machine *m, struct text *out)
{
	uint32_t want = 0;
	unsigned bad = 0;

	for (const struct dma_mapping *x = NULL; (x = dma_mapping_next(m, x));) {
		struct dma_debug_entry ref = dma_debug_entry_of(x);

		if (x->type == DMA_TYPE_COHERENT && x->attrs & DMA_ATTR_NO_KERNEL_MAPPING)
			continue;
		want++;
		if (dma_debug_find_like(m, &ref))
			continue;
		text_printf(out, "dma-debug does not know the mapping 0x%llx of device %u\n",
			(unsigned long long)x->dma, x->device);
		bad++;
	}
	if (want == m->devices.debug.nr)
		return bad;
	text_printf(out, "dma-debug knows %u mappings, there are %u\n", m->devices.debug.nr, want);
	return bad + 1;
}

unsigned dma_debug_check(const struct machine *m, struct text *out)
{
	const struct dma_debug *s = &m->devices.debug;
	const struct dma_debug_entry *last = NULL;
	uint32_t nr = 0;
	unsigned bad = 0;

	for (const struct dma_debug_entry *x = NULL; (x = dma_debug_next(m, x)); last = x) {
		nr++;
		if (x->device && (!last || dma_debug_bucket(last->dev_addr) <=
						   dma_debug_bucket(x->dev_addr)))
			continue;
		text_printf(out, "dma-debug: an entry for 0x%llx is in a wrong place\n",
			(unsigned long long)x->dev_addr);
		bad++;
	}
	if (nr != s->nr || s->nr_total_entries - s->num_free_entries != nr ||
		s->min_free_entries > s->num_free_entries) {
		text_printf(out, "dma-debug: %u entries, %u are counted, %u of %u are free\n", nr,
			s->nr, s->num_free_entries, s->nr_total_entries);
		bad++;
	}
	return dma_debug_disabled(m) ? bad : bad + check_records(m, out);
}
