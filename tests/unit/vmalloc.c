/* SPDX-License-Identifier: MIT
 *
 * Claim: what calls and files say of vmalloc() and its like is what the kernel says, on every architecture: the lowest
 * place that fits, guard pages, lazily freed areas, the same bytes at both addresses, and who is refused.
 */
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/mem_map.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmalloc.h"
#include "support/booted.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const char *const presets[] = {
	"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};
enum { NR_PRESETS = sizeof(presets) / sizeof(presets[0]) };

static ull call(struct simm *simm, const char *line)
{
	return strtoull(world_call(simm, line), NULL, 16);
}

static bool said(struct simm *simm, const char *path, const char *words)
{
	return strstr(world_cat(simm, path), words);
}

static ull kb(struct simm *simm, const char *field)
{
	const char *at = strstr(world_cat(simm, "proc/meminfo"), field);

	cr_assert(at, "%s", field);
	return strtoull(at + strlen(field), NULL, 10);
}

static void sound(struct simm *simm)
{
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
}

/* Contiguous in one view, scattered in the other. */
Test(vmalloc, one_byte_two_addresses)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct simm *simm = world(presets[i], NULL);
		ull v = call(simm, "v = vmalloc 20K"), pfn;
		char line[128];

		cr_assert_eq(kb(simm, "VmallocUsed:"), 20, "%s", presets[i]);
		call(simm, "store v+12296 0x5a6b7c8d");
		pfn = call(simm, "vmalloc_to_pfn v+12K");
		snprintf(line, sizeof(line), " pfn=0x%llx zone=", pfn);
		cr_expect(strstr(world_call(simm, "vmalloc_to_page v+12288"), line), "%s", line);
		cr_expect_eq(call(simm, "load v+12296"), 0x5a6b7c8d, "%s", presets[i]);
		/* The guard page, and what lies before. */
		cr_expect_eq(world_refused(simm, "load v+20K"), EFAULT);
		snprintf(line, sizeof(line), "load %llx", v - 8);
		cr_expect_eq(world_refused(simm, line), EFAULT);
		sound(simm);
		call(simm, "vfree v");
		cr_assert_eq(kb(simm, "VmallocUsed:"), 0);
		/* CPU 0's TLB knows it until the purge, whoever has the page now; then nobody does. */
		cr_expect(strstr(world_call(simm, "load v+12296"), "tlb=hit"), "%s", presets[i]);
		sound(simm);
		cr_expect_str_eq(world_call(simm, "vm_unmap_aliases"), "6");
		cr_expect_eq(world_refused(simm, "load v+12296"), EFAULT, "%s", presets[i]);
		sound(simm);
		simm_destroy(simm);
	}
}

/* Lowest place; freed addresses come back after a purge only. */
Test(vmalloc, places)
{
	struct simm *simm = world("pc-x86_64", NULL);
	ull a = call(simm, "a = vmalloc 4K"), b = call(simm, "b = vmalloc 4K");

	cr_expect_eq(a, 0xffffc90000000000);
	cr_expect_eq(b, a + 0x2000);
	call(simm, "vfree a");
	cr_expect(said(simm, "proc/vmallocinfo",
		"0xffffc90000000000-0xffffc90000002000    8192 unpurged vm_area\n"));
	ull c = call(simm, "c = vmalloc 4K");
	cr_expect_eq(c, b + 0x2000);
	call(simm, "vm_unmap_aliases");
	cr_expect_eq(call(simm, "d = vmalloc 4K"), a);
	/* An ioremap is aligned to its size, and by large pages. */
	cr_expect_eq(call(simm, "r = ioremap fe000000 2M"), a + 0x200000);
	cr_expect(said(simm, "proc/vmallocinfo",
		"0xffffc90000200000-0xffffc90000401000 2101248 ioremap+0x0/0x0 "
		"phys=0x00000000fe000000 ioremap\n"));
	sound(simm);
	simm_destroy(simm);
}

