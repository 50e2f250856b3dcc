/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/slab: a directory for each cache, links for the other names of merged ones.
 *
 *	sys/kernel/slab/:A-0000192/slab_size       a cache that can be merged is called by what it is
 *	sys/kernel/slab/cred_jar -> :A-0000192     its own name, and each alias
 *	sys/kernel/slab/dentry/objects             one that cannot (constructor, part for user space, debugging) by its name
 *
 * Numbers of slabs and objects are followed by their parts, " N0=5 N1=2" by node with NUMA, " C0=128(4)" by CPU.
 * Written: min_partial, cpu_partial, remote_node_defrag_ratio take a number; shrink and validate take 1.
 *
 * Left out: failslab, the counters of SLUB_STATS and skip_kfence, which Debian's kernels lack as well.
 * Follows mm/slub.c of 6.1 (show_slab_objects(), *_show(), *_store(), sysfs_slab_add()).
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/slab/slab.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- the directories ---- */

static struct kmem_cache *cache_of(const struct view *v)
{
	return kmem_cache_get(v->m, (uint32_t)v->arg[0]);
}

static int slab_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	char id[SLAB_NAME_MAX];

	for (struct kmem_cache *s = kmem_cache_next(v->m, NULL); s; s = kmem_cache_next(v->m, s)) {
		/* Unique names are costly to make, and all begin so. */
		if (len && *name != ':' && !parse_is(name, len, s->name))
			continue;
		kmem_cache_sysfs_name(v->m, s, id);
		if (parse_is(name, len, id)) {
			*value = s->id;
			return 0;
		}
	}
	return -ENOENT;
}

static void slab_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)value);
	char id[SLAB_NAME_MAX] = "";

	if (s)
		kmem_cache_sysfs_name(v->m, s, id);
	snprintf(name, cap, "%s", id);
}

static bool slab_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	for (; *key <= v->m->slab.nr; ++*key)
		if (kmem_cache_get(v->m, (uint32_t)*key)) {
			slab_print(v, *key, name, cap);
			return true;
		}
	return false;
}

/* ---- the directories in debugfs, by the caches' own names ---- */

static bool has_tracks(const struct kmem_cache *s)
{
	return s && s->flags & SLAB_STORE_USER;
}

static int tracked_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (struct kmem_cache *s = kmem_cache_next(v->m, NULL); s; s = kmem_cache_next(v->m, s))
		if (has_tracks(s) && parse_is(name, len, s->name)) {
			*value = s->id;
			return 0;
		}
	return -ENOENT;
}

static bool tracked_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	for (; *key <= v->m->slab.nr; ++*key) {
		const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)*key);

		if (has_tracks(s)) {
			snprintf(name, cap, "%s", s->name);
			return true;
		}
	}
	return false;
}

const struct arg_ops arg_tracked_slab = {.parse = tracked_parse, .next = tracked_list};

const struct arg_ops arg_slab = {.parse = slab_parse, .next = slab_list, .print = slab_print};

/* ---- the links ---- */

/* A link's value is its cache's id and the place among the cache's names: 0 its own, then aliases, the oldest first. */
#define LINK_BITS 16u
#define LINK_MASK ((1u << LINK_BITS) - 1)

/* A cache whose directory has another name than its own. */
static bool has_links(const struct machine *m, const struct kmem_cache *s)
{
	return s && !kmem_cache_unmergeable(m, s);
}

static unsigned count_aliases(const struct machine *m, const struct kmem_cache *s)
{
	unsigned n = 0;

	for (const struct kmem_cache_alias *a = NULL; (a = kmem_cache_next_alias(m, s, a));)
		n++;
	return n;
}

/* The name at @place of @s, NULL beyond the last. */
static const char *link_name(const struct machine *m, const struct kmem_cache *s, uint64_t place)
{
	unsigned at = count_aliases(m, s);

	if (!place)
		return s->name;
	for (const struct kmem_cache_alias *a = NULL; (a = kmem_cache_next_alias(m, s, a)); at--)
		if (at == place)
			return a->name;
	return NULL;
}

static int link_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	for (struct kmem_cache *s = kmem_cache_next(v->m, NULL); s; s = kmem_cache_next(v->m, s)) {
		unsigned place = count_aliases(v->m, s);

		if (!has_links(v->m, s))
			continue;
		*value = (uint64_t)s->id << LINK_BITS;
		if (parse_is(name, len, s->name))
			return 0;
		for (const struct kmem_cache_alias *a = NULL;
			(a = kmem_cache_next_alias(v->m, s, a)) && place <= LINK_MASK; place--)
			if (parse_is(name, len, a->name)) {
				*value += place;
				return 0;
			}
	}
	return -ENOENT;
}

