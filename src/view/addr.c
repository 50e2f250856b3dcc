/* SPDX-License-Identifier: MIT
 *
 * sim/addr/ADDRESS, sim/addr/phys:ADDRESS, sim/addr/bus:ADDRESS: everything about one address.
 *
 *	address    0xc2000010
 *	kind       kernel logical: in the direct map, a physical address plus a constant
 *	mapped     by a page of 4M, kernel rw-, user ---
 *	physical   0x2000010
 *	bus        0x2000010
 *	logical    0xc2000010
 *	user       0xb7f00010 of 100 (hog)
 *	resource   System RAM
 *	page       pfn 0x2000, its struct page at 0xf584e000, zone Normal, node 0
 *	state      in use, 1 reference, 1 mapping, flags uptodate lru
 *
 * A bare ADDRESS is virtual, as CPU 0 sees it now: a user address is one of the process that runs there. The tables tell
 * where it leads, as in sim/walk, and nothing is changed by asking. From the physical address on everything is the same
 * for all three spellings. Each line is made by a function of its own, in the tables at the end; who adds a kind of
 * address adds a function.
 *
 * Left out: the way back from a bus with windows; bus:ADDRESS is a physical address, as it is on buses without.
 */
#include "view/files.h"

#include "view/page_users.h"
#include "view/task_view.h"
#include "view/translation.h"
#include "view/vm_area_words.h"

#include "base/parse.h"
#include "mm/dma/device.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/highmem.h"
#include "mm/kernel/layout.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"
#include "mm/process/address_kind.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmap_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USERS_MOST 100
#define BUSES_MOST 8
#define KEY	   "%-10s "

typedef unsigned long long ull;

/* What is known of the address when the lines are written. */
struct addr {
	struct machine *m;
	uint64_t va; /* when a virtual address was asked for */
	enum address_kind kind;
	const struct task *task; /* that CPU 0 runs; NULL: none */
	bool mmu;
	struct page_walk walk;
	bool has_pa; /* it leads somewhere */
	uint64_t pa;
	bool has_page;
	uint64_t pfn;
	struct frame frame;
};

typedef void part_fn(struct addr *a, struct text *out);

/* ---- the virtual address ---- */

static void put_kind(struct addr *a, struct text *out)
{
	text_printf(out, KEY "0x%llx\n" KEY "%s\n", "address", (ull)a->va, "kind",
		address_kind_words(a->kind));
}

static void put_process(struct addr *a, struct text *out)
{
	const struct mm *mm = current_mm(a->m, 0);

	if (a->kind != ADDRESS_USER)
		return;
	text_printf(out, KEY, "seen by");
	if (mm) {
		text_puts(out, "the process that CPU 0 runs: ");
		put_mm_name(a->m, mm, out);
	} else {
		text_puts(out,
			"nobody: CPU 0 runs no process (a call or an access of one puts it there)");
	}
	text_putc(out, '\n');
}

static void put_vma(struct addr *a, struct text *out)
{
	const struct mm *mm = current_mm(a->m, 0);
	const struct vma *v =
		mm && a->kind == ADDRESS_USER ? vma_find(a->m, &mm->vmas, a->va) : NULL;

	if (!mm || a->kind != ADDRESS_USER)
		return;
	text_printf(out, KEY, "mapping");
	if (!v || v->start > a->va) {
		text_puts(out, "none: an access is a segmentation fault\n");
		return;
	}
	text_printf(out, "0x%llx-0x%llx", (ull)v->start, (ull)v->end);
	if (v->file_at) {
		text_puts(out, " of ");
		inode_put_path(a->m, vma_inode(a->m, v), out);
	}
	text_putc(out, '\n');
}

static void put_area(struct addr *a, struct text *out)
{
	uint64_t first = page_offset(a->m), low_end = a->m->kernel_map.low_end;

	if (a->kind == ADDRESS_LOGICAL && low_end)
		text_printf(out, KEY "direct map 0x%llx-0x%llx\n", "area", (ull)first,
			(ull)(linux_va(a->m, low_end - 1)));
	for (unsigned i = 0; i < NR_KERNEL_AREAS && a->m->kernel_map.root; i++) {
		struct kernel_range r = kernel_area(a->m, (enum kernel_area)i);

		if (a->va >= r.start && a->va < r.end && a->kind != ADDRESS_IMAGE)
			text_printf(out, KEY "%s 0x%llx-0x%llx\n", "area",
				kernel_area_name((enum kernel_area)i), (ull)r.start,
				(ull)r.end - 1);
	}
}

