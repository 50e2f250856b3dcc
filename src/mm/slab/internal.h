/* SPDX-License-Identifier: MIT
 *
 * Private to src/mm/slab: the frame as a slab, free pointers, and how the files call each other.
 *
 *	free pointer    at object + offset, of the machine's word size
 *	plain           address of the next free object, 0 at the end
 *	hardened        that ^ the cache's random ^ the bytes of its own place, swapped
 */
#ifndef SIMM_MM_SLAB_INTERNAL_H
#define SIMM_MM_SLAB_INTERNAL_H

#include "mm/slab/slab.h"

#include "mm/core/link.h"
#include "mm/page/contents.h"
#include "mm/page/frame_list.h"
#include "mm/page/zone.h"

#include <assert.h>

typedef unsigned long long ull;

/* mapping of the first page of a block that kmalloc took beyond its caches: no cache has this id. */
#define SLAB_LARGE_MAPPING UINT32_MAX

#define SLAB_MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT)
#define SLAB_NEVER_MERGE                                                                           \
	(SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE | SLAB_TYPESAFE_BY_RCU |       \
		SLAB_NOLEAKTRACE | SLAB_FAILSLAB)
#define SLAB_DEBUG_FLAGS                                                                           \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)

/* ---- the frame as a slab ---- */

struct slab_counts {
	unsigned inuse, objects;
	bool frozen;
};

static inline struct slab_counts slab_counts(const struct frame *f)
{
	return (struct slab_counts){.inuse = f->mapcount & 0xffff,
		.objects = f->mapcount >> 16 & 0x7fff,
		.frozen = f->mapcount >> 31};
}

static inline void slab_set_counts(struct frame *f, struct slab_counts c)
{
	f->mapcount = c.inuse | c.objects << 16 | (uint32_t)c.frozen << 31;
}

/* The first free object of its own list, counted from 1; 0: none. */
static inline unsigned slab_first(const struct frame *f)
{
	return f->index & 0x7fff;
}

static inline void slab_set_first(struct frame *f, unsigned first)
{
	assert(first <= SLAB_MAX_OBJECTS);
	f->index = (f->index & ~(uint64_t)0x7fff) | first;
}

/* ---- who has an object ---- */

/* The heap's blocks are multiples of 16 bytes, and all of the heap is 2^29 of these. */
static inline uint32_t slab_map_number(const struct frame *f)
{
	return (uint32_t)(f->index >> 15);
}

static inline uint64_t *slab_map(const struct machine *m, uint32_t number)
{
	return machine_at(m, m->heap.start + ((uint64_t)number << 4));
}

static inline void slab_set_map(const struct machine *m, struct frame *f, uint64_t at)
{
	f->index = (at - m->heap.start) >> 4 << 15;
}

static inline uint64_t slab_map_bytes(unsigned objects)
{
	return (objects + 31) / 32 * sizeof(uint64_t);
}

static inline enum slab_holder slab_holder(
	const struct machine *m, const struct frame *f, unsigned index)
{
	return (enum slab_holder)(
		slab_map(m, slab_map_number(f))[index / 32] >> index % 32 * 2 & 3);
}

static inline void slab_set_holder(
	const struct machine *m, uint32_t map, unsigned index, enum slab_holder holder)
{
	uint64_t *word = slab_map(m, map) + index / 32;
	unsigned shift = index % 32 * 2;

	*word = (*word & ~((uint64_t)3 << shift)) | (uint64_t)holder << shift;
}

/* ---- addresses and contents ---- */

/* reciprocal_divide(): which object lies @offset bytes behind a slab's first one; exact for all offsets in a slab of at
 * most 2^23 bytes and 2^15 objects, and many times faster than a division. */
#define SLAB_RECIPROCAL_SHIFT 46
static inline uint32_t slab_object_index(const struct kmem_cache *s, uint64_t offset)
{
	return (uint32_t)(offset * s->reciprocal >> SLAB_RECIPROCAL_SHIFT);
}

static inline uint32_t slab_bytes(const struct frame *f)
{
	return (uint32_t)(PAGE_BYTES << f->order);
}

