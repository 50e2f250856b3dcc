/* SPDX-License-Identifier: MIT
 *
 * Machines laid out by hand (see hand.h).
 */
#include "support/hand.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/slab/slab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not Criterion's: benchmarks use these machines, too. */
#define must(condition, ...)                                                                       \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, __VA_ARGS__);                                              \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t round_up(uint64_t n)
{
	return (n + ARENA_PAGE_BYTES - 1) & ~(ARENA_PAGE_BYTES - 1);
}

/* Places in the arena; returns its size. */
static uint64_t layout(struct machine *m, uint64_t frames)
{
	uint64_t at = round_up(sizeof(struct machine));

#define PLACE(field, bytes)                                                                        \
	do {                                                                                       \
		m->field = at;                                                                     \
		at += round_up(bytes);                                                             \
	} while (0)
	PLACE(zones_at, m->nr_nodes * MAX_NR_ZONES * sizeof(struct zone));
	PLACE(nodes_at, m->nr_nodes * sizeof(struct node));
	PLACE(pcps_at, m->nr_cpus * m->nr_nodes * MAX_NR_ZONES * sizeof(struct pcp));
	PLACE(live_at, frames / 8 + 64);
	m->heap.start = m->heap.frontier = at;
	at += (uint64_t)64 << 20;
	m->heap.end = at;
	PLACE(frames_at, frames * sizeof(struct frame));
	PLACE(pageblocks_at, frames);
	PLACE(dram_has_at, frames / 8 + 64);
	PLACE(dram_at, frames << PAGE_SHIFT);
#undef PLACE
	return at;
}

static void add_region(struct memblock_type *t, uint64_t start_pfn, uint64_t pages, unsigned nid)
{
	if (!pages)
		return;
	struct memblock_region *r = t->nr ? &t->region[t->nr - 1] : NULL;
	if (r && r->end == start_pfn << PAGE_SHIFT && r->nid == nid) {
		r->end += pages << PAGE_SHIFT;
		return;
	}
	t->region[t->nr++] = (struct memblock_region){.start = start_pfn << PAGE_SHIFT,
		.end = (start_pfn + pages) << PAGE_SHIFT,
		.nid = nid};
}

static void zone_init(struct machine *m, const struct hand_zone *hz)
{
	struct zone *z = zone_at(m, hz->nid, hz->type);
	struct node *n = node_at(m, hz->nid);

	*z = (struct zone){.start_pfn = hz->start_pfn,
		.spanned_pages = hz->pages,
		.present_pages = hz->pages - hz->hole_pages,
		.watermark = {hz->min, hz->min * 5 / 4, hz->min * 6 / 4},
		.pcp_high = hz->pcp_high,
		.pcp_batch = hz->pcp_batch ? hz->pcp_batch : 1};
	memcpy(z->lowmem_reserve, hz->lowmem_reserve, sizeof(z->lowmem_reserve));
	n->has_memory = true;
	n->present_pages += z->present_pages;
	uint64_t hole = hz->hole_pages ? hz->hole_pfn : hz->start_pfn + hz->pages;
	add_region(&m->memblock.memory, hz->start_pfn, hole - hz->start_pfn, hz->nid);
	add_region(&m->memblock.memory, hole + hz->hole_pages,
		hz->start_pfn + hz->pages - hole - hz->hole_pages, hz->nid);
	add_region(&m->memblock.reserved, hz->reserved_pfn, hz->reserved_pages, hz->nid);
}

static void zonelists(struct machine *m)
{
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		struct node *n = node_at(m, nid);

		for (unsigned i = 0; i < m->nr_nodes; i++)
			for (unsigned type = MAX_NR_ZONES; type-- > 0;) {
				unsigned at = (nid + i) % m->nr_nodes;

				if (zone_populated(zone_at(m, at, (enum zone_type)type)))
					n->fallback[n->nr_fallback++] = (struct zoneref){
						.nid = (uint16_t)at, .type = (uint8_t)type};
			}
	}
}

/* What of the zone is neither hole nor reserved nor CMA, in ascending runs; then the CMA area. */
static void free_zone(struct machine *m, const struct hand_zone *hz)
{
	uint64_t end_pfn = hz->start_pfn + hz->pages, from_pfn = hz->start_pfn;

	for (uint64_t pfn = from_pfn; pfn <= end_pfn; pfn++) {
		bool taken = pfn == end_pfn || pfn - hz->hole_pfn < hz->hole_pages ||
			     pfn - hz->reserved_pfn < hz->reserved_pages ||
			     pfn - hz->cma_pfn < hz->cma_pages;

		if (!taken)
			continue;
		if (from_pfn < pfn)
			must(!free_boot_pages(m, from_pfn, pfn, MIGRATE_MOVABLE), "hand: %s\n",
				m->why.sentence);
		from_pfn = pfn + 1;
	}
	if (hz->cma_pages)
		must(!free_boot_pages(m, hz->cma_pfn, hz->cma_pfn + hz->cma_pages, MIGRATE_CMA),
			"hand: %s\n", m->why.sentence);
}

