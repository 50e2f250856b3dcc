/* SPDX-License-Identifier: MIT
 *
 * Caches: made, merged, found by name, shrunk, destroyed.
 *
 *	create     is there one whose objects are as large (less than a word larger), as aligned, of the same accounting
 *	           and without constructor, debugging or parts that user space copies?
 *	             yes: it gets another name (alias) and a reference
 *	             no:  a new cache: an object of kmem_cache, one of kmem_cache_node for each node, its name, its random order
 *	destroy    a reference less; the last one gives all slabs back, and is refused while there are objects
 *	shrink     the CPUs' slabs to the nodes, empty slabs back, and the node's list sorted: fullest first, so that the
 *	           others have a chance to become empty
 *
 *	slab_caches    newest <-> ... <-> oldest        slabinfo's order; merging looks at the oldest first
 *
 * sys/kernel/slab names what may be merged by what it is: ":A-0000152" is 152 bytes, accounted to cgroups.
 *
 * Left out: the kernel destroys nothing when objects remain but leaves the cache without a name that can be used;
 * here the cache stays as it was, so that it can be destroyed once they are freed.
 * Follows mm/slab_common.c (kmem_cache_create_usercopy(), find_mergeable(), kmem_cache_destroy()), mm/slub.c
 * (__kmem_cache_do_shrink(), create_unique_id()) of 6.1.
 */
#include "mm/slab/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* kmem_cache_create()'s callers may give these. */
#define SLAB_PERMITTED                                                                             \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE |    \
		SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_PANIC |              \
		SLAB_TYPESAFE_BY_RCU | SLAB_MEM_SPREAD | SLAB_NOLEAKTRACE | SLAB_RECLAIM_ACCOUNT | \
		SLAB_ACCOUNT)
#define SHRINK_PROMOTE_MAX 32

/* ---- the table ---- */

struct kmem_cache *kmem_cache_get(const struct machine *m, uint32_t id)
{
	const uint64_t *table = machine_at(m, m->slab.table_at);

	if (!id || id > m->slab.nr || !table[id - 1])
		return NULL;
	return machine_at(m, table[id - 1]);
}

struct kmem_cache *kmem_cache_own(const struct machine *m, enum kmem_cache_id id)
{
	assert(id < NR_KMEM_CACHES);
	return m->slab.own_at[id] ? machine_at(m, m->slab.own_at[id]) : NULL;
}

struct kmem_cache *kmem_cache_next(const struct machine *m, const struct kmem_cache *s)
{
	const struct link *head = &m->slab.caches;
	struct link *l = link_next(m, head, s ? &s->list : head);

	return l ? link_entry(l, struct kmem_cache, list) : NULL;
}

const struct kmem_cache_alias *kmem_cache_next_alias(
	const struct machine *m, const struct kmem_cache *s, const struct kmem_cache_alias *alias)
{
	uint64_t at = alias ? alias->next : s->aliases_at;

	return at ? machine_at(m, at) : NULL;
}

static bool table_room(struct machine *m)
{
	struct slab_state *st = &m->slab;
	uint32_t cap = st->cap ? st->cap * 2 : 256;
	uint64_t at;

	if (st->nr < st->cap)
		return true;
	at = st->table_at ? heap_grow(m, st->table_at, st->cap * 8ull, cap * 8ull)
			  : heap_alloc(m, cap * 8ull);
	if (!at)
		return false;
	st->table_at = at;
	st->cap = cap;
	return true;
}

/* ---- names ---- */

bool kmem_cache_unmergeable(const struct machine *m, const struct kmem_cache *s)
{
	return m->slab.nomerge || s->flags & SLAB_NEVER_MERGE || s->has_ctor || s->usersize ||
	       s->refcount < 0;
}

