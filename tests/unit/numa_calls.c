/* SPDX-License-Identifier: MIT
 *
 * Calls about nodes and pins, as they are written to PID/ctl: a hand's spelling and strace's, and what the files say then.
 */
#include "support/world.h"

#include "view/arg_nodes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define P "sim/tasks/p/"

static struct simm *process(const char *preset)
{
	struct simm *simm = world(preset, NULL);

	cr_assert_eq(world_mkdir(simm, "sim/tasks", "p"), 0);
	return simm;
}

static const char *call(struct simm *simm, const char *line)
{
	return world_call_at(simm, P "ctl", line);
}

static int refused(struct simm *simm, const char *line)
{
	return world_refused_at(simm, P "ctl", line);
}

static bool numa_maps(struct simm *simm, const char *words)
{
	return strstr(world_cat(simm, P "numa_maps"), words);
}

Test(numa_calls, masks_of_nodes)
{
	static const struct {
		const char *word;
		bool ok;
		uint64_t nodes;
	} row[] = {{"1", true, 2}, {"0-1", true, 3}, {"{0,2-3}", true, 13}, {"0+2", true, 5},
		{"NULL", true, 0}, {"[0x3]", true, 3}, {"[0000000000000003]", true, 3},
		{"[0x1, 000000]", true, 1}, {"[]", true, 0}, {"63", true, (uint64_t)1 << 63},
		{"64", false, 0}, {"1-0", false, 0}, {"", false, 0}, {"{}", false, 0},
		{"0-", false, 0}, {"x", false, 0}, {"[0xg]", false, 0}, {"{0,,1}", false, 0},
		{"[0 0x1]", false, 0}};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t nodes;
		bool ok = arg_nodes_parse(row[i].word, strlen(row[i].word), &nodes);

		cr_expect_eq(ok, row[i].ok, "%s", row[i].word);
		cr_expect(!ok || nodes == row[i].nodes, "%s", row[i].word);
	}
}

Test(numa_calls, policies)
{
	struct simm *simm = process("pc-x86_64-numa");

	call(simm, "a = mmap 0x7f0000200000 64K rw-p MAP_FIXED+MAP_ANONYMOUS");
	cr_expect_str_eq(call(simm, "mbind a 32K MPOL_INTERLEAVE 0-1"), "0");
	call(simm, "touch a 64K");
	cr_expect(numa_maps(simm, "7f0000200000 interleave:0-1 anon=8 dirty=8 active=0 N0=4 N1=4"));
	cr_expect(numa_maps(simm, "7f0000208000 default anon=8 dirty=8 active=0 N0=8"));
	cr_expect_str_eq(call(simm, "mbind(0x7f0000208000, 32768, MPOL_BIND|MPOL_F_STATIC_NODES, "
				    "[0x2], 64, MPOL_MF_MOVE) = 0"),
		"0");
	cr_expect(numa_maps(simm, "7f0000208000 bind=static:1 anon=8 dirty=8 active=0 N1=8"));
	cr_expect_str_eq(call(simm, "set_mempolicy(MPOL_PREFERRED, [0x2], 64) = 0"), "0");
	cr_expect_str_eq(call(simm, "get_mempolicy"), "0 policy=prefer nodes=1");
	cr_expect_str_eq(call(simm, "get_mempolicy addr=a+32K flags=MPOL_F_ADDR"),
		"0 policy=bind=static nodes=1");
	cr_expect_str_eq(
		call(simm, "get_mempolicy addr=a+32K flags=MPOL_F_ADDR+MPOL_F_NODE"), "0 node=1");
	cr_expect_str_eq(call(simm, "set_mempolicy MPOL_DEFAULT"), "0");
	cr_expect_str_eq(
		call(simm, "get_mempolicy([MPOL_DEFAULT], [0000000000000000], 64, NULL, 0)"),
		"0 policy=default nodes=none");
	cr_expect_eq(refused(simm, "mbind a 32K MPOL_BIND 5"), EINVAL);
	cr_expect_eq(refused(simm, "mbind a 32K MPOL_BIND zero"), EINVAL);
	cr_expect_eq(refused(simm, "mbind a 32K MPOL_BOUND 0"), EINVAL);
	cr_expect_eq(refused(simm, "mbind a 1M MPOL_BIND 0"), EFAULT);
	cr_expect_eq(refused(simm, "mbind a 32K MPOL_BIND 1 flags=MPOL_MF_STRICT"), EIO);
	simm_destroy(simm);
}