static void link_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)(value >> LINK_BITS));
	const char *link = has_links(v->m, s) ? link_name(v->m, s, value & LINK_MASK) : NULL;

	snprintf(name, cap, "%s", link ? link : "");
}

static bool link_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	while (*key >> LINK_BITS <= v->m->slab.nr) {
		const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)(*key >> LINK_BITS));

		if (has_links(v->m, s) && link_name(v->m, s, *key & LINK_MASK)) {
			link_print(v, *key, name, cap);
			return true;
		}
		*key = ((*key >> LINK_BITS) + 1) << LINK_BITS;
	}
	return false;
}

const struct arg_ops arg_slab_link = {.parse = link_parse, .next = link_list, .print = link_print};

int show_slab_link(struct view *v, struct text *out)
{
	char id[SLAB_NAME_MAX] = "";
	const struct kmem_cache *s = kmem_cache_get(v->m, (uint32_t)(v->arg[0] >> LINK_BITS));

	if (!s)
		return -ENOENT;
	kmem_cache_sysfs_name(v->m, s, id);
	text_puts(out, id);
	return 0;
}

/* ---- numbers with their parts ---- */

enum part { PART_SLABS, PART_OBJECTS, PART_TOTAL };

static uint64_t slab_part(const struct machine *m, uint32_t slab, enum part part)
{
	uint32_t inuse, total;

	slab_frame_counts(m, slab - 1, &inuse, &total);
	return part == PART_SLABS ? 1 : part == PART_OBJECTS ? inuse : total;
}

static uint64_t partial_of_node(
	const struct machine *m, const struct kmem_cache *s, unsigned nid, enum part part)
{
	const struct kmem_cache_node *n = kmem_cache_node(m, s, nid);
	uint64_t sum = 0;

	if (part == PART_SLABS)
		return n->nr_partial;
	for (uint32_t at = n->partial.head; at; at = frame_of(m, at - 1)->next)
		sum += slab_part(m, at, part);
	return sum;
}

static uint64_t all_of_node(
	const struct machine *m, const struct kmem_cache *s, unsigned nid, enum part part)
{
	const struct kmem_cache_node *n = kmem_cache_node(m, s, nid);

	if (part == PART_SLABS)
		return n->nr_slabs;
	if (part == PART_TOTAL)
		return n->total_objects;
	return n->total_objects -
	       (partial_of_node(m, s, nid, PART_TOTAL) - partial_of_node(m, s, nid, PART_OBJECTS));
}

/* Slabs that CPUs have from node @nid. The kernel counts a CPU's whole chain for the node of its first slab, and that of
 * a CPU that takes from no slab not at all. */
static uint64_t cpus_of_node(const struct machine *m, const struct kmem_cache *s, unsigned nid)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->nr_cpus; i++) {
		const struct kmem_cache_cpu *c = kmem_cache_cpu(m, s, i);

		if (!c->slab)
			continue;
		sum += pfn_zone(m, c->slab - 1)->nid == nid;
		if (c->partial && pfn_zone(m, c->partial - 1)->nid == nid)
			sum += frame_of(m, c->partial - 1)->prev;
	}
	return sum;
}

enum slab_sum { SUM_ALL, SUM_PARTIAL, SUM_CPU };

static void put_sum(struct machine *m, const struct kmem_cache *s, enum slab_sum of, enum part part,
	struct text *out)
{
	uint64_t total = 0;
	size_t nodes_at;
	struct text nodes;

	text_init(&nodes);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		uint64_t n = of == SUM_ALL	 ? all_of_node(m, s, nid, part)
			     : of == SUM_PARTIAL ? partial_of_node(m, s, nid, part)
						 : cpus_of_node(m, s, nid);

		total += n;
		if (n && machine_has(m, CONFIG_NUMA))
			text_printf(&nodes, " N%u=%llu", nid, (ull)n);
	}
	nodes_at = nodes.len;
	text_dec(out, total, 0);
	text_put(out, text_str(&nodes), nodes_at);
	text_putc(out, '\n');
	text_finish(&nodes);
}

/* Objects are guessed: a frozen slab is taken for half full. */
static void put_cpu_partial(struct machine *m, const struct kmem_cache *s, struct text *out)
{
	uint64_t slabs = 0, n;

	for (unsigned i = 0; i < m->nr_cpus; i++) {
		uint32_t first = kmem_cache_cpu(m, s, i)->partial;

		slabs += first ? frame_of(m, first - 1)->prev : 0;
	}
	text_printf(out, "%llu(%llu)", (ull)(slabs * s->oo.objects / 2), (ull)slabs);
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		uint32_t first = kmem_cache_cpu(m, s, i)->partial;

		if (!first)
			continue;
		n = frame_of(m, first - 1)->prev;
		text_printf(out, " C%u=%llu(%llu)", i, (ull)(n * s->oo.objects / 2), (ull)n);
	}
	text_putc(out, '\n');
}

