/* SPDX-License-Identifier: MIT
 *
 * proc/kpageflags, kpagecount, kpagecgroup: one u64 a page frame, in the order of pfns.
 *
 * Read by offset, in whole words: a read that begins or ends inside a word is EINVAL. The files end at the last
 * page with FLATMEM, at the last section's end with SPARSEMEM; where no struct page exists the flag NOPAGE stands.
 * What each bit means is in the kernel's Documentation/admin-guide/mm/pagemap.rst; the order of tests follows
 * fs/proc/page.c of Linux 6.1.
 */
#include "view/files.h"

#include "mm/page/frame.h"

#include <errno.h>
#include <string.h>

#define WORD_BYTES sizeof(uint64_t)

/* Bits that are no flag of a frame but follow from its state. */
enum {
	KPF_BUDDY = 10,
	KPF_MMAP = 11,
	KPF_HUGE = 17,
	KPF_NOPAGE = 20,
	KPF_THP = 22,
	KPF_ZERO_PAGE = 24
};

typedef uint64_t word_fn(const struct machine *m, uint64_t pfn);

/* get_max_dump_pfn() */
static uint64_t end_pfn(const struct machine *m)
{
	if (!m->section_shift)
		return m->end_pfn;
	uint64_t section = (uint64_t)1 << (m->section_shift - PAGE_SHIFT);
	return (m->end_pfn + section - 1) & ~(section - 1);
}

static uint64_t flags_word(const struct machine *m, uint64_t pfn)
{
	if (!pfn_valid(m, pfn))
		return (uint64_t)1 << KPF_NOPAGE;
	struct frame f = frame_peek(m, pfn);
	uint64_t word = 0;

	for (uint32_t flags = f.flags; flags; flags &= flags - 1) {
		int kpf = frame_flag_rows[__builtin_ctz(flags)].kpf;

		if (kpf >= 0)
			word |= (uint64_t)1 << kpf;
	}
	if (f.mapcount)
		word |= (uint64_t)1 << KPF_MMAP;
	/* Of a compound page only the head says whose it is. */
	if (f.flags & FRAME_TAIL && frame_peek(m, f.mapping - 1).flags & FRAME_HUGE)
		word |= (uint64_t)1 << KPF_HUGE;
	/* A compound page of a process or of the page cache is a huge page. */
	if (f.flags & (FRAME_HEAD | FRAME_TAIL) && f.flags & (FRAME_LRU | FRAME_ANON))
		word |= (uint64_t)1 << KPF_THP;
	/* Until a process exists there is none. */
	if (m->processes.zero_pfn && pfn == m->processes.zero_pfn)
		word |= (uint64_t)1 << KPF_ZERO_PAGE;
	return word;
}

static uint64_t count_word(const struct machine *m, uint64_t pfn)
{
	if (!pfn_valid(m, pfn))
		return 0;
	struct frame f = frame_peek(m, pfn);

	return f.flags & (FRAME_BUDDY | FRAME_PGTABLE) ? 0 : f.mapcount;
}

/* The inode of the page's memory cgroup; pages of nobody have none. */
static uint64_t cgroup_word(const struct machine *m, uint64_t pfn)
{
	return pfn_valid(m, pfn) ? frame_peek(m, pfn).memcg : 0;
}

static int64_t read_words(struct view *v, void *data, size_t len, uint64_t offset, word_fn *word)
{
	uint64_t pfn = offset / WORD_BYTES, end = end_pfn(v->m);

	if (offset % WORD_BYTES || len % WORD_BYTES)
		return refuse(&v->m->why, EINVAL,
			"read whole words: offset and length are multiples of 8");
	if (pfn >= end)
		return 0;
	uint64_t n = len / WORD_BYTES < end - pfn ? len / WORD_BYTES : end - pfn;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t value = word(v->m, pfn + i);

		memcpy((char *)data + i * WORD_BYTES, &value, WORD_BYTES);
	}
	return (int64_t)(n * WORD_BYTES);
}

int64_t read_kpageflags(struct view *v, void *data, size_t len, uint64_t offset)
{
	return read_words(v, data, len, offset, flags_word);
}

int64_t read_kpagecount(struct view *v, void *data, size_t len, uint64_t offset)
{
	return read_words(v, data, len, offset, count_word);
}

int64_t read_kpagecgroup(struct view *v, void *data, size_t len, uint64_t offset)
{
	return read_words(v, data, len, offset, cgroup_word);
}