void kmem_cache_sysfs_name(
	const struct machine *m, const struct kmem_cache *s, char out[SLAB_NAME_MAX])
{
	char letters[8];
	size_t n = 0;

	if (kmem_cache_unmergeable(m, s)) {
		snprintf(out, SLAB_NAME_MAX, "%s", s->name);
		return;
	}
	if (s->flags & SLAB_CACHE_DMA)
		letters[n++] = 'd';
	if (s->flags & SLAB_CACHE_DMA32)
		letters[n++] = 'D';
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		letters[n++] = 'a';
	if (s->flags & SLAB_CONSISTENCY_CHECKS)
		letters[n++] = 'F';
	if (s->flags & SLAB_ACCOUNT)
		letters[n++] = 'A';
	if (n)
		letters[n++] = '-';
	snprintf(out, SLAB_NAME_MAX, ":%.*s%07u", (int)n, letters, s->size);
}

static struct kmem_cache_alias *find_alias(
	const struct machine *m, const struct kmem_cache *s, const char *name, size_t len)
{
	for (uint64_t at = s->aliases_at; at;) {
		struct kmem_cache_alias *a = machine_at(m, at);

		if (parse_is(name, len, a->name))
			return a;
		at = a->next;
	}
	return NULL;
}

struct kmem_cache *kmem_cache_find(const struct machine *m, const char *name, size_t len)
{
	char id[SLAB_NAME_MAX];

	for (struct kmem_cache *s = kmem_cache_next(m, NULL); s; s = kmem_cache_next(m, s)) {
		if (parse_is(name, len, s->name) || find_alias(m, s, name, len))
			return s;
		kmem_cache_sysfs_name(m, s, id);
		if (parse_is(name, len, id))
			return s;
	}
	return NULL;
}

/* ---- merging ---- */

static struct kmem_cache *find_mergeable(const struct machine *m, const struct kmem_cache_args *a)
{
	uint64_t word = machine_word_bytes(m), size = (a->size + word - 1) / word * word;
	uint32_t align = slab_alignment(m, a->flags, a->align, size), flags;

	if (m->slab.nomerge || (a->ctor && *a->ctor) || a->usersize)
		return NULL;
	size = (size + align - 1) / align * align;
	flags = slab_debug_flags(m, a->flags, a->name);
	if (flags & SLAB_NEVER_MERGE)
		return NULL;
	link_for_each_reverse(m, &m->slab.caches, l)
	{
		struct kmem_cache *s = link_entry(l, struct kmem_cache, list);

		if (!kmem_cache_unmergeable(m, s) && size <= s->size && s->size - size < word &&
			(flags & SLAB_MERGE_SAME) == (s->flags & SLAB_MERGE_SAME) &&
			s->size % align == 0)
			return s;
	}
	return NULL;
}

/* sysfs_slab_alias(): the name leads to @s from now on. */
static int add_alias(struct machine *m, struct kmem_cache *s, const struct kmem_cache_args *a)
{
	uint64_t at, word = machine_word_bytes(m);
	uint32_t inuse = (uint32_t)((a->size + word - 1) / word * word);

	if (!find_alias(m, s, a->name, strlen(a->name))) {
		at = heap_alloc(m, sizeof(struct kmem_cache_alias));
		if (!at)
			return -m->why.err;
		struct kmem_cache_alias *alias = machine_at(m, at);

		snprintf(alias->name, sizeof(alias->name), "%s", a->name);
		alias->next = s->aliases_at;
		s->aliases_at = at;
	}
	s->refcount++;
	s->object_size = a->size > s->object_size ? (uint32_t)a->size : s->object_size;
	s->inuse = inuse > s->inuse ? inuse : s->inuse;
	return 0;
}

/* ---- making one ---- */

/* What a cache itself costs: none of it for one made during boot. */
static void pay_back(struct machine *m, unsigned cpu, struct kmem_cache *s)
{
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		if (kmem_cache_node(m, s, nid)->object)
			slab_free(m, cpu, machine_at(m, m->slab.kmem_cache_node_at),
				kmem_cache_node(m, s, nid)->object);
	if (s->seq_object)
		kfree_own(m, cpu, s->seq_object);
	if (s->name_object)
		kfree_own(m, cpu, s->name_object);
	if (s->object)
		slab_free(m, cpu, machine_at(m, m->slab.kmem_cache_at), s->object);
}