Test(vmalloc, lazily_freed_up_to_a_limit)
{
	struct simm *simm = world("pc-x86_64", "cpus", "1", NULL);

	/* fls(1) * 32 MiB, guard pages included. */
	call(simm, "v.0-15 = vmalloc 2044K");
	call(simm, "vfree v.0-15");
	cr_expect(said(simm, "sim/vmap_areas",
		"lazily freed: 8192 of 8192 pages until a purge; purges so far: 0"));
	call(simm, "w = vmalloc 4K");
	call(simm, "vfree w");
	cr_expect(said(simm, "sim/vmap_areas",
		"lazily freed: 0 of 8192 pages until a purge; purges so far: 1"));
	cr_expect_str_eq(world_cat(simm, "proc/vmallocinfo"), "");
	sound(simm);
	simm_destroy(simm);
}

/* On 32 bits addresses run out before memory does. */
Test(vmalloc, no_addresses_left)
{
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);
	ull total_kb = kb(simm, "VmallocTotal:");
	char line[128];

	snprintf(line, sizeof(line), "big = vmalloc %lluK", total_kb);
	cr_expect_eq(world_refused(simm, line), ENOMEM);
	snprintf(line, sizeof(line),
		"vmap allocation for size %llu failed: use vmalloc=<size> to increase size",
		(total_kb << 10) + 4096);
	cr_expect(said(simm, "sim/dmesg", line));
	cr_expect(said(simm, "sim/dmesg", "vmalloc error: size "));
	call(simm, "v.0- = vmalloc 1M");
	cr_expect_gt(kb(simm, "MemFree:"), 1 << 20);
	cr_expect_gt(kb(simm, "VmallocUsed:"), total_kb - total_kb / 64);
	/* A purge gives back what was lazily freed when there is no other place. */
	call(simm, "vfree v.3");
	call(simm, "x = vmalloc 1M");
	sound(simm);
	call(simm, "vfree v.0-2");
	call(simm, "vfree v.4-");
	call(simm, "vfree x");
	cr_expect_eq(kb(simm, "VmallocUsed:"), 0);
	sound(simm);
	simm_destroy(simm);
}

/* High memory's pages need no other address. */
Test(vmalloc, pages_of_high_memory)
{
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);

	call(simm, "v = vmalloc 64K");
	call(simm, "p = vmalloc_to_page v");
	cr_expect(said(simm, "sim/page/p", "HighMem"));
	call(simm, "w = vmalloc_32 64K");
	call(simm, "q = vmalloc_to_page w");
	cr_expect_not(said(simm, "sim/page/q", "HighMem"));
	simm_destroy(simm);
}

Test(vmalloc, huge_mappings)
{
	static const char *const some[] = {"pc-x86_64", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < 3; i++) {
		struct simm *simm = world(some[i], NULL);
		ull v = call(simm, "v = vmalloc_huge 5M"), pfn = call(simm, "vmalloc_to_pfn v");
		bool huge = i < 2;

		cr_expect_eq(v % (huge ? 2 << 20 : 4096), 0);
		cr_expect_eq(kb(simm, "VmallocUsed:"), huge ? 6144 + 12 : 5120 + 12, "%s", some[i]);
		if (huge)
			cr_expect_eq(call(simm, "vmalloc_to_pfn v+1M"), pfn + 256);
		call(simm, "store v+4M 0x77");
		cr_expect_eq(call(simm, "load v+4M"), 0x77);
		sound(simm);
		call(simm, "vfree v");
		/* The tables that small pages left there make way. */
		call(simm, "vm_unmap_aliases");
		call(simm, "s = vmalloc 4M");
		call(simm, "vfree s");
		call(simm, "vm_unmap_aliases");
		cr_expect_eq(call(simm, "v = vmalloc_huge 2M"), v);
		sound(simm);
		simm_destroy(simm);
	}
}

