/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/slab/CACHE/alloc_traces and free_traces: who has the objects of a cache with SLAB_STORE_USER (slub_debug=U),
 * and who had them before.
 *
 *	     12 kmalloc+0x0/0x0 age=0/3/7 pid=0 cpus=0-1
 *	        kmalloc+0x0/0x0
 *
 * A block for each different place, the most objects first: how many, the caller, age in jiffies (least/average/most), pids,
 * CPUs and nodes where there are several, and the stack. Read from the tracks behind the objects, in simulated memory.
 * Follows mm/slub.c of 6.1 (add_location(), slab_debugfs_show(), slab_debug_trace_open()).
 */
#include "view/files.h"
#include "view/put.h"

#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/slab/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

struct location {
	uint64_t addr, waste, count;
	uint32_t handle, min_pid, max_pid;
	uint64_t min_age, max_age, sum_age;
	uint64_t cpus[(MAX_CPUS + 63) / 64];
	uint64_t nodes;
};

struct traces {
	const struct kmem_cache *cache;
	enum track_item item;
	struct location *location;
	size_t nr, cap;
	bool failed;
};

static struct location *location_of(struct traces *t, const struct slab_track *k, uint64_t waste)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->location[i].addr == k->addr && t->location[i].handle == k->handle &&
			t->location[i].waste == waste)
			return &t->location[i];
	if (t->nr == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct location *more = realloc(t->location, cap * sizeof(*more));

		if (!more)
			return NULL;
		t->location = more;
		t->cap = cap;
	}
	t->location[t->nr] = (struct location){.addr = k->addr,
		.handle = k->handle,
		.waste = waste,
		.min_pid = k->pid,
		.max_pid = k->pid,
		.min_age = UINT64_MAX};
	return &t->location[t->nr++];
}

static bool add_object(const struct machine *m, const struct slab_place *p, void *context)
{
	struct traces *t = context;
	struct slab_track k;

	if (!p->cache || p->cache->id != t->cache->id)
		return true;
	slab_get_track(m, p->cache, p->start, t->item, &k);
	uint64_t asked = t->item == TRACK_ALLOC ? slab_asked_bytes(m, p->cache, p->start) : 0;
	uint64_t waste = asked && asked < p->bytes ? p->bytes - asked : 0;
	uint64_t age = machine_jiffies(m, m->clock.now_ns) - k.when;
	struct location *l = location_of(t, &k, waste);

	if (!l) {
		t->failed = true;
		return false;
	}
	l->count++;
	if (!k.addr)
		return true;
	l->sum_age += age;
	l->min_age = age < l->min_age ? age : l->min_age;
	l->max_age = age > l->max_age ? age : l->max_age;
	l->min_pid = k.pid < l->min_pid ? k.pid : l->min_pid;
	l->max_pid = k.pid > l->max_pid ? k.pid : l->max_pid;
	if (k.cpu < MAX_CPUS)
		l->cpus[k.cpu / 64] |= (uint64_t)1 << k.cpu % 64;
	l->nodes |= (uint64_t)1 << pfn_zone(m, p->pfn)->nid;
	return true;
}

static bool has_bit(const struct machine *m, unsigned i, const void *data)
{
	const uint64_t *words = data;

	return words[i / 64] >> i % 64 & 1;
}

static void put_location(struct machine *m, const struct location *l, struct text *out)
{
	char name[64] = "";

	text_dec(out, l->count, 7);
	if (!l->addr) {
		text_puts(out, " <not-available>\n");
		return;
	}
	stack_depot_innermost(m, l->handle, name);
	text_printf(out, " %s+0x0/0x0", *name ? name : "start_kernel");
	if (l->waste)
		text_printf(out, " waste=%llu/%llu", (ull)(l->count * l->waste), (ull)l->waste);
	if (l->sum_age != l->min_age)
		text_printf(out, " age=%llu/%llu/%llu", (ull)l->min_age,
			(ull)(l->sum_age / l->count), (ull)l->max_age);
	else
		text_printf(out, " age=%llu", (ull)l->min_age);
	text_printf(out, " pid=%u", l->min_pid);
	if (l->min_pid != l->max_pid)
		text_printf(out, "-%u", l->max_pid);
	if (m->nr_cpus > 1) {
		text_puts(out, " cpus=");
		put_list(out, m, m->nr_cpus, has_bit, l->cpus);
	}
	if (m->nr_nodes > 1) {
		text_puts(out, " nodes=");
		put_list(out, m, m->nr_nodes, has_bit, &l->nodes);
	}
	text_putc(out, '\n');
	stack_depot_print(m, l->handle, 8, out);
	text_putc(out, '\n');
}

static int by_count(const void *a, const void *b)
{
	const struct location *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->handle < y->handle ? -1 : x->handle > y->handle;
}

int show_slab_traces(struct view *v, struct text *out)
{
	struct traces t = {.cache = kmem_cache_get(v->m, (uint32_t)v->arg[0]),
		.item = (enum track_item)v->aux};

	slab_each_object(v->m, add_object, &t);
	if (!t.nr)
		text_puts(out, "No data\n");
	else
		qsort(t.location, t.nr, sizeof(*t.location), by_count);
	for (size_t i = 0; i < t.nr; i++)
		put_location(v->m, &t.location[i], out);
	free(t.location);
	return t.failed ? -ENOMEM : 0;
}
