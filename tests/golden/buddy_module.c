/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 00-buddy-module, replayed: a kernel module allocated and freed blocks of all orders and printed, before
 * and after each step, the free lists' lengths and CPU 0's lists of every zone. Nothing else ran in between, so one
 * simulated machine can follow the whole sequence:
 *
 *   1. Zones are made that hold what the first lines say: blocks of each order and migratetype (the types are in the
 *      snapshot's pagetypeinfo), each beside a block that is in use, so that nothing merges; pages on CPU 0's lists.
 *   2. The same allocations and frees are done.
 *   3. After each the lengths of all lists must be those that the real kernel printed.
 *
 * Where pagetypeinfo was read too early to agree with the first line, the types of a zone's blocks are not known; of such a
 * zone the per-CPU lists and the number of free pages are compared, not the single orders. The same holds for a zone
 * to which pages of a full CPU's list went back: with what they merge depends on where they lie, which nobody printed.
 */
#include "support/hand.h"

#include "mm/page/internal.h"
#include "mm/page/pcp.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ZONES = 4, MAX_HELD = 512, MAX_TEST_CPUS = 4 };

struct zone_state {
	unsigned nid;
	enum zone_type type;
	uint64_t free[MAX_ORDERS];
	unsigned high, batch;
	struct {
		unsigned count;
		unsigned list[PCP_MAX_LISTS];
	} cpu[MAX_TEST_CPUS];
};

struct oracle {
	unsigned orders, pageblock_order, nr_lists, nr_types;
	unsigned nr_zones, nr_cpus;
	struct zone_state zone[MAX_ZONES]; /* as last read */
	/* Of the first state. */
	uint64_t by_type[MAX_ZONES][MIGRATE_TYPES][MAX_ORDERS];
	bool types_known[MAX_ZONES];
	uint64_t min[MAX_ZONES], low[MAX_ZONES];
	uint64_t next_pfn[MAX_ZONES]; /* behind what build_zone() used */
	unsigned foreign;	      /* blocks that others freed meanwhile */
};

static const char *const zone_names[] = {"DMA", "DMA32", "Normal", "HighMem", "Movable"};

static int zone_by_name(const char *name)
{
	for (int i = 0; i < 5; i++)
		if (!strcmp(zone_names[i], name))
			return i;
	return -1;
}

static FILE *open_file(const char *machine, const char *file)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/oracle/%s/experiments/00-buddy-module/%s",
		getenv("SIMM_SHARED"), machine, file);
	return fopen(path, "r");
}

static char *numbers(char *s, uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = strtoull(s, &s, 10);
	return s;
}

/* " cpu0 count 0 high 221 batch 1 ... lists 0 0 ...", one for each CPU. */
static unsigned read_cpus(const struct oracle *o, char *s, struct zone_state *z)
{
	unsigned n = 0, cpu, count;

	while ((s = strstr(s, "| cpu")) && n < MAX_TEST_CPUS) {
		uint64_t lists[PCP_MAX_LISTS] = {0};

		cr_assert_eq(sscanf(s, "| cpu%u count %u high %u batch %u", &cpu, &count, &z->high,
				     &z->batch),
			4);
		cr_assert_eq(cpu, n);
		s = strstr(s, "lists ");
		cr_assert(s);
		s = numbers(s + 6, lists, o->nr_lists);
		z->cpu[n].count = count;
		for (unsigned i = 0; i < PCP_MAX_LISTS; i++)
			z->cpu[n].list[i] = (unsigned)lists[i];
		n++;
	}
	return n;
}

/* "zone 0 DMA free 0 0 ... nr_free_pages 3808 | cpu0 ... | cpu1 ...". The counter nr_free_pages is not used: the kernel
 * folds the CPUs' differences into it late, so it may lag behind the lists by some pages. */
static bool read_zone(struct oracle *o, char *line, struct zone_state *z)
{
	char name[16];
	int at = 0;

	if (sscanf(line, "zone %u %15s free %n", &z->nid, name, &at) != 2 || !at)
		return false;
	z->type = (enum zone_type)zone_by_name(name);
	o->nr_cpus = read_cpus(o, numbers(line + at, z->free, o->orders), z);
	return o->nr_cpus != 0;
}

