/* SPDX-License-Identifier: MIT
 *
 * Claims about windows onto high memory. A window is an entry of the kernel's tables, so each claim is tried by loads and
 * stores of a CPU, which know nothing of the bookkeeping.
 *
 *	pkmap   | 0 | 1 | 2 | ... | n-1 |     window 1 is taken first, 0 last; then a flush frees what has no user
 *	slots   top -> | 0 | 1 | 2 | ... | 14 |     of each CPU; the 16th mapping has no place
 */
#include "mm/kernel/highmem.h"

#include "base/text.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/layout.h"
#include "mm/page/address.h"
#include "mm/page/page_alloc.h"
#include "mm/process/tlb_flush.h"
#include "support/booted.h"
#include "support/naked.h"

#include <criterion/criterion.h>
#include <errno.h>

typedef unsigned long long ull;

static struct machine *boot(const char *preset)
{
	return booted(preset, "ram", "2G", "cpus", "2", NULL);
}

static void finish(struct machine *m)
{
	booted_check(m);
	machine_destroy(m);
}

static uint64_t high_page(struct machine *m)
{
	uint64_t pfn;

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_HIGHUSER, 0, &pfn), 0, "%s", m->why.sentence);
	cr_assert(page_is_high(m, pfn));
	return pfn;
}

static uint64_t low_page(struct machine *m)
{
	uint64_t pfn;

	cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, 0, &pfn), 0);
	cr_assert_not(page_is_high(m, pfn));
	return pfn;
}

static struct hw_access try(
	struct machine *m, unsigned cpu, enum hw_kind kind, uint64_t va, uint64_t value)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = (uint8_t)kind, .value = value};
	int err = machine_access(m, cpu, &a);

	cr_assert(!err || err == -EFAULT);
	return a;
}

static void put(struct machine *m, uint64_t va, uint64_t value)
{
	cr_assert_not(try(m, 0, HW_STORE, va, value).fault.fault, "store to 0x%llx", (ull)va);
}

static uint64_t get(struct machine *m, uint64_t va)
{
	struct hw_access a = try(m, 0, HW_LOAD, va, 0);

	cr_assert_not(a.fault.fault, "load from 0x%llx", (ull)va);
	return a.value & UINT32_MAX;
}

static bool faults(struct machine *m, unsigned cpu, uint64_t va)
{
	return try(m, cpu, HW_LOAD, va, 0).fault.fault;
}

static uint64_t map(struct machine *m, uint64_t pfn)
{
	uint64_t address;

	cr_assert_eq(kmap(m, 0, pfn, &address), 0, "%s", m->why.sentence);
	return address;
}

static uint64_t map_local(struct machine *m, unsigned cpu, uint64_t pfn)
{
	uint64_t address;

	cr_assert_eq(kmap_local_page(m, cpu, pfn, false, &address), 0, "%s", m->why.sentence);
	return address;
}

static bool log_has(const struct machine *m, const char *words)
{
	return strstr(booted_log(m), words);
}

/* ---- where they are ---- */

/* The slots' first address is fix_to_virt(FIX_KMAP_BEGIN), by the enum of each architecture's fixmap.h. */
Test(highmem, places)
{
	static const struct {
		const char *preset;
		uint64_t pkmap;
		unsigned windows;
		uint64_t slot0, slot0_of_cpu1, fixmap;
	} row[] = {
		{"pc-i386", 0xfec00000, 1024, 0xfffbb000, 0xfffab000, 0xff9fe000},
		{"pc-i386-pae", 0xff000000, 512, 0xfffbb000, 0xfffab000, 0xff9fe000},
		{"arm-virt", 0xbfe00000, 512, 0xffefe000, 0xffeee000, 0xffc80000},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct machine *m = boot(row[i].preset);
		struct highmem_window w;

		cr_expect_eq(pkmap_windows(m), row[i].windows, "%s", row[i].preset);
		cr_expect(highmem_find(m, row[i].pkmap + 4096 + 5, &w));
		cr_expect(w.kind == HIGHMEM_PKMAP && w.slot == 1 && w.pfn == NO_PFN);
		cr_expect_eq(kmap_slots_per_cpu(m), 16);
		cr_expect_eq(kmap_slot_address(m, 0, 0), row[i].slot0, "%s: 0x%llx", row[i].preset,
			(ull)kmap_slot_address(m, 0, 0));
		cr_expect_eq(kmap_slot_address(m, 1, 0), row[i].slot0_of_cpu1);
		cr_expect(highmem_find(m, row[i].slot0_of_cpu1 - 1, &w));
		cr_expect(w.kind == HIGHMEM_LOCAL && w.cpu == 1 && w.slot == 1);
		cr_expect_not(highmem_find(m, row[i].pkmap - 1, &w));
		cr_expect_eq(kernel_area(m, AREA_FIXMAP).start, row[i].fixmap);
		finish(m);
	}
}