/* "window 3 of kmap", "slot 1 of CPU 0". */
static void put_window_name(const struct highmem_window *w, struct text *out)
{
	if (w->kind == HIGHMEM_PKMAP)
		text_printf(out, "kmap's window %u", w->slot);
	else
		text_printf(out, "CPU %u's slot %u", w->cpu, w->slot);
}

static void put_window(struct addr *a, struct text *out)
{
	struct highmem_window w;

	if (!highmem_find(a->m, a->va, &w))
		return;
	text_printf(out, KEY, "window");
	put_window_name(&w, out);
	if (w.kind == HIGHMEM_PKMAP && w.count > 1)
		text_printf(out, ", with %u user%s", w.count - 1, w.count == 2 ? "" : "s");
	else if (w.kind == HIGHMEM_PKMAP)
		text_puts(out, w.count ? ", without users, not flushed yet" : ", free");
	else
		text_puts(out, w.stale	 ? ", given back, and still mapped"
			       : w.count ? ", in use"
					 : ", free");
	text_putc(out, '\n');
}

/* The area of vmalloc() and its like; or why there is none. */
static void put_vm(struct addr *a, struct text *out)
{
	const struct vm_struct *vm = find_vm_area(a->m, a->va);
	const struct vmalloc *all = &a->m->vmalloc;
	const struct vmap_area *lazy = vmap_tree_find(a->m, all->lazy_root, a->va);
	const struct vmap_area *none = vmap_tree_find(a->m, all->free_root, a->va);

	if (!vm && !lazy && !none)
		return;
	text_printf(out, KEY, "vm_area");
	if (vm) {
		put_vm_area(a->m, vm, out);
		text_printf(out, "\n" KEY, "inside");
		put_vm_page(vm, a->va, out);
	} else if (lazy) {
		text_printf(out,
			"none any more: 0x%llx-0x%llx was freed lazily, and TLBs may know it until "
			"the next purge (vm_unmap_aliases)",
			(ull)lazy->start, (ull)lazy->end);
	} else {
		text_printf(out, "none: 0x%llx-0x%llx is free", (ull)none->start, (ull)none->end);
	}
	text_putc(out, '\n');
}

static void put_fixed(struct addr *a, struct text *out)
{
	struct fixmap_range r;

	for (unsigned i = 0; a->kind == ADDRESS_FIXMAP && fixmap_next(a->m, &i, &r);) {
		uint64_t low = fix_to_virt(a->m, r.first + r.pages - 1);

		if (a->va >= low && a->va - low < r.pages * PAGE_BYTES)
			text_printf(out, KEY "%s, index %llu of the fixed addresses: %s\n", "fixed",
				r.name,
				(ull)(r.first + r.pages - 1 - ((a->va - low) >> PAGE_SHIFT)),
				r.doc);
	}
}

/* In mem_map every byte stands for a page. */
static void put_described(struct addr *a, struct text *out)
{
	uint64_t pfn = page_to_pfn(a->m, a->va);

	if (pfn != NO_PFN)
		text_printf(out, KEY "in the struct page of pfn 0x%llx, at byte %llu of its %u\n",
			"inside", (ull)pfn, (ull)(a->va - pfn_to_page(a->m, pfn)),
			a->m->struct_page_bytes);
}

static void put_translation(struct addr *a, struct text *out)
{
	text_printf(out, KEY, "mapped");
	if (!a->mmu) {
		text_puts(out, "not at all: the MMU is off, or there is none, and addresses are "
			       "physical\n");
	} else if (a->walk.fault) {
		text_printf(out, "no: %s\n", hw_fault_words(a->walk.fault));
	} else {
		text_puts(out, "by a page of ");
		put_page_size(out, a->walk.page_shift);
		text_puts(out, ", ");
		put_permissions(out, a->walk.flags);
		text_putc(out, '\n');
	}
}