/* What the command line forbids; i386 without PAE has none. */
Test(vmalloc, nohugevmalloc)
{
	static const char *const some[] = {"pc-x86_64", "arm64-virt"};

	for (unsigned i = 0; i < 2; i++) {
		struct simm *simm = world(some[i], "cmdline", "nohugevmalloc nohugeiomap", NULL);
		const char *device = i ? "r = ioremap 8000000 2M" : "r = ioremap fe000000 2M";

		cr_expect_null(
			strstr(world_call(simm, "v = vmalloc_huge 4M"), "order="), "%s", some[i]);
		cr_expect(said(simm, "sim/addr/v", "by a page of 4K"), "%s", some[i]);
		call(simm, device);
		cr_expect(said(simm, "sim/addr/r", "by a page of 4K"), "%s", some[i]);
		sound(simm);
		simm_destroy(simm);
		simm = world(some[i], NULL);
		cr_expect(
			strstr(world_call(simm, "v = vmalloc_huge 4M"), "order=9"), "%s", some[i]);
		call(simm, device);
		cr_expect(said(simm, "sim/addr/r", "by a page of 2M"), "%s", some[i]);
		simm_destroy(simm);
	}
	struct simm *simm = world("pc-i386", NULL);

	call(simm, "r = ioremap fe000000 4M");
	cr_expect(said(simm, "sim/addr/r", "by a page of 4K"));
	simm_destroy(simm);
}

static uint64_t word_at(struct machine *m, uint64_t address)
{
	struct dram dram = machine_dram(m);
	uint64_t value = 0;

	cr_assert_eq(
		dram_load(&dram, (virt_to_pfn(m, address) << PAGE_SHIFT) + address % PAGE_BYTES,
			machine_has(m, CONFIG_64BIT) ? 8 : 4, &value),
		0);
	return value;
}

/* struct vm_struct and small arrays of pages are kmalloc'ed, with real contents. */
Test(vmalloc, what_an_area_costs)
{
	static const unsigned cost[NR_PRESETS] = {32, 64, 64, 64, 128, 64};

	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		unsigned word = machine_has(m, CONFIG_64BIT) ? 8 : 4;
		struct slab_place p;
		uint64_t v, at;

		cr_assert_eq(vmalloc(m, 0, 3 * PAGE_BYTES, 0, &v), 0);
		const struct vm_struct *vm = find_vm_area(m, v);

		cr_assert(
			slab_find(m, vm->object, &p) && p.holder != HOLDER_NONE, "%s", presets[i]);
		cr_expect_eq(p.bytes, cost[i], "%s: %llu", presets[i], (ull)p.bytes);
		cr_expect_eq(word_at(m, vm->object + word), v, "addr");
		cr_expect_eq(word_at(m, vm->object + 2 * word), 4 * PAGE_BYTES, "size");
		at = word_at(m, vm->object + 4 * word);
		cr_assert(slab_find(m, at, &p) && p.holder != HOLDER_NONE && p.start == at, "%s",
			presets[i]);
		cr_expect_eq(word_at(m, at + 2 * word), pfn_to_page(m, vm_area_pfn(m, vm, 2)));
		uint64_t object = vm->object;

		cr_assert_eq(vfree(m, 0, v), 0);
		cr_expect(slab_find(m, object, &p) && p.holder == HOLDER_NONE);
		cr_expect(slab_find(m, at, &p) && p.holder == HOLDER_NONE);
		booted_check(m);
		/* They are the kernel's own. */
		cr_assert_eq(vmalloc(m, 0, PAGE_BYTES, 0, &v), 0);
		cr_expect_eq(kfree(m, 0, find_vm_area(m, v)->object), -EINVAL);
		cr_expect_eq(kfree(m, 0, find_vm_area(m, v)->pages_address), -EINVAL);
		cr_assert_eq(vfree(m, 0, v), 0);
		booted_check(m);
		machine_destroy(m);
	}
}

/* Two nodes; a page array of its own. */
Test(vmalloc, arrays_and_nodes)
{
	struct simm *simm = world("pc-x86_64-numa", NULL);

	call(simm, "v = vmalloc_node 4M 1");
	cr_expect(said(simm, "proc/vmallocinfo",
		" 4198400 vmalloc_node+0x0/0x0 pages=1024 vmalloc vpages N1=1024\n"));
	cr_expect(said(
		simm, "proc/vmallocinfo", "   12288 vmalloc_node+0x0/0x0 pages=2 vmalloc N1=2\n"));
	call(simm, "u = vmalloc_user 8K");
	cr_expect(said(simm, "proc/vmallocinfo", " vmalloc_user+0x0/0x0 pages=2 vmalloc user N"));
	sound(simm);
	call(simm, "vfree v");
	call(simm, "vfree u");
	cr_expect_eq(kb(simm, "VmallocUsed:"), 0);
	simm_destroy(simm);
}

