/* SPDX-License-Identifier: MIT
 *
 * handle_mm_fault(): what a mapping does about an address whose entry does not allow the access.
 *
 *	entry      mapping              access   what happens
 *	---------------------------------------------------------------------------------------------
 *	none       anonymous            read     the zero page, read-only: nothing is taken
 *	none       anonymous            write    a page of zeroes
 *	none       of a file            read     the file's page, and those around it that are cached
 *	none       of a file, private   write    a copy of the file's page
 *	none       of a file, shared    write    the file's page, dirty
 *	present    read-only, private   write    mine alone? then the right to write: else a copy of it
 *	present    otherwise                     accessed and dirty are set: the architecture's bits ask for it
 *
 * Whether a page is "mine alone" is known by its flag anon_exclusive, which a fork takes away, or by its count of
 * references. A fault that finds no memory has changed nothing but tables.
 *
 * Left out: huge pages, swap entries, userfaultfd, NUMA hints, KSM.
 * Follows mm/memory.c and mm/filemap.c (filemap_map_pages()) of 6.1.
 */
#include "mm/process/fault.h"

#include "mm/page/contents.h"
#include "mm/page/lru.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"

#include <assert.h>
#include <errno.h>

struct vm_fault {
	struct machine *m;
	unsigned cpu;
	struct vma *v;
	struct mm *mm;
	uint64_t addr; /* of the page */
	unsigned flags;
	struct pte_place at;
	pte_t orig;
};

static unsigned out_of_memory(const struct vm_fault *f)
{
	return f->m->why.err == EDQUOT ? VM_FAULT_HOST : VM_FAULT_OOM;
}

static void set_entry(const struct vm_fault *f, pte_t pte)
{
	pte_set(f->m, f->at.table, f->at.index, pte);
}

/* A fresh anonymous page becomes the process's. */
static void add_anon_page(const struct vm_fault *f, uint64_t pfn)
{
	struct machine *m = f->m;

	page_add_new_anon_rmap(m, pfn, f->v, f->addr);
	lru_add_vma(m, pfn, f->v->flags);
	f->mm->rss[MM_ANONPAGES]++;
	set_entry(f, pte_make_dirty(m, pfn, f->v->flags));
}

static unsigned do_anonymous_page(const struct vm_fault *f)
{
	struct machine *m = f->m;

	if (!(f->flags & FAULT_FLAG_WRITE)) {
		set_entry(f, pte_with(m, pte_make(m, m->processes.zero_pfn, f->v->flags),
				     PTE_SPECIAL, true));
		return 0;
	}
	if (anon_vma_prepare(m, f->cpu, f->v))
		return out_of_memory(f);
	uint64_t pfn = user_page_alloc(m, f->cpu, f->v, f->addr, true, CALLER_anonymous_page);

	if (pfn == NO_PFN)
		return out_of_memory(f);
	add_anon_page(f, pfn);
	return 0;
}

/* ---- pages of files ---- */

/* Map a cached page without asking for more (do_set_pte()). */
static void add_file_page(
	struct machine *m, struct vma *v, const struct pte_place *at, uint64_t pfn, bool write)
{
	struct frame *frame = frame_of(m, pfn);
	pte_t pte = pte_make(m, pfn, vma_page_prot(m, v));

	if (write)
		pte = pte_mkdirty_write(m, pte, v->flags);
	frame->refcount++;
	page_add_file_rmap(m, pfn);
	if (v->flags & VM_LOCKED)
		mlock_vma_page(m, pfn, v->flags);
	vma_mm(m, v)->rss[page_counter(frame)]++;
	pte_set(m, at->table, at->index, pte);
}

