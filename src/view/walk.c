/* SPDX-License-Identifier: MIT
 *
 * sim/walk/ADDRESS and PID/walk/ADDRESS: how the MMU finds a physical address, level by level, in words.
 *
 * It reads the tables in RAM with CPU 0's registers, or with a process's own tables and those of the CPU on which it
 * runs, as the CPU does on a TLB miss, but sets no flag and leaves the TLBs alone. So it shows what the tables say now;
 * the TLB may still know better, and the last line tells.
 */
#include "view/files.h"

#include "view/call_parse.h"
#include "view/task_view.h"

#include "base/parse.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/layout.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/process/asid.h"
#include "mm/process/vma_index.h"
#include "view/translation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

void put_page_size(struct text *out, unsigned shift)
{
	uint64_t kib = 1ULL << (shift - 10);

	text_printf(out, "%llu%c",
		(ull)(kib >> 20	    ? kib >> 20
			: kib >> 10 ? kib >> 10
				    : kib),
		kib >> 20   ? 'G'
		: kib >> 10 ? 'M'
			    : 'K');
}

void put_permissions(struct text *out, uint32_t flags)
{
	text_printf(out, "kernel %c%c%c, user %c%c%c", flags & HW_PR ? 'r' : '-',
		flags & HW_PW ? 'w' : '-', flags & HW_PX ? 'x' : '-', flags & HW_UR ? 'r' : '-',
		flags & HW_UW ? 'w' : '-', flags & HW_UX ? 'x' : '-');
}

static const char *root_register(const struct machine *m, uint64_t va)
{
	switch (m->cpus.desc.family) {
	case HW_X86_32:
	case HW_X86_64:
		return "cr3";
	case HW_ARM:
		return "ttbr0";
	case HW_ARM64:
		return va >> 63 ? "ttbr1_el1" : "ttbr0_el1";
	default:
		return "satp";
	}
}

static void put_words(struct text *out, const struct paging_form *form, uint64_t entry)
{
	for (const struct paging_bit *b = form->bits; b->mask; b++)
		if (b->word && (entry & b->mask) == b->value)
			text_printf(out, " %s", b->word);
}

static void put_step(struct text *out, const struct page_walk *w, unsigned depth, uint64_t va)
{
	const struct paging_level *level = &paging_modes[w->mode].level[depth];
	const struct paging_form *form = walk_form(w, depth);
	const struct walk_step *s = &w->step[depth];

	text_printf(out, "%-10s index 0x%llx, %s at 0x%llx: 0x%0*llx", level->name,
		(ull)paging_index(level, va), level->manual, (ull)s->entry_at,
		level->entry_bytes * 2, (ull)s->entry);
	if (!form) {
		text_puts(out, " -> nothing\n");
		return;
	}
	text_printf(out, " -> %s 0x%llx", form->leaf ? "page" : "table", (ull)s->next);
	if (form->leaf) {
		text_puts(out, " of ");
		put_page_size(out, form->page_shift);
	}
	text_putc(out, ',');
	put_words(out, form, s->entry);
	text_putc(out, '\n');
}

/* Who remembers a translation: entries of address space @asid, and the kernel's for all. */
static void put_tlb(
	const struct machine *m, unsigned nr, uint64_t va, uint16_t asid, struct text *out)
{
	static const char *const where[] = {"for data", "for instructions", "in the second level"};
	const struct hw_cpu *cpu = machine_cpu_peek(m, nr);
	const struct tlb *tlbs[3];

	text_printf(out, "%-10s ", "tlb");
	if (!cpu) {
		text_printf(out, "CPU %u does not have it: it has made no access\n", nr);
		return;
	}
	tlbs[0] = &cpu->dtlb;
	tlbs[1] = &cpu->itlb;
	tlbs[2] = &cpu->stlb;
	for (unsigned t = 0; t < 3; t++)
		if (tlb_has(tlbs[t], va, asid)) {
			text_printf(out, "CPU %u has it, %s\n", nr, where[t]);
			return;
		}
	text_printf(out, "CPU %u does not have it\n", nr);
}

static void put_end(struct text *out, const struct paging_mode *mode, const struct page_walk *w)
{
	if (!w->fault) {
		text_printf(out, "%-10s 0x%llx\n%-10s ", "physical", (ull)w->pa, "access");
		put_permissions(out, w->flags);
		text_putc(out, '\n');
		return;
	}
	text_printf(out, "%-10s %s", "fault", hw_fault_words(w->fault));
	if (w->nr_steps)
		text_printf(out, " (%s)", mode->level[w->nr_steps - 1].name);
	text_putc(out, '\n');
}

static void put_regime(
	struct machine *m, const struct hw_regime *r, unsigned cpu, uint64_t va, struct text *out)
{
	const struct paging_mode *mode = &paging_modes[r->mode];
	struct dram d = machine_dram(m);
	struct page_walk w;