/* Sixteen terabytes of registers: a few thousand entries, and the check looks at these. */
Test(vmalloc, a_huge_range_of_registers)
{
	struct machine *m = booted("pc-x86_64", NULL);
	uint64_t va;

	cr_assert_eq(
		ioremap(m, 0, (uint64_t)1 << 44, (uint64_t)1 << 44, &va), 0, "%s", m->why.sentence);
	booted_check(m);
	cr_expect_eq(iounmap(m, 0, va), 0);
	booted_check(m);
	machine_destroy(m);
}

/* vunmap() and iounmap() take an area as it is: the pages of vmalloc() are lost, and VmallocUsed counts them for ever. The array
 * of a large area's pages is an area, too, but nobody's to free. */
Test(vmalloc, areas_that_others_end)
{
	struct machine *m = booted("pc-x86_64", NULL);
	uint64_t v, array, pages = m->vmalloc.nr_pages;

	cr_assert_eq(vmalloc(m, 0, 3 * PAGE_BYTES, 0, &v), 0);
	cr_expect_eq(vunmap(m, 0, v), 0);
	cr_expect_eq(vfree(m, 0, v), -EINVAL);
	booted_check(m);
	cr_assert_eq(vmalloc(m, 0, 2 * PAGE_BYTES, 0, &v), 0);
	cr_expect_eq(iounmap(m, 0, v), 0);
	booted_check(m);
	cr_expect_eq(m->vmalloc.nr_pages, pages + 5);
	cr_assert_eq(vmalloc(m, 0, 2000 * PAGE_BYTES, 0, &v), 0);
	array = find_vm_area(m, v)->pages_address;
	cr_assert(is_vmalloc_addr(m, array));
	cr_expect_eq(vfree(m, 0, array), -EBUSY);
	cr_expect_eq(vunmap(m, 0, array), -EBUSY);
	cr_expect_eq(iounmap(m, 0, array), -EBUSY);
	booted_check(m);
	cr_expect_eq(vfree(m, 0, v), 0);
	cr_expect_eq(m->vmalloc.nr_pages, pages + 5);
	cr_expect_null(find_vm_area(m, array));
	booted_check(m);
	machine_destroy(m);
}

Test(vmalloc, vmap_of_pages)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct simm *simm = world(presets[i], NULL);
		ull pfn;

		call(simm, "p.0-4 = alloc_pages GFP_KERNEL");
		call(simm, "b = alloc_pages GFP_KERNEL 1");
		call(simm, "m = vmap p.4 p.0-3 b p.4");
		pfn = call(simm, "vmalloc_to_pfn m+28K");
		cr_expect_eq(call(simm, "vmalloc_to_pfn m"), pfn, "%s", presets[i]);
		call(simm, "store m 0x1234");
		cr_expect_eq(call(simm, "load m+28K"), 0x1234);
		cr_expect(said(simm, "proc/vmallocinfo", "   36864 vmap+0x0/0x0 vmap"));
		cr_expect_eq(kb(simm, "VmallocUsed:"), 0);
		sound(simm);
		call(simm, "vunmap m");
		call(simm, "m = vmap p.0- VM_MAP_PUT_PAGES");
		call(simm, "vfree m");
		cr_expect_eq(world_refused(simm, "__free_page p.0"), EINVAL);
		sound(simm);
		simm_destroy(simm);
	}
}