static int pay(struct machine *m, unsigned cpu, struct kmem_cache *s)
{
	int err = kmalloc_own(m, cpu, strlen(s->name) + 1, GFP_KERNEL, -1, &s->name_object);

	if (!err)
		err = slab_alloc_own(
			m, cpu, machine_at(m, m->slab.kmem_cache_at), GFP_KERNEL, -1, &s->object);
	if (!err && s->random_seq_at)
		err = kmalloc_own(m, cpu, s->oo.objects * 4ull, GFP_KERNEL, -1, &s->seq_object);
	for (unsigned nid = 0; nid < m->nr_nodes && !err; nid++)
		if (node_at(m, nid)->has_memory)
			err = slab_alloc_own(m, cpu, machine_at(m, m->slab.kmem_cache_node_at),
				GFP_KERNEL, (int)nid, &kmem_cache_node(m, s, nid)->object);
	slab_own_object(m, s->name_object);
	slab_own_object(m, s->object);
	slab_own_object(m, s->seq_object);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		slab_own_object(m, kmem_cache_node(m, s, nid)->object);
	return err;
}

static void free_block(struct machine *m, struct kmem_cache *s)
{
	for (uint64_t at = s->aliases_at; at;) {
		uint64_t next = ((struct kmem_cache_alias *)machine_at(m, at))->next;

		heap_free(m, at, sizeof(struct kmem_cache_alias));
		at = next;
	}
	heap_free(m, s->random_seq_at, s->oo.objects * sizeof(uint32_t));
	heap_free(m, machine_ref(m, s), s->bytes);
}

static int open_cache(struct machine *m, struct kmem_cache *s, const struct kmem_cache_args *a)
{
	s->object_size = (uint32_t)a->size;
	s->align = slab_alignment(m, a->flags, a->align, a->size);
	s->flags = slab_debug_flags(m, a->flags, a->name);
	s->useroffset = a->useroffset;
	s->usersize = a->usersize;
	s->refcount = 1;
	s->remote_node_defrag_ratio = 1000;
	snprintf(s->name, sizeof(s->name), "%s", a->name);
	snprintf(s->ctor, sizeof(s->ctor), "%s", a->ctor ? a->ctor : "");
	s->has_ctor = *s->ctor != '\0';
	s->zero_objects = machine_has(m, CONFIG_INIT_ON_ALLOC_DEFAULT_ON) && !s->has_ctor &&
			  !(s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON));
	s->hardened = machine_has(m, CONFIG_SLAB_FREELIST_HARDENED);
	s->random = rng_next(&m->slab.rng);
	if (machine_word_bytes(m) == 4)
		s->random = (uint32_t)s->random;
	bool fits = slab_calculate_sizes(m, s);

	/* The room that debugging takes shall not make the slabs larger. */
	if (fits && m->slab.keep_orders && s->min.order > 0 &&
		PAGE_BYTES << (s->min.order - 1) >= s->object_size) {
		s->flags &= ~(uint32_t)(SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER);
		fits = slab_calculate_sizes(m, s);
	}
	if (!fits)
		return refuse(&m->why, EINVAL,
			"kmem_cache_create: no block of pages is large enough for an object of %u "
			"bytes "
			"(the largest has %llu)",
			s->object_size, (ull)(PAGE_BYTES << (m->nr_orders - 1)));
	return slab_make_random_seq(m, s);
}

static int create_cache(
	struct machine *m, unsigned cpu, const struct kmem_cache_args *a, struct kmem_cache **out)
{
	uint64_t head = (sizeof(struct kmem_cache) + 63) & ~63ull,
		 cpus = m->nr_cpus * sizeof(struct kmem_cache_cpu);
	uint64_t bytes = head + cpus + m->nr_nodes * sizeof(struct kmem_cache_node), at;

	if (!table_room(m))
		return -m->why.err;
	at = heap_alloc(m, bytes);
	if (!at)
		return -m->why.err;
	struct kmem_cache *s = machine_at(m, at);

