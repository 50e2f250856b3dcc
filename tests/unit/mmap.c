/* SPDX-License-Identifier: MIT
 *
 * Claims about mmap and munmap: what is refused and why, in the kernel's order; where mappings go; that 10 MiB below 3 MiB
 * of the same kind become one mapping (experiment 01b of every machine of the oracle):
 *
 *	b7c7c000-b7f7c000 rw-p     mmap 10 MiB     b727c000-b7f7c000 rw-p     munmap     b7c7c000-b7f7c000 rw-p
 */
#include "support/booted.h"
#include "support/naked.h"

#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define PAGE 4096ULL
#define MIB  (1ULL << 20)

static const char *const presets[] = {
	"pc-x86_64", "pc-i386", "pc-i386-pae", "arm-virt", "arm64-virt", "riscv64-virt"};
#define NR_PRESETS (sizeof(presets) / sizeof(presets[0]))

static uint64_t end_of_mappings(const struct machine *m, const struct task *t)
{
	return vma_last(m, &task_mm(m, t)->vmas)->end;
}

Test(mmap, ten_megabytes_below_three)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "ram", "256M", NULL);
		struct task *t = naked(m);
		struct mm *mm = task_mm(m, t);
		uint64_t three = naked_map(m, t, 0, 3 * MIB, NAKED_RW),
			 ten = naked_map(m, t, 0, 10 * MIB, NAKED_RW);

		cr_expect_eq(three, mm->mmap_base - 3 * MIB, "%s", presets[i]);
		cr_expect_eq(ten, three - 10 * MIB);
		cr_expect_eq(mm->vmas.nr, 1);
		cr_expect_eq(vma_first(m, &mm->vmas)->start, ten);
		cr_expect_eq(mm->total_vm, 13 * 256);
		cr_expect_eq(mm->data_vm, 13 * 256);
		cr_expect_eq(m->processes.committed_pages, 13 * 256);
		cr_assert_eq(sys_munmap(m, t, ten, 10 * MIB), 0);
		cr_expect_eq(vma_first(m, &mm->vmas)->start, three);
		cr_expect_eq(m->processes.committed_pages, 3 * 256);
		cr_expect_eq(mm->hiwater_vm, 13 * 256);
		booted_check(m);
		machine_destroy(m);
	}
}

struct row {
	const char *what;
	uint64_t addr, bytes;
	unsigned prot, flags, file; /* file: 0 none, 1 O_RDWR, 2 O_RDONLY, 3 O_WRONLY */
	uint64_t offset;
	int err;
};