static void shape(struct machine *m, const struct hand *h)
{
	m->arch = ARCH_X86_64;
	m->nr_orders = h->orders ? h->orders : 11;
	m->pageblock_order = h->pageblock_order ? h->pageblock_order : 9;
	m->pcp_thp_order = h->thp ? m->pageblock_order : 0;
	m->nr_cpus = h->cpus ? h->cpus : 1;
	m->nr_nodes = h->nodes ? h->nodes : 1;
	m->nr_migratetypes = h->cma ? 6 : 5;
	m->section_shift = h->sparse ? 27 : 0;
	m->struct_page_bytes = 64;
	config_put(&m->config, CONFIG_MMU, true);
	config_put(&m->config, CONFIG_64BIT, true);
	config_put(&m->config, CONFIG_CMA, h->cma);
	config_put(&m->config, CONFIG_NUMA, m->nr_nodes > 1);
	m->zone_mask = 1u << ZONE_NORMAL | 1u << ZONE_MOVABLE;
	for (unsigned i = 0; i < m->nr_cpus; i++)
		m->cpu_node[i] = (uint8_t)(i % m->nr_nodes);
	uint64_t mask = ((uint64_t)1 << (m->nr_orders - 1)) - 1;
	m->base_pfn = UINT64_MAX;
	for (unsigned i = 0; i < h->nr_zones; i++) {
		const struct hand_zone *z = &h->zone[i];

		m->zone_mask |= 1u << z->type;
		if (z->start_pfn < m->base_pfn)
			m->base_pfn = z->start_pfn;
		if (z->start_pfn + z->pages > m->end_pfn)
			m->end_pfn = z->start_pfn + z->pages;
	}
	m->base_pfn &= ~mask;
	m->frames_end_pfn = (m->end_pfn + mask) & ~mask;
	m->sysctls.value[SYSCTL_watermark_boost_factor] = 15000;
	fault_inject_init(&m->fail_page_alloc);
}

struct machine *hand_machine(const struct hand *h)
{
	struct machine *plan = aligned_alloc(ARENA_PAGE_BYTES, round_up(sizeof(*plan)));
	struct refusal why;
	struct arena arena;

	memset(plan, 0, sizeof(*plan));
	shape(plan, h);
	uint64_t bytes = layout(plan, plan->frames_end_pfn - plan->base_pfn);
	must(!arena_init(&arena, bytes, h->budget_bytes, &why), "hand: %s\n", why.sentence);
	must(!arena_touch(&arena, 0, plan->live_at, &why), "hand: %s\n", why.sentence);
	struct machine *m = (struct machine *)arena.base;
	*m = *plan;
	m->arena = arena;
	free(plan);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		node_at(m, nid)->nid = nid;
	for (unsigned i = 0; i < h->nr_zones; i++)
		zone_init(m, &h->zone[i]);
	zones_number(m);
	zonelists(m);
	for (unsigned i = 0; i < h->nr_zones && !h->nothing_freed; i++)
		free_zone(m, &h->zone[i]);
	must(!kmem_cache_init(m), "hand: %s\n", m->why.sentence);
	return m;
}

struct machine *hand_copy(const struct machine *m)
{
	struct arena to;
	struct refusal why;

	must(!arena_copy(&to, &m->arena, &why), "hand: %s\n", why.sentence);
	struct machine *copy = (struct machine *)to.base;
	copy->arena = to;
	return copy;
}

void hand_destroy(struct machine *m)
{
	struct arena arena = m->arena;

	arena_finish(&arena);
}

void hand_check(struct machine *m)
{
	struct text out;

	text_init(&out);
	unsigned nr = page_alloc_check(m, &out);
	must(!nr, "%s", text_str(&out));
	text_finish(&out);
}

const char *hand_free(const struct machine *m, const struct zone *z)
{
	static char s[256];
	size_t len = 0;

	for (unsigned order = 0; order < m->nr_orders; order++)
		len += (size_t)snprintf(s + len, sizeof(s) - len, "%s%llu", order ? " " : "",
			(unsigned long long)z->area[order].nr_free);
	return s;
}

const char *hand_log(const struct machine *m)
{
	static struct text out;

	text_clear(&out);
	log_show(m, &out);
	return text_str(&out);
}

uint64_t hand_alloc(struct machine *m, gfp_t gfp, unsigned order)
{
	uint64_t pfn;
	int err = alloc_pages_node(m, 0, -1, gfp, order, &pfn);

	must(!err, "order %u: %s\n", order, m->why.sentence);
	return pfn;
}

bool hand_same_state(const struct machine *a, const struct machine *b)
{
	uint64_t start[2], stop[2] = {ARENA_PAGE_BYTES, ARENA_PAGE_BYTES};

	for (;;) {
		bool more = arena_next_touched(&a->arena, stop[0], &start[0], &stop[0]);

		if (more != arena_next_touched(&b->arena, stop[1], &start[1], &stop[1]))
			return false;
		if (!more)
			return true;
		if (start[0] != start[1] || stop[0] != stop[1] ||
			memcmp(machine_at(a, start[0]), machine_at(b, start[0]),
				stop[0] - start[0]) != 0)
			return false;
	}
}