static int find_zone(const struct oracle *o, unsigned nid, int type)
{
	for (unsigned i = 0; i < o->nr_zones; i++)
		if (o->zone[i].nid == nid && (int)o->zone[i].type == type)
			return (int)i;
	return -1;
}

static void read_types(struct oracle *o, const char *machine)
{
	static const char *const names[MIGRATE_TYPES] = {
		"Movable", "Unmovable", "Reclaimable", "HighAtomic", "CMA", "Isolate"};
	FILE *f = open_file(machine, "before/proc/pagetypeinfo");
	char line[512], zone[16], type[16];
	unsigned nid;
	int at;

	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		at = 0;
		if (sscanf(line, "Node %u, zone %15[^,], type %15s %n", &nid, zone, type, &at) !=
				3 ||
			!at)
			continue;
		int i = find_zone(o, nid, zone_by_name(zone));
		for (unsigned t = 0; i >= 0 && t < MIGRATE_TYPES; t++)
			if (!strcmp(type, names[t]))
				numbers(line + at, o->by_type[i][t], o->orders);
	}
	fclose(f);
	for (unsigned i = 0; i < o->nr_zones; i++) {
		o->types_known[i] = true;
		for (unsigned order = 0; order < o->orders; order++) {
			uint64_t sum = 0;

			for (unsigned t = 0; t < MIGRATE_TYPES; t++)
				sum += o->by_type[i][t][order];
			if (sum != o->zone[i].free[order])
				o->types_known[i] = false;
		}
	}
}

static void read_marks(struct oracle *o, const char *machine)
{
	FILE *f = open_file(machine, "before/proc/zoneinfo");
	char line[512], zone[16];
	unsigned nid;
	int i = -1;
	unsigned long long n;

	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %u, zone %15s", &nid, zone) == 2)
			i = find_zone(o, nid, zone_by_name(zone));
		if (i < 0)
			continue;
		if (sscanf(line, " min %llu", &n) == 1)
			o->min[i] = n;
		if (sscanf(line, " low %llu", &n) == 1)
			o->low[i] = n;
	}
	fclose(f);
}

/* ---- making the zones ---- */

struct builder {
	struct machine *m;
	struct zone *z;
	uint64_t next_pfn; /* the next block of the largest order that is unused so far */
	uint64_t area;	   /* its pages */
};

static uint64_t take_area(struct builder *b)
{
	uint64_t pfn = b->next_pfn;

	b->next_pfn += b->area;
	cr_assert_leq(b->next_pfn, zone_end_pfn(b->z));
	return pfn;
}

/* A free block whose buddy is in use. */
static void add_block(struct builder *b, unsigned order, enum migratetype type)
{
	uint64_t pfn = take_area(b);

	cr_assert_eq(free_boot_pages(b->m, pfn, pfn + ((uint64_t)1 << order), type), 0);
}

/* @n blocks on a CPU's list @index. */
static void add_pcp(struct builder *b, unsigned cpu, unsigned index, unsigned n)
{
	static const enum migratetype types[MIGRATE_PCPTYPES] = {
		MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE};
	bool low = index < PCP_MAX_LISTS - 2;
	unsigned order = low ? index / 3 : b->m->pcp_thp_order;
	enum migratetype type = low			     ? types[index % 3]
				: index == PCP_MAX_LISTS - 1 ? MIGRATE_MOVABLE
							     : MIGRATE_UNMOVABLE;
	uint64_t at = b->area, pfn = 0;

	for (; n; n--, at += (uint64_t)1 << order) {
		if (at == b->area) {
			pfn = take_area(b);
			at = 0;
			cr_assert(frame_live(b->m, pfn));
			for (uint64_t p = pfn; p < pfn + b->area;
				p += (uint64_t)1 << b->m->pageblock_order)
				cr_assert_eq(pageblock_set_type(b->m, p, type), 0);
		}
		memset(frame_of(b->m, pfn + at), 0, sizeof(struct frame) << order);
		b->z->managed_pages += (uint64_t)1 << order;
		b->m->totalram_pages += (uint64_t)1 << order;
		pcp_free(b->m, b->z, cpu, pfn + at, order, type);
	}
}