/* Each name of the fixed addresses lies below the one before it, but for ARM's early_ioremap(). */
Test(highmem, fixed_addresses_are_apart)
{
	static const char *const preset[] = {
		"pc-i386", "pc-i386-pae", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(preset) / sizeof(preset[0]); i++) {
		struct machine *m = booted(preset[i], "ram", "256M", NULL);
		struct fixmap_range r;
		uint32_t end = 0;

		for (unsigned k = 0; fixmap_next(m, &k, &r); end = r.first + r.pages) {
			cr_expect(r.first >= end || (m->arch == ARCH_ARM && r.kind == FIXMAP_BTMAP),
				"%s: %s", preset[i], r.name);
			cr_expect_geq(fix_to_virt(m, r.first + r.pages - 1),
				kernel_area(m, AREA_FIXMAP).start - PAGE_BYTES, "%s: %s", preset[i],
				r.name);
		}
		cr_expect_gt(end, 100u);
		finish(m);
	}
}

/* early_ioremap()'s pages have one page table, with and without debugging slots. */
Test(highmem, boot_slots_fit_one_table)
{
	static const char *const config[] = {"debian", "+DEBUG_HIGHMEM", "-SMP"};

	for (unsigned i = 0; i < 6; i++) {
		bool pae = i & 1;
		struct machine *m = booted(pae ? "pc-i386-pae" : "pc-i386", "ram", "1G", "config",
			config[i / 2], NULL);
		uint64_t first = fixmap_btmap(m), last = first + 511 * PAGE_BYTES;
		unsigned shift = pae ? 21 : 22;

		cr_expect_eq(
			first >> shift, last >> shift, "%s %s", pae ? "pae" : "", config[i / 2]);
		finish(m);
	}
}

/* ---- kmap ---- */

Test(highmem, low_memory_has_its_address)
{
	static const char *const preset[] = {"pc-i386", "pc-x86_64", "arm-virt", "riscv64-virt"};

	for (unsigned i = 0; i < 4; i++) {
		struct machine *m = boot(preset[i]);
		uint64_t pfn = low_page(m), address = page_address(m, pfn);

		cr_expect_eq(map(m, pfn), address);
		cr_expect_eq(map_local(m, 0, pfn), address);
		cr_expect_eq(kunmap(m, pfn), 0);
		cr_expect_eq(kunmap_local(m, 0, address, false), 0);
		cr_expect(!m->highmem.pkmap_at && !m->highmem.local_at, "nothing was needed");
		finish(m);
	}
}

Test(highmem, a_window_shows_the_page)
{
	static const char *const preset[] = {"pc-i386", "pc-i386-pae", "arm-virt"};

	for (unsigned i = 0; i < 3; i++) {
		struct machine *m = boot(preset[i]);
		uint64_t p = high_page(m), q = high_page(m);

		cr_expect_eq(highmem_page_address(m, p), 0, "page_address() is NULL");
		uint64_t a = map(m, p), b = map(m, q);

		cr_expect_eq(a, kernel_area(m, AREA_PKMAP).start + PAGE_BYTES, "window 1 first");
		cr_expect_eq(b, a + PAGE_BYTES);
		put(m, a, 0x1111);
		put(m, b + 4092, 0x2222);
		cr_expect_eq(get(m, a), 0x1111u);
		cr_expect_eq(get(m, b + 4092), 0x2222u);
		cr_expect_eq(highmem_page_address(m, p), a);
		/* The same bytes through a slot, as another CPU would look. */
		uint64_t c = map_local(m, 0, q);

		cr_expect_eq(get(m, c + 4092), 0x2222u);
		cr_expect_eq(c, m->arch == ARCH_ARM ? b : kmap_slot_address(m, 0, 0));
		cr_expect_eq(kunmap_local(m, 0, c, false), 0);
		finish(m);
	}
}

