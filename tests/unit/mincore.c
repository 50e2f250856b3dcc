/* SPDX-License-Identifier: MIT
 *
 * Claim: mincore says of each page whether it is in memory, mapped or in the page cache; msync refuses what it must.
 */
#include "support/process.h"

#include "mm/process/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char *in_core(struct proc *p, uint64_t addr, unsigned pages)
{
	static char s[64];
	uint8_t vec[64];
	int err = sys_mincore(p->m, p->t, addr, pages * P, vec, sizeof(vec));

	cr_assert_eq(err, 0, "%s", p->m->why.sentence);
	for (unsigned i = 0; i < pages; i++)
		s[i] = (char)('0' + vec[i]);
	s[pages] = '\0';
	return s;
}

Test(mincore, pages)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t anon = proc_map(&p, 4, RW, PRIVATE);
	uint64_t shared = proc_map(&p, 4, RW, SHARED);

	proc_use(&p, HW_STORE, anon + P, 2);
	cr_expect_str_eq(in_core(&p, anon, 4), "0110");
	proc_use(&p, HW_STORE, shared + 3 * P, 1);
	cr_expect_str_eq(in_core(&p, shared, 4), "0001");
	/* Unmapped here, but still the file's. */
	cr_assert_eq(sys_madvise(p.m, p.t, shared, 4 * P, MADV_DONTNEED_), 0);
	cr_expect_str_eq(in_core(&p, shared, 4), "0001");
	cr_assert_eq(sys_madvise(p.m, p.t, anon, 4 * P, MADV_DONTNEED_), 0);
	cr_expect_str_eq(in_core(&p, anon, 4), "0000");
	proc_end(&p);
}

Test(mincore, errors)
{
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 2, RW, PRIVATE);
	uint8_t vec[8] = {7, 7, 7, 7};

	cr_expect_eq(sys_mincore(p.m, p.t, at + 1, P, vec, 8), -EINVAL);
	cr_expect_eq(sys_mincore(p.m, p.t, at, UINT64_MAX, vec, 8), -ENOMEM);
	cr_expect_eq(sys_mincore(p.m, p.t, p.mm->task_size, P, vec, 8), -ENOMEM);
	cr_expect_eq(sys_mincore(p.m, p.t, at, 0, vec, 8), 0);
	cr_expect_eq(vec[0], 7);
	cr_expect_eq(sys_mincore(p.m, p.t, at, 3 * P, vec, 8), -ENOMEM);
	cr_expect_eq(vec[1], 0, "what came before is written");
	cr_expect_eq(vec[2], 7);
	cr_expect_eq(sys_mincore(p.m, p.t, at, P + 1, vec, 8), 0);
	cr_expect_eq(sys_mincore(p.m, p.t, at, 2 * P, vec, 1), -ENOMEM);
	proc_end(&p);
}

Test(msync, answers)
{
	enum { ASYNC = 1, INVALIDATE = 2, SYNC = 4 };
	struct proc p = proc_start("pc-x86_64");
	uint64_t at = proc_map(&p, 5, RW, PRIVATE);
	const struct {
		uint64_t addr, bytes;
		unsigned flags;
		int err;
	} row[] = {{at, P, SYNC, 0}, {at, P, ASYNC, 0}, {at, P, 0, 0}, {at, P, 8, -EINVAL},
		{at + 1, P, SYNC, -EINVAL}, {at, P, ASYNC | SYNC, -EINVAL},
		{at, UINT64_MAX - P, SYNC, -ENOMEM}, {at, 0, SYNC, 0}, {at - P, P, SYNC, -ENOMEM},
		{at, 5 * P, SYNC, -ENOMEM}, {at, 5 * P, ASYNC, -ENOMEM},
		{at, 6 * P, INVALIDATE, -EBUSY}, {at, 2 * P, INVALIDATE, 0}};

	cr_assert_eq(sys_munmap(p.m, p.t, at + 2 * P, P), 0);
	cr_assert_eq(sys_mlock(p.m, p.t, at + 3 * P, P, 0), 0);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int err = sys_msync(p.m, p.t, row[i].addr, row[i].bytes, row[i].flags);

		cr_expect_eq(err, row[i].err, "row %u: %d %s", i, err, p.m->why.sentence);
	}
	proc_end(&p);
}