static void refuse_rows(const char *preset, const struct row *rows, unsigned n)
{
	struct machine *m = booted(preset, "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);
	struct inode *i = inode_create(m, 0, INODE_FILE, "/data", 5, 64 * PAGE, CONTENT_ZERO);
	struct file *file[] = {NULL, file_open_inode(m, 0, i, FILE_RDWR),
		file_open_inode(m, 0, i, FILE_RDONLY), file_open_inode(m, 0, i, FILE_WRONLY)};
	uint64_t at;

	naked_map(m, t, 0x10000000, 4 * PAGE, NAKED_RW);
	for (unsigned k = 0; k < n; k++) {
		const struct row *r = &rows[k];
		uint64_t total = mm->total_vm, nr = mm->vmas.nr;

		m->why.err = 0;
		int err = sys_mmap(m, t, r->addr, r->bytes, r->prot, r->flags, file[r->file],
			r->offset, NULL, &at);
		cr_expect_eq(
			err, r->err, "%s on %s: %d, %s", r->what, preset, err, m->why.sentence);
		if (!err) {
			cr_assert_eq(sys_munmap(m, t, at, r->bytes), 0);
			continue;
		}
		cr_expect_eq(m->why.err, -err);
		cr_expect(total == mm->total_vm && nr == mm->vmas.nr, "%s", r->what);
	}
	booted_check(m);
	machine_destroy(m);
}

#define ANON (MAP_PRIVATE_ | MAP_ANONYMOUS_)

Test(mmap, refusals)
{
	static const struct row rows[] = {
		{"no bytes", 0, 0, NAKED_RW, ANON, 0, 0, -EINVAL},
		{"offset before length", 0, 0, NAKED_RW, MAP_PRIVATE_, 1, 1, -EINVAL},
		{"a length that wraps", 0, UINT64_MAX, NAKED_RW, ANON, 0, 0, -ENOMEM},
		{"longer than everything", 0, 1ULL << 60, NAKED_RW, ANON, 0, 0, -ENOMEM},
		{"fixed, not a page", 0x20000001, PAGE, NAKED_RW, ANON | MAP_FIXED_, 0, 0, -EINVAL},
		{"fixed, beyond", 0xfffffffffffff000, PAGE, NAKED_RW, ANON | MAP_FIXED_, 0, 0,
			-ENOMEM},
		{"fixed, its end beyond", 0x20000000, UINT64_MAX - 0x20000000, NAKED_RW,
			ANON | MAP_FIXED_, 0, 0, -ENOMEM},
		{"beyond before misaligned", 0xffffffffffff0001, PAGE, NAKED_RW, ANON | MAP_FIXED_,
			0, 0, -ENOMEM},
		{"noreplace over something", 0x10001000, PAGE, NAKED_RW,
			ANON | MAP_FIXED_NOREPLACE_, 0, 0, -EEXIST},
		{"noreplace beside it", 0x10004000, PAGE, NAKED_RW, ANON | MAP_FIXED_NOREPLACE_, 0,
			0, 0},
		{"neither shared nor private", 0, PAGE, NAKED_RW, MAP_ANONYMOUS_, 0, 0, -EINVAL},
		{"a file, neither", 0, PAGE, NAKED_RW, 0, 1, 0, -EINVAL},
		{"anonymous, validated", 0, PAGE, NAKED_RW, MAP_ANONYMOUS_ | MAP_SHARED_VALIDATE_,
			0, 0, -EINVAL},
		{"a file, validated", 0, PAGE, NAKED_RW, MAP_SHARED_VALIDATE_, 1, 0, 0},
		{"a flag that no file knows", 0, PAGE, NAKED_RW, MAP_SHARED_VALIDATE_ | MAP_SYNC_,
			1, 0, -EOPNOTSUPP},
		{"the same, not validated", 0, PAGE, NAKED_RW, MAP_SHARED_ | MAP_SYNC_, 1, 0, 0},
		{"shared, written, opened to read", 0, PAGE, NAKED_RW, MAP_SHARED_, 2, 0, -EACCES},
		{"shared, opened to read", 0, PAGE, PROT_READ_, MAP_SHARED_, 2, 0, 0},
		{"private, written, opened to read", 0, PAGE, NAKED_RW, MAP_PRIVATE_, 2, 0, 0},
		{"opened to write", 0, PAGE, PROT_READ_, MAP_PRIVATE_, 3, 0, -EACCES},
		{"a stack of a file", 0, PAGE, NAKED_RW, MAP_PRIVATE_ | MAP_GROWSDOWN_, 1, 0,
			-EINVAL},
		{"a stack that is shared", 0, PAGE, NAKED_RW,
			MAP_SHARED_ | MAP_ANONYMOUS_ | MAP_GROWSDOWN_, 0, 0, -EINVAL},
		{"behind the end of the file", 0, PAGE, NAKED_RW, MAP_PRIVATE_, 1, 100 * PAGE, 0},
		{"huge pages", 0, 2 * MIB, NAKED_RW, ANON | MAP_HUGETLB_, 0, 0, -EINVAL},
	};
	static const struct row wide[] = {{"offset and length wrap", 0, PAGE, NAKED_RW,
		MAP_PRIVATE_, 1, UINT64_MAX & ~(PAGE - 1), -EOVERFLOW}};

	for (unsigned i = 0; i < NR_PRESETS; i++)
		refuse_rows(presets[i], rows, sizeof(rows) / sizeof(rows[0]));
	refuse_rows("pc-x86_64", wide, 1);
	refuse_rows("pc-i386", wide, 1);
}

static const struct row below[] = {
	{"the lowest page", 0, PAGE, NAKED_RW, ANON | MAP_FIXED_, 0, 0, 0}};

Test(mmap, lowest_addresses)
{
	static const struct row arm[] = {
		{"page 1", PAGE, PAGE, NAKED_RW, ANON | MAP_FIXED_, 0, 0, -EINVAL},
		{"page 2", 2 * PAGE, PAGE, NAKED_RW, ANON | MAP_FIXED_, 0, 0, 0}};
	uint64_t at;

	refuse_rows("pc-i386", below, 1);
	refuse_rows("arm-virt", arm, 2);
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);

	t->uid = 1000;
	cr_expect_eq(sys_mmap(m, t, 0xf000, PAGE, NAKED_RW, ANON | MAP_FIXED_, NULL, 0, NULL, &at),
		-EPERM);
	cr_expect_eq(
		sys_mmap(m, t, 0x10000, PAGE, NAKED_RW, ANON | MAP_FIXED_, NULL, 0, NULL, &at), 0);
	cr_expect_eq(sys_mmap(m, t, 0x1234, PAGE, PROT_READ_, ANON, NULL, 0, NULL, &at), 0);
	cr_expect_neq(at, 0x1000, "a wish below mmap_min_addr means mmap_min_addr, which is taken");
	machine_destroy(m);
}