/*
 *	kmap p, kmap p, kunmap p, kunmap p      count 2 3 2 1: mapped still, until the search comes round
 */
Test(highmem, counts)
{
	struct machine *m = boot("pc-i386");
	uint64_t p = high_page(m), a = map(m, p);
	struct highmem_window w;
	static const unsigned want[] = {2, 3, 2, 1};

	for (unsigned i = 0; i < 4; i++) {
		if (i == 1)
			cr_expect_eq(map(m, p), a);
		if (i >= 2)
			cr_expect_eq(kunmap(m, p), 0);
		cr_expect(highmem_find(m, a, &w));
		cr_expect_eq(w.count, want[i], "step %u: %u", i, w.count);
		booted_check(m);
	}
	cr_expect_eq(highmem_page_address(m, p), a, "not unmapped yet");
	cr_expect_not(faults(m, 0, a));
	cr_expect_eq(map(m, p), a, "and found again");
	cr_expect_eq(kunmap(m, p), 0);
	cr_expect_eq(kmap_flush_unused(m, 0), 1u);
	cr_expect_eq(highmem_page_address(m, p), 0);
	cr_expect(faults(m, 0, a), "every TLB has forgotten it");
	cr_expect_eq(kmap_flush_unused(m, 0), 0u);
	cr_expect_eq(m->highmem.flushes, 1u);
	finish(m);
}

/* All windows, one more, and what lets it go on. */
static void fill_and_one_more(const char *preset)
{
	struct machine *m = boot(preset);
	unsigned n = pkmap_windows(m);
	uint64_t page[1025], address, before;

	for (unsigned i = 0; i <= n; i++)
		page[i] = high_page(m);
	for (unsigned i = 0; i < n; i++)
		map(m, page[i]);
	cr_expect_eq(highmem_page_address(m, page[n - 1]), kernel_area(m, AREA_PKMAP).start,
		"window 0 is the last one of the first round");
	/* Waiting may ask as often as it likes. */
	cr_expect_eq(kmap(m, 1, page[n], &address), -EAGAIN);
	before = machine_digest(m);
	cr_expect_eq(kmap(m, 1, page[n], &address), -EAGAIN);
	cr_expect_eq(machine_digest(m), before);
	cr_expect(strstr(m->why.sentence, "windows of kmap are in use"), "%s", m->why.sentence);
	cr_expect_eq(kmap(m, 1, page[7], &address), 0, "a page that is in one needs none");
	/* A slot of the CPU is there in any case. */
	cr_expect_eq(kunmap_local(m, 0, map_local(m, 0, page[n]), false), 0);
	/* Two users of page 7: one that goes is not enough. */
	cr_expect_eq(kunmap(m, page[7]), 0);
	cr_expect_eq(kmap(m, 0, page[n], &address), -EAGAIN);
	uint64_t old = highmem_page_address(m, page[7]);
	cr_expect_not(faults(m, 1, old));
	cr_expect_eq(kunmap(m, page[7]), 0);
	cr_expect_eq(kmap(m, 0, page[n], &address), 0);
	cr_expect_eq(address, old, "the window that was given back");
	cr_expect_eq(m->highmem.flushes, 1u);
	put(m, address, 0x77);
	cr_expect_eq(try(m, 1, HW_LOAD, address, 0).value & UINT32_MAX, 0x77u,
		"the other CPU's TLB was told that it is another page's");
	finish(m);
}

Test(highmem, all_windows_in_use)
{
	fill_and_one_more("pc-i386");
	fill_and_one_more("pc-i386-pae");
	fill_and_one_more("arm-virt");
}