static uint64_t areas_needed(const struct oracle *o, unsigned i)
{
	uint64_t areas = 2, area = (uint64_t)1 << (o->orders - 1);

	for (unsigned order = 0; order < o->orders; order++)
		areas += o->zone[i].free[order];
	for (unsigned cpu = 0; cpu < o->nr_cpus; cpu++)
		for (unsigned l = 0; l < PCP_MAX_LISTS; l++)
			areas += ((uint64_t)o->zone[i].cpu[cpu].list[l]
					 << (l < 12 ? l / 3 : o->pageblock_order)) /
					 area +
				 1;
	return areas;
}

static void build_zone(struct machine *m, struct oracle *o, unsigned i)
{
	const struct zone_state *s = &o->zone[i];
	struct zone *z = zone_at(m, s->nid, s->type);
	struct builder b = {
		.m = m, .z = z, .next_pfn = z->start_pfn, .area = (uint64_t)1 << (o->orders - 1)};

	z->pcp_high = UINT32_MAX;
	z->pcp_batch = s->batch;
	for (unsigned order = 0; order < o->orders; order++) {
		uint64_t rest = s->free[order];

		for (unsigned t = 0; t < MIGRATE_TYPES; t++)
			for (uint64_t n = o->by_type[i][t][order]; n && rest; n--, rest--)
				add_block(&b, order, (enum migratetype)t);
		/* Of unknown type. */
		for (; rest; rest--)
			add_block(&b, order, MIGRATE_MOVABLE);
	}
	for (unsigned cpu = 0; cpu < o->nr_cpus; cpu++)
		for (unsigned l = 0; l < PCP_MAX_LISTS; l++)
			add_pcp(&b, cpu, l, s->cpu[cpu].list[l]);
	z->pcp_high = s->high;
	for (unsigned cpu = 0; cpu < o->nr_cpus; cpu++)
		zone_pcp(m, z, cpu)->free_factor = 0;
	z->watermark[WMARK_MIN] = o->min[i];
	z->watermark[WMARK_LOW] = o->low[i];
	z->watermark[WMARK_HIGH] = 2 * o->low[i] - o->min[i];
	o->next_pfn[i] = b.next_pfn;
}

static struct machine *build(struct oracle *o)
{
	struct hand h = {.orders = o->orders,
		.pageblock_order = o->pageblock_order,
		.thp = o->nr_lists == PCP_MAX_LISTS,
		.cma = o->nr_types == 6,
		.nodes = o->zone[o->nr_zones - 1].nid + 1,
		.cpus = o->nr_cpus,
		.nothing_freed = true,
		.nr_zones = o->nr_zones};
	uint64_t pfn = 0;

	for (unsigned i = 0; i < o->nr_zones; i++) {
		h.zone[i] = (struct hand_zone){.nid = o->zone[i].nid,
			.type = o->zone[i].type,
			.start_pfn = pfn,
			.pages = areas_needed(o, i) << (o->orders - 1)};
		pfn += h.zone[i].pages;
	}
	struct machine *m = hand_machine(&h);
	for (unsigned i = 0; i < o->nr_zones; i++)
		build_zone(m, o, i);
	hand_check(m);
	return m;
}

/* ---- comparing ---- */

static unsigned list_length(
	const struct machine *m, const struct zone *z, unsigned cpu, unsigned index)
{
	unsigned n = 0;

	for (uint32_t at = zone_pcp(m, z, cpu)->list[index].head; at;
		at = frame_of(m, at - 1)->next)
		n++;
	return n;
}

/* The lists of the CPU that ran the module; on another one a softirq may have freed something meanwhile. */
static void compare_cpu(const struct machine *m, const struct oracle *o, unsigned i, unsigned cpu,
	const char *where)
{
	const struct zone_state *s = &o->zone[i];
	const struct zone *z = zone_at(m, s->nid, s->type);
	unsigned count = zone_pcp(m, z, cpu)->count;

	cr_expect_eq(count, s->cpu[cpu].count, "%s %s: CPU %u has %u, really %u", where,
		zone_name(s->type), cpu, count, s->cpu[cpu].count);
	for (unsigned l = 0; l < PCP_MAX_LISTS; l++)
		cr_expect_eq(list_length(m, z, cpu, l), s->cpu[cpu].list[l],
			"%s %s: CPU %u's list %u has %u, really %u", where, zone_name(s->type), cpu,
			l, list_length(m, z, cpu, l), s->cpu[cpu].list[l]);
}