Test(numa_calls, pages)
{
	struct simm *simm = process("pc-x86_64-numa");

	call(simm, "a = mmap 0x7f0000200000 16K rw-p MAP_FIXED+MAP_ANONYMOUS");
	call(simm, "touch a 12K");
	cr_expect_str_eq(call(simm, "move_pages 0 4 a"),
		"0 node0=3 node1=0 EFAULT=1 status=[0,0,0,-EFAULT]");
	cr_expect_str_eq(call(simm, "move_pages 0 2 a 1"), "0 node0=0 node1=2 status=[1,1]");
	cr_expect_str_eq(
		call(simm, "move_pages(0, 3, [0x7f0000200000, 0x7f0000201000, 0x7f0000202000], "
			   "[0, 1, 1], [0, 1, 1], MPOL_MF_MOVE) = 0"),
		"0 node0=1 node1=2 status=[0,1,1]");
	cr_expect_eq(refused(simm, "move_pages 0 2 a 7"), ENODEV);
	cr_expect_eq(refused(simm, "move_pages 99999 2 a 0"), ESRCH);
	cr_expect_eq(refused(simm, "move_pages 0 2 [0x7f0000200000] 0"), EINVAL);
	cr_expect_str_eq(call(simm, "migrate_pages(0, 64, [0x2], [0x1]) = 0"), "0");
	cr_expect_str_eq(call(simm, "move_pages 0 3 a"), "0 node0=3 node1=0 status=[0,0,0]");
	cr_expect_eq(refused(simm, "migrate_pages 0 64 0 5"), EINVAL);
	simm_destroy(simm);
}

Test(numa_calls, far_memory_costs_more)
{
	struct simm *simm = process("pc-x86_64-numa");
	unsigned long near, far;

	call(simm, "a = mmap NULL 1M rw-p");
	call(simm, "touch a 1M");
	call(simm, "touch a 1M r");
	const char *sum = call(simm, "touch a 1M r");

	near = strtoul(strstr(sum, "cycles=") + 7, NULL, 10);
	call(simm, "move_pages 0 256 a 1");
	call(simm, "touch a 1M r");
	sum = call(simm, "touch a 1M r");
	far = strtoul(strstr(sum, "cycles=") + 7, NULL, 10);
	cr_expect_gt(far, near + near / 2, "%lu, %lu", near, far);
	cr_expect_lt(far, near * 3, "%lu, %lu", near, far);
	simm_destroy(simm);
}

Test(numa_calls, pins)
{
	struct simm *simm = process("pc-x86_64-numa");

	call(simm, "a = mmap NULL 64K rw-p");
	cr_expect(strstr(call(simm, "p = pin_user_pages a 4K FOLL_WRITE"), " pages=1"));
	cr_expect(strstr(
		call(simm, "pin_user_pages a+8K 12K FOLL_WRITE+FOLL_LONGTERM ring"), " pages=3"));
	cr_expect_str_eq(call(simm, "move_pages 0 1 a 1"),
		"1 node0=0 node1=0 untouched=1 status=[untouched]");
	cr_expect(strstr(world_cat(simm, "proc/vmstat"), "nr_foll_pin_acquired 4\n"));
	call(simm, "unpin_user_page p");
	call(simm, "unpin_user_page ring.0-2");
	cr_expect_eq(refused(simm, "unpin_user_page p"), EINVAL);
	cr_expect_str_eq(call(simm, "move_pages 0 1 a 1"), "0 node0=0 node1=1 status=[1]");
	cr_expect_eq(refused(simm, "pin_user_pages 0x1000 4K"), EFAULT);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(numa_calls, events_of_a_migration)
{
	struct simm *simm = process("pc-x86_64-numa");

	call(simm, "a = mmap 0x7f0000200000 4K rw-p MAP_FIXED+MAP_ANONYMOUS");
	call(simm, "touch a 4K");
	cr_expect_gt(world_write(simm, "sys/kernel/tracing/events/migrate/enable", "1\n"), 0);
	call(simm, "move_pages 0 1 a 1");
	const char *trace = world_cat(simm, "sys/kernel/tracing/trace");

	cr_expect(strstr(
		trace, "mm_migrate_pages_start: mode=MIGRATE_SYNC reason=syscall_or_cpuset\n"));
	cr_expect(strstr(trace, "set_migration_pte: addr=7f0000200000, pte=f"));
	cr_expect(strstr(trace, "remove_migration_pte: addr=7f0000200000, pte=8"));
	cr_expect(strstr(trace, "mm_migrate_pages: nr_succeeded=1 nr_failed=0 nr_thp_succeeded=0 "
				"nr_thp_failed=0 nr_thp_split=0 mode=MIGRATE_SYNC "
				"reason=syscall_or_cpuset\n"));
	simm_destroy(simm);
}