Test(highmem, kunmap_of_what_is_not_mapped)
{
	struct machine *m = boot("pc-i386");
	uint64_t p = high_page(m), q = high_page(m);

	cr_expect_eq(kunmap(m, p), -EINVAL);
	cr_expect(log_has(m, "kernel BUG at mm/highmem.c"));
	map(m, q);
	cr_expect_eq(kunmap(m, q), 0);
	cr_expect_eq(kunmap(m, q), -EINVAL, "a count never goes to 0 without a flush");
	cr_expect(strstr(m->why.sentence, "as often as it was mapped"), "%s", m->why.sentence);
	finish(m);
}

/* ---- slots ---- */

Test(highmem, slots_are_a_stack)
{
	struct machine *m = boot("pc-i386");
	uint64_t p[16], a[15], address;

	for (unsigned i = 0; i < 16; i++)
		p[i] = high_page(m);
	for (unsigned i = 0; i < 15; i++) {
		a[i] = map_local(m, 1, p[i]);
		cr_expect_eq(a[i], kmap_slot_address(m, 1, i));
		cr_assert_not(try(m, 1, HW_STORE, a[i], i).fault.fault);
	}
	cr_expect_eq(kmap_local_page(m, 1, p[15], false, &address), -ENOSPC);
	cr_expect(log_has(m, "kernel BUG at mm/highmem.c"));
	cr_expect_eq(map_local(m, 0, p[15]), kmap_slot_address(m, 0, 0), "another CPU has its own");
	cr_expect_eq(kunmap_local(m, 1, a[13], false), -EINVAL, "not in order");
	cr_expect(log_has(m, "WARNING: CPU: 1"));
	cr_expect(strstr(m->why.sentence, "was mapped later"), "%s", m->why.sentence);
	cr_expect_eq(kunmap_local(m, 0, a[14], false), -EINVAL, "not this CPU's");
	cr_expect_eq(kunmap_local(m, 1, a[14], true), -EINVAL, "no kmap_atomic");
	for (unsigned i = 15; i--;) {
		cr_expect_eq(try(m, 1, HW_LOAD, a[i], 0).value & UINT32_MAX, i);
		cr_expect_eq(kunmap_local(m, 1, a[i] + 100, false), 0, "%s", m->why.sentence);
		cr_expect(faults(m, 1, a[i]), "cleared, and forgotten by this CPU");
		booted_check(m);
	}
	cr_expect_eq(kunmap_local(m, 1, a[0], false), -EINVAL);
	finish(m);
}

Test(highmem, addresses_that_are_no_slots)
{
	struct machine *m = boot("pc-i386");
	uint64_t p = high_page(m), window = map(m, p);

	cr_expect_eq(kunmap_local(m, 0, window, false), -EINVAL);
	cr_expect(strstr(m->why.sentence, "kunmap PAGE"), "%s", m->why.sentence);
	cr_expect_eq(kunmap_local(m, 0, 0x1000, false), -EINVAL, "user memory");
	cr_expect_eq(kunmap_local(m, 0, 0xf8000000, false), -EINVAL, "vmalloc's area");
	cr_expect_eq(kunmap_local(m, 0, UINT64_MAX, false), -EINVAL);
	cr_expect_eq(kunmap_local(m, 0, kmap_slot_address(m, 31, 15), false), -EINVAL,
		"a CPU that the machine has not");
	finish(m);
}

/* Inside kmap_atomic() nobody may wait; kmap() that finds a window is warned of all the same. */
Test(highmem, atomic)
{
	struct machine *m = boot("pc-i386-pae");
	uint64_t p = high_page(m), a, b, low;

	cr_expect_eq(kmap_local_page(m, 0, p, true, &a), 0);
	cr_expect_eq(kmap_local_page(m, 0, low_page(m), true, &low), 0);
	cr_expect_eq(kmap_atomic_depth(m, 0), 2u, "low memory counts");
	cr_expect_eq(kmap_local_depth(m, 0), 1u);
	cr_expect_eq(kmap(m, 0, high_page(m), &b), 0);
	cr_expect(log_has(m, "BUG: sleeping function called from invalid context"));
	for (unsigned i = 1; i < 512; i++)
		cr_assert_eq(kmap(m, 1, high_page(m), &b), 0);
	cr_expect_eq(kmap(m, 0, high_page(m), &b), -EDEADLK);
	cr_expect(log_has(m, "BUG: scheduling while atomic"));
	cr_expect_eq(kmap(m, 1, high_page(m), &b), -EAGAIN, "the other CPU may wait");
	cr_expect_eq(kunmap_local(m, 0, low, true), 0);
	cr_expect_eq(kunmap_local(m, 0, a, true), 0);
	cr_expect_eq(kunmap_local(m, 0, low, true), -EINVAL);
	cr_expect_eq(kmap_atomic_depth(m, 0), 0u);
	finish(m);
}