static inline uint64_t slab_address(const struct machine *m, uint64_t pfn)
{
	return (pfn << PAGE_SHIFT) + m->dram_at - (m->base_pfn << PAGE_SHIFT) - m->slab.linear;
}

/* Where the objects of the slab at @pfn begin. */
static inline uint64_t slab_base(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	return slab_address(m, pfn) + s->red_left_pad;
}

/* The first free object of the list of the slab at @pfn; 0: none. */
static inline uint64_t slab_first_object(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	unsigned first = slab_first(frame_of(m, pfn));

	return first ? slab_base(m, s, pfn) + (uint64_t)(first - 1) * s->size : 0;
}

static inline void slab_set_first_object(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	slab_set_first(frame_of(m, pfn),
		object ? slab_object_index(s, object - slab_base(m, s, pfn)) + 1 : 0);
}

/* One past the direct map: high memory has no address in it. */
static inline uint64_t slab_end(const struct machine *m)
{
	uint64_t low_end_pfn = m->kernel_map.low_end >> PAGE_SHIFT;

	return slab_address(m, low_end_pfn ? low_end_pfn : m->end_pfn);
}

static inline uint64_t slab_pfn(const struct machine *m, uint64_t address)
{
	return ((address + m->slab.linear - m->dram_at) >> PAGE_SHIFT) + m->base_pfn;
}

/* Can be read and written in place: slabs' pages have contents from their beginning, but whoever owns the machine may
 * have taken them away (a page cleared under the slab). */
static inline bool slab_has_contents(const struct machine *m, uint64_t address)
{
	return frame_has_contents(m, slab_pfn(m, address));
}

static inline uint64_t slab_mangle(
	const struct machine *m, const struct kmem_cache *s, uint64_t pointer, uint64_t place)
{
	if (!s->hardened)
		return pointer;
	if (machine_word_bytes(m) == 8)
		return pointer ^ s->random ^ __builtin_bswap64(place);
	return (uint32_t)(pointer ^ s->random ^ __builtin_bswap32((uint32_t)place));
}

/* The free object after @object. */
static inline uint64_t slab_get_free_pointer(
	const struct machine *m, const struct kmem_cache *s, uint64_t object)
{
	uint64_t place = object + s->offset, word = 0;

	if (__builtin_expect(slab_has_contents(m, place), 1)) {
		const char *at = machine_at(m, place + m->slab.linear);

		if (machine_word_bytes(m) == 8)
			memcpy(&word, at, 8);
		else
			memcpy(&word, at, 4);
	}
	return slab_mangle(m, s, word, place);
}

/* Chain @next behind @object. False: the host's budget ended. */
static inline bool slab_set_free_pointer(
	struct machine *m, const struct kmem_cache *s, uint64_t object, uint64_t next)
{
	uint64_t place = object + s->offset, word = slab_mangle(m, s, next, place);

	if (__builtin_expect(!slab_has_contents(m, place), 0)) {
		struct dram d = machine_dram(m);

		return !dram_store(&d, slab_pfn(m, place) << PAGE_SHIFT | place % PAGE_BYTES,
			machine_word_bytes(m), word, &m->why);
	}
	char *at = machine_at(m, place + m->slab.linear);
	if (machine_word_bytes(m) == 8)
		memcpy(at, &word, 8);
	else
		memcpy(at, &word, 4);
	return true;
}

/* @holder has @object, which a CPU takes from its slab. False: it is no free object of it, for whoever wrote to a free
 * object has made its pointer lead anywhere. What CPUs take from has no red zones. */
static inline bool slab_claim(const struct machine *m, const struct kmem_cache_cpu *c,
	const struct kmem_cache *s, uint64_t object, enum slab_holder holder)
{
	uint64_t offset = object - c->start;

	if (offset >= c->bytes)
		return false;
	uint32_t i = slab_object_index(s, offset);
	uint64_t *word = slab_map(m, c->map) + i / 32;
	unsigned shift = i % 32 * 2;

	if (offset != (uint64_t)i * s->size || *word >> shift & 3)
		return false;
	*word |= (uint64_t)holder << shift;
	return true;
}

/* The kernel's oops at a pointer that leads astray. */
void slab_say_oops(struct machine *m, uint64_t address);

