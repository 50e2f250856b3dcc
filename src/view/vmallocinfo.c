/* SPDX-License-Identifier: MIT
 *
 * proc/vmallocinfo and sim/vmap_areas: which kernel addresses are mapped to what.
 *
 *	0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0x0/0x0 pages=4 vmalloc N0=4
 *	0xffffc90000005000-0xffffc90000008000   12288 unpurged vm_area
 *
 * Linux prints hashed addresses (%pK) unless kernel.kptr_restrict is 1; here they are always those that can be used, and
 * zeroes when it is 2. Who called is a function's name; the simulated kernel has no code, so its offset and size are 0.
 *
 * sim/vmap_areas has all addresses in order: free, in use and lazily freed.
 *
 * Follows mm/vmalloc.c of 6.1 (s_show(), show_numa_info(), show_purge_info()).
 */
#include "view/files.h"
#include "view/put.h"
#include "view/vm_area_words.h"

#include "mm/core/callstack.h"
#include "mm/page/frame.h"
#include "mm/vmalloc/vmalloc.h"
#include "mm/vmalloc/vmap_tree.h"

#include <string.h>

static void put_pointer(const struct machine *m, struct text *out, uint64_t addr)
{
	bool hidden = m->sysctls.value[SYSCTL_kptr_restrict] == 2;

	text_puts(out, "0x");
	text_hex(out, hidden ? 0 : addr, (unsigned)machine_word_digits(m));
}

/* "0x...-0x...   20480": address range and bytes. */
static void put_range(const struct machine *m, struct text *out, uint64_t start, uint64_t end)
{
	put_pointer(m, out, start);
	text_putc(out, '-');
	put_pointer(m, out, end);
	text_putc(out, ' ');
	text_dec(out, end - start, 7);
}

static void put_caller(const struct machine *m, struct text *out, const struct vm_struct *vm)
{
	char name[64];

	stack_depot_innermost(m, vm->caller, name);
	if (*name) {
		text_putc(out, ' ');
		text_puts(out, name);
		text_puts(out, "+0x0/0x0");
	}
}

/* show_numa_info(): only in kernels for several nodes. */
static void put_nodes(const struct machine *m, struct text *out, const struct vm_struct *vm)
{
	uint32_t pages[MAX_NODES] = {0};

	if (!machine_has(m, CONFIG_NUMA) || vm->flags & VM_UNINITIALIZED)
		return;
	for (uint32_t i = 0; i < vm->nr_pages; i++) {
		const struct zone *z = pfn_zone(m, vm_area_pfn(m, vm, i));

		if (z)
			pages[z->nid]++;
	}
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		if (!pages[nid])
			continue;
		text_puts(out, " N");
		text_dec(out, nid, 0);
		text_putc(out, '=');
		text_dec(out, pages[nid], 0);
	}
}

static void put_area(const struct machine *m, struct text *out, const struct vm_struct *vm)
{
	put_range(m, out, vm->addr, vm->addr + vm->size);
	put_caller(m, out, vm);
	if (vm->nr_pages) {
		text_puts(out, " pages=");
		text_dec(out, vm->nr_pages, 0);
	}
	if (vm->phys_addr) {
		text_puts(out, " phys=0x");
		text_hex(out, vm->phys_addr, (unsigned)machine_phys_digits(m));
	}
	put_vm_flags(vm, out);
	if (is_vmalloc_addr(m, vm->pages_address))
		text_puts(out, " vpages");
	put_nodes(m, out, vm);
	text_putc(out, '\n');
}

int show_vmallocinfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	const struct vm_struct *vm;
	bool any = false;

	for (uint64_t at = 0; (vm = next_vm_area(m, at)); at = vm->addr + 1) {
		put_area(m, out, vm);
		any = true;
	}
	/* What is to be purged comes with the last area. */
	for (const struct vmap_area *a = NULL;
		any && (a = vmap_tree_next(m, m->vmalloc.lazy_root, a ? a->start + 1 : 0));) {
		put_range(m, out, a->start, a->end);
		text_puts(out, " unpurged vm_area\n");
	}
	return 0;
}

/* ---- sim/vmap_areas ---- */

static const struct vmap_area *next_of(const struct machine *m, uint64_t root, uint64_t at)
{
	return vmap_tree_next(m, root, at);
}

static void put_kind(
	const struct machine *m, struct text *out, unsigned kind, const struct vmap_area *a)
{
	static const char *const words[] = {"free", "lazily freed"};

	if (kind < 2) {
		text_puts(out, words[kind]);
		return;
	}
	char name[64];

	vm_area_caller(m, &a->vm, name);
	text_puts(out, "in use: ");
	text_puts(out, name);
}

int show_vmap_areas(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	const uint64_t roots[] = {m->vmalloc.free_root, m->vmalloc.lazy_root, m->vmalloc.busy_root};

	text_printf(out, "lazily freed: %llu of %llu pages until a purge; purges so far: %llu\n",
		(unsigned long long)m->vmalloc.lazy_pages, (unsigned long long)lazy_max_pages(m),
		(unsigned long long)m->vmalloc.purges);
	for (uint64_t at = 0;;) {
		const struct vmap_area *first = NULL;
		unsigned kind = 0;

		for (unsigned i = 0; i < 3; i++) {
			const struct vmap_area *a = next_of(m, roots[i], at);

			if (a && (!first || a->start < first->start)) {
				first = a;
				kind = i;
			}
		}
		if (!first)
			return 0;
		put_range(m, out, first->start, first->end);
		text_putc(out, ' ');
		put_kind(m, out, kind, first);
		text_putc(out, '\n');
		at = first->start + 1;
	}
}
