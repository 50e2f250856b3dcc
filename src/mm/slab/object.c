/* SPDX-License-Identifier: MIT
 *
 * An object of a cache with debugging flags: what lies in it and around it, byte by byte, in simulated memory.
 *
 *	Z   left red zone ........ 0xbb while the object is free, 0xcc while it is in use
 *	P   object ............... free: 0x6b, its last byte 0xa5; the same when it is given out, for nobody may rely on it
 *	Z   right red zone ....... as the left one, up to s->inuse
 *	    free pointer ......... behind the object when the object must stay as it is
 *	U   two tracks ........... struct track: who allocated it, who freed it
 *	U   size asked for ....... of kmalloc's objects, 32 bits
 *	P   padding .............. 0x5a up to the next object, and behind the last one
 *
 *	check     red zones, poison of a free object, padding, free pointer: the first thing that is not as it should be is
 *	          reported (report.c) and mended
 *
 * Whoever writes there by an address that it should not use any more finds itself in such a report.
 * Left out: the unused rest of an object of kmalloc as a red zone (6.2 and later).
 * Follows mm/slub.c of 6.1 (object layout, init_object(), check_object(), slab_pad_check()), include/linux/poison.h.
 */
#include "mm/slab/internal.h"

#include "mm/process/task.h"

static uint64_t phys(const struct machine *m, uint64_t address)
{
	return address + m->slab.linear - m->dram_at + (m->base_pfn << PAGE_SHIFT);
}

void slab_read(const struct machine *m, uint64_t address, void *out, uint64_t bytes)
{
	struct dram d = machine_dram((struct machine *)(uintptr_t)m);

	if (dram_read(&d, phys(m, address), out, bytes))
		memset(out, 0, bytes);
}

static void slab_write(struct machine *m, uint64_t address, const void *in, uint64_t bytes)
{
	struct dram d = machine_dram(m);
	struct refusal why = {0};

	/* The page has contents since the slab was made: nothing can be refused, but for pages that were taken away. */
	(void)dram_write(&d, phys(m, address), in, bytes, &why);
}

static void slab_fill(struct machine *m, uint64_t address, uint8_t value, uint64_t bytes)
{
	uint8_t run[256];

	memset(run, value, sizeof(run));
	for (uint64_t n; bytes; address += n, bytes -= n) {
		n = bytes < sizeof(run) ? bytes : sizeof(run);
		slab_write(m, address, run, n);
	}
}

/* The range of @bytes at @address, from the first byte that is not @value to the last; false: all are. */
static bool slab_find_other(const struct machine *m, uint64_t address, uint8_t value,
	uint64_t bytes, uint64_t *first, uint64_t *last)
{
	uint8_t run[256];
	bool found = false;

	for (uint64_t n; bytes; address += n, bytes -= n) {
		n = bytes < sizeof(run) ? bytes : sizeof(run);
		slab_read(m, address, run, n);
		for (uint64_t i = 0; i < n; i++) {
			if (run[i] == value)
				continue;
			*first = found ? *first : address + i;
			*last = address + i;
			found = true;
		}
	}
	return found;
}

bool slab_valid_pointer(
	const struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	uint64_t offset = object - slab_base(m, s, pfn);

	return !object || (offset < (uint64_t)slab_counts(frame_of(m, pfn)).objects * s->size &&
				  offset % s->size == 0);
}

/* ---- tracks ---- */

/* get_info_end() */
static uint64_t slab_info_end(const struct machine *m, const struct kmem_cache *s)
{
	return s->offset >= s->inuse ? s->inuse + machine_word_bytes(m) : s->inuse;
}

static uint64_t track_bytes(const struct machine *m)
{
	return machine_word_bytes(m) == 8 ? 32 : 20;
}

uint64_t slab_info_bytes(const struct machine *m, const struct kmem_cache *s)
{
	uint64_t end = slab_info_end(m, s);

	if (s->flags & SLAB_STORE_USER)
		end += 2 * track_bytes(m) + (s->flags & SLAB_KMALLOC ? 4 : 0);
	return end;
}

static uint64_t track_at(
	const struct machine *m, const struct kmem_cache *s, uint64_t object, enum track_item item)
{
	return object + slab_info_end(m, s) + item * track_bytes(m);
}

/* struct track: unsigned long addr, depot_stack_handle_t handle, int cpu, int pid, unsigned long when. */
void slab_get_track(const struct machine *m, const struct kmem_cache *s, uint64_t object,
	enum track_item item, struct slab_track *out)
{
	uint32_t word[8] = {0};

	slab_read(m, track_at(m, s, object, item), word, track_bytes(m));
	if (machine_word_bytes(m) == 8)
		*out = (struct slab_track){.addr = word[0] | (uint64_t)word[1] << 32,
			.handle = word[2],
			.cpu = word[3],
			.pid = word[4],
			.when = word[6] | (uint64_t)word[7] << 32};
	else
		*out = (struct slab_track){.addr = word[0],
			.handle = word[1],
			.cpu = word[2],
			.pid = word[3],
			.when = word[4]};
}

void slab_set_track(struct machine *m, unsigned cpu, const struct kmem_cache *s, uint64_t object,
	enum track_item item)
{
	char comm[16];
	uint32_t tgid, pid = task_current_name(m, cpu, comm, &tgid), handle = stack_depot_save(m);
	uint64_t when = machine_jiffies(m, m->clock.now_ns);
	uint32_t wide[8] = {
		handle + 1, 0, handle, cpu, pid, 0, (uint32_t)when, (uint32_t)(when >> 32)};
	uint32_t narrow[5] = {handle + 1, handle, cpu, pid, (uint32_t)when};