/* ---- geometry.c ---- */

/* calculate_alignment(): what @flags and @align come to for objects of @size bytes. */
uint32_t slab_alignment(const struct machine *m, uint32_t flags, uint32_t align, uint64_t size);
/* calculate_sizes(), set_min_partial(), set_cpu_partial(): from object_size, align, flags and has_ctor to the rest.
 * False: no slab can hold such an object. */
bool slab_calculate_sizes(const struct machine *m, struct kmem_cache *s);
/* slub_set_cpu_partial(): and as many slabs as hold @objects when they are half full. */
void slab_set_cpu_partial(struct kmem_cache *s, uint32_t objects);
/* kmem_cache_flags(): @flags with what slub_debug= adds for a cache of this name. */
uint32_t slab_debug_flags(const struct machine *m, uint32_t flags, const char *name);
/* From slub_min_order= and the like, and the architecture. */
void slab_read_parameters(struct machine *m);

/* ---- freelist.c ---- */

/* init_cache_random_seq(): the order in which a fresh slab's objects are chained. -errno. */
int slab_make_random_seq(struct machine *m, struct kmem_cache *s);
/* Chain all objects of the slab at @pfn; returns the first. Its pages must have contents. */
uint64_t slab_chain_objects(
	struct machine *m, struct kmem_cache *s, uint64_t pfn, unsigned objects);

/* ---- partial.c ---- */

/* The frame of the slab that @address lies in; *@pfn is its first page's. */
struct frame *slab_frame(
	const struct machine *m, const struct kmem_cache *s, uint64_t address, uint64_t *pfn);
unsigned slab_nid(const struct machine *m, uint64_t pfn);
void slab_add_partial(
	struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn, bool tail);
void slab_remove_partial(struct machine *m, struct kmem_cache *s, struct frame *f, uint64_t pfn);
/* discard_slab(): the pages go back. */
void slab_discard(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t pfn);
/* put_cpu_partial(): a slab that is frozen becomes the first of the CPU's chain. @drain: unfreeze the chain when full. */
void slab_put_cpu_partial(
	struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t pfn, bool drain);
/* deactivate_slab(): the CPU's slab goes where it belongs, its freelist with it. */
void slab_deactivate(struct machine *m, unsigned cpu, struct kmem_cache *s);
/* flush_all(): no CPU has anything of @s. */
void slab_flush_all(struct machine *m, struct kmem_cache *s);
/* get_freelist(): all that is free in the slab at @pfn, for a CPU; what it had counts as in use. 0: nothing, and the slab is
 * no longer a CPU's. */
uint64_t slab_get_freelist(struct machine *m, const struct kmem_cache *s, uint64_t pfn);
/* get_partial(): a slab of the nodes' lists, frozen now, with its free objects in *@freelist; NO_PFN: none. */
uint64_t slab_get_partial(
	struct machine *m, unsigned cpu, struct kmem_cache *s, int nid, uint64_t *freelist);

/* Where a slab's pages are counted. */
uint64_t *slab_page_counter(const struct machine *m, uint32_t flags, uint64_t pfn);

/* ---- debug.c, object.c: caches with debugging flags ---- */

static inline bool slab_is_debugged(const struct kmem_cache *s)
{
	return s->flags & SLAB_DEBUG_FLAGS;
}

/* allocate_slab(): a slab whose objects are chained, in no list; no object is in use yet. */
int slab_new(
	struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid, uint64_t *pfn);
/* Mark the objects of the list that begins with @object in @map, a bit each, and count them in @nr; the last of them is
 * *@last. False: it leads out of the slab, or to an object that is marked or in use; those before it are marked. */
bool slab_mark_list(const struct machine *m, const struct kmem_cache *s, const struct frame *f,
	uint64_t pfn, uint64_t object, uint64_t *map, unsigned *nr, uint64_t *last);
/* Nobody has the @n objects of the slab at @pfn that are chained from @head on. */
void slab_chain_is_free(const struct machine *m, const struct kmem_cache *s, const struct frame *f,
	uint64_t pfn, uint64_t head, unsigned n);
