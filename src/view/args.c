/* SPDX-License-Identifier: MIT
 *
 * Arguments of paths that are numbers: nodes, CPUs, memory blocks, firmware ranges, huge page sizes.
 *
 * A number has one spelling, decimal without leading zeros. Which numbers exist is a question to the machine; some
 * arguments stand below another one (the CPUs of a node), whose value is then in view.arg[0].
 */
#include "view/files.h"

#include "view/memory_block.h"
#include "view/hugepages.h"

#include "base/parse.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <stdio.h>

/* Does number @value of this kind exist? */
typedef bool exists_fn(const struct view *v, uint64_t value);

static int parse_existing(
	struct view *v, const char *name, size_t len, uint64_t *value, exists_fn *exists)
{
	return parse_plain(name, len, value) && exists(v, *value) ? 0 : -ENOENT;
}

void arg_print_number(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "%llu", (unsigned long long)value);
}

void arg_print_hex(struct view *v, uint64_t value, char *name, size_t cap)
{
	(void)v;
	snprintf(name, cap, "0x%llx", (unsigned long long)value);
}

static bool next_existing(
	struct view *v, uint64_t *key, char *name, size_t cap, uint64_t end, exists_fn *exists)
{
	while (*key < end && !exists(v, *key))
		++*key;
	if (*key >= end)
		return false;
	arg_print_number(v, *key, name, cap);
	return true;
}

/* ---- which exist ---- */

static bool node_exists(const struct view *v, uint64_t nid)
{
	return nid < v->m->nr_nodes;
}

static bool cpu_exists(const struct view *v, uint64_t cpu)
{
	return cpu < v->m->nr_cpus;
}

static bool cpu_of_node_exists(const struct view *v, uint64_t cpu)
{
	return cpu < v->m->nr_cpus && v->m->cpu_node[cpu] == v->arg[0];
}

static bool node_of_cpu_exists(const struct view *v, uint64_t nid)
{
	return v->arg[0] < v->m->nr_cpus && v->m->cpu_node[v->arg[0]] == nid;
}

static bool block_exists(const struct view *v, uint64_t block)
{
	return memory_block_exists(v->m, block);
}

static bool block_of_node_exists(const struct view *v, uint64_t block)
{
	return memory_block_exists(v->m, block) &&
	       memory_block_on_node(v->m, block, (unsigned)v->arg[0]);
}

static bool node_of_block_exists(const struct view *v, uint64_t nid)
{
	return nid < v->m->nr_nodes && memory_block_on_node(v->m, v->arg[0], (unsigned)nid);
}

static bool memmap_exists(const struct view *v, uint64_t entry)
{
	return v->s && entry < v->s->desc.nr_ram;
}

static uint64_t nr_memmap(const struct view *v)
{
	return v->s ? v->s->desc.nr_ram : 0;
}

/* ---- the tables ---- */

#define NUMBER_ARG(arg, exists, end)                                                               \
	static int parse_##arg(struct view *v, const char *name, size_t len, uint64_t *value)      \
	{                                                                                          \
		return parse_existing(v, name, len, value, exists);                                \
	}                                                                                          \
	static bool next_##arg(struct view *v, uint64_t *key, char *name, size_t cap)              \
	{                                                                                          \
		return next_existing(v, key, name, cap, end, exists);                              \
	}                                                                                          \
	const struct arg_ops arg_##arg = {                                                         \
		.parse = parse_##arg, .next = next_##arg, .print = arg_print_number};

NUMBER_ARG(node, node_exists, v->m->nr_nodes)
NUMBER_ARG(cpu, cpu_exists, v->m->nr_cpus)
NUMBER_ARG(cpu_of_node, cpu_of_node_exists, v->m->nr_cpus)
NUMBER_ARG(node_of_cpu, node_of_cpu_exists, v->m->nr_nodes)
NUMBER_ARG(block, block_exists, memory_block_end(v->m))
NUMBER_ARG(block_of_node, block_of_node_exists, memory_block_end(v->m))
NUMBER_ARG(node_of_block, node_of_block_exists, v->m->nr_nodes)
NUMBER_ARG(memmap, memmap_exists, nr_memmap(v))

/* The value of a size is its index in the machine's list; its spelling is in KiB. */
static int parse_hugepages(struct view *v, const char *name, size_t len, uint64_t *value)
{
	uint64_t kb;

	if (!parse_plain(name, len, &kb))
		return -ENOENT;
	for (*value = 0; hugepages_kb(v->m, (unsigned)*value); ++*value)
		if (hugepages_kb(v->m, (unsigned)*value) == kb)
			return 0;
	return -ENOENT;
}

static void print_hugepages(struct view *v, uint64_t value, char *name, size_t cap)
{
	snprintf(name, cap, "%llu", (unsigned long long)hugepages_kb(v->m, (unsigned)value));
}

static bool next_hugepages(struct view *v, uint64_t *key, char *name, size_t cap)
{
	if (*key >= HUGEPAGE_SIZES || !hugepages_kb(v->m, (unsigned)*key))
		return false;
	print_hugepages(v, *key, name, cap);
	return true;
}
const struct arg_ops arg_hugepages = {
	.parse = parse_hugepages, .next = next_hugepages, .print = print_hugepages};
