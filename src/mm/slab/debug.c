/* SPDX-License-Identifier: MIT
 *
 * Caches with debugging flags: F, Z, P, U or T of slub_debug, or SLAB_RED_ZONE and the like when they were made.
 *
 * Each allocation and each free is looked at, under the node's lock, so nothing is left with CPUs: an object comes straight
 * from the first slab of the node's partial list, and goes back to its slab. slabinfo of such a cache counts exactly.
 *
 *	alloc   the node's first partial slab, else other nodes', else a new one (to the head of the list)
 *	        F: the free object must be untouched (object.c); else its whole slab is given up: "Marking all objects used"
 *	        U: who takes it is noted beside it      Z, P: red zones and poison are written
 *	free    F: it must be an allocated object of this cache, its red zones whole; else it stays allocated: "not freed"
 *	        the slab was full: to the tail of the list; empty and min_partial are there already: its pages go back
 *	validate   (sysfs) every object of the slabs on the lists, and of full ones with U, as an allocation would look at it
 *
 * Without F nobody looks, so a broken free pointer would lead the kernel astray; here the list ends there, with a line in
 * the log.
 * Left out: the list of full slabs (with U), which only validate walks: slab_next() finds them.
 * Follows mm/slub.c of 6.1 (alloc_debug_processing(), free_debug_processing(), on_freelist(), validate_slab_cache()).
 */
#include "mm/slab/internal.h"

static void set_inuse(struct frame *f, unsigned inuse)
{
	struct slab_counts c = slab_counts(f);

	c.inuse = inuse;
	slab_set_counts(f, c);
}

/* trace() */
static void trace(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object, bool alloc)
{
	int width = machine_word_digits(m);

	if (!(s->flags & SLAB_TRACE))
		return;
	log_printf(m, "TRACE %s %s 0x%0*llx inuse=%u fp=0x%0*llx", s->name,
		alloc ? "alloc" : "free", width, (ull)object, slab_counts(frame_of(m, pfn)).inuse,
		width, (ull)slab_first_object(m, s, pfn));
	if (!alloc)
		slab_print_section(m, "Object ", object, s->object_size);
}

static unsigned object_index(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	return slab_object_index(s, object - slab_base(m, s, pfn));
}

/* Can the list of the slab at @pfn go on with @object? With 0 it ends. */
static bool goes_on(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	return slab_valid_pointer(m, s, pfn, object) &&
	       (!object || slab_holder(m, frame_of(m, pfn), object_index(m, s, pfn, object)) ==
				   HOLDER_NONE);
}

/* All objects of the slab count as in use from now on. */
static void give_up(struct machine *m, struct frame *f, uint64_t pfn)
{
	set_inuse(f, slab_counts(f).objects);
	slab_set_first(f, 0);
	slab_lose(m, pfn);
}

/* ---- alloc ---- */

/* alloc_debug_processing(): @object was taken off its list. */
static bool alloc_processing(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	struct frame *f = frame_of(m, pfn);

	if (s->flags & SLAB_CONSISTENCY_CHECKS) {
		slab_check_padding(m, s, pfn);
		if (!slab_check_object(m, s, pfn, object, SLUB_RED_INACTIVE)) {
			slab_fix(m, s, "Marking all objects used");
			slab_set_holder(m, slab_map_number(f), object_index(m, s, pfn, object),
				HOLDER_LOST);
			give_up(m, f, pfn);
			return false;
		}
	}
	trace(m, s, pfn, object, true);
	slab_init_object(m, s, object, SLUB_RED_ACTIVE);
	return true;
}

/* The next free object after @object, which is taken; where that leads astray, none. */
static uint64_t next_free(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	uint64_t next = slab_get_free_pointer(m, s, object);

	if (goes_on(m, s, pfn, next))
		return next;
	/* With F the object is about to be looked at. */
	if (!(s->flags & SLAB_CONSISTENCY_CHECKS) || slab_valid_pointer(m, s, pfn, next)) {
		log_printf(m,
			"SLUB: %s: the free pointer of 0x%llx was overwritten: its list ends there",
			s->name, (ull)object);
		give_up(m, frame_of(m, pfn), pfn);
	}
	return 0;
}