	s->bytes = bytes;
	s->cpus_at = at + head;
	s->nodes_at = at + head + cpus;
	int err = open_cache(m, s, a);
	if (!err && m->slab.ready) {
		err = pay(m, cpu, s);
		if (err)
			pay_back(m, cpu, s);
	}
	if (err) {
		free_block(m, s);
		return err;
	}
	((uint64_t *)machine_at(m, m->slab.table_at))[m->slab.nr++] = at;
	s->id = m->slab.nr;
	link_add(m, &m->slab.caches, &s->list);
	*out = s;
	return 0;
}

static int check_args(struct machine *m, const struct kmem_cache_args *a)
{
	size_t len = strlen(a->name);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)a->name[i] < ' ' || a->name[i] == '/' || a->name[i] == 127)
			return refuse(&m->why, EINVAL,
				"kmem_cache_create: a name is a directory in sys/kernel/slab: "
				"neither '/' nor "
				"control characters");
	if (!len || len >= SLAB_NAME_MAX)
		return refuse(&m->why, EINVAL, "kmem_cache_create: a name has 1 to %u bytes",
			SLAB_NAME_MAX - 1);
	if (a->size < machine_word_bytes(m) || a->size > KMALLOC_MAX_BYTES(m))
		return refuse(&m->why, EINVAL,
			"kmem_cache_create: an object has %u to %llu bytes, not %llu: a free one "
			"must hold a "
			"pointer",
			machine_word_bytes(m), (ull)KMALLOC_MAX_BYTES(m), (ull)a->size);
	if (a->align & (a->align - 1) || a->align > PAGE_BYTES << (m->nr_orders - 1))
		return refuse(&m->why, EINVAL,
			"kmem_cache_create: an alignment is a power of two up to %llu, not %u",
			(ull)(PAGE_BYTES << (m->nr_orders - 1)), a->align);
	if (m->slab.ready && a->flags & ~(uint32_t)SLAB_PERMITTED)
		return refuse(&m->why, EINVAL,
			"kmem_cache_create: flags 0x%x are not for a cache's maker",
			a->flags & ~(uint32_t)SLAB_PERMITTED);
	return 0;
}

int kmem_cache_create(
	struct machine *m, unsigned cpu, const struct kmem_cache_args *a, uint32_t *out)
{
	struct kmem_cache_args args = *a;
	int err = check_args(m, a);

	if (err)
		return err;
	struct kmem_cache *s = find_mergeable(m, &args);
	if (s) {
		err = add_alias(m, s, &args);
		*out = s->id;
		return err;
	}
	/* Its directory would have the name of one that is there. */
	s = kmem_cache_find(m, args.name, strlen(args.name));
	if (s && !strcmp(s->name, args.name) && kmem_cache_unmergeable(m, s)) {
		log_printf(
			m, "sysfs: cannot create duplicate filename '/kernel/slab/%s'", args.name);
		err = refuse(&m->why, EEXIST,
			"kmem_cache_create: there is a cache %s, which cannot be shared",
			args.name);
	} else {
		err = create_cache(m, cpu, &args, &s);
	}
	if (err) {
		log_printf(
			m, "kmem_cache_create_usercopy(%s) failed with error %d", args.name, err);
		return err;
	}
	*out = s->id;
	return 0;
}

/* ---- shrinking ---- */

static bool shrink_node(
	struct machine *m, unsigned cpu, struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct frame_list promote[SHRINK_PROMOTE_MAX] = {{0}}, rest = {0};

	while (n->partial.head) {
		uint64_t pfn = n->partial.head - 1;
		struct frame *f = frame_of(m, pfn);
		struct slab_counts c = slab_counts(f);
		unsigned free = c.objects - c.inuse;

		frame_list_del(m, &n->partial, f);
		if (free == c.objects) {
			n->nr_partial--;
			slab_discard(m, cpu, s, pfn);
		} else if (free <= SHRINK_PROMOTE_MAX) {
			frame_list_add(m, &promote[free - 1], f, pfn, false);
		} else {
			frame_list_add(m, &rest, f, pfn, true);
		}
	}
	/* Fullest first, then those that nothing is known of. */
	for (unsigned i = 0; i <= SHRINK_PROMOTE_MAX; i++) {
		struct frame_list *from = i < SHRINK_PROMOTE_MAX ? &promote[i] : &rest;

		while (from->head) {
			uint64_t pfn = from->head - 1;
			struct frame *f = frame_of(m, pfn);

			frame_list_del(m, from, f);
			frame_list_add(m, &n->partial, f, pfn, true);
		}
	}
	return n->nr_slabs != 0;
}

