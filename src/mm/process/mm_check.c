/* SPDX-License-Identifier: MIT
 *
 * What must hold between mappings, page tables, reverse mapping and counters.
 *
 *	1. Every present entry lies in a mapping, and is writable only where the mapping is.
 *	2. The page it maps knows it: an anonymous page has an anon_vma of the mapping's chain and the place's linear index,
 *	   a file's page has the file's id and the page's number in it. A dma-buf's is the buffer's at that place.
 *	3. The entries that map a page, over all address spaces, are its mapcount; its references are at least as many.
 *	4. RSS by kind, bytes of tables, total_vm and its parts are what a count of them gives; nr_anon_pages, nr_mapped and
 *	   nr_page_table_pages are the sums.
 *	5. A page that locked mappings map is mlocked and off the LRU lists, and counts them; no other page is mlocked. A
 *	   dma-buf's, which was never on a list, counts nobody: it is not mlocked any more when the first of them goes.
 *
 * Every entry that maps a page is noted (pfn) in host memory, and the notes are sorted and counted: nothing of it is state.
 */
#include "mm/process/mm.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/dma/dma_buf.h"
#include "mm/page/zone.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/task.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <stdlib.h>

typedef unsigned long long ull;

struct notes {
	uint32_t *pfn;
	uint64_t nr, cap;
	bool full; /* the host has no memory for them: rule 3 is not checked */
	uint64_t table_pages;
};

struct count {
	struct machine *m;
	struct mm *mm;
	struct text *out;
	struct notes *notes;  /* NULL: none are wanted */
	struct notes *locked; /* of locked mappings alone */
	uint64_t rss[NR_MM_COUNTERS];
	uint64_t table_bytes, table_pages;
	unsigned bad;
};

static void note(struct notes *n, uint64_t pfn)
{
	if (!n || n->full)
		return;
	if (n->nr == n->cap) {
		uint64_t cap = n->cap ? n->cap * 2 : 4096;
		uint32_t *bigger = realloc(n->pfn, cap * sizeof(*bigger));

		if (!bigger) {
			n->full = true;
			return;
		}
		n->pfn = bigger;
		n->cap = cap;
	}
	n->pfn[n->nr++] = (uint32_t)pfn;
}

static bool on_chain(const struct machine *m, const struct vma *v, uint32_t id)
{
	const struct anon_vma *want = mapping_object(m, id);

	link_for_each(m, &v->anon_chain, l)
	{
		const struct anon_vma_chain *c = link_entry(l, struct anon_vma_chain, same_vma);

		if (want && c->anon_vma_at == machine_ref(m, want))
			return true;
	}
	return false;
}

/* NULL, or what is wrong with the page that an entry maps. */
static const char *wrong_page(
	const struct machine *m, const struct vma *v, uint64_t addr, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);
	uint64_t index = linear_page_index(v, addr);

	const struct inode *i = v->file_at ? vma_inode(m, v) : NULL;

	if (v->kind != VMA_PLAIN && v->kind != VMA_ZERO)
		return NULL;
	if (!f->mapcount || f->refcount < f->mapcount)
		return "fewer references than mappings, or none";
	if (i && i->kind == INODE_DMABUF)
		return dma_buf_pfn(m, dma_buf_of_inode(m, i), index) == pfn
			       ? NULL
			       : "another page than the buffer's";
	if (f->index != index)
		return "another index than the place's";
	if (f->flags & FRAME_ANON)
		return on_chain(m, v, f->mapping) ? NULL
						  : "an anon_vma that the mapping is not part of";
	if (!i || i->id != f->mapping)
		return "another file than the mapping's";
	return NULL;
}