void fault_around_range(
	const struct machine *m, const struct vma *v, uint64_t addr, uint64_t *from, uint64_t *to)
{
	uint64_t bytes = (uint64_t)m->sysctls.value[SYSCTL_fault_around_bytes];

	if (bytes < PAGE_BYTES)
		bytes = PAGE_BYTES;
	uint64_t start = addr & ~(bytes - 1), table_end = (addr | (pte_table_bytes(m) - 1)) + 1;

	*from = start > v->start ? start : v->start;
	*to = *from + bytes;
	*to = *to < v->end ? *to : v->end;
	*to = *to < table_end ? *to : table_end;
}

/* Map what is cached around the address. Is the page itself there now? */
static bool fault_around(const struct vm_fault *f)
{
	struct machine *m = f->m;
	uint64_t start, end;

	/* should_fault_around(): a single page is left to the fault. */
	if (m->sysctls.value[SYSCTL_fault_around_bytes] <= (int64_t)PAGE_BYTES)
		return false;
	fault_around_range(m, f->v, f->addr, &start, &end);
	uint64_t index = linear_page_index(f->v, start),
		 last = linear_page_index(f->v, end - PAGE_BYTES), pfn;

	for (; (pfn = filemap_next_around(m, f->cpu, f->v, &index, last)) != NO_PFN; index++) {
		struct pte_place at = {f->at.table,
			f->at.index + (unsigned)index - (unsigned)linear_page_index(f->v, f->addr)};

		if (pte_none(pte_get(m, at.table, at.index)))
			add_file_page(m, f->v, &at, pfn, false);
	}
	return !pte_none(pte_get(m, f->at.table, f->at.index));
}

/* The file's page, read when it must be; 0, or what to answer. *@again: the kernel would repeat the fault now. */
static unsigned get_file_page(const struct vm_fault *f, uint64_t *pfn, bool *again)
{
	int got = filemap_fault(f->m, f->cpu, f->v, linear_page_index(f->v, f->addr), pfn);

	*again = false;
	if (got == -ENXIO)
		return VM_FAULT_SIGBUS;
	if (got < 0)
		return out_of_memory(f);
	if (got == FILEMAP_MAJOR)
		count_event(f->m, EV_pgmajfault, 1);
	/* A repeated fault is counted twice by vmstat, and as one major fault by the task. */
	*again = got != FILEMAP_HIT;
	count_event(f->m, EV_pgfault, *again);
	return 0;
}

static unsigned do_cow_fault(const struct vm_fault *f)
{
	struct machine *m = f->m;
	struct dram dram = machine_dram(m);
	uint64_t pfn, file_pfn;
	bool again;

	if (anon_vma_prepare(m, f->cpu, f->v))
		return out_of_memory(f);
	pfn = user_page_alloc(m, f->cpu, f->v, f->addr, false, CALLER_cow_fault);
	if (pfn == NO_PFN)
		return out_of_memory(f);
	unsigned ret = get_file_page(f, &file_pfn, &again);

	if (!ret && dram_copy_frame(&dram, pfn << PAGE_SHIFT, file_pfn << PAGE_SHIFT, &m->why))
		ret = VM_FAULT_HOST;
	if (ret) {
		user_page_put(m, f->cpu, pfn);
		return ret;
	}
	clock_charge(m, COPY_PAGE);
	add_anon_page(f, pfn);
	return again ? VM_FAULT_MAJOR : 0;
}

static unsigned do_file_page(const struct vm_fault *f)
{
	bool write = f->flags & FAULT_FLAG_WRITE, shared = f->v->flags & VM_SHARED, again;
	uint64_t pfn;

	if (!f->v->file_at || f->v->flags & VM_PFNMAP)
		return VM_FAULT_SIGBUS;
	if (write && !shared)
		return do_cow_fault(f);
	if (!write && fault_around(f))
		return 0;
	unsigned ret = get_file_page(f, &pfn, &again);

	if (ret)
		return ret;
	if (write || !again || !fault_around(f))
		add_file_page(f->m, f->v, &f->at, pfn, write);
	if (write)
		set_page_dirty(f->m, pfn);
	return again ? VM_FAULT_MAJOR : 0;
}