bool kmem_cache_shrink(struct machine *m, unsigned cpu, struct kmem_cache *s)
{
	bool remain = false;

	slab_flush_all(m, s);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++)
		remain |= shrink_node(m, cpu, s, kmem_cache_node(m, s, nid));
	return remain;
}

void kmem_cache_shrink_all(struct machine *m, unsigned cpu)
{
	for (struct kmem_cache *s = kmem_cache_next(m, NULL); s; s = kmem_cache_next(m, s))
		kmem_cache_shrink(m, cpu, s);
}

int kmem_cache_set_cpu_partial(struct machine *m, struct kmem_cache *s, uint64_t objects)
{
	bool can = machine_has(m, CONFIG_SLUB_CPU_PARTIAL) && !slab_is_debugged(s);

	if (objects > UINT32_MAX)
		return refuse(&m->why, ERANGE, "cpu_partial is a number of 32 bits");
	if (objects && !can)
		return refuse(&m->why, EINVAL, "CPUs keep nothing of a cache with debugging flags");
	slab_set_cpu_partial(s, (uint32_t)objects);
	slab_flush_all(m, s);
	return 0;
}

/* ---- the end of one ---- */

static void drop_alias(struct machine *m, struct kmem_cache *s, const char *name)
{
	uint64_t *link = &s->aliases_at;

	while (*link) {
		struct kmem_cache_alias *a = machine_at(m, *link);
		uint64_t at = *link;

		if (!name || !strcmp(a->name, name)) {
			*link = a->next;
			heap_free(m, at, sizeof(*a));
			return;
		}
		link = &a->next;
	}
}

static bool is_boot_cache(const struct machine *m, const struct kmem_cache *s)
{
	uint64_t at = machine_ref(m, s);

	if (at == m->slab.kmem_cache_at || at == m->slab.kmem_cache_node_at ||
		s->flags & SLAB_KMALLOC)
		return true;
	for (unsigned id = 0; id < NR_KMEM_CACHES; id++)
		if (m->slab.own_at[id] == at)
			return true;
	return false;
}

int kmem_cache_destroy(struct machine *m, unsigned cpu, uint32_t id, const char *name)
{
	struct kmem_cache *s = kmem_cache_get(m, id);

	if (!s)
		return refuse(
			&m->why, EINVAL, "kmem_cache_destroy: there is no such cache (any more)");
	if (s->refcount > 1 && !(name && !strcmp(name, s->name) && is_boot_cache(m, s))) {
		s->refcount--;
		drop_alias(m, s, name);
		return 0;
	}
	if (is_boot_cache(m, s))
		return refuse(
			&m->why, EBUSY, "kmem_cache_destroy: %s is the kernel's own", s->name);
	if (kmem_cache_shrink(m, cpu, s)) {
		struct slab_sums sums;

		slab_sums(m, s, &sums);
		log_printf(m, "kmem_cache_destroy %s: Slab cache still has objects", s->name);
		return refuse(&m->why, EBUSY,
			"kmem_cache_destroy: %s still has objects: %llu in %llu slabs; free them "
			"first",
			s->name, (ull)(sums.num_objs - sums.free_in_partial), (ull)sums.num_slabs);
	}
	link_del(m, &s->list);
	((uint64_t *)machine_at(m, m->slab.table_at))[id - 1] = 0;
	pay_back(m, cpu, s);
	free_block(m, s);
	return 0;
}
