/* SPDX-License-Identifier: MIT
 *
 * Entries of dma-debug by bus address (see debug.h).
 *
 *	bus address   ...│ 26 ... 13 │ 12 ... 0          buckets: 16384 heads, which know the last of their ring
 *	                     bucket                          │
 *	                                                     v
 *	                                     first <──> second <──> last <──> first       the oldest first
 *
 * That is the order of `dump`, and where a sync looks. Since a bucket may be full of one driver's small buffers, the entries
 * of one device and address lie in rings of their own, too, in the same order, so that an unmapping finds the same one sooner.
 *
 * Drivers map the same memory several times, and a call that ends a mapping does not say which one it means. So of several
 * candidates the one is taken that is like the call in everything; when none is, nobody is. A sync may be of the middle of
 * a mapping, which then lies in a bucket before: those are looked through backwards.
 *
 * Invariant: an entry that is in use is in the ring of its bucket and in that of its address once.
 * Follows kernel/dma/debug.c of 6.1 (__hash_bucket_find(), bucket_find_contain()).
 */
#include "mm/dma/debug.h"

static struct dma_debug_entry *entries(const struct machine *m)
{
	return machine_at(m, m->devices.debug.at);
}

/* The head of a ring, which is there when something was noted. */
static uint32_t *head_of(
	const struct machine *m, enum dma_debug_ring ring, uint64_t dev_addr, uint32_t device)
{
	uint32_t *heads = machine_at(m, m->devices.debug.heads_at);
	uint64_t hash = (dev_addr ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15u;

	return ring == DMA_DEBUG_BY_BUCKET
		       ? &heads[dma_debug_bucket(dev_addr)]
		       : &heads[DMA_DEBUG_HASH_SIZE + (hash >> 40) % DMA_DEBUG_HASH_SIZE];
}

void dma_debug_hash_add(struct machine *m, struct dma_debug_entry *x)
{
	struct dma_debug_entry *e = entries(m);
	uint32_t i = (uint32_t)(x - e);

	for (enum dma_debug_ring r = 0; r < NR_DMA_DEBUG_RINGS; r++) {
		uint32_t *head = head_of(m, r, x->dev_addr, x->device);
		uint32_t last = *head ? *head - 1 : i, first = *head ? e[last].link[r].next : i;

		x->link[r] = (struct dma_debug_link){.next = first, .prev = last};
		e[last].link[r].next = i;
		e[first].link[r].prev = i;
		*head = i + 1;
	}
}

void dma_debug_hash_del(struct machine *m, struct dma_debug_entry *x)
{
	struct dma_debug_entry *e = entries(m);
	uint32_t i = (uint32_t)(x - e);

	for (enum dma_debug_ring r = 0; r < NR_DMA_DEBUG_RINGS; r++) {
		uint32_t *head = head_of(m, r, x->dev_addr, x->device);
		struct dma_debug_link l = x->link[r];

		e[l.prev].link[r].next = l.next;
		e[l.next].link[r].prev = l.prev;
		if (*head == i + 1)
			*head = l.prev == i ? 0 : l.prev + 1;
	}
}

/* Those of the ring that ends with @last (index + 1; 0: it is empty), the oldest first; NULL before the first and after
 * the last. */
static struct dma_debug_entry *next_in(const struct machine *m, enum dma_debug_ring ring,
	uint32_t last, const struct dma_debug_entry *after)
{
	if (!last || after == &entries(m)[last - 1])
		return NULL;
	return &entries(m)[after ? after->link[ring].next : entries(m)[last - 1].link[ring].next];
}

/* The end of the bucket's ring. */
static uint32_t bucket_end(const struct machine *m, uint32_t bucket)
{
	uint64_t dev_addr = (uint64_t)bucket << DMA_DEBUG_HASH_SHIFT;

	return m->devices.debug.nr ? *head_of(m, DMA_DEBUG_BY_BUCKET, dev_addr, 0) : 0;
}

/* The end of the ring of those that are like @ref in device and address, and some others. */
static uint32_t address_end(const struct machine *m, const struct dma_debug_entry *ref)
{
	return m->devices.debug.nr ? *head_of(m, DMA_DEBUG_BY_ADDRESS, ref->dev_addr, ref->device)
				   : 0;
}

const struct dma_debug_entry *dma_debug_next(
	const struct machine *m, const struct dma_debug_entry *after)
{
	uint32_t bucket = after ? dma_debug_bucket(after->dev_addr) : 0;
	const struct dma_debug_entry *x = NULL;

	if (!m->devices.debug.nr)
		return NULL;
	for (; !x && bucket < DMA_DEBUG_HASH_SIZE; bucket++, after = NULL)
		x = next_in(m, DMA_DEBUG_BY_BUCKET, bucket_end(m, bucket), after);
	return x;
}

static bool exact_match(const struct dma_debug_entry *ref, const struct dma_debug_entry *x)
{
	return ref->dev_addr == x->dev_addr && ref->device == x->device;
}

static bool containing_match(const struct dma_debug_entry *ref, const struct dma_debug_entry *x)
{
	return ref->device == x->device && x->dev_addr <= ref->dev_addr &&
	       x->dev_addr + x->size >= ref->dev_addr + ref->size;
}

typedef bool match_fn(const struct dma_debug_entry *ref, const struct dma_debug_entry *x);

/* __hash_bucket_find(): drivers map the same memory several times, so the likest is meant. */
static struct dma_debug_entry *find_in(const struct machine *m, enum dma_debug_ring ring,
	uint32_t last, const struct dma_debug_entry *ref, match_fn *match)
{
	struct dma_debug_entry *found = NULL;
	unsigned matches = 0;

	for (struct dma_debug_entry *x = NULL; (x = next_in(m, ring, last, x));) {
		if (!match(ref, x))
			continue;
		if (x->size == ref->size && x->type == ref->type && x->dir == ref->dir &&
			x->sg_call_ents == ref->sg_call_ents)
			return x;
		matches++;
		found = x;
	}
	return matches == 1 ? found : NULL;
}

struct dma_debug_entry *dma_debug_find(const struct machine *m, const struct dma_debug_entry *ref)
{
	return find_in(m, DMA_DEBUG_BY_ADDRESS, address_end(m, ref), ref, exact_match);
}

struct dma_debug_entry *dma_debug_find_unasked(
	const struct machine *m, const struct dma_debug_entry *ref)
{
	struct dma_debug_entry *x = NULL;
	uint32_t last = address_end(m, ref);

	while ((x = next_in(m, DMA_DEBUG_BY_ADDRESS, last, x)))
		if (exact_match(ref, x) && x->map_err == MAP_ERR_NOT_CHECKED)
			break;
	return x;
}

struct dma_debug_entry *dma_debug_find_like(
	const struct machine *m, const struct dma_debug_entry *ref)
{
	struct dma_debug_entry *x = NULL;
	uint32_t last = address_end(m, ref);

	while ((x = next_in(m, DMA_DEBUG_BY_ADDRESS, last, x)))
		if (exact_match(ref, x) && x->size == ref->size && x->type == ref->type &&
			x->dir == ref->dir)
			break;
	return x;
}

struct dma_debug_entry *dma_debug_find_contain(
	const struct machine *m, const struct dma_debug_entry *ref)
{
	uint64_t limit = (ref->dev_addr >> DMA_DEBUG_HASH_SHIFT) + 1;
	uint32_t bucket = dma_debug_bucket(ref->dev_addr);

	if (limit > DMA_DEBUG_HASH_SIZE)
		limit = DMA_DEBUG_HASH_SIZE;
	/* It began in this bucket, or before. */
	for (uint64_t i = 0; i < limit; i++, bucket = (bucket - 1) & (DMA_DEBUG_HASH_SIZE - 1)) {
		struct dma_debug_entry *x = find_in(
			m, DMA_DEBUG_BY_BUCKET, bucket_end(m, bucket), ref, containing_match);

		if (x)
			return x;
	}
	return NULL;
}