/* ---- the names of the byte ---- */

static void put_physical(struct addr *a, struct text *out)
{
	text_printf(out, KEY "0x%llx\n", "physical", (ull)a->pa);
}

/* Physical for devices on a bus without windows; a line for each other bus address, with the first device that uses it. */
static void put_bus(struct addr *a, struct text *out)
{
	uint64_t said[BUSES_MOST], bus;
	unsigned nr = 0, i;

	text_printf(out, KEY "0x%llx\n", "bus", (ull)a->pa);
	for (const struct device *d = device_from(a->m, 1); d; d = device_from(a->m, d->id + 1)) {
		if (!d->hw.windowed || !hw_device_bus_of(&d->hw, a->pa, &bus) || bus == a->pa)
			continue;
		for (i = 0; i < nr && said[i] != bus; i++)
			;
		if (i < nr || nr == BUSES_MOST)
			continue;
		said[nr++] = bus;
		text_printf(out, KEY "0x%llx for %s\n", "bus", (ull)bus, d->name);
	}
}

static void put_logical(struct addr *a, struct text *out)
{
	text_printf(out, KEY, "logical");
	if (linux_va_valid(a->m, a->pa))
		text_printf(out, "0x%llx\n", (ull)linux_va(a->m, a->pa));
	else if (pfn_present(a->m, a->pa >> PAGE_SHIFT))
		text_puts(out, "none: high memory has no address of its own in the kernel\n");
	else
		text_puts(out, "none: not RAM\n");
}

static void put_image(struct addr *a, struct text *out)
{
	const struct kernel_map *k = &a->m->kernel_map;

	if (a->pa - k->image_pa < k->image_bytes && k->image_va != linux_va(a->m, k->image_pa))
		text_printf(out, KEY "0x%llx\n", "image", (ull)(a->pa - k->image_pa + k->image_va));
}

/* The windows through which the kernel sees it now. */
static void put_kmaps(struct addr *a, struct text *out)
{
	struct highmem_window w;
	unsigned cookie = 0;

	while (a->has_page && highmem_next_of_page(a->m, a->pfn, &cookie, &w)) {
		text_printf(out, KEY "0x%llx, ", "kmap", (ull)(w.address + a->pa % PAGE_BYTES));
		put_window_name(&w, out);
		text_putc(out, '\n');
	}
}

/* The areas of kernel addresses through which it is seen. */
static void put_vm_names(struct addr *a, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET, offset = a->pa % PAGE_BYTES;
	const struct vm_struct *vm;

	for (unsigned n = 0; n < USERS_MOST; n++, addr += PAGE_BYTES) {
		vm = next_vm_area_of_page(a->m, a->pa >> PAGE_SHIFT, &addr, &budget);
		if (!vm)
			break;
		text_printf(out, KEY "0x%llx, ", "virtual", (ull)(addr + offset));
		put_vm_page(vm, addr, out);
		text_puts(out, " of ");
		put_vm_area(a->m, vm, out);
		text_putc(out, '\n');
	}
	if (!budget)
		text_printf(out, KEY "perhaps more: the search ended after %llu entries\n",
			"virtual", (ull)VM_AREA_BUDGET);
}

/* Where the byte is in the kernel stack that begins at @stack, if one does. */
static void put_in_stack(struct addr *a, uint64_t stack, uint64_t offset, struct text *out)
{
	struct text whose;

	text_init(&whose);
	if (put_stack_owner(a->m, stack, &whose))
		text_printf(out, KEY "of %s: %llu bytes below its top\n", "stack", text_str(&whose),
			(ull)(kernel_stack_bytes(a->m) - offset));
	text_finish(&whose);
}

/* Areas have stacks where they are mapped, else they are blocks of the direct map. */
static void put_stack(struct addr *a, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET, bytes = kernel_stack_bytes(a->m);
	const struct vm_struct *vm;

	if (!a->has_page || a->frame.flags & (FRAME_BUDDY | FRAME_PCP))
		return;
	while ((vm = next_vm_area_of_page(a->m, a->pfn, &addr, &budget))) {
		if (vm->flags & VM_KERNEL_STACK)
			put_in_stack(a, vm->addr, addr - vm->addr + a->pa % PAGE_BYTES, out);
		addr += PAGE_BYTES;
	}
	if (linux_va_valid(a->m, a->pa)) {
		uint64_t va = linux_va(a->m, a->pa), stack = va & ~(bytes - 1);

		put_in_stack(a, stack, va - stack, out);
	}
}