static void compare(
	const struct machine *m, const struct oracle *o, unsigned cpu, const char *where)
{
	for (unsigned i = 0; i < o->nr_zones; i++) {
		const struct zone_state *s = &o->zone[i];
		const struct zone *z = zone_at(m, s->nid, s->type);
		uint64_t free = 0;

		compare_cpu(m, o, i, cpu, where);
		for (unsigned order = 0; order < o->orders && order < MAX_ORDERS; order++) {
			free += s->free[order] << order;
			if (o->types_known[i])
				cr_expect_eq(z->area[order].nr_free, s->free[order],
					"%s %s: order %u has %llu, really %llu", where,
					zone_name(s->type), order,
					(unsigned long long)z->area[order].nr_free,
					(unsigned long long)s->free[order]);
		}
		cr_expect_eq(z->free_pages, free, "%s %s: %llu free, really %llu", where,
			zone_name(s->type), (unsigned long long)z->free_pages,
			(unsigned long long)free);
	}
}

/* ---- the steps ---- */

struct held {
	unsigned cpu;
	unsigned n, order;
	uint64_t pfn[MAX_HELD];
	bool freed[MAX_HELD];
};

static void do_alloc(struct machine *m, struct held *h, const char *step)
{
	char gfp_text[64];
	gfp_t gfp;
	unsigned n;
	struct refusal why;

	cr_assert_eq(
		sscanf(step, "after alloc n=%u order=%u gfp=%63s", &n, &h->order, gfp_text), 3);
	cr_assert_eq(gfp_parse(gfp_text, strlen(gfp_text), &gfp, &why), 0, "%s", why.sentence);
	cr_assert_leq(n, MAX_HELD);
	memset(h->freed, 0, sizeof(h->freed));
	for (h->n = 0; h->n < n; h->n++)
		if (alloc_pages_node(m, h->cpu, -1, gfp, h->order, &h->pfn[h->n]))
			break;
}

static void do_free(struct machine *m, struct held *h, unsigned from, unsigned step, bool reverse)
{
	for (unsigned k = from; k < h->n; k += step) {
		unsigned i = reverse ? h->n - 1 - k : k;

		if (h->freed[i])
			continue;
		cr_assert_eq(
			free_pages_order(m, h->cpu, h->pfn[i], h->order), 0, "%s", m->why.sentence);
		h->freed[i] = true;
	}
}

/* The act that a section's title names: "o4x8-even after alloc n=8 order=4 gfp=GFP_KERNEL". */
static bool act(struct machine *m, struct held *h, const char *title)
{
	const char *step = strchr(title, ' ');
	unsigned mode;

	if (!step)
		return false;
	step++;
	if (!strncmp(step, "after alloc", 11))
		do_alloc(m, h, step);
	else if (!strncmp(step, "even ones freed", 15))
		do_free(m, h, 0, 2, false);
	else if (sscanf(step, "after free mode %u", &mode) == 1)
		do_free(m, h, 0, 1, mode == 1);
	else
		return !strncmp(step, "before", 6);
	return true;
}

/* Read the zones that follow a title, and stop before the next. */
static unsigned read_state(struct oracle *o, FILE *f, char *line, size_t cap)
{
	unsigned n = 0;

	while (fgets(line, (int)cap, f) && strncmp(line, "== ", 3))
		if (n < MAX_ZONES && read_zone(o, line, &o->zone[n]))
			n++;
	return n;
}

static unsigned read_head(struct oracle *o, FILE *f, char *line, size_t cap)
{
	return fgets(line, (int)cap, f) &&
	       sscanf(line,
		       "MAX_ORDER %u pageblock_order %u NR_PCP_LISTS %u MIGRATE_PCPTYPES 3 "
		       "MIGRATE_TYPES %u",
		       &o->orders, &o->pageblock_order, &o->nr_lists, &o->nr_types) == 4 &&
	       fgets(line, (int)cap, f);
}