/* The kernel's own pages that every process sees: the vdso's, one of data for it, ARM's signal trampolines. Those behind
 * the page of data are for clocks of hypervisors and other time namespaces. Pages that the kernel knows count as a file's. */
static unsigned do_special_page(const struct vm_fault *f)
{
	static const uint8_t place[] = {[VMA_VDSO] = VDSO_PAGE_CODE,
		[VMA_VVAR] = VDSO_PAGE_DATA,
		[VMA_SIGPAGE] = VDSO_PAGE_SIGNAL};
	struct machine *m = f->m;
	uint64_t base = m->processes.vdso_pfn, index = linear_page_index(f->v, f->addr);
	uint64_t pfn = base + place[f->v->kind] + index;
	bool counts = !(f->v->flags & VM_PFNMAP);

	if (f->v->kind != VMA_VDSO && index)
		return VM_FAULT_SIGBUS;
	if (base == NO_PFN || f->flags & FAULT_FLAG_WRITE)
		return VM_FAULT_SIGBUS;
	if (!frame_live(m, pfn))
		return VM_FAULT_HOST;
	if (counts) {
		add_file_page(m, f->v, &f->at, pfn, false);
		return 0;
	}
	set_entry(f, pte_with(m, pte_make(m, pfn, f->v->flags), PTE_SPECIAL, true));
	return 0;
}

/* ---- write faults on present entries ---- */

static unsigned wp_page_copy(const struct vm_fault *f, uint64_t old_pfn)
{
	struct machine *m = f->m;
	struct dram dram = machine_dram(m);
	bool zero = old_pfn == NO_PFN && pte_pfn(m, f->orig) == m->processes.zero_pfn;

	if (anon_vma_prepare(m, f->cpu, f->v))
		return out_of_memory(f);
	uint64_t pfn = user_page_alloc(m, f->cpu, f->v, f->addr, zero, CALLER_wp_page_copy);

	if (pfn == NO_PFN)
		return out_of_memory(f);
	if (!zero && dram_copy_frame(&dram, pfn << PAGE_SHIFT, pte_pfn(m, f->orig) << PAGE_SHIFT,
			     &m->why)) {
		user_page_put(m, f->cpu, pfn);
		return VM_FAULT_HOST;
	}
	if (!zero)
		clock_charge(m, COPY_PAGE);
	if (old_pfn != NO_PFN)
		f->mm->rss[page_counter(frame_of(m, old_pfn))]--;
	add_anon_page(f, pfn);
	flush_tlb_range(m, f->cpu, f->mm, f->addr, f->addr + PAGE_BYTES);
	if (old_pfn != NO_PFN) {
		page_remove_rmap(m, old_pfn);
		if (f->v->flags & VM_LOCKED)
			munlock_vma_page(m, old_pfn, f->v->flags);
		user_page_put(m, f->cpu, old_pfn);
	}
	return 0;
}

static unsigned wp_page_reuse(const struct vm_fault *f)
{
	struct machine *m = f->m;

	set_entry(f, pte_mkdirty_write(m, pte_with(m, f->orig, PTE_YOUNG, true), f->v->flags));
	flush_tlb_range(m, f->cpu, f->mm, f->addr, f->addr + PAGE_BYTES);
	count_event(m, EV_pgreuse, 1);
	return 0;
}

static unsigned do_wp_page(const struct vm_fault *f)
{
	struct machine *m = f->m;
	uint64_t pfn = vm_normal_pfn(m, f->v, f->orig);
	struct frame *frame;

	if (f->v->flags & (VM_SHARED | VM_MAYSHARE)) {
		if (pfn != NO_PFN)
			set_page_dirty(m, pfn);
		return wp_page_reuse(f);
	}
	if (pfn == NO_PFN)
		return wp_page_copy(f, pfn);
	frame = frame_of(m, pfn);
	if (frame->flags & FRAME_ANON) {
		if (frame->flags & FRAME_ANON_EXCLUSIVE)
			return wp_page_reuse(f);
		if (frame->refcount == 1 && !(frame->flags & FRAME_KSM)) {
			page_move_anon_rmap(m, pfn, f->v);
			return wp_page_reuse(f);
		}
	}
	return wp_page_copy(f, pfn);
}

