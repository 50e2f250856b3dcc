/* SPDX-License-Identifier: MIT
 *
 * Entries of dma-debug by bus address (see debug.h).
 *
 *	bus address   ...│ 26 ... 13 │ 12 ... 0          buckets: 16384 heads, which know the last of their ring
 *	                     bucket                          │
 *	                                                     v
 *	                                     first ──> second ──> last ──> first          the oldest first
 *
 * Drivers map the same memory several times, and a call that ends a mapping does not say which one it means. So of several
 * candidates the one is taken that is like the call in everything; when none is, nobody is. A sync may be of the middle of
 * a mapping, which then lies in a bucket before: those are looked through backwards.
 *
 * Invariant: an entry that is in use is in the ring of its bucket once.
 * Follows kernel/dma/debug.c of 6.1 (__hash_bucket_find(), bucket_find_contain()).
 */
#include "mm/dma/debug.h"

static struct dma_debug_entry *entries(const struct machine *m)
{
	return machine_at(m, m->devices.debug.at);
}

static uint32_t *buckets(const struct machine *m)
{
	return machine_at(m, m->devices.debug.buckets_at);
}

void dma_debug_hash_add(struct machine *m, struct dma_debug_entry *x)
{
	uint32_t *last = &buckets(m)[dma_debug_bucket(x->dev_addr)], i = (uint32_t)(x - entries(m));

	if (*last) {
		x->next = entries(m)[*last - 1].next;
		entries(m)[*last - 1].next = i;
	} else {
		x->next = i;
	}
	*last = i + 1;
}

void dma_debug_hash_del(struct machine *m, struct dma_debug_entry *x)
{
	uint32_t *last = &buckets(m)[dma_debug_bucket(x->dev_addr)], i = (uint32_t)(x - entries(m));
	uint32_t before = *last - 1;

	while (entries(m)[before].next != i)
		before = entries(m)[before].next;
	entries(m)[before].next = x->next;
	if (*last == i + 1)
		*last = before == i ? 0 : before + 1;
}

/* The bucket's entries, the oldest first; NULL before the first and after the last. */
static struct dma_debug_entry *next_in(
	const struct machine *m, uint32_t bucket, const struct dma_debug_entry *after)
{
	uint32_t last = m->devices.debug.nr ? buckets(m)[bucket] : 0;

	if (!last || (after && after == &entries(m)[last - 1]))
		return NULL;
	return &entries(m)[after ? after->next : entries(m)[last - 1].next];
}

const struct dma_debug_entry *dma_debug_next(
	const struct machine *m, const struct dma_debug_entry *after)
{
	uint32_t bucket = after ? dma_debug_bucket(after->dev_addr) : 0;
	const struct dma_debug_entry *x = NULL;

	if (!m->devices.debug.nr)
		return NULL;
	for (; !x && bucket < DMA_DEBUG_HASH_SIZE; bucket++, after = NULL)
		x = next_in(m, bucket, after);
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
static struct dma_debug_entry *find_in(const struct machine *m, uint32_t bucket,
	const struct dma_debug_entry *ref, match_fn *match)
{
	struct dma_debug_entry *found = NULL;
	unsigned matches = 0;

	for (struct dma_debug_entry *x = NULL; (x = next_in(m, bucket, x));) {
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
	return find_in(m, dma_debug_bucket(ref->dev_addr), ref, exact_match);
}

struct dma_debug_entry *dma_debug_find_unasked(
	const struct machine *m, const struct dma_debug_entry *ref)
{
	struct dma_debug_entry *x = NULL;

	while ((x = next_in(m, dma_debug_bucket(ref->dev_addr), x)))
		if (exact_match(ref, x) && x->map_err == MAP_ERR_NOT_CHECKED)
			break;
	return x;
}

struct dma_debug_entry *dma_debug_find_like(
	const struct machine *m, const struct dma_debug_entry *ref)
{
	struct dma_debug_entry *x = NULL;

	while ((x = next_in(m, dma_debug_bucket(ref->dev_addr), x)))
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
		struct dma_debug_entry *x = find_in(m, bucket, ref, containing_match);

		if (x)
			return x;
	}
	return NULL;
}