/*
 *	6.1:      | page | kunmap_atomic ->  |      |      an access faults
 *	before:   | page | kunmap_atomic ->  | page |      an access reads the page, whose ever it is by then
 */
Test(highmem, stale_entries)
{
	static const char *const preset[] = {"pc-i386", "pc-i386-pae", "arm-virt"};

	for (unsigned i = 0; i < 3; i++) {
		struct machine *m = boot(preset[i]);
		uint64_t p = high_page(m), q = high_page(m), a = map_local(m, 0, p);
		struct highmem_window w;

		put(m, a, 1);
		cr_expect_eq(kunmap_local(m, 0, a, false), 0);
		cr_expect(faults(m, 0, a));
		kmap_set_stale(m, true);
		a = map_local(m, 0, p);
		cr_expect_eq(kunmap_local(m, 0, a, false), 0);
		cr_expect_eq(get(m, a), 1u, "still there");
		cr_expect(highmem_find(m, a, &w) && w.stale && w.pfn == p);
		booted_check(m);
		cr_expect_eq(map_local(m, 0, q), a);
		cr_expect_eq(get(m, a), 0u, "the next user's page, and no TLB has the old one");
		put(m, a, 2);
		cr_expect_eq(kunmap_local(m, 0, a, false), 0);
		kmap_set_stale(m, false);
		cr_expect(faults(m, 0, a));
		cr_expect_eq(get(m, map_local(m, 0, p)), 1u);
		finish(m);
	}
}

/* ARM takes the window that a page has (arch_kmap_local_high_get()), even one without a user. */
Test(highmem, arm_takes_the_window)
{
	struct machine *m = boot("arm-virt");
	uint64_t p = high_page(m), a = map(m, p);
	struct highmem_window w;

	cr_expect_eq(kunmap(m, p), 0);
	cr_expect_eq(map_local(m, 0, p), a);
	cr_expect(highmem_find(m, a, &w) && w.count == 2 && kmap_local_depth(m, 0) == 0);
	cr_expect_eq(kunmap_local(m, 0, a, false), 0);
	cr_expect_eq(kunmap_local(m, 0, a, false), -EINVAL, "no user any more");
	cr_expect_eq(kmap_flush_unused(m, 0), 1u);
	cr_expect_eq(map_local(m, 0, p), kmap_slot_address(m, 0, 0));
	finish(m);
}

/* CONFIG_DEBUG_HIGHMEM: low memory gets a slot, too (x86), and between two slots there is a page of nothing. */
Test(highmem, debugging)
{
	struct machine *m =
		booted("pc-i386", "ram", "2G", "cpus", "2", "config", "+DEBUG_HIGHMEM", NULL);
	uint64_t p = low_page(m), a[16], b;

	for (unsigned i = 0; i < 16; i++) {
		cr_assert_eq(kmap_local_page(m, 0, p, false, &a[i]), 0, "%s", m->why.sentence);
		cr_expect_eq(a[i], kmap_slot_address(m, 0, 2 * i + 1));
		cr_expect(faults(m, 0, a[i] + PAGE_BYTES));
	}
	cr_expect_eq(kmap_local_page(m, 0, p, false, &b), -ENOSPC);
	for (unsigned i = 16; i--;)
		cr_expect_eq(kunmap_local(m, 0, a[i], false), 0, "%s", m->why.sentence);
	finish(m);
}

/* ---- finding ---- */