/* The architecture has no such bits in hardware, or another CPU was quicker: set them (ptep_set_access_flags()). */
static unsigned mark_used(const struct vm_fault *f)
{
	pte_t pte = pte_with(f->m, f->orig, PTE_YOUNG, true);

	if (f->flags & FAULT_FLAG_WRITE)
		pte = pte_with(f->m, pte, PTE_DIRTY, true);
	if (pte != f->orig)
		set_entry(f, pte);
	if (f->flags & FAULT_FLAG_WRITE)
		flush_tlb_range(f->m, f->cpu, f->mm, f->addr, f->addr + PAGE_BYTES);
	return 0;
}

unsigned handle_mm_fault(
	struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, unsigned flags)
{
	struct vm_fault f = {.m = m, .cpu = cpu, .v = v, .mm = vma_mm(m, v), .flags = flags};

	f.addr = addr & ~(PAGE_BYTES - 1);
	assert(f.addr >= v->start && f.addr < v->end);
	count_event(m, EV_pgfault, 1);
	clock_charge(m, PAGE_FAULT);
	if (pte_alloc(m, cpu, f.mm, f.addr, &f.at))
		return out_of_memory(&f);
	f.orig = pte_get(m, f.at.table, f.at.index);
	if (pte_none(f.orig)) {
		if (vma_is_anonymous(v))
			return do_anonymous_page(&f);
		return v->kind == VMA_PLAIN ? do_file_page(&f) : do_special_page(&f);
	}
	if (flags & FAULT_FLAG_WRITE && !pte_is(m, f.orig, PTE_WRITE))
		return do_wp_page(&f);
	return mark_used(&f);
}

/* FOLL_TOUCH: a page that is brought counts as used, and as dirty when it was to be written (follow_page_pte()). */
static void follow_and_touch(struct machine *m, struct vma *v, uint64_t addr, bool write)
{
	pte_t pte = pte_of(m, vma_mm(m, v), addr);
	uint64_t pfn = mapped_pfn(m, v, pte);

	if (pfn == NO_PFN)
		return;
	if (write && !pte_is(m, pte, PTE_DIRTY))
		set_page_dirty(m, pfn);
	mark_page_accessed(m, pfn);
}

int populate_range(
	struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end, bool write)
{
	unsigned flags = write ? FAULT_FLAG_WRITE : 0;

	for (uint64_t addr = start; addr < end; addr += PAGE_BYTES) {
		pte_t pte = pte_of(m, vma_mm(m, v), addr);
		unsigned ret = 0;

		if (!pte_present(m, pte) || (write && !pte_is(m, pte, PTE_WRITE))) {
			callstack_push(&m->callstack, CALLER_populate);
			ret = handle_mm_fault(m, cpu, v, addr, flags);
			callstack_pop(&m->callstack);
		}
		if (ret & VM_FAULT_HOST)
			return -EDQUOT;
		if (ret & VM_FAULT_OOM)
			return -ENOMEM;
		if (ret & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV))
			return refuse(&m->why, EFAULT,
				"the page at 0x%llx lies behind the end of its file",
				(unsigned long long)addr);
		follow_and_touch(m, v, addr, write);
	}
	return 0;
}

int insert_pfn(struct machine *m, unsigned cpu, struct vma *v, uint64_t addr, uint64_t pfn)
{
	struct pte_place at;
	int err = pte_alloc(m, cpu, vma_mm(m, v), addr, &at);

	if (err)
		return err;
	pte_set(m, at.table, at.index, pte_with(m, pte_make(m, pfn, v->flags), PTE_SPECIAL, true));
	return 0;
}