/* A wish is granted when the place is free; a stack above it keeps its guard. */
Test(mmap, wishes)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "ram", "256M", NULL);
		struct task *t = naked(m);
		uint64_t base = 0x20000000, top, at, recorded = 0x12345000;

		cr_expect_eq(
			(sys_mmap(m, t, base + 5, PAGE, NAKED_RW, ANON, NULL, 0, NULL, &at), at),
			base);
		top = (sys_mmap(m, t, base, PAGE, NAKED_RW, ANON, NULL, 0, NULL, &at), at);
		cr_expect_eq(
			top, task_mm(m, t)->mmap_base - PAGE, "%s: taken, so anywhere", presets[i]);
		cr_expect_eq((sys_mmap(m, t, UINT64_MAX - PAGE, PAGE, PROT_READ_, ANON, NULL, 0,
				      NULL, &at),
				     at),
			top - PAGE, "%s: beyond the address space", presets[i]);
		cr_expect_eq((sys_mmap(m, t, 0, PAGE, NAKED_RW, ANON, NULL, 0, &recorded, &at), at),
			recorded);
		cr_expect_eq((sys_mmap(m, t, 0, PAGE, NAKED_RW, ANON, NULL, 0, &recorded, &at), at),
			top - 2 * PAGE);
		cr_assert_eq(sys_mmap(m, t, 0x30000000, PAGE, NAKED_RW,
				     ANON | MAP_FIXED_ | MAP_GROWSDOWN_, NULL, 0, NULL, &at),
			0);
		cr_expect_neq((sys_mmap(m, t, 0x30000000 - PAGE, PAGE, NAKED_RW, ANON, NULL, 0,
				       NULL, &at),
				      at),
			0x30000000 - PAGE);
		cr_expect_eq((sys_mmap(m, t, 0x30000000 - 257 * PAGE, PAGE, NAKED_RW, ANON, NULL, 0,
				      NULL, &at),
				     at),
			0x30000000 - 257 * PAGE);
		booted_check(m);
		machine_destroy(m);
	}
}

/* From the top down until there is no more, then upwards from where the legacy layout begins. */
Test(mmap, full)
{
	struct machine *m = booted("pc-i386", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);
	uint64_t at, top = mm->mmap_base;

	cr_assert_eq(sys_mmap(m, t, 0, top - 0x10000, PROT_READ_, ANON, NULL, 0, NULL, &at), 0);
	cr_expect_eq(at, 0x10000, "mmap_min_addr is where it ends");
	cr_assert_eq(
		sys_mmap(m, t, 0, PAGE, PROT_READ_, ANON | MAP_NORESERVE_, NULL, 0, NULL, &at), 0);
	cr_expect_eq(at, top);
	cr_expect_eq(
		sys_mmap(m, t, 0, 0xc0000000 - top, PROT_READ_, ANON, NULL, 0, NULL, &at), -ENOMEM);
	cr_expect_eq(
		sys_mmap(m, t, 0, 0xc0000000 - top - PAGE, PROT_READ_, ANON, NULL, 0, NULL, &at),
		0);
	cr_expect_eq(end_of_mappings(m, t), 0xc0000000);
	machine_destroy(m);
}