Test(highmem, windows_of_a_page)
{
	struct machine *m = boot("pc-i386");
	uint64_t p = high_page(m), q = high_page(m), want[3];
	struct highmem_window w;
	unsigned cookie = 0, n = 0;

	cr_expect_not(highmem_next_of_page(m, p, &cookie, &w));
	map(m, q);
	want[1] = map_local(m, 0, p);
	map_local(m, 0, q);
	want[2] = map_local(m, 1, p);
	want[0] = map(m, p);
	cr_expect_not(log_has(m, "sleeping function"), "kmap_local_page() does not forbid to wait");
	for (cookie = 0; highmem_next_of_page(m, p, &cookie, &w); n++)
		cr_expect(n < 3 && w.address == want[n] && w.pfn == p, "%u: 0x%llx", n,
			(ull)w.address);
	cr_expect_eq(n, 3u);
	finish(m);
}

/* The host's memory ends after n more pages, for n = 0, 1, ...: refused, and nothing was taken. */
Test(highmem, the_host_budget_ends)
{
	static const char *const preset[] = {"pc-i386", "pc-i386-pae", "arm-virt"};
	unsigned refused = 0;

	for (unsigned i = 0; i < 6; i++) {
		bool local = i >= 3;

		for (unsigned n = 0;; n++) {
			struct machine *m = boot(preset[i % 3]);
			uint64_t p = high_page(m), address;

			m->arena.budget_pages = m->arena.touched_pages + n;
			int err = local ? kmap_local_page(m, 1, p, true, &address)
					: kmap(m, 1, p, &address);

			m->arena.budget_pages = UINT64_MAX;
			booted_check(m);
			if (err) {
				cr_expect_eq(err, -EDQUOT);
				cr_expect(!highmem_page_address(m, p) &&
					  !m->highmem.last_pkmap_nr && !kmap_local_depth(m, 1) &&
					  !kmap_atomic_depth(m, 1));
				cr_expect_eq(
					map(m, p), kernel_area(m, AREA_PKMAP).start + PAGE_BYTES);
				refused++;
			}
			finish(m);
			if (!err)
				break;
			cr_assert_lt(n, 50u);
		}
	}
	/* Some have room left in the page that they need. */
	cr_expect_geq(refused, 4u);
}

/* The windows' tables are shared by all address spaces; with page-table isolation user mode has none of them. */
Test(highmem, in_a_process)
{
	static const char *const preset[] = {"pc-i386", "pc-i386-pae", "arm-virt", "pc-i386-pae"};

	for (unsigned i = 0; i < 4; i++) {
		struct machine *m = booted(preset[i], "ram", "2G", "cpus", "2", "cmdline",
			i == 3 ? "pti=on" : "quiet", NULL);
		struct task *t = naked(m);
		uint64_t p = high_page(m), q = high_page(m), a, slot;

		cr_expect_eq(m->kernel_map.pti, i == 3);
		cr_assert_eq(switch_mm(m, 1, task_mm(m, t)), 0);
		slot = map_local(m, 1, p);
		a = map(m, p);
		put(m, a, 0x55);
		for (unsigned k = 0; k < 2; k++) {
			uint64_t va = k ? a : slot;
			struct hw_access user = {
				.va = va, .bytes = 4, .kind = HW_LOAD, .user = true};

			cr_expect_eq(try(m, 1, HW_LOAD, va, 0).value & UINT32_MAX, 0x55u);
			cr_expect_eq(machine_access(m, 1, &user), -EFAULT);
		}
		/* CPU 1 hears that the window is another page's. */
		cr_expect_eq(kunmap(m, p), 0);
		cr_expect_eq(kmap_flush_unused(m, 0), 1u);
		cr_expect(faults(m, 1, a));
		cr_expect_eq(kunmap_local(m, 1, slot, false), 0);
		cr_expect(faults(m, 1, slot));
		map(m, q);
		booted_check(m);
		task_kill(m, t);
		finish(m);
	}
}

Test(highmem, a_machine_is_a_value)
{
	struct machine *m = boot("pc-i386"), *copy;
	uint64_t p = high_page(m), a = map(m, p), b = map_local(m, 1, p);

	put(m, a, 99);
	cr_assert_eq(machine_copy(m, &copy, NULL), 0);
	cr_expect_eq(machine_digest(copy), machine_digest(m));
	cr_expect_eq(get(copy, a), 99u);
	cr_expect_eq(kunmap_local(copy, 1, b, false), 0);
	cr_expect_not(faults(m, 1, b));
	finish(copy);
	finish(m);
}
