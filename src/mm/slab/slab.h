/* SPDX-License-Identifier: MIT
 *
 * The slab allocator's interface: what kmalloc(), kmem_cache_alloc() and friends of 6.1 (SLUB) promise.
 *
 * Addresses are the kernel's logical ones; 0 is NULL. "Trusted" functions are for the simulated kernel itself and assert that
 * what they are given is right; those that take what a user wrote answer with the kernel's verdict.
 */
#ifndef SIMM_MM_SLAB_H
#define SIMM_MM_SLAB_H

#include "mm/machine.h"
#include "mm/page/page_alloc.h"

struct text;

/* What kmem_cache_create() wants. */
struct kmem_cache_args {
	const char *name; /* at most SLAB_NAME_MAX - 1 bytes, no '/' and no control characters */
	uint64_t size;
	uint32_t align, flags;
	uint32_t useroffset, usersize;
	const char *ctor; /* the constructor's name; NULL or "": none */
};

/* ---- caches ---- */

/* kmem_cache_init(): kmem_cache, kmem_cache_node, kmalloc's caches and those of caches.def. Costs no simulated memory.
 * Errors: EDQUOT, ENOMEM (m->why). */
int kmem_cache_init(struct machine *m);
/* Make a cache, or give a like one another name (merging). *@out is its id. Errors: EINVAL (flags, size, alignment,
 * name), EEXIST, ENOMEM, EDQUOT. */
int kmem_cache_create(
	struct machine *m, unsigned cpu, const struct kmem_cache_args *args, uint32_t *out);
/* Give a name of cache @id up, NULL: any; the last one destroys it. Errors: EBUSY: it still has objects. */
int kmem_cache_destroy(struct machine *m, unsigned cpu, uint32_t id, const char *name);
/* Give empty slabs back and sort the partial ones. Returns whether slabs remain, as the kernel's does. */
bool kmem_cache_shrink(struct machine *m, unsigned cpu, struct kmem_cache *s);
/* The same for all caches, and for those of the kernel's objects that tests count. */
void kmem_cache_shrink_all(struct machine *m, unsigned cpu);

/* cpu_partial_store(): CPUs keep @objects of it on frozen slabs, and give up those that they have. Errors: EINVAL. */
int kmem_cache_set_cpu_partial(struct machine *m, struct kmem_cache *s, uint64_t objects);

/* The cache with this id, NULL when there is none (or none any more). */
struct kmem_cache *kmem_cache_get(const struct machine *m, uint32_t id);
/* By name or alias or unique id (":A-0000152"), @len bytes; NULL. */
struct kmem_cache *kmem_cache_find(const struct machine *m, const char *name, size_t len);
/* The kernel's own; NULL when this kernel has no such cache. */
struct kmem_cache *kmem_cache_own(const struct machine *m, enum kmem_cache_id id);
/* In the order of slab_caches, newest first: NULL begins, and ends. */
struct kmem_cache *kmem_cache_next(const struct machine *m, const struct kmem_cache *s);
/* The names that a merged cache has besides its own: NULL begins, and ends. */
const struct kmem_cache_alias *kmem_cache_next_alias(
	const struct machine *m, const struct kmem_cache *s, const struct kmem_cache_alias *alias);
/* Its directory in sys/kernel/slab: a unique id (create_unique_id()) when it may be merged, else its name. */
void kmem_cache_sysfs_name(
	const struct machine *m, const struct kmem_cache *s, char out[SLAB_NAME_MAX]);
bool kmem_cache_unmergeable(const struct machine *m, const struct kmem_cache *s);

struct slab_place;
static inline struct kmem_cache_cpu *kmem_cache_cpu(
	const struct machine *m, const struct kmem_cache *s, unsigned cpu)
{
	return (struct kmem_cache_cpu *)machine_at(m, s->cpus_at) + cpu;
}

static inline struct kmem_cache_node *kmem_cache_node(
	const struct machine *m, const struct kmem_cache *s, unsigned nid)
{
	return (struct kmem_cache_node *)machine_at(m, s->nodes_at) + nid;
}

/* ---- objects ---- */

/* slab_alloc_node(): an object of @s on @cpu, of node @nid when that is not negative. Its bytes are zero with
 * init_on_alloc or __GFP_ZERO (and without a constructor). Errors: ENOMEM, EDQUOT (m->why). */
int slab_alloc(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	uint64_t *address);
/* The same for the simulated kernel itself: nobody else can free it. */
int slab_alloc_own(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, int nid,
	uint64_t *address);
/* Trusted: @address is an allocated object of @s. */
void slab_free(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t address);
/* kmem_cache_alloc_bulk(): all of @n or none. */
int slab_alloc_bulk(struct machine *m, unsigned cpu, struct kmem_cache *s, gfp_t gfp, uint64_t n,
	uint64_t *address);
/* kmem_cache_free_bulk(). Trusted. */
void slab_free_bulk(
	struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t n, const uint64_t *address);