Test(mmap, below_4_gib_and_above_47_bits)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, 0, PAGE, NAKED_RW, ANON | MAP_32BIT_, NULL, 0, NULL, &at), 0);
	cr_expect(at >= 0x40000000 && at < 0x40000000 + 0x2000 * PAGE, "%llx",
		(unsigned long long)at);
	cr_expect_eq(
		sys_mmap(m, t, 0, 0x40000001, PROT_READ_, ANON | MAP_32BIT_, NULL, 0, NULL, &at),
		-ENOMEM);
	machine_destroy(m);
	/* No kernel here runs on five levels yet; addresses are searched without looking at tables. */
	m = booted("pc-x86_64", "ram", "256M", NULL);
	t = naked(m);
	struct mm *mm = task_mm(m, t);
	m->kernel_map.mode = PAGING_X86_64_LA57;
	mm_pick_layout(m, mm, 8 * MIB);
	cr_expect_eq(mm->task_size, (1ULL << 56) - PAGE);
	cr_expect_eq(naked_map(m, t, 0, PAGE, NAKED_RW), mm->mmap_base - PAGE);
	cr_expect_lt(mm->mmap_base, 1ULL << 47);
	cr_assert_eq(sys_mmap(m, t, 1ULL << 55, PAGE, NAKED_RW, ANON, NULL, 0, NULL, &at), 0);
	cr_expect_eq(at, 1ULL << 55, "a wish above 47 bits");
	cr_assert_eq(sys_mmap(m, t, UINT64_MAX, PAGE, NAKED_RW, ANON, NULL, 0, NULL, &at), 0);
	cr_expect_gt(at, 1ULL << 55, "a wish that cannot be, above 47 bits");
	cr_assert_eq(sys_mmap(m, t, (1ULL << 47) - 2 * PAGE, 4 * PAGE, PROT_READ_, ANON, NULL, 0,
			     NULL, &at),
		0);
	cr_expect_lt(at, mm->mmap_base, "a wish across the border");
	machine_destroy(m);
}

/* A file of which a whole 2 MiB page is mapped lies in its huge page as in memory. */
Test(mmap, files_are_aligned_for_huge_pages)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct inode *i = inode_create(m, 0, INODE_FILE, "/lib/big", 8, 64 * MIB, CONTENT_ZERO);
	struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, 0, 4 * MIB, PROT_READ_, MAP_PRIVATE_, f, 0, NULL, &at), 0);
	cr_expect_eq(at % (2 * MIB), 0);
	cr_assert_eq(sys_mmap(m, t, 0, 5 * MIB, PROT_READ_, MAP_PRIVATE_, f, MIB, NULL, &at), 0);
	cr_expect_eq(at % (2 * MIB), MIB);
	uint64_t before = at;
	cr_assert_eq(
		sys_mmap(m, t, 0, 2 * MIB - PAGE, PROT_READ_, MAP_PRIVATE_, f, 0, NULL, &at), 0);
	cr_expect_neq(at % (2 * MIB), 0, "no whole one: the highest gap, at 0x%llx",
		(unsigned long long)before);
	machine_destroy(m);
}

static int try(struct machine *m, struct task *t, uint64_t bytes, unsigned prot, unsigned flags)
{
	uint64_t at;

	return sys_mmap(m, t, 0, bytes, prot, ANON | flags, NULL, 0, NULL, &at);
}

