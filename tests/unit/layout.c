/* SPDX-License-Identifier: MIT
 *
 * Claims about where an address space's parts lie. Each of the oracle's machines printed maps of processes whose highest
 * mappings end at mmap_base, which is, for a stack's limit of 8 MiB:
 *
 *	            STACK_TOP        gap                         random bits
 *	amd64       7ffffffff000     8 MiB + 16 GiB + 1 MiB      28
 *	i386        c0000000         128 MiB (the least)          8
 *	armhf       bf000000         128 MiB                      8
 *	arm64       1000000000000    8 MiB + 1 GiB + 1 MiB       18
 */
#include "support/booted.h"

#include "mm/process/mm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1ULL << 20)

static struct mm pick(struct machine *m, uint64_t stack)
{
	struct mm mm = {0};

	mm_pick_layout(m, &mm, stack);
	return mm;
}

Test(layout, without_randomization)
{
	static const struct {
		const char *preset;
		uint64_t task_size, top_down, bottom_up;
	} rows[] = {
		{"pc-x86_64", 0x7ffffffff000, 0x7ffffffff000 - 8 * MIB - MIB, 0x2aaaaaaab000},
		{"pc-i386", 0xc0000000, 0xb8000000, 0x40000000},
		{"pc-i386-pae", 0xc0000000, 0xb8000000, 0x40000000},
		{"arm-virt", 0xbf000000, 0xb7000000, 0x40000000},
		{"arm64-virt", 1ULL << 48, (1ULL << 48) - 128 * MIB, 1ULL << 46},
		{"riscv64-virt", 1ULL << 38, (1ULL << 38) - 128 * MIB, 0x1555556000},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m = booted(rows[i].preset, "ram", "256M", NULL);
		uint64_t state = m->rng.state;

		m->sysctls.value[SYSCTL_randomize_va_space] = 0;
		struct mm mm = pick(m, 8 * MIB);
		cr_expect_eq(mm.task_size, rows[i].task_size, "%s", rows[i].preset);
		if (i)
			cr_expect_eq(mm.mmap_base, rows[i].top_down, "%s: %llx", rows[i].preset,
				(unsigned long long)mm.mmap_base);
		else
			cr_expect_eq(mm.mmap_base, rows[i].task_size - 128 * MIB);
		cr_expect_eq(pick(m, 1024 * MIB).mmap_base, mm_stack_top(m) - 1025 * MIB, "%s",
			rows[i].preset);
		m->sysctls.value[SYSCTL_legacy_va_layout] = 1;
		mm = pick(m, 8 * MIB);
		cr_expect(mm.mmap_legacy && mm.mmap_base == rows[i].bottom_up, "%s: %llx",
			rows[i].preset, (unsigned long long)mm.mmap_base);
		cr_expect_eq(m->rng.state, state, "nothing was random");
		machine_destroy(m);
	}
}

/* Unlimited stacks: the legacy layout, but on x86 the largest gap, 5/6 of all. */
Test(layout, unlimited_stack)
{
	struct machine *m = booted("arm64-virt", "ram", "256M", NULL);

	cr_expect(pick(m, RLIM_INFINITY).mmap_legacy);
	machine_destroy(m);
	m = booted("pc-i386", "ram", "256M", NULL);
	m->sysctls.value[SYSCTL_randomize_va_space] = 0;
	struct mm mm = pick(m, RLIM_INFINITY);
	cr_expect(!mm.mmap_legacy && mm.mmap_base == 0x20000000);
	machine_destroy(m);
}

Test(layout, random_bits)
{
	static const struct {
		const char *preset;
		uint64_t gap;
		unsigned bits;
	} rows[] = {{"pc-x86_64", 9 * MIB + (0x3fffffULL << 12), 28}, {"pc-i386", 128 * MIB, 8},
		{"arm-virt", 128 * MIB, 8}, {"arm64-virt", 9 * MIB + (0x3ffffULL << 12), 18},
		{"riscv64-virt", 9 * MIB + (0x3ffffULL << 12), 18}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine *m = booted(rows[i].preset, "ram", "256M", NULL);
		uint64_t top = mm_stack_top(m) - rows[i].gap, span = 1ULL << (rows[i].bits + 12),
			 seen = 0;

		for (unsigned k = 0; k < 200; k++) {
			uint64_t below = top - pick(m, 8 * MIB).mmap_base;

			cr_assert_lt(
				below, span, "%s: %llx", rows[i].preset, (unsigned long long)below);
			cr_assert_eq(below % 4096, 0);
			seen |= below;
		}
		cr_expect_eq(seen, span - 4096, "%s: every bit was set once", rows[i].preset);
		cr_expect_eq(mm_random(m, 3, 10), 0, "randomize_va_space is 2");
		machine_destroy(m);
	}
}

/* The highest mapping below the stack in the oracle's maps ends within the random bits of the base. */
Test(layout, maps_of_real_kernels)
{
	static const struct {
		const char *dir, *preset;
	} rows[] = {{"amd64-1g", "pc-x86_64"}, {"i386-686-2g", "pc-i386"}, {"armhf-2g", "arm-virt"},
		{"arm64-1g", "arm64-virt"}};
	unsigned looked = 0;

	for (unsigned i = 0; i < 4; i++) {
		char path[512];
		size_t bytes;

		if (!shared_dir())
			cr_skip_test("no ../shared");
		snprintf(path, sizeof(path),
			"%s/oracle/%s/experiments/01b-anon10m-nothp/00-start/proc/self/maps",
			shared_dir(), rows[i].dir);
		char *text = slurp(path, &bytes);

		if (!text)
			continue;
		struct machine *m = booted(rows[i].preset, "ram", "256M", NULL);
		uint64_t base = 0, bits = (uint64_t)m->sysctls.value[SYSCTL_mmap_rnd_bits],
			 most = 0;
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			uint64_t end = strtoull(strchr(line, '-') + 1, NULL, 16);

			/* Between the heap and the stack. */
			if (strstr(line, "[heap]"))
				most = 1;
			else if (most && !strstr(line, "[stack]") && !strstr(line, "[v") &&
				 !strstr(line, "[sig"))
				base = end;
			else if (most && (strstr(line, "[vvar]") || strstr(line, "[vdso]")) &&
				 end < mm_stack_top(m) - 128 * MIB)
				base = end;
			if (strstr(line, "[stack]"))
				break;
		}
		m->sysctls.value[SYSCTL_mmap_rnd_bits] = 0;
		uint64_t top = pick(m, 8 * MIB).mmap_base;
		cr_expect(base <= top && top - base < 1ULL << (bits + 12),
			"%s: maps end at %llx, the base is at most %llx", rows[i].dir,
			(unsigned long long)base, (unsigned long long)top);
		looked++;
		free(text);
		machine_destroy(m);
	}
	cr_expect_gt(looked, 0u);
}