	text_printf(out, "%-10s 0x%llx\n%-10s %s (%s)\n", "address", (ull)va, "paging", mode->name,
		mode->doc);
	if (r->mode == PAGING_NONE) {
		text_printf(out, "%-10s 0x%llx\n", "physical", (ull)va);
		return;
	}
	text_printf(out, "%-10s 0x%llx (%s)\n", "table", (ull)r->root[r->two_roots && va >> 63],
		root_register(m, va));
	walk_tables(r, &d, va, &w);
	for (unsigned i = 0; i < w.nr_steps; i++)
		put_step(out, &w, i, va);
	put_end(out, mode, &w);
	put_tlb(m, cpu, va, r->asid, out);
}

int show_walk(struct view *v, struct text *out)
{
	struct hw_regime r = machine_cpu_regime(v->m, 0);

	put_regime(v->m, &r, 0, v->arg[0], out);
	return 0;
}

#define NO_ASID UINT16_MAX

/* What user mode of @mm runs with on CPU @cpu, whether or not it is there now. */
static struct hw_regime user_regime(const struct machine *m, unsigned cpu, const struct mm *mm)
{
	struct hw_regime r = machine_cpu_regime(m, cpu);

	r.root[0] = mm->user_pgd ? mm->user_pgd : mm->pgd;
	if (!asid_peek(m, cpu, mm, &r.asid))
		r.asid = NO_ASID;
	return r;
}

int show_pid_walk(struct view *v, struct text *out)
{
	const struct task *t = view_process(v);
	const struct mm *mm = t ? task_mm(v->m, t) : NULL;

	if (!mm)
		return -ESRCH;
	struct hw_regime r = user_regime(v->m, t->cpu, mm);
	put_regime(v->m, &r, t->cpu, v->arg[1], out);
	return 0;
}

/* ---- {address}: 0xc0012345, c0012345, buf, buf+0x10 ---- */

/* A name's address: its own, or the kernel's address of its page. */
static bool address_of_name(const struct machine *m, const struct vars *vars, const char *name,
	size_t len, uint64_t *value)
{
	const char *plus = memchr(name, '+', len);
	size_t name_len = plus ? (size_t)(plus - name) : len;
	size_t base_len;
	uint32_t index;
	uint64_t more = 0;

	if (!var_split(name, name_len, &base_len, &index) ||
		(plus && !parse_size(plus + 1, len - name_len - 1, &more)))
		return false;
	const struct var *var = name_get(m, vars, name, base_len, index);

	if (!var || var->kind == VAR_NONE || var->kind == VAR_CACHE)
		return false;
	*value = (var->kind == VAR_PAGE ? highmem_page_address(m, var->value) : var->value) + more;
	return var->kind != VAR_PAGE || *value != more;
}

static int parse_in(
	struct view *v, const struct vars *vars, const char *name, size_t len, uint64_t *value)
{
	bool prefix = len > 2 && name[0] == '0' && name[1] == 'x';

	if (address_of_name(v->m, vars, name, len, value))
		return 0;
	return parse_u64(name + 2 * prefix, len - 2 * (size_t)prefix, 16, value) ? 0 : -ENOENT;
}

static int address_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	return parse_in(v, &v->m->vars, name, len, value);
}

static int address_of_task_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const struct task *t = view_process(v);

	return t ? parse_in(v, &t->vars, name, len, value) : -ENOENT;
}

/* Where each mapping begins: the key is the page. */
static bool address_of_task_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct task *t = view_process(v);
	const struct mm *mm = t ? task_mm(v->m, t) : NULL;
	const struct vma *a = mm ? vma_find(v->m, &mm->vmas, *key << PAGE_SHIFT) : NULL;

	if (a && a->start >> PAGE_SHIFT < *key)
		a = vma_next(v->m, &mm->vmas, a);
	if (!a)
		return false;
	*key = a->start >> PAGE_SHIFT;
	arg_print_hex(v, a->start, name, cap);
	return true;
}

const struct arg_ops address_of_task_arg = {
	.parse = address_of_task_parse, .next = address_of_task_next, .print = arg_print_hex};

/* The direct map's begin and its last page; then the begins of the kernel's other areas. */
static bool address_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	uint64_t first = page_offset(v->m), low_end = v->m->kernel_map.low_end;

	while (*key >= 2 && *key - 2 < NR_KERNEL_AREAS) {
		struct kernel_range r = kernel_area(v->m, (enum kernel_area)(*key - 2));

		if (v->m->kernel_map.areas && r.start != r.end) {
			arg_print_hex(v, r.start, name, cap);
			return true;
		}
		++*key;
	}
	if (*key > 1 || (*key == 1 && !low_end))
		return false;
	arg_print_hex(
		v, *key ? low_end - PAGE_BYTES - phys_offset(v->m) + first : first, name, cap);
	return true;
}

const struct arg_ops address_arg = {
	.parse = address_parse, .next = address_next, .print = arg_print_hex};