/* The CPU whose lists gave the one page of "o0x1". */
static unsigned running_cpu(const char *machine)
{
	static char line[65536];
	struct oracle o = {0}, before = {0};
	FILE *f = open_file(machine, "info.txt");
	unsigned found = 0;

	cr_assert(f && read_head(&o, f, line, sizeof(line)));
	while (!strncmp(line, "== ", 3)) {
		bool from = !strncmp(line, "== o0x1 before", 14),
		     to = !strncmp(line, "== o0x1 after alloc", 19);

		unsigned n = read_state(&o, f, line, sizeof(line));
		if (from)
			before = o;
		for (unsigned i = 0; to && i < n; i++)
			for (unsigned cpu = 0; cpu < o.nr_cpus; cpu++)
				if (o.zone[i].cpu[cpu].count != before.zone[i].cpu[cpu].count)
					found = cpu;
		if (to)
			break;
	}
	fclose(f);
	return found;
}

/* An act on large blocks cannot touch the CPU's lists: if the real one has a block more, it is a kernel stack or the like
 * that a softirq freed in between. Take it over; more than a few would be a fault of ours. */
static void adopt_foreign(struct machine *m, struct oracle *o, const struct held *h)
{
	if (pcp_allowed_order(m, h->order))
		return;
	for (unsigned i = 0; i < o->nr_zones; i++) {
		struct zone *z = zone_at(m, o->zone[i].nid, o->zone[i].type);
		struct builder b = {.m = m,
			.z = z,
			.next_pfn = o->next_pfn[i],
			.area = (uint64_t)1 << (o->orders - 1)};

		for (unsigned l = 0; l < PCP_MAX_LISTS; l++) {
			unsigned ours = list_length(m, z, h->cpu, l),
				 real = o->zone[i].cpu[h->cpu].list[l];

			if (real <= ours || o->foreign + real - ours > 2)
				continue;
			add_pcp(&b, h->cpu, l, real - ours);
			o->foreign += real - ours;
		}
		o->next_pfn[i] = b.next_pfn;
	}
}

static uint64_t free_sum(const struct oracle *o, const struct zone_state *z)
{
	uint64_t sum = 0;

	for (unsigned order = 0; order < o->orders && order < MAX_ORDERS; order++)
		sum += z->free[order] << order;
	return sum;
}

/* Single pages were freed, and yet a zone has more free pages: a CPU's list was full. */
static void forget_drained(
	struct oracle *o, const uint64_t *before, const struct held *h, const char *title)
{
	if (h->order > PCP_COSTLY_ORDER || strstr(title, "after alloc"))
		return;
	for (unsigned i = 0; i < o->nr_zones; i++)
		if (free_sum(o, &o->zone[i]) > before[i])
			o->types_known[i] = false;
}

static unsigned replay(const char *machine)
{
	static char line[65536], title[256];
	struct oracle o = {0};
	struct held h = {0};
	struct machine *m = NULL;
	unsigned steps = 0;
	FILE *f = open_file(machine, "info.txt");

	cr_assert(f && read_head(&o, f, line, sizeof(line)), "%s", machine);
	h.cpu = running_cpu(machine);
	while (!strncmp(line, "== ", 3) && strncmp(line, "== slab", 7)) {
		snprintf(title, sizeof(title), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
		uint64_t before[MAX_ZONES];
		for (unsigned i = 0; i < MAX_ZONES; i++)
			before[i] = free_sum(&o, &o.zone[i]);
		o.nr_zones = read_state(&o, f, line, sizeof(line));
		cr_assert(o.nr_zones);
		if (m)
			forget_drained(&o, before, &h, title);
		if (!m) {
			read_types(&o, machine);
			read_marks(&o, machine);
			m = build(&o);
		}
		if (!act(m, &h, title))
			continue;
		adopt_foreign(m, &o, &h);
		char where[320];
		snprintf(where, sizeof(where), "%s: %s:", machine, title);
		compare(m, &o, h.cpu, where);
		hand_check(m);
		steps++;
	}
	fclose(f);
	hand_destroy(m);
	return steps;
}

Test(golden, buddy_module)
{
	static const char *const machines[] = {"amd64-1g", "amd64-numa-4g", "arm64-1g", "armhf-2g",
		"i386-686-2g", "i386-686-256m"};

	if (!getenv("SIMM_SHARED") || access(getenv("SIMM_SHARED"), R_OK))
		cr_skip_test("no oracle here: SIMM_SHARED is not set");
	for (unsigned i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		cr_expect_geq(replay(machines[i]), 70, "%s", machines[i]);
}