	slab_write(m, track_at(m, s, object, item), machine_word_bytes(m) == 8 ? wide : narrow,
		track_bytes(m));
}

static bool keeps_asked_bytes(const struct kmem_cache *s)
{
	return s->flags & SLAB_STORE_USER && s->flags & SLAB_KMALLOC;
}

void slab_set_asked_bytes(
	struct machine *m, const struct kmem_cache *s, uint64_t object, uint64_t bytes)
{
	uint32_t asked = (uint32_t)bytes;

	if (keeps_asked_bytes(s))
		slab_write(m, object + slab_info_bytes(m, s) - 4, &asked, 4);
}

uint32_t slab_asked_bytes(const struct machine *m, const struct kmem_cache *s, uint64_t object)
{
	uint32_t asked = 0;

	if (keeps_asked_bytes(s))
		slab_read(m, object + slab_info_bytes(m, s) - 4, &asked, 4);
	return asked;
}

/* ---- patterns ---- */

void slab_init_object(struct machine *m, const struct kmem_cache *s, uint64_t object, uint8_t value)
{
	if (s->flags & SLAB_RED_ZONE)
		slab_fill(m, object - s->red_left_pad, value, s->red_left_pad);
	if (s->poison_object) {
		slab_fill(m, object, POISON_FREE, s->object_size - 1);
		slab_fill(m, object + s->object_size - 1, POISON_END, 1);
	}
	if (s->flags & SLAB_RED_ZONE)
		slab_fill(m, object + s->object_size, value, s->inuse - s->object_size);
}

void slab_debug_setup(struct machine *m, const struct kmem_cache *s, uint64_t pfn, unsigned objects)
{
	uint64_t object = slab_base(m, s, pfn);

	if (s->flags & SLAB_POISON)
		slab_fill(m, slab_address(m, pfn), POISON_INUSE,
			PAGE_BYTES << frame_of(m, pfn)->order);
	for (unsigned i = 0; i < objects; i++, object += s->size) {
		slab_init_object(m, s, object, SLUB_RED_INACTIVE);
		if (s->flags & SLAB_STORE_USER)
			slab_fill(m, track_at(m, s, object, TRACK_ALLOC), 0, 2 * track_bytes(m));
	}
}

/* ---- checks ---- */

/* check_bytes_and_report() */
static bool bytes_hold(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	const char *what, uint64_t start, uint8_t value, uint64_t bytes)
{
	uint64_t first, last;

	if (!slab_find_other(m, start, value, bytes, &first, &last))
		return true;
	slab_report_bytes(m, s, pfn, object, what, first, last, value);
	slab_fix(m, s, "Restoring %s 0x%0*llx-0x%0*llx=0x%x", what, machine_word_digits(m),
		(ull)first, machine_word_digits(m), (ull)last, value);
	slab_fill(m, first, value, last - first + 1);
	return false;
}

static void check_object_padding(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	uint64_t from = slab_info_bytes(m, s), to = s->size - s->red_left_pad;

	(void)bytes_hold(
		m, s, pfn, object, "Object padding", object + from, POISON_INUSE, to - from);
}

static bool red_zones_hold(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object, uint8_t value)
{
	return bytes_hold(m, s, pfn, object, "Left Redzone", object - s->red_left_pad, value,
		       s->red_left_pad) &&
	       bytes_hold(m, s, pfn, object, "Right Redzone", object + s->object_size, value,
		       s->inuse - s->object_size);
}

static bool poison_holds(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	uint64_t last = object + s->object_size - 1;

	return bytes_hold(m, s, pfn, object, "Poison", object, POISON_FREE, last - object) &&
	       bytes_hold(m, s, pfn, object, "End Poison", last, POISON_END, 1);
}

bool slab_check_object(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object, uint8_t value)
{
	if (s->flags & SLAB_RED_ZONE) {
		if (!red_zones_hold(m, s, pfn, object, value))
			return false;
	} else if (s->flags & SLAB_POISON) {
		(void)bytes_hold(m, s, pfn, object, "Alignment padding", object + s->object_size,
			POISON_INUSE, s->inuse - s->object_size);
	}
	if (s->flags & SLAB_POISON) {
		if (value != SLUB_RED_ACTIVE && s->poison_object &&
			!poison_holds(m, s, pfn, object))
			return false;
		check_object_padding(m, s, pfn, object);
	}
	/* In the middle of an object in use there is no free pointer. */
	if (s->offset < s->inuse && value == SLUB_RED_ACTIVE)
		return true;
	if (slab_valid_pointer(m, s, pfn, slab_get_free_pointer(m, s, object)))
		return true;
	slab_object_err(m, s, pfn, object, "Freepointer corrupt");
	slab_set_free_pointer(m, s, object, 0);
	return false;
}

void slab_check_padding(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	uint64_t start = slab_address(m, pfn), bytes = slab_bytes(frame_of(m, pfn));
	uint64_t rest = bytes % s->size, pad = start + bytes - rest, first, last;
	int width = machine_word_digits(m);

	if (!(s->flags & SLAB_POISON) ||
		!slab_find_other(m, pad, POISON_INUSE, rest, &first, &last))
		return;
	slab_err(m, s, pfn, "Padding overwritten. 0x%0*llx-0x%0*llx @offset=%llu", width,
		(ull)first, width, (ull)last, (ull)(first - start));
	slab_print_section(m, "Padding ", pad, rest);
	slab_fix(m, s, "Restoring slab padding 0x%0*llx-0x%0*llx=0x%x", width, (ull)first, width,
		(ull)last, POISON_INUSE);
	slab_fill(m, first, POISON_INUSE, last - first + 1);
}