Test(vmalloc, what_is_refused)
{
	struct simm *simm = world("pc-x86_64", NULL);
	ull v = call(simm, "v = vmalloc 8K");
	char line[128];

	cr_expect_eq(world_refused(simm, "vmalloc 0"), EINVAL);
	cr_expect_eq(world_refused(simm, "vmalloc 0xffffffffffffffff"), ENOMEM);
	cr_expect_eq(world_refused(simm, "vmalloc 0x7fffffffffffffff"), ENOMEM);
	cr_expect(said(simm, "sim/dmesg", "exceeds total pages"));
	cr_expect_eq(world_refused(simm, "vmalloc_huge 4M GFP_KERNEL|__GFP_COMP"), EINVAL);
	cr_expect(said(simm, "sim/errors", "split_page() would be a BUG"));
	cr_expect_eq(world_refused(simm, "vfree v+8"), EINVAL);
	cr_expect(said(simm, "sim/dmesg", "Trying to vfree() bad address (ffffc90000000008)"));
	snprintf(line, sizeof(line), "vfree %llx", v + 0x100000);
	cr_expect_eq(world_refused(simm, line), EINVAL);
	cr_expect(said(
		simm, "sim/dmesg", "Trying to vfree() nonexistent vm area (ffffc90000100000)"));
	call(simm, "vfree v");
	cr_expect_eq(world_refused(simm, "vfree v"), EINVAL);
	cr_expect(said(simm, "sim/errors", "any more"));
	/* vmap: nothing, no page, a hole between names, wrong kinds. */
	cr_expect_neq(world_refused(simm, "vmap"), 0);
	cr_expect_eq(world_refused(simm, "vmap 0xfffffff0"), EINVAL);
	cr_expect_eq(world_refused(simm, "vmap 9-3"), EINVAL);
	cr_expect_eq(world_refused(simm, "vmap 12x"), EINVAL);
	cr_expect_eq(world_refused(simm, "vmap nobody"), ENOENT);
	call(simm, "p.0-3 = alloc_pages GFP_KERNEL");
	call(simm, "__free_pages p.2");
	cr_expect_eq(world_refused(simm, "vmap v"), EINVAL);
	cr_expect_eq(world_refused(simm, "ioremap 100000 4K"), EINVAL);
	cr_expect_eq(world_refused(simm, "ioremap 8000000 4K"), EINVAL);
	cr_expect(said(
		simm, "sim/dmesg", "ioremap on RAM at 0x0000000008000000 - 0x0000000008000fff"));
	cr_expect_eq(world_refused(simm, "ioremap fffffffffffff000 8K"), EINVAL);
	cr_expect_eq(world_refused(simm, "ioremap fe000000 0"), EINVAL);
	cr_expect_eq(world_refused(simm, "ioremap 10000000000000 4K"), EINVAL);
	cr_expect(said(simm, "sim/dmesg", "ioremap: invalid physical address 10000000000000"));
	cr_expect_eq(world_refused(simm, "iounmap 1234000"), EINVAL);
	cr_expect_eq(world_refused(simm, "vmalloc_to_page ffff888000001000"), EINVAL);
	sound(simm);
	simm_destroy(simm);
}

/* An entry of 32 bits holds no more of a physical address, whatever the CPU has. */
Test(vmalloc, registers_beyond_the_entries)
{
	static const char *const narrow[] = {"pc-i386", "arm-virt"};

	for (unsigned i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
		struct simm *simm = world(narrow[i], NULL);

		cr_expect_eq(world_refused(simm, "ioremap 100000000 4K"), EINVAL, "%s", narrow[i]);
		cr_expect_eq(world_refused(simm, "ioremap ffffffff 2"), EINVAL, "%s", narrow[i]);
		cr_expect(said(simm, "sim/errors", "beyond the 32 bits"));
		cr_expect_neq(call(simm, "r = ioremap fffff000 4K"), 0);
		call(simm, "iounmap r");
		sound(simm);
		simm_destroy(simm);
	}
	struct simm *simm = world("pc-i386-pae", NULL);
	cr_expect_neq(call(simm, "ioremap f00000000 4K"), 0);
	cr_expect_eq(world_refused(simm, "ioremap 1000000000 4K"), EINVAL);
	sound(simm);
	simm_destroy(simm);
}