/* A list of the slab at @pfn was cut short: what was behind is lost. */
void slab_lose(struct machine *m, uint64_t pfn);

/* setup_slab_debug(), setup_object_debug(): the patterns of a slab that was just taken, before its objects are chained. */
void slab_debug_setup(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, unsigned objects);
/* One object straight from a node's slab; debugged caches leave nothing with CPUs. Errors: as slab_alloc(). */
int slab_debug_alloc(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	enum slab_holder holder, uint64_t *object);
/* free_debug_processing(): @n objects chained from @head to @tail. What does not pass the checks stays allocated. */
void slab_debug_free(struct machine *m, unsigned cpu, struct kmem_cache *s, struct frame *f,
	uint64_t pfn, uint64_t head, uint64_t tail, unsigned n);
/* free_consistency_checks()'s reports on what kfree() was given that is no allocated object. */
void slab_debug_bad_free(
	struct machine *m, struct kmem_cache *s, uint64_t pfn, uint64_t address, bool is_free);

#define SLUB_RED_INACTIVE 0xbb
#define SLUB_RED_ACTIVE	  0xcc
#define POISON_INUSE	  0x5a
#define POISON_FREE	  0x6b
#define POISON_END	  0xa5

/* Bytes of simulated memory at a kernel address in a slab. */
void slab_read(const struct machine *m, uint64_t address, void *out, uint64_t bytes);

/* check_valid_pointer(): 0, or the begin of an object of the slab at @pfn. */
bool slab_valid_pointer(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object);
/* What belongs to an object, from its begin: itself, a free pointer behind it, the tracks. */
uint64_t slab_info_bytes(const struct machine *m, const struct kmem_cache *s);
void slab_set_track(struct machine *m, unsigned cpu, const struct kmem_cache *s, uint64_t object,
	enum track_item item);
/* set_orig_size() */
void slab_set_asked_bytes(
	struct machine *m, const struct kmem_cache *s, uint64_t object, uint64_t bytes);
/* init_object(): @value is SLUB_RED_*. */
void slab_init_object(
	struct machine *m, const struct kmem_cache *s, uint64_t object, uint8_t value);
/* check_object(), slab_pad_check(): report and mend what was overwritten. False: the object was not as it should be. */
bool slab_check_object(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	uint8_t value);
void slab_check_padding(struct machine *m, const struct kmem_cache *s, uint64_t pfn);

/* ---- report.c: the kernel's words ---- */

/* slab_bug() and print_slab_info() are in each of these. slab_err(), object_err(), and slab_fix()'s FIX lines. */
void slab_err(struct machine *m, const struct kmem_cache *s, uint64_t pfn, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void slab_object_err(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	const char *reason);
void slab_fix(struct machine *m, const struct kmem_cache *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* check_bytes_and_report()'s: @what between @first and @last of @object is not @value. */
void slab_report_bytes(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	const char *what, uint64_t first, uint64_t last, uint8_t value);
/* print_section(): 16 bytes a line, each with its address behind @text. */
void slab_print_section(struct machine *m, const char *text, uint64_t address, uint64_t bytes);
/* print_tracking() */
void slab_print_tracking(struct machine *m, const struct kmem_cache *s, uint64_t object);

/* ---- where the leak scanner looks at each object ---- */

/* After an object was taken, or (@s NULL) a block beyond the caches: kmemleak_alloc_recursive(). */
static inline void slab_post_alloc(struct machine *m, unsigned cpu, const struct kmem_cache *s,
	uint64_t address, uint64_t bytes)
{
	if (!s || !(s->flags & SLAB_NOLEAKTRACE))
		kmemleak_alloc(m, cpu, address, bytes, 1);
}

/* Before it goes: slab_free_hook(). */
static inline void slab_pre_free(struct machine *m, const struct kmem_cache *s, uint64_t address)
{
	if (!s || !(s->flags & SLAB_NOLEAKTRACE))
		kmemleak_free(m, address);
}

/* The simulated kernel's own objects: what points to them is not in simulated memory. */
static inline void slab_own_object(struct machine *m, uint64_t address)
{
	if (__builtin_expect(m->kmemleak.enabled, 0))
		kmemleak_not_leak(m, address);
}

#endif
