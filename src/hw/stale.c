/* SPDX-License-Identifier: MIT
 *
 * The table of lines that differ between caches and DRAM (see stale.h): open addressing, linear probing, and closing of
 * the gap when a line goes.
 */
#include "hw/stale.h"

#include <assert.h>

static uint64_t line_bytes(const struct stale *s)
{
	return (uint64_t)1 << s->table->line_shift;
}

static uint32_t place_of(const struct stale_table *t, uint64_t line)
{
	return (uint32_t)(line * 0x9e3779b97f4a7c15u >> 32) & (t->places - 1);
}

static struct stale_line *find(const struct stale *s, uint64_t line)
{
	const struct stale_table *t = s->table;

	if (!t->nr)
		return NULL;
	for (uint32_t i = place_of(t, line + 1); s->line[i].line; i = (i + 1) & (t->places - 1))
		if (s->line[i].line == line + 1)
			return &s->line[i];
	return NULL;
}

/* What the CPUs see of the line is DRAM's, too, from now on kept apart. */
static struct stale_line *keep(struct stale *s, const struct dram *d, uint64_t line)
{
	struct stale_table *t = s->table;
	uint32_t i = place_of(t, line + 1);

	assert(t->nr < t->places / 2 + 1);
	while (s->line[i].line)
		i = (i + 1) & (t->places - 1);
	s->line[i].line = line + 1;
	s->line[i].dirty = false;
	int err = dram_read(d, line << t->line_shift, s->line[i].bytes, line_bytes(s));
	if (err)
		memset(s->line[i].bytes, 0, line_bytes(s));
	t->nr++;
	return &s->line[i];
}

/* Close the gap: what was put behind its place may come nearer. */
static void drop(struct stale_table *t, struct stale_line *lines, struct stale_line *x)
{
	uint32_t hole = (uint32_t)(x - lines), mask = t->places - 1;

	t->nr--;
	for (uint32_t i = (hole + 1) & mask; lines[i].line; i = (i + 1) & mask) {
		uint32_t home = place_of(t, lines[i].line);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		lines[hole] = lines[i];
		hole = i;
	}
	memset(&lines[hole], 0, sizeof(lines[hole]));
}

/* The CPUs will see what lies in DRAM. */
static void refetch(struct stale *s, const struct dram *d, struct stale_line *x)
{
	uint64_t pa = (x->line - 1) << s->table->line_shift;

	/* The frame has contents: something in it differed. Where it has none any more, zeroes are right. */
	if (dram_has(d, pa))
		memcpy(dram_at(d, pa), x->bytes, line_bytes(s));
	drop(s->table, s->line, x);
}

static bool is_cached(const struct stale *s, uint64_t line)
{
	for (unsigned i = 0; i < s->nr_caches; i++)
		if (cache_find(s->cache[i], line))
			return true;
	return false;
}

/* @tag left a cache. */
static void evicted(struct stale *s, const struct dram *d, uint64_t tag)
{
	struct stale_line *x = tag ? find(s, (tag >> 1) - 1) : NULL;

	if (!x)
		return;
	if (tag & 1)
		drop(s->table, s->line, x);
	else if (!x->dirty)
		/* The next access brings DRAM's bytes, other CPUs' copies included. */
		refetch(s, d, x);
	else if (!is_cached(s, (tag >> 1) - 1))
		/* The tag was clean because its CPU had only read the line: another one had written it. */
		drop(s->table, s->line, x);
}

/* A load of @pa from a line that a device has written: are the 8 bytes around @pa others in DRAM? */
static void note_old_load(struct stale *s, const struct dram *d, uint64_t pa)
{
	const struct stale_line *x = find(s, pa >> s->table->line_shift);
	uint64_t at = pa & ~(uint64_t)7, now = 0;

	if (!x || x->dirty || dram_read(d, at, &now, 8) ||
		!memcmp(&now, x->bytes + at % line_bytes(s), 8))
		return;
	s->table->old_loads++;
	s->table->old_at = pa;
}

uint32_t stale_cpu_access(
	struct stale *s, const struct dram *d, struct cache *c, uint64_t pa, bool write)
{
	uint64_t line = pa >> s->table->line_shift, misses = c->misses, last = 0;

	if (c->desc.ways)
		last = cache_set(c, line)[c->desc.ways - 1];
	uint32_t cycles = cache_access(c, pa, write);

	if (c->misses != misses)
		evicted(s, d, last);
	if (write && c->desc.ways && dram_is_ram(d, pa)) {
		struct stale_line *x = find(s, line);

		x = x ? x : keep(s, d, line);
		x->dirty = true;
	} else if (!write && c->desc.ways) {
		note_old_load(s, d, pa);
	}
	return cycles;
}

