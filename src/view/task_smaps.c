/* SPDX-License-Identifier: MIT
 *
 * PID/smaps and PID/smaps_rollup: how much of each mapping is in memory, whose it is, and how (fs/proc/task_mmu.c of
 * 6.1, smaps_account()).
 *
 * 1. For each page that the tables map: it counts for Rss, for Referenced when the entry is young or the page was
 *    used, for Anonymous when it is, for LazyFree when MADV_FREE marked it.
 * 2. A page that one entry maps is private, of others shared; dirty when the entry or the page is.
 * 3. Pss gets a page's share: its size divided by how many map it, kept with 12 binary places (PSS_SHIFT) until it
 *    is printed.
 *
 * Left out: swap, huge pages (AnonHugePages and their like are 0), pages of hugetlbfs.
 */
#include "view/task_maps.h"

#include "view/files.h"
#include "view/task_view.h"

#include "mm/process/file.h"
#include "mm/process/vma.h"

#include <errno.h>

#define PSS_SHIFT 12

struct smap {
	const struct machine *m;
	bool locked; /* the mapping at hand is mlocked */
	uint64_t resident, referenced, anonymous, lazyfree;
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t pss, pss_dirty, pss_anon, pss_file, pss_shmem, pss_locked; /* << PSS_SHIFT */
};

static void account(void *data, pte_t pte, uint64_t pfn, const struct frame *f)
{
	struct smap *s = data;
	bool dirty = pte_is(s->m, pte, PTE_DIRTY) || f->flags & FRAME_DIRTY;
	bool alone = f->refcount == 1 || f->mapcount < 2;
	uint64_t pss = (PAGE_BYTES << PSS_SHIFT) / (alone ? 1 : f->mapcount);

	(void)pfn;
	s->resident += PAGE_BYTES;
	if (pte_is(s->m, pte, PTE_YOUNG) || f->flags & FRAME_REFERENCED)
		s->referenced += PAGE_BYTES;
	if (f->flags & FRAME_ANON) {
		s->anonymous += PAGE_BYTES;
		if (!(f->flags & FRAME_SWAPBACKED) && !dirty)
			s->lazyfree += PAGE_BYTES;
	}
	s->pss += pss;
	*(f->flags & FRAME_ANON		      ? &s->pss_anon
		: f->flags & FRAME_SWAPBACKED ? &s->pss_shmem
					      : &s->pss_file) += pss;
	if (s->locked)
		s->pss_locked += pss;
	if (dirty)
		s->pss_dirty += pss;
	*(alone ? (dirty ? &s->private_dirty : &s->private_clean)
		: (dirty ? &s->shared_dirty : &s->shared_clean)) += PAGE_BYTES;
}

static void gather(struct machine *m, const struct mm *mm, const struct vma *v, struct smap *s)
{
	s->m = m;
	s->locked = v->flags & VM_LOCKED;
	vma_each_page(m, mm, v, account, s);
}

static void put_line(struct text *out, const char *label, uint64_t bytes)
{
	text_puts(out, label);
	text_dec(out, bytes >> 10, 8);
	text_puts(out, " kB\n");
}

