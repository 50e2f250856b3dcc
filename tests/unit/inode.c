// SPDX-License-Identifier: MIT
/*
 * daemon/inode: the same place has the same inode as long as the kernel remembers it; a fresh one has its own each
 * time; what was looked up n times is gone after n were forgotten, in whatever portions.
 */
#include "daemon/inode.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct inode_table table;

static void setup(void)
{
	cr_assert_eq(inode_table_init(&table), 0);
}

static void teardown(void)
{
	inode_table_finish(&table);
}

TestSuite(inode, .init = setup, .fini = teardown);

static struct simm_node place(uint32_t number, uint64_t arg)
{
	return (struct simm_node){.place = number, .arg = {arg}};
}

Test(inode, the_root_is_number_one_and_stays)
{
	struct simm_node root = {0};

	cr_assert_eq(inode_of(&table, FUSE_ROOT_ID), inode_for(&table, &root, false));
	cr_assert_eq(inode_id(&table, &table.root), FUSE_ROOT_ID);
	inode_forget(&table, &table.root, 1000);
	cr_assert_eq(inode_of(&table, FUSE_ROOT_ID), &table.root);
}

Test(inode, one_place_one_inode)
{
	struct simm_node a = place(1, 7), b = place(1, 8);
	struct inode *first = inode_for(&table, &a, false);

	cr_assert_eq(inode_for(&table, &a, false), first);
	cr_assert_neq(inode_for(&table, &b, false), first);
	cr_assert_eq(inode_of(&table, inode_id(&table, first)), first);
	cr_assert_eq(first->lookups, 2);
	cr_assert_eq(table.nr_inodes, 2);
	inode_forget(&table, first, 1);
	cr_assert_eq(table.nr_inodes, 2);
	inode_forget(&table, first, 1);
	cr_assert_eq(table.nr_inodes, 1);
}

Test(inode, fresh_ones_are_nobodys)
{
	struct simm_node a = place(3, 0);
	struct inode *stable = inode_for(&table, &a, false);
	struct inode *one = inode_for(&table, &a, true), *two = inode_for(&table, &a, true);

	cr_assert(one != two && one != stable && two != stable);
	inode_forget(&table, one, 1);
	inode_forget(&table, two, 1);
	cr_assert_eq(inode_for(&table, &a, false), stable);
	cr_assert_eq(table.nr_inodes, 1);
}

/* Against an array of counts. More places than the table has chains at first. */
Test(inode, random_lookups_and_forgets)
{
	enum { PLACES = 3000 };
	static struct inode *inodes[PLACES];
	static uint64_t counts[PLACES];
	size_t live = 0;

	srand(11);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned p = (unsigned)rand() % PLACES;

		if (rand() % 3 || !counts[p]) {
			struct simm_node node = place(p % 10 + 1, p);
			struct inode *got = inode_for(&table, &node, false);

			cr_assert(!counts[p] || got == inodes[p], "place %u has two inodes", p);
			live += !counts[p]++;
			inodes[p] = got;
		} else {
			uint64_t nr = 1 + (uint64_t)rand() % counts[p];

			inode_forget(&table, inodes[p], nr);
			counts[p] -= nr;
			live -= !counts[p];
		}
		cr_assert_eq(table.nr_inodes, live);
	}
	for (unsigned p = 0; p < PLACES; p++)
		if (counts[p])
			inode_forget(&table, inodes[p], counts[p]);
	cr_assert_eq(table.nr_inodes, 0);
}