/* How much of [pa, pa + bytes) lies in its first line. */
static uint64_t in_line(const struct stale *s, uint64_t pa, uint64_t bytes)
{
	uint64_t left = line_bytes(s) - pa % line_bytes(s);

	return bytes < left ? bytes : left;
}

int stale_read(struct stale *s, const struct dram *d, uint64_t pa, void *out, uint64_t bytes)
{
	char *to = out;
	int err = dram_read(d, pa, out, bytes);

	for (uint64_t n; !err && bytes; pa += n, to += n, bytes -= n) {
		const struct stale_line *x = find(s, pa >> s->table->line_shift);

		n = in_line(s, pa, bytes);
		if (!x)
			continue;
		if (x->dirty && memcmp(to, x->bytes + pa % line_bytes(s), n) != 0) {
			s->table->old_reads++;
			s->table->old_at = pa;
		}
		memcpy(to, x->bytes + pa % line_bytes(s), n);
	}
	return err;
}

int stale_write(struct stale *s, const struct dram *d, uint64_t pa, const void *in, uint64_t bytes,
	struct refusal *why)
{
	const char *from = in;

	while (bytes) {
		uint64_t n = in_line(s, pa, bytes), line = pa >> s->table->line_shift;
		struct stale_line *x = find(s, line);
		int err = dram_touch(d, pa, why);

		if (err)
			return err;
		if (!x && is_cached(s, line))
			x = keep(s, d, line);
		if (x)
			memcpy(x->bytes + pa % line_bytes(s), from, n);
		else
			memcpy(dram_at(d, pa), from, n);
		pa += n;
		from += n;
		bytes -= n;
	}
	return 0;
}

/* For each cache that has the line: clean it, or throw it away. */
static bool touch_tags(struct stale *s, uint64_t line, bool throw)
{
	bool any = false;

	for (unsigned i = 0; i < s->nr_caches; i++) {
		uint64_t *tag = cache_find(s->cache[i], line);

		if (!tag)
			continue;
		any = true;
		*tag &= throw ? 0 : ~(uint64_t)1;
	}
	return any;
}

unsigned stale_clean(struct stale *s, uint64_t pa, uint64_t bytes)
{
	uint64_t first = pa >> s->table->line_shift,
		 last = (pa + bytes - 1) >> s->table->line_shift;
	unsigned n = 0;

	for (uint64_t line = first; line <= last; line++) {
		struct stale_line *x = find(s, line);

		n += touch_tags(s, line, false);
		/* A line that is stale but clean has nothing to write back. */
		if (x && x->dirty)
			drop(s->table, s->line, x);
	}
	return n;
}

unsigned stale_invalidate(struct stale *s, const struct dram *d, uint64_t pa, uint64_t bytes)
{
	uint64_t first = pa >> s->table->line_shift,
		 last = (pa + bytes - 1) >> s->table->line_shift;
	unsigned n = 0;

	for (uint64_t line = first; line <= last; line++) {
		struct stale_line *x = find(s, line);
		bool whole = line << s->table->line_shift >= pa &&
			     (line + 1) << s->table->line_shift <= pa + bytes;

		n += touch_tags(s, line, true);
		if (x && x->dirty && !whole)
			drop(s->table, s->line, x);
		else if (x)
			refetch(s, d, x);
	}
	return n;
}

void stale_settle(struct stale_table *t, struct stale_line *lines, uint64_t pa, uint64_t bytes)
{
	struct stale s = {.table = t, .line = lines};

	for (uint64_t line = pa >> t->line_shift; t->nr && line << t->line_shift < pa + bytes;
		line++) {
		struct stale_line *x = find(&s, line);

		if (x)
			drop(t, lines, x);
	}
}

void stale_written(const struct dram *d, uint64_t pa, uint64_t bytes)
{
	struct stale_table *t = d->differing;
	struct stale s = {
		.table = t, .line = (struct stale_line *)(void *)(d->arena->base + t->at)};
	uint64_t last = bytes ? (pa + bytes - 1) >> t->line_shift : 0;

	for (uint64_t line = pa >> t->line_shift; bytes && t->nr && line <= last; line++) {
		struct stale_line *x = find(&s, line);

		if (x)
			x->dirty = true;
	}
}

const char *stale_check(const struct stale *s)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < s->table->places; i++) {
		if (!s->line[i].line)
			continue;
		nr++;
		if (find(s, s->line[i].line - 1) != &s->line[i])
			return "a line's copy is not found where it lies";
		if (!is_cached(s, s->line[i].line - 1))
			return "a line has a copy and is in no cache";
	}
	return nr == s->table->nr ? NULL : "the number of lines that differ is not what is counted";
}