static void put_smap(const struct smap *s, bool rollup, struct text *out)
{
	put_line(out, "Rss:            ", s->resident);
	put_line(out, "Pss:            ", s->pss >> PSS_SHIFT);
	put_line(out, "Pss_Dirty:      ", s->pss_dirty >> PSS_SHIFT);
	if (rollup) {
		put_line(out, "Pss_Anon:       ", s->pss_anon >> PSS_SHIFT);
		put_line(out, "Pss_File:       ", s->pss_file >> PSS_SHIFT);
		put_line(out, "Pss_Shmem:      ", s->pss_shmem >> PSS_SHIFT);
	}
	put_line(out, "Shared_Clean:   ", s->shared_clean);
	put_line(out, "Shared_Dirty:   ", s->shared_dirty);
	put_line(out, "Private_Clean:  ", s->private_clean);
	put_line(out, "Private_Dirty:  ", s->private_dirty);
	put_line(out, "Referenced:     ", s->referenced);
	put_line(out, "Anonymous:      ", s->anonymous);
	put_line(out, "LazyFree:       ", s->lazyfree);
	put_line(out, "AnonHugePages:  ", 0);
	put_line(out, "ShmemPmdMapped: ", 0);
	put_line(out, "FilePmdMapped:  ", 0);
	put_line(out, "Shared_Hugetlb: ", 0);
	text_puts(out, "Private_Hugetlb:       0 kB\n");
	put_line(out, "Swap:           ", 0);
	put_line(out, "SwapPss:        ", 0);
	put_line(out, "Locked:         ", s->pss_locked >> PSS_SHIFT);
}

/* Letters of the flags that are set, in the order of their bits; one without a name is `??`. */
static void put_flags(const struct machine *m, uint64_t flags, struct text *out)
{
	static const struct {
		uint64_t bit;
		const char *letters;
	} rows[] = {
#define VM_FLAG(name, bit, letters, doc) {name, letters},
#include "mm/process/vm_flags.def"
	};

	/* Only a kernel that keeps soft-dirty bits has the flag. */
	if (!pte_has_soft_dirty(m))
		flags &= ~(uint64_t)VM_SOFTDIRTY;
	text_puts(out, "VmFlags: ");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].bit) {
			text_puts(out, *rows[i].letters ? rows[i].letters : "??");
			text_putc(out, ' ');
		}
	text_putc(out, '\n');
}

/* hugepage_vma_check(): could a huge page of the architecture's size be in this mapping? */
static bool thp_eligible(const struct machine *m, const struct vma *v)
{
	const uint64_t huge = PAGE_BYTES << m->pageblock_order;
	const int64_t enabled = m->sysctls.value[SYSCTL_thp_enabled];
	uint64_t last = (v->end - huge) & ~(huge - 1);

	if (!machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE) || !v->mm_at)
		return false;
	if (v->flags & (VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB) || v->end < huge ||
		last < v->start)
		return false;
	if (enabled == THP_NEVER || (enabled != THP_ALWAYS && !(v->flags & VM_HUGEPAGE)))
		return false;
	return vma_is_anonymous(v);
}

int show_pid_smaps(struct view *v, struct text *out)
{
	struct machine *m = v->m;
	const struct mm *mm = view_mm(v);

	for (const struct vma *a = NULL; mm && (a = maps_next(m, mm, a));) {
		struct smap s = {0};

		gather(m, mm, a, &s);
		put_map(m, a, out);
		put_line(out, "Size:           ", a->end - a->start);
		put_line(out, "KernelPageSize: ", PAGE_BYTES);
		put_line(out, "MMUPageSize:    ", PAGE_BYTES);
		put_smap(&s, false, out);
		text_printf(out, "THPeligible:    %d\n", thp_eligible(m, a));
		put_flags(m, a->flags, out);
	}
	return 0;
}

int show_pid_smaps_rollup(struct view *v, struct text *out)
{
	struct machine *m = v->m;
	const struct mm *mm = view_mm(v);
	struct smap s = {0};
	uint64_t start = 0, end = 0;
	size_t from = out->len;

	if (!mm)
		return -ESRCH;
	/* Its own mappings only: the gate is no part of the sum. */
	for (const struct vma *a = NULL; (a = maps_next(m, mm, a)) && a->kind != VMA_VECTORS;) {
		if (!end)
			start = a->start;
		end = a->end;
		gather(m, mm, a, &s);
	}
	put_map_prefix(out, start, end, "---p", 0, 0, 0, 0);
	put_map_pad(m, out, from);
	text_puts(out, "[rollup]\n");
	put_smap(&s, true, out);
	return 0;
}