Test(mmap, limits)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);

	t->uid = 1000;
	t->rlim[RLIM_AS].soft = 10 * MIB;
	cr_expect_eq(try(m, t, 10 * MIB + PAGE, PROT_READ_, 0), -ENOMEM);
	cr_expect_eq(try(m, t, 10 * MIB, PROT_READ_, 0), 0);
	uint64_t at = vma_first(m, &mm->vmas)->start;
	cr_expect_eq(sys_mmap(m, t, at, 4 * MIB, NAKED_RW, ANON | MAP_FIXED_, NULL, 0, NULL, &at),
		0, "what is replaced does not count");
	t->rlim[RLIM_AS].soft = RLIM_INFINITY;
	t->rlim[RLIM_DATA].soft = 5 * MIB;
	cr_expect_eq(try(m, t, MIB + PAGE, NAKED_RW, 0), -ENOMEM);
	cr_expect_eq(try(m, t, MIB + PAGE, PROT_READ_, 0), 0, "only what is private and written");
	cr_expect_eq(try(m, t, MIB, NAKED_RW, 0), 0);
	t->rlim[RLIM_DATA].soft = RLIM_INFINITY;
	t->rlim[RLIM_MEMLOCK].soft = 64 * 1024;
	cr_expect_eq(try(m, t, 64 * 1024 + 1, NAKED_RW, MAP_LOCKED_), -EAGAIN);
	cr_expect_eq(try(m, t, 64 * 1024, NAKED_RW, MAP_LOCKED_), 0);
	cr_expect_eq(mm->locked_vm, 16);
	cr_expect_eq(mm->rss[MM_ANONPAGES], 16, "and it is there at once");
	t->rlim[RLIM_MEMLOCK].soft = 0;
	cr_expect_eq(try(m, t, PAGE, NAKED_RW, MAP_LOCKED_), -EPERM);
	t->uid = 0;
	cr_expect_eq(try(m, t, PAGE, NAKED_RW, MAP_LOCKED_), 0, "root may");
	m->sysctls.value[SYSCTL_max_map_count] = mm->vmas.nr - 1;
	cr_expect_eq(try(m, t, PAGE, NAKED_RW, 0), -ENOMEM);
	booted_check(m);
	machine_destroy(m);
}

/* A hole in a mapping makes two of it, which max_map_count may not allow; whole ones can always go. */
Test(mmap, munmap_at_the_limit)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);
	uint64_t a = naked_map(m, t, 0x20000000, 4 * PAGE, NAKED_RW);

	naked_map(m, t, 0x30000000, 4 * PAGE, NAKED_RW);
	m->sysctls.value[SYSCTL_max_map_count] = 2;
	cr_expect_eq(sys_munmap(m, t, a + PAGE, PAGE), -ENOMEM);
	cr_expect_eq(mm->vmas.nr, 2);
	cr_expect_eq(
		sys_munmap(m, t, a + PAGE, 0x30000000 + PAGE - a), 0, "the ends of two are cut");
	cr_expect_eq(mm->vmas.nr, 2);
	cr_expect_eq(mm->total_vm, 3);
	static const struct {
		uint64_t addr, bytes;
		int err;
	} rows[] = {{1, PAGE, -EINVAL}, {0x20000000, 0, -EINVAL}, {0x20000000, UINT64_MAX, -EINVAL},
		{0x800000000000, PAGE, -EINVAL}, {0x7ffffffff000, PAGE, -EINVAL},
		{0x7fffffffe000, PAGE, 0}, {0x50000000, PAGE, 0}, {0, 0x7ffffffff000, 0}};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(
			sys_munmap(m, t, rows[i].addr, rows[i].bytes), rows[i].err, "row %u", i);
	cr_expect_eq(mm->vmas.nr, 0);
	cr_expect_eq(mm->total_vm, 0);
	booted_check(m);
	machine_destroy(m);
}