static void check_entry(struct count *c, const struct vma *v, uint64_t addr, pte_t pte)
{
	struct machine *m = c->m;
	uint64_t pfn = vm_normal_pfn(m, v, pte);
	const char *wrong = NULL;

	if (pte_is(m, pte, PTE_WRITE) && !(v->flags & VM_WRITE))
		wrong = "an entry that can be written in a mapping that cannot";
	if (pfn != NO_PFN) {
		c->rss[page_counter(frame_of(m, pfn))]++;
		note(c->notes, pfn);
		if ((v->flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED)
			note(c->locked, pfn);
		wrong = wrong ? wrong : wrong_page(m, v, addr, pfn);
	}
	if (!wrong)
		return;
	c->bad++;
	text_printf(c->out, "mm %llu: 0x%llx maps pfn 0x%llx: %s\n", (ull)c->mm->id, (ull)addr,
		(ull)pte_pfn(m, pte), wrong);
}

static void check_entries(struct count *c)
{
	struct machine *m = c->m;
	struct pte_range r = pte_range(0, c->mm->task_size);

	while (pte_range_next(m, c->mm, &r))
		for (unsigned i = 0; i < r.nr; i++) {
			uint64_t addr = r.start + ((uint64_t)i << PAGE_SHIFT);
			pte_t pte = pte_get(m, r.table, r.index + i);
			const struct vma *v;

			if (pte_none(pte))
				continue;
			v = vma_find(m, &c->mm->vmas, addr);
			if (v && v->start <= addr) {
				check_entry(c, v, addr, pte);
				continue;
			}
			c->bad++;
			text_printf(c->out, "mm %llu: 0x%llx has an entry but no mapping\n",
				(ull)c->mm->id, (ull)addr);
		}
}

static void count_table(void *data, uint64_t table, unsigned depth)
{
	struct count *c = data;

	if (depth)
		c->table_bytes += c->m->kernel_map.mode == PAGING_ARM_SHORT ? 2048 : PAGE_BYTES;
	c->table_pages += (frame_of(c->m, table >> PAGE_SHIFT)->flags & FRAME_PGTABLE) != 0;
}

static void compare(struct count *c, const char *what, uint64_t counted, uint64_t kept)
{
	if (counted == kept)
		return;
	c->bad++;
	text_printf(c->out, "mm %llu: %s is %llu, but a count gives %llu\n", (ull)c->mm->id, what,
		(ull)kept, (ull)counted);
}

static void check_counters(struct count *c)
{
	static const char *const names[] = {
		"rss of files", "rss of anonymous pages", "swap entries", "rss of shared memory"};
	struct mm sum = {0};

	for (const struct vma *v = vma_first(c->m, &c->mm->vmas); v;
		v = vma_next(c->m, &c->mm->vmas, v)) {
		sum.total_vm += vma_pages(v);
		sum.locked_vm += v->flags & VM_LOCKED ? vma_pages(v) : 0;
	}
	compare(c, "total_vm", sum.total_vm, c->mm->total_vm);
	compare(c, "locked_vm", sum.locked_vm, c->mm->locked_vm);
	for (unsigned i = 0; i < NR_MM_COUNTERS; i++)
		compare(c, names[i], c->rss[i], c->mm->rss[i]);
	pgtables_each(c->m, c->mm, count_table, c);
	compare(c, "bytes of page tables", c->table_bytes, c->mm->pgtables_bytes);
	for (unsigned i = 0; i < sizeof(c->mm->table_stock) / sizeof(c->mm->table_stock[0]); i++)
		compare(c, "tables taken in advance", 0, c->mm->table_stock[i]);
}

static unsigned check_mm(struct machine *m, struct mm *mm, struct notes *notes,
	struct notes *locked, struct text *out)
{
	struct count c = {.m = m, .mm = mm, .out = out, .notes = notes, .locked = locked};

	c.bad = vma_index_check(m, &mm->vmas, out);
	check_entries(&c);
	check_counters(&c);
	if (notes)
		notes->table_pages += c.table_pages;
	return c.bad;
}

unsigned mm_check(struct machine *m, struct mm *mm, struct text *out)
{
	return check_mm(m, mm, NULL, NULL, out);
}

/* ---- over all of them ---- */

static int by_pfn(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_notes(struct notes *n)
{
	if (n->nr)
		qsort(n->pfn, n->nr, sizeof(*n->pfn), by_pfn);
}

/* Where the notes of the page of note @i end, in sorted ones. */
static uint64_t end_of_page(const struct notes *n, uint64_t i)
{
	uint64_t end = i + 1;

	while (end < n->nr && n->pfn[end] == n->pfn[i])
		end++;
	return end;
}

/* Rule 5. */
static unsigned check_locked(struct machine *m, struct notes *n, struct text *out)
{
	const uint32_t both = FRAME_MLOCKED | FRAME_UNEVICTABLE;
	uint64_t pages = 0, kept = zone_stat_total(m, ZS_nr_mlock);
	unsigned bad = 0;

	sort_notes(n);
	for (uint64_t i = 0, end; i < n->nr; i = end) {
		const struct frame *f = frame_of(m, n->pfn[i]);

		end = end_of_page(n, i);
		pages += !(f->flags & FRAME_CMA_INUSE) || f->flags & FRAME_MLOCKED;
		if (f->flags & FRAME_CMA_INUSE)
			continue;
		if ((f->flags & both) == both && f->next == end - i)
			continue;
		bad++;
		text_printf(out, "pfn 0x%llx is locked by %llu mappings: flags 0x%x, counted %u\n",
			(ull)n->pfn[i], (ull)(end - i), f->flags, f->next);
	}
	if (pages == kept)
		return bad;
	text_printf(out, "nr_mlock is %llu, but %llu pages are in locked mappings\n", (ull)kept,
		(ull)pages);
	return bad + 1;
}

/* Rule 3, and the sums of rule 4. */
static unsigned check_pages(struct machine *m, struct notes *n, struct text *out)
{
	uint64_t anon = 0, mapped = 0, anon_kept = 0, mapped_kept = 0, tables_kept = 0;
	unsigned bad = 0;

	sort_notes(n);
	for (uint64_t i = 0, end; i < n->nr; i = end) {
		const struct frame *f = frame_of(m, n->pfn[i]);

		end = end_of_page(n, i);
		*(f->flags & FRAME_ANON ? &anon : &mapped) += 1;
		if (f->mapcount == end - i)
			continue;
		bad++;
		text_printf(out, "pfn 0x%llx has mapcount %u, but %llu entries map it\n",
			(ull)n->pfn[i], f->mapcount, (ull)(end - i));
	}
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		anon_kept += node_at(m, nid)->stat[ND_nr_anon_pages];
		mapped_kept += node_at(m, nid)->stat[ND_nr_mapped];
		tables_kept += node_at(m, nid)->stat[ND_nr_page_table_pages];
	}
	tables_kept -= m->kernel_map.counted_tables;
	if (anon == anon_kept && mapped == mapped_kept && n->table_pages == tables_kept)
		return bad;
	text_printf(out,
		"nr_anon_pages, nr_mapped, nr_page_table_pages are %llu %llu %llu, but a count "
		"gives "
		"%llu %llu %llu\n",
		(ull)anon_kept, (ull)mapped_kept, (ull)tables_kept, (ull)anon, (ull)mapped,
		(ull)n->table_pages);
	return bad + 1;
}

unsigned processes_check(struct machine *m, struct text *out)
{
	struct notes notes = {0}, locked = {0};
	unsigned bad = 0;
	uint32_t pid = 0;

	for (const struct task *t; (t = task_next(m, &pid)); pid++) {
		struct mm *mm = task_mm(m, t);

		/* Of those that share it, the first one's turn. */
		if (!mm || link_next(m, &mm->tasks, &mm->tasks) != &t->in_mm)
			continue;
		bad += check_mm(m, mm, &notes, &locked, out);
	}
	if (!notes.full)
		bad += check_pages(m, &notes, out);
	if (!locked.full)
		bad += check_locked(m, &locked, out);
	free(notes.pfn);
	free(locked.pfn);
	return bad;
}