struct users {
	struct text *out;
	uint64_t offset;
	unsigned left;
};

static bool put_user(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct users *u = data;

	if (!u->left)
		return true;
	u->left--;
	text_printf(u->out, KEY "0x%llx of ", "user", (ull)(addr + u->offset));
	put_mm_name(m, machine_at(m, v->mm_at), u->out);
	text_putc(u->out, '\n');
	return true;
}

static void put_users(struct addr *a, struct text *out)
{
	struct users u = {.out = out, .offset = a->pa % PAGE_BYTES, .left = USERS_MOST};

	if (!a->has_page || !a->frame.mapcount || !a->frame.mapping ||
		a->frame.flags & (FRAME_TAIL | FRAME_SLAB))
		return;
	unsigned found = rmap_walk(a->m, a->pfn, put_user, &u);
	if (found > USERS_MOST)
		text_printf(out, KEY "%u more\n", "user", found - USERS_MOST);
}

/* ---- what is there ---- */

static void put_resource(struct addr *a, struct text *out)
{
	text_printf(out, KEY, "resource");
	size_t before = out->len;
	resource_name(a->m, a->pa, out);
	if (out->len == before)
		text_puts(out, "none: nothing answers at this physical address");
	text_putc(out, '\n');
}

static void put_page_line(struct addr *a, struct text *out)
{
	if (!a->has_page) {
		text_printf(out, KEY "none: pfn 0x%llx has no struct page\n", "page",
			(ull)(a->pa >> PAGE_SHIFT));
		return;
	}
	const struct zone *z = page_zone(a->m, a->pfn);
	uint64_t address = pfn_to_page(a->m, a->pfn);

	text_printf(out, KEY "pfn 0x%llx", "page", (ull)a->pfn);
	if (address)
		text_printf(out, ", its struct page at 0x%llx", (ull)address);
	text_printf(out, ", zone %s, node %u\n", zone_name(z->type), z->nid);
}

static void put_state(struct addr *a, struct text *out)
{
	const struct frame *f = &a->frame;

	/* A slab counts its objects in that place (struct slab overlays struct page). */
	uint32_t mappings = f->flags & FRAME_SLAB ? 0 : f->mapcount;

	if (!a->has_page)
		return;
	text_printf(out, KEY, "state");
	put_page_state(a->m, a->pfn, f, out);
	if (f->refcount && !(f->flags & FRAME_RESERVED))
		text_printf(out, "; %u reference%s, %u mapping%s", f->refcount,
			f->refcount == 1 ? "" : "s", mappings, mappings == 1 ? "" : "s");
	if (f->flags) {
		text_puts(out, "; flags ");
		put_page_flags(f, out);
	}
	text_putc(out, '\n');
}

static void put_use(struct addr *a, struct text *out)
{
	const char *kind = a->has_page ? page_owner_kind(a->m, a->pfn, &a->frame) : NULL;

	if (kind)
		text_printf(out, KEY "%s\n", "use", kind);
}

static void put_object(struct addr *a, struct text *out)
{
	struct slab_place p;

	if (!a->has_page || !linux_va_valid(a->m, a->pa) ||
		!slab_find(a->m, linux_va(a->m, a->pa), &p))
		return;
	text_printf(out, KEY "%s, number %u of %u in its slab, %s", "object",
		p.cache ? p.cache->name : "kmalloc's own pages", p.index, p.objects,
		p.allocated ? "allocated" : "free");
	if (p.in_object)
		text_printf(out, ", byte %llu of its %llu", (ull)(linux_va(a->m, a->pa) - p.start),
			(ull)p.bytes);
	text_putc(out, '\n');
}