/* What is unmapped gives its pages and its tables back. */
Test(mmap, munmap_gives_back)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "ram", "256M", NULL);
		struct task *t = naked(m);
		struct mm *mm = task_mm(m, t);
		uint64_t tables = mm->pgtables_bytes,
			 at = naked_map(m, t, 0x20000000, 16 * MIB, NAKED_RW), done;
		struct task_access sum = {0};

		cr_assert_eq(task_touch(m, t, at, 16 * MIB, HW_STORE, UINT64_MAX, &sum, &done), 0,
			"%s", m->why.sentence);
		cr_expect_eq(mm_rss(mm), 4096);
		cr_expect_gt(mm->pgtables_bytes, tables);
		cr_assert_eq(sys_munmap(m, t, at + 5 * MIB, MIB), 0);
		cr_expect_eq(mm_rss(mm), 4096 - 256);
		cr_expect_eq(mm->hiwater_rss, 4096);
		cr_assert_eq(sys_munmap(m, t, at, 16 * MIB), 0);
		cr_expect_eq(mm_rss(mm), 0);
		cr_expect_eq(mm->pgtables_bytes, tables, "%s", presets[i]);
		booted_check(m);
		machine_destroy(m);
	}
}

Test(mmap, shared_and_zero_and_device)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);
	struct file *zero = file_open(m, 0, "/dev/zero", 9, FILE_RDWR),
		    *mem = file_open(m, 0, "/dev/mem", 8, FILE_RDWR);
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, 0, 4 * PAGE, NAKED_RW, MAP_SHARED_ | MAP_ANONYMOUS_, NULL, 0,
			     NULL, &at),
		0);
	const struct vma *v = vma_find(m, &mm->vmas, at);
	cr_expect_eq(vma_inode(m, v)->kind, INODE_SHMEM);
	cr_expect_eq(m->processes.committed_pages, 4,
		"its size is committed by the file, not by the mapping");
	cr_expect_eq(v->flags & VM_ACCOUNT, 0);
	cr_assert_eq(sys_mmap(m, t, 0, 4 * PAGE, NAKED_RW, MAP_SHARED_ | MAP_ANONYMOUS_, NULL, 0,
			     NULL, &at),
		0);
	cr_expect_eq(mm->vmas.nr, 2, "two objects never become one");
	cr_assert_eq(sys_mmap(m, t, 0, PAGE, NAKED_RW, MAP_PRIVATE_, zero, 0, NULL, &at), 0, "%s",
		m->why.sentence);
	v = vma_find(m, &mm->vmas, at);
	cr_expect(vma_is_anonymous(v) && v->file_at);
	cr_assert_eq(sys_mmap(m, t, 0, PAGE, PROT_READ_, MAP_SHARED_, mem, 0xb8000, NULL, &at), 0,
		"%s", m->why.sentence);
	v = vma_find(m, &mm->vmas, at);
	cr_expect_eq(v->flags & (VM_IO | VM_PFNMAP), (uint64_t)(VM_IO | VM_PFNMAP));
	cr_expect_eq(mm_rss(mm), 0, "device pages are not counted");
	cr_assert_eq(sys_munmap(m, t, 0, mm->task_size), 0);
	cr_expect_eq(m->processes.committed_pages, 0);
	booted_check(m);
	machine_destroy(m);
	m = booted("pc-x86_64", "ram", "256M", "config", "debian", NULL);
	t = naked(m);
	mem = file_open(m, 0, "/dev/mem", 8, FILE_RDWR);
	cr_expect_eq(sys_mmap(m, t, 0, PAGE, PROT_READ_, MAP_SHARED_, mem, 0x1000000, NULL, &at),
		-EPERM);
	machine_destroy(m);
}

/* Sixty thousand, each of another protection than the one before: none is joined, all are found. */
Test(mmap, many)
{
	struct machine *m = booted("pc-x86_64", "ram", "256M", NULL);
	struct task *t = naked(m);
	struct mm *mm = task_mm(m, t);
	uint64_t first = naked_map(m, t, 0, PAGE, NAKED_RW), at = first;

	for (unsigned i = 1; i < 60000; i++)
		at = naked_map(m, t, 0, PAGE, i % 2 ? PROT_READ_ : NAKED_RW);
	cr_expect_eq(at, first - 59999 * PAGE);
	cr_expect_eq(mm->vmas.nr, 60000);
	cr_expect_eq(try(m, t, 6000 * PAGE, NAKED_RW, 0), 0);
	task_kill(m, t);
	booted_check(m);
	cr_expect_eq(m->processes.committed_pages, 0);
	machine_destroy(m);
}