/* An object of one of the kernel's own caches, GFP_KERNEL. Errors: ENOMEM, EDQUOT (m->why). */
int kmem_cache_alloc(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *address);
/* Trusted; 0 is ignored. */
void kmem_cache_free(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t address);
/* Objects of an own cache as its users took them: a merged one counts all its users'. */
uint64_t kmem_cache_objects(const struct machine *m, enum kmem_cache_id id);

/* kmem_cache_free() of what a user wrote: EINVAL for what is no object, or a free one, with the kernel's line in the log.
 * An object of another cache is freed to its own, with the kernel's warning: *@from is the cache that it went to. */
int kmem_cache_free_checked(struct machine *m, unsigned cpu, struct kmem_cache *s, uint64_t address,
	struct kmem_cache **from);

/* ---- kmalloc ---- */

/* kmalloc_slab(): NULL beyond the largest cache. @size is not 0. */
struct kmem_cache *kmalloc_cache(const struct machine *m, uint64_t size, gfp_t gfp);
/* kmalloc_node(). *@address is ZERO_SIZE_PTR for 0. Errors: ENOMEM (also: too large), EDQUOT. */
int kmalloc(struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid, uint64_t *address);
/* The same for the simulated kernel itself: nobody else can free it. */
int kmalloc_own(
	struct machine *m, unsigned cpu, uint64_t size, gfp_t gfp, int nid, uint64_t *address);
/* Trusted: what kmalloc_own() gave; 0 is ignored. */
void kfree_own(struct machine *m, unsigned cpu, uint64_t address);
/* kfree() of what a user wrote. 0 and ZERO_SIZE_PTR are nothing. Errors: EINVAL, with the kernel's line in the log. */
int kfree(struct machine *m, unsigned cpu, uint64_t address);
/* krealloc(): *@address is what it was when the object is large enough. Errors: as kmalloc() and kfree(). */
int krealloc(
	struct machine *m, unsigned cpu, uint64_t old, uint64_t size, gfp_t gfp, uint64_t *address);
/* ksize(): usable bytes. Errors: EINVAL. */
int ksize(struct machine *m, uint64_t address, uint64_t *bytes);

/* ---- looking ---- */

struct slab_place {
	struct kmem_cache *cache; /* NULL: pages of kmalloc beyond the caches, one object */
	uint64_t pfn;		  /* of the slab's first page */
	unsigned order;
	unsigned objects,
		inuse;	/* inuse as the frame says it: a slab in use by a CPU counts as full */
	unsigned index; /* of the object that holds the address */
	uint64_t start; /* of that object; with red zones, of its own bytes */
	uint64_t bytes; /* object_size */
	enum slab_holder
		holder; /* HOLDER_NONE: it is on a free list, or the address is behind the last one */
	bool in_object; /* the address is inside the object's own bytes (else padding, red zone, rest of the slab) */
};

/* Which object is @address in? False when no slab has it. */
bool slab_find(const struct machine *m, uint64_t address, struct slab_place *out);

/* As get_slabinfo() counts: free objects of slabs that CPUs have count as active. */
struct slab_sums {
	uint64_t active_objs, num_objs, active_slabs, num_slabs;
	uint64_t nr_partial, free_in_partial; /* of the nodes' lists */
	uint64_t cpu_slabs, cpu_partial_slabs;
};
void slab_sums(const struct machine *m, const struct kmem_cache *s, struct slab_sums *out);

/* Objects in use, and all, of the slab at @pfn, as its frame says. */
void slab_frame_counts(const struct machine *m, uint64_t pfn, uint32_t *inuse, uint32_t *objects);

/* The first slab at or after @pfn (also kmalloc's large blocks): pfn of its first page, NO_PFN at the end. */
uint64_t slab_next(const struct machine *m, uint64_t pfn);
/* Call @visit for each allocated object, in the order of addresses, while it returns true. */
typedef bool slab_visit_fn(const struct machine *m, const struct slab_place *object, void *context);
void slab_each_object(const struct machine *m, slab_visit_fn *visit, void *context);
/* Which objects of the slab at @pfn are on its free lists: a bit each in @free, SLAB_MAX_OBJECTS / 64 + 1 words. Returns how
 * many, or UINT32_MAX when a free pointer leads astray: those before it are marked. */
unsigned slab_free_map(const struct machine *m, uint64_t pfn, uint64_t *free);

/* ---- debugging flags ---- */

/* Who had an object last: struct track, which lies behind the object in simulated memory. */
struct slab_track {
	uint64_t
		addr; /* 0: nobody. The simulated kernel has no code: the stack's handle + 1 stands for the caller */
	uint32_t handle;
	uint32_t cpu, pid;
	uint64_t when; /* jiffies */
};

void slab_get_track(const struct machine *m, const struct kmem_cache *s, uint64_t object,
	enum track_item item, struct slab_track *out);
/* get_orig_size(): how much kmalloc() was asked for; 0 where that is not kept. */
uint32_t slab_asked_bytes(const struct machine *m, const struct kmem_cache *s, uint64_t object);
/* validate_slab_cache(): look at every object; what is wrong goes to the log. False: it has no debugging flags. */
bool kmem_cache_validate(struct machine *m, struct kmem_cache *s);

/* The specification; violations, one line each. */
unsigned slab_check(struct machine *m, struct text *out);

#endif
