/* SPDX-License-Identifier: MIT
 *
 * Kernel objects cost simulated memory: each task, mm, mapping ... that exists here takes an object of a kernel cache,
 * and so pages of the zone allocator. This is the simple kmem_cache that holds until slab is simulated: whole slabs,
 * first fit, no per-CPU lists.
 */
#ifndef SIMM_MM_KMEM_CACHE_H
#define SIMM_MM_KMEM_CACHE_H

#include "mm/core/link_type.h"

#include <stdint.h>

struct machine;
struct text;

enum kmem_cache_id {
#define KMEM_CACHE(name, ...) KMEM_##name,
#include "mm/kernel/kmem_cache.def"
	NR_KMEM_CACHES
};

struct kmem_cache {
	struct link partial;	/* slabs with free objects */
	struct link full;
	uint64_t nr_slabs, nr_objects; /* objects in use */
};

/* Take an object: its kernel address (a logical address of low memory) in *@address. The memory is zeroed in cost
 * only. Errors: ENOMEM (m->why), EDQUOT. */
int kmem_cache_alloc(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t *address);
/* Give it back; 0 is ignored. An empty slab goes back to the zone. */
void kmem_cache_free(struct machine *m, unsigned cpu, enum kmem_cache_id id, uint64_t address);
const char *kmem_cache_name(enum kmem_cache_id id);
unsigned kmem_cache_bytes(const struct machine *m, enum kmem_cache_id id);
/* Counts agree with the slabs: violations, one line each. */
unsigned kmem_cache_check(struct machine *m, struct text *out);

#endif