/* ---- attributes ---- */

static uint64_t number(const struct kmem_cache *s, enum slab_attribute which)
{
	switch (which) {
	case SLAB_ATTR_ALIASES:
		return s->refcount < 0 ? 0 : (uint64_t)s->refcount - 1;
	case SLAB_ATTR_ALIGN:
		return s->align;
	case SLAB_ATTR_CPU_PARTIAL:
		return s->cpu_partial;
	case SLAB_ATTR_MIN_PARTIAL:
		return s->min_partial;
	case SLAB_ATTR_OBJECT_SIZE:
		return s->object_size;
	case SLAB_ATTR_OBJS_PER_SLAB:
		return s->oo.objects;
	case SLAB_ATTR_ORDER:
		return s->oo.order;
	case SLAB_ATTR_REMOTE_RATIO:
		return s->remote_node_defrag_ratio / 10;
	case SLAB_ATTR_SLAB_SIZE:
		return s->size;
	default:
		return s->usersize;
	}
}

/* Each is one number. */
int show_slab_number(struct view *v, struct text *out)
{
	text_dec(out, number(cache_of(v), (enum slab_attribute)v->aux), 0);
	text_putc(out, '\n');
	return 0;
}

/* The row's constant is the flag. */
int show_slab_flag(struct view *v, struct text *out)
{
	text_puts(out, cache_of(v)->flags & (uint32_t)v->aux ? "1\n" : "0\n");
	return 0;
}

int show_slab_ctor(struct view *v, struct text *out)
{
	const struct kmem_cache *s = cache_of(v);

	if (s->has_ctor)
		text_printf(out, "%s+0x0/0x0\n", s->ctor);
	return 0;
}

int show_slab_slabs(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_ALL, PART_SLABS, out);
	return 0;
}

int show_slab_objects(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_ALL, PART_OBJECTS, out);
	return 0;
}

int show_slab_total_objects(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_ALL, PART_TOTAL, out);
	return 0;
}

int show_slab_partial(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_PARTIAL, PART_SLABS, out);
	return 0;
}

int show_slab_objects_partial(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_PARTIAL, PART_OBJECTS, out);
	return 0;
}

int show_slab_cpu_slabs(struct view *v, struct text *out)
{
	put_sum(v->m, cache_of(v), SUM_CPU, PART_SLABS, out);
	return 0;
}

int show_slab_slabs_cpu_partial(struct view *v, struct text *out)
{
	put_cpu_partial(v->m, cache_of(v), out);
	return 0;
}

/* ---- written ---- */

/* kstrtoul(): decimal, one newline behind it at most. */
static bool kernel_number(const char *data, size_t len, uint64_t *value)
{
	len = parse_line_len(data, len);
	if (len && *data == '+')
		data++, len--;
	return parse_u64(data, len, 10, value);
}

static int set_number(struct view *v, struct kmem_cache *s, uint64_t value)
{
	switch ((enum slab_attribute)v->aux) {
	case SLAB_ATTR_MIN_PARTIAL:
		s->min_partial = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
		return 0;
	case SLAB_ATTR_CPU_PARTIAL:
		return kmem_cache_set_cpu_partial(v->m, s, value);
	default:
		if (value > 100)
			return refuse(&v->m->why, ERANGE,
				"remote_node_defrag_ratio is a number of 0 to 100: how often of "
				"100 times a slab of another node is taken");
		s->remote_node_defrag_ratio = (uint32_t)value * 10;
		return 0;
	}
}

int64_t store_slab_number(struct view *v, const char *data, size_t len)
{
	uint64_t value;

	if (!kernel_number(data, len, &value))
		return refuse(&v->m->why, EINVAL, "a decimal number, and nothing else");
	int err = set_number(v, cache_of(v), value);

	return err ? err : (int64_t)len;
}

int64_t store_slab_validate(struct view *v, const char *data, size_t len)
{
	if (!len || *data != '1' || !kmem_cache_validate(v->m, cache_of(v)))
		return refuse(&v->m->why, EINVAL,
			"1 looks at every object of a cache with debugging flags (slub_debug=FZPU "
			"on the command line)");
	return (int64_t)len;
}

int64_t store_slab_shrink(struct view *v, const char *data, size_t len)
{
	if (!len || *data != '1')
		return refuse(
			&v->m->why, EINVAL, "1 gives empty slabs back and puts the fullest first");
	kmem_cache_shrink(v->m, 0, cache_of(v));
	return (int64_t)len;
}