/* alloc_single_from_partial(): 0: the slab was given up. */
static uint64_t take_one(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	uint64_t object = slab_first_object(m, s, pfn);

	set_inuse(f, slab_counts(f).inuse + 1);
	slab_set_holder(m, slab_map_number(f), object_index(m, s, pfn, object), HOLDER_USER);
	slab_set_first_object(m, s, pfn, next_free(m, s, pfn, object));
	return alloc_processing(m, s, pfn, object) ? object : 0;
}

static uint64_t from_node(struct machine *m, struct kmem_cache *s, unsigned nid)
{
	struct kmem_cache_node *n = kmem_cache_node(m, s, nid);
	uint64_t object = 0;

	while (!object && n->partial.head) {
		uint64_t pfn = n->partial.head - 1;
		struct frame *f = frame_of(m, pfn);

		object = take_one(m, s, pfn);
		if (!slab_first(f))
			slab_remove_partial(m, s, f, pfn);
	}
	return object;
}

static uint64_t from_nodes(struct machine *m, unsigned cpu, struct kmem_cache *s, int nid)
{
	const struct node *own = node_at(m, m->cpu_node[cpu]);
	uint64_t object = 0;

	if (nid >= 0)
		return from_node(m, s, (unsigned)nid);
	for (unsigned i = 0; i < own->nr_fallback && !object; i++) {
		unsigned other = own->fallback[i].nid;

		/* Of other nodes only what they have too much. */
		if (!i || kmem_cache_node(m, s, other)->nr_partial > s->min_partial)
			object = from_node(m, s, other);
	}
	return object;
}

int slab_debug_alloc(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *object)
{
	uint64_t pfn;

	if (nid >= 0 && !node_at(m, (unsigned)nid)->has_memory)
		nid = -1;
	*object = from_nodes(m, cpu, s, nid);
	while (!*object) {
		int err = slab_new(m, cpu, s, gfp, nid, &pfn);

		if (err)
			return err;
		*object = take_one(m, s, pfn);
		if (slab_first(frame_of(m, pfn)))
			slab_add_partial(m, s, frame_of(m, pfn), pfn, false);
	}
	const struct frame *f = slab_frame(m, s, *object, &pfn);

	slab_set_holder(m, slab_map_number(f), object_index(m, s, pfn, *object), holder);
	if (s->flags & SLAB_STORE_USER)
		slab_set_track(m, cpu, s, *object, TRACK_ALLOC);
	return 0;
}

/* ---- the list of a slab ---- */

/* The whole list is given up: its objects count as in use. */
static void clear_list(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	slab_err(m, s, pfn, "Freepointer corrupt");
	give_up(m, f, pfn);
	slab_fix(m, s, "Freelist cleared");
}

/* A slab without a list is on no list, either. */
static void relist(
	struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn, bool was_listed)
{
	if (was_listed && !slab_first(f))
		slab_remove_partial(m, s, f, pfn);
}

/* on_freelist(): is @search (0: none) a free object of the slab? The list is mended when it is wrong. */
static bool on_freelist(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t search)
{
	struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);
	uint64_t at = slab_first_object(m, s, pfn), object = 0;
	unsigned nr = 0;

	for (; at && nr <= c.objects; nr++) {
		if (at == search)
			return true;
		if (!goes_on(m, s, pfn, at)) {
			slab_object_err(m, s, pfn, object, "Freechain corrupt");
			slab_set_free_pointer(m, s, object, 0);
			break;
		}
		object = at;
		at = slab_get_free_pointer(m, s, object);
	}
	if (nr > c.objects) {
		clear_list(m, s, pfn);
		return !search;
	}
	if (c.inuse != c.objects - nr) {
		slab_err(m, s, pfn, "Wrong object count. Counter is %u but counted were %u",
			c.inuse, c.objects - nr);
		set_inuse(f, c.objects - nr);
		slab_fix(m, s, "Object count adjusted");
		slab_lose(m, pfn);
	}
	return !search;
}

/* ---- free ---- */

static void not_freed(struct machine *m, const struct kmem_cache *s, uint64_t object)
{
	slab_fix(m, s, "Object at 0x%0*llx not freed", machine_word_digits(m), (ull)object);
}

