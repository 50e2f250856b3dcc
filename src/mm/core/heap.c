/* SPDX-License-Identifier: MIT
 *
 * The machine's heap (see heap.h). A freed block's first word is the offset of the next free one.
 */
#include "mm/core/heap.h"

#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static unsigned class_of(uint64_t bytes)
{
	unsigned class = 4;

	while (((uint64_t)1 << class) < bytes)
		class ++;
	return class;
}

uint64_t heap_alloc(struct machine *m, uint64_t bytes)
{
	struct heap *h = &m->heap;
	unsigned class = class_of(bytes);
	uint64_t size = (uint64_t)1 << class;

	assert(bytes && class < HEAP_CLASSES);
	uint64_t at = h->free[class];
	if (at) {
		h->free[class] = *(uint64_t *)machine_at(m, at);
	} else {
		if (size > h->end - h->frontier) {
			refuse(&m->why, ENOMEM, "the simulation's own tables are full (%llu MiB)",
				(unsigned long long)((h->end - h->start) >> 20));
			return 0;
		}
		at = h->frontier;
		if (arena_touch(&m->arena, at, size, &m->why))
			return 0;
		h->frontier += size;
	}
	h->used_bytes += size;
	memset(machine_at(m, at), 0, size);
	return at;
}

void heap_free(struct machine *m, uint64_t offset, uint64_t bytes)
{
	struct heap *h = &m->heap;
	unsigned class = class_of(bytes);

	if (!offset)
		return;
	assert(offset >= h->start && offset < h->frontier);
	*(uint64_t *)machine_at(m, offset) = h->free[class];
	h->free[class] = offset;
	h->used_bytes -= (uint64_t)1 << class;
}

uint64_t heap_grow(struct machine *m, uint64_t offset, uint64_t old_bytes, uint64_t bytes)
{
	if (offset && class_of(old_bytes) == class_of(bytes))
		return offset;
	uint64_t fresh = heap_alloc(m, bytes);
	if (!fresh || !offset)
		return fresh;
	memcpy(machine_at(m, fresh), machine_at(m, offset), old_bytes);
	heap_free(m, offset, old_bytes);
	return fresh;
}