static void put_table_owner(struct addr *a, struct text *out)
{
	if (!a->has_page || !a->frame.refcount || !(a->frame.flags & FRAME_PGTABLE))
		return;
	const struct mm *mm = pgtable_owner(a->m, a->pfn);

	text_printf(out, KEY, "table of");
	if (mm)
		put_mm_name(a->m, mm, out);
	else
		text_puts(out, "the kernel");
	text_putc(out, '\n');
}

static void put_var_name(struct addr *a, struct text *out)
{
	char name[VAR_NAME_MAX + 12];

	if (a->has_page && !(a->frame.flags & (FRAME_BUDDY | FRAME_PCP)) &&
		var_of_page(a->m, &a->m->vars, a->pfn, page_address(a->m, a->pfn), name))
		text_printf(out, KEY "%s (sim/vars/%s)\n", "held by", name, name);
}

/* ---- the files ---- */

static part_fn *const of_virtual[] = {put_kind, put_process, put_vma, put_area, put_vm, put_fixed,
	put_window, put_described, put_translation};
static part_fn *const of_physical[] = {put_physical, put_bus, put_logical, put_image, put_kmaps,
	put_vm_names, put_users, put_resource, put_page_line, put_state, put_use, put_object,
	put_table_owner, put_stack, put_var_name};

static void find_page(struct addr *a)
{
	a->pfn = a->pa >> PAGE_SHIFT;
	a->has_page = pfn_valid(a->m, a->pfn);
	if (a->has_page)
		a->frame = frame_peek(a->m, a->pfn);
}

static void put_all(struct addr *a, part_fn *const *parts, size_t n, struct text *out)
{
	for (size_t i = 0; i < n; i++)
		parts[i](a, out);
}

#define PUT_ALL(a, parts, out) put_all(a, parts, sizeof(parts) / sizeof((parts)[0]), out)

int show_addr(struct view *v, struct text *out)
{
	struct hw_regime r = machine_cpu_regime(v->m, 0);
	struct dram d = machine_dram(v->m);
	struct addr a = {.m = v->m, .va = v->arg[0], .kind = address_kind(v->m, v->arg[0])};

	a.mmu = r.mode != PAGING_NONE;
	if (a.mmu)
		walk_tables(&r, &d, a.va, &a.walk);
	a.has_pa = !a.mmu || !a.walk.fault;
	a.pa = a.mmu ? a.walk.pa : a.va;
	PUT_ALL(&a, of_virtual, out);
	if (a.has_pa) {
		find_page(&a);
		PUT_ALL(&a, of_physical, out);
	}
	return 0;
}

int show_addr_phys(struct view *v, struct text *out)
{
	struct addr a = {.m = v->m, .pa = v->arg[0], .has_pa = true};

	find_page(&a);
	PUT_ALL(&a, of_physical, out);
	return 0;
}

int show_addr_bus(struct view *v, struct text *out)
{
	return show_addr_phys(v, out);
}

/* ---- {phys}: 0x1f4000 in its one spelling, or the NAME of a number or of a page ---- */

static void phys_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "0x%llx", (ull)value);
}

static int phys_of_name(const struct machine *m, const char *name, size_t len, uint64_t *value)
{
	size_t base_len;
	uint32_t index;

	if (!var_split(name, len, &base_len, &index))
		return -ENOENT;
	const struct var *var = var_get(m, &m->vars, name, base_len, index);

	if (!var || (var->kind != VAR_NUMBER && var->kind != VAR_PAGE))
		return -ENOENT;
	*value = var->kind == VAR_PAGE ? var->value << PAGE_SHIFT : var->value;
	return 0;
}

static int phys_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	char spelling[24];

	if (!len || *name < '0' || *name > '9')
		return phys_of_name(v->m, name, len, value);
	if (!parse_u64(name, len, 0, value))
		return -ENOENT;
	phys_print(v, *value, spelling, sizeof(spelling));
	return strlen(spelling) == len && !memcmp(spelling, name, len) ? 0 : -ENOENT;
}

/* Where each range of RAM begins: the key is the range's number. */
static bool phys_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct memblock_type *memory = &v->m->memblock.memory;

	if (*key >= memory->nr)
		return false;
	phys_print(v, memory->region[*key].start, name, cap);
	return true;
}

const struct arg_ops phys_arg = {.parse = phys_parse, .next = phys_next, .print = phys_print};