void slab_debug_bad_free(
	struct machine *m, struct kmem_cache *s, uint64_t pfn, uint64_t address, bool is_free)
{
	slab_check_padding(m, s, pfn);
	if (is_free)
		slab_object_err(m, s, pfn, address, "Object already free");
	else
		slab_err(m, s, pfn, "Invalid object pointer 0x%0*llx", machine_word_digits(m),
			(ull)address);
	not_freed(m, s, address);
}

/* free_debug_processing()'s look at one object: false: it is not to be freed. */
static bool free_processing(
	struct machine *m, unsigned cpu, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	if (s->flags & SLAB_CONSISTENCY_CHECKS) {
		if (on_freelist(m, s, pfn, object)) {
			slab_object_err(m, s, pfn, object, "Object already free");
			return false;
		}
		if (!slab_check_object(m, s, pfn, object, SLUB_RED_ACTIVE))
			return false;
	}
	if (s->flags & SLAB_STORE_USER)
		slab_set_track(m, cpu, s, object, TRACK_FREE);
	trace(m, s, pfn, object, false);
	return true;
}

/* Each of @n objects from @head on; their chain is read before the patterns go over it. */
static bool free_each(struct machine *m, unsigned cpu, const struct kmem_cache *s, uint64_t pfn,
	uint64_t head, unsigned n)
{
	if (s->flags & SLAB_CONSISTENCY_CHECKS)
		slab_check_padding(m, s, pfn);
	for (uint64_t object = head, next; n--; object = next) {
		next = n ? slab_get_free_pointer(m, s, object) : 0;
		if (!free_processing(m, cpu, s, pfn, object)) {
			not_freed(m, s, object);
			return false;
		}
		slab_init_object(m, s, object, SLUB_RED_INACTIVE);
		if (n)
			slab_set_free_pointer(m, s, object, next);
	}
	return true;
}

void slab_debug_free(struct machine *m, unsigned cpu, struct kmem_cache *s, struct frame *f,
	uint64_t pfn, uint64_t head, uint64_t tail, unsigned n)
{
	bool was_listed = slab_first(f) != 0, freed = free_each(m, cpu, s, pfn, head, n);

	relist(m, s, f, pfn, was_listed);
	if (!freed)
		return;
	bool was_full = !slab_first(f);

	assert(slab_counts(f).inuse >= n && !slab_counts(f).frozen);
	slab_chain_is_free(m, s, f, pfn, head, n);
	slab_set_free_pointer(m, s, tail, slab_first_object(m, s, pfn));
	slab_set_first_object(m, s, pfn, head);
	set_inuse(f, slab_counts(f).inuse - n);
	if (!slab_counts(f).inuse &&
		kmem_cache_node(m, s, slab_nid(m, pfn))->nr_partial >= s->min_partial) {
		if (!was_full)
			slab_remove_partial(m, s, f, pfn);
		slab_discard(m, cpu, s, pfn);
	} else if (was_full) {
		slab_add_partial(m, s, f, pfn, true);
	}
}

/* ---- validate ---- */

static void validate_slab(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	uint64_t map[SLAB_MAX_OBJECTS / 64 + 1], object = slab_base(m, s, pfn);

	slab_check_padding(m, s, pfn);
	if (!on_freelist(m, s, pfn, 0) || slab_free_map(m, pfn, map) == UINT32_MAX)
		return;
	for (unsigned i = 0; i < slab_counts(frame_of(m, pfn)).objects; i++, object += s->size) {
		bool is_free = map[i / 64] >> i % 64 & 1;

		if (!slab_check_object(
			    m, s, pfn, object, is_free ? SLUB_RED_INACTIVE : SLUB_RED_ACTIVE))
			break;
	}
}

bool kmem_cache_validate(struct machine *m, struct kmem_cache *s)
{
	if (!slab_is_debugged(s))
		return false;
	slab_flush_all(m, s);
	for (uint64_t pfn = slab_next(m, 0); pfn != NO_PFN;
		pfn = slab_next(m, pfn + ((uint64_t)1 << frame_of(m, pfn)->order))) {
		struct frame *f = frame_of(m, pfn);
		bool listed = slab_first(f) != 0;

		if (!(f->flags & FRAME_SLAB) || f->mapping != s->id ||
			!(listed || s->flags & SLAB_STORE_USER))
			continue;
		validate_slab(m, s, pfn);
		relist(m, s, f, pfn, listed);
	}
	return true;
}
