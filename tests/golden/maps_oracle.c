/* SPDX-License-Identifier: MIT
 *
 * Where a program lies: the oracle's static program /bin/orc, beside a program of the same sizes here that does what orc's
 * start does (make relro read-only, take a heap of 136 KiB) and then maps 3 MiB.
 *
 *	oracle 01b/00-start/proc/self/maps       each line's size, rights, offset and name are ours, in the same order
 *	stat, status, statm                      start_code ..., VmSize, VmData, VmStk, VmExe, VmLib
 *	proc/self/auxv                           the same entries in the same order, the same values where they are no addresses
 *
 * Addresses of the program itself are equal. Random ones cannot be: both must lie within the same bounds, which follow
 * from the architecture's constants.
 */
#include "oracle.h"
#include "support/booted.h"

#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#define MAX_ROWS 16
#define START	 "experiments/01b-anon10m-nothp/00-start/proc/self"

static const struct pair {
	const char *machine, *preset;
	uint64_t brk_bytes;
	bool above; /* vvar and vdso lie above the stack */
	uint64_t
		special_end; /* the highest address at which they can end; 0: in the stack's 2 MiB */
} pairs[] = {
	{"amd64-1g", "pc-x86_64", 1 << 30, true, 0},
	{"amd64-numa-4g", "pc-x86_64", 1 << 30, true, 0},
	{"i386-686-256m", "pc-i386", 32 << 20, false, 0},
	{"i386-686-2g", "pc-i386", 32 << 20, false, 0},
	{"armhf-2g", "arm-virt", 32 << 20, true, 0xbf000000},
	{"arm64-1g", "arm64-virt", 1 << 30, false, 0},
};
#define NR_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

struct row {
	uint64_t start, end, offset;
	char perms[5], name[32];
};

struct map {
	struct row row[MAX_ROWS];
	unsigned nr;
};

static char *need(const char *machine, const char *file)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", machine, file);
	return oracle_need(path);
}

/* The gate's line is left out: it is no mapping of the process. */
static void parse_maps(char *text, struct map *map)
{
	map->nr = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		struct row *r = &map->row[map->nr];
		unsigned long long start, end, offset;

		cr_assert_lt(map->nr, MAX_ROWS);
		*r = (struct row){0};
		cr_assert_geq(sscanf(line, "%llx-%llx %4s %llx %*s %*u %31s", &start, &end,
				      r->perms, &offset, r->name),
			4);
		r->start = start;
		r->end = end;
		r->offset = offset;
		map->nr += strcmp(r->name, "[vectors]") != 0;
	}
}

static void our_maps(struct machine *m, const struct mm *mm, struct map *map)
{
	map->nr = 0;
	for (const struct vma *v = vma_first(m, &mm->vmas); v; v = vma_next(m, &mm->vmas, v)) {
		const struct inode *i = vma_inode(m, v);
		struct row *r = &map->row[map->nr++];

		cr_assert_leq(map->nr, MAX_ROWS);
		*r = (struct row){v->start, v->end, i ? v->pgoff << 12 : 0,
			{v->flags & VM_READ ? 'r' : '-', v->flags & VM_WRITE ? 'w' : '-',
				v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_SHARED ? 's' : 'p'},
			{0}};
		snprintf(r->name, sizeof(r->name), "%s", i ? inode_path(m, i) : vma_name(m, v));
	}
}

static const struct row *find(const struct map *map, const char *name)
{
	for (unsigned i = 0; i < map->nr; i++)
		if (!strcmp(map->row[i].name, name))
			return &map->row[i];
	cr_assert_fail("no %s", name);
	return NULL;
}

/* Two rows without a name: bss, and what orc has mapped. */
static const struct row *anonymous(const struct map *map, unsigned n)
{
	for (unsigned i = 0; i < map->nr; i++)
		if (!*map->row[i].name && !n--)
			return &map->row[i];
	cr_assert_fail("no anonymous mapping");
	return NULL;
}

/* What orc's start does after execve. */
static struct task *start(struct machine *m, const struct map *oracle)
{
	static const char *const argv[] = {"orc", "dump", "/out", NULL};
	struct program p;
	struct task *t;
	uint64_t brk, at;

	cr_assert_eq(task_spawn(m, 0, "orc", 3, &t), 0);
	program_default(m, "/bin/orc", 8, &p);
	p.argv = argv;
	cr_assert_eq(task_exec(m, t, &p), 0, "%s", m->why.sentence);
	struct mm *mm = task_mm(m, t);

	/* relro: the read-only mapping in front of the writable one of the file. */
	for (unsigned i = 1; i < oracle->nr; i++) {
		const struct row *r = &oracle->row[i];

		if (*r->name == '/' && !strcmp(r->perms, "rw-p"))
			cr_assert_eq(sys_mprotect(m, t, r[-1].start, r[-1].end - r[-1].start,
					     PROT_READ_),
				0, "%s", m->why.sentence);
	}
	cr_assert_eq(sys_brk(m, t, mm->brk + 0x22000, &brk), 0);
	cr_assert_eq(sys_mmap(m, t, 0, 3 << 20, PROT_READ_ | PROT_WRITE_,
			     MAP_PRIVATE_ | MAP_ANONYMOUS_, NULL, 0, NULL, &at),
		0);
	return t;
}

/* ---- bounds of what is random, which hold for both ---- */

static void check_places(
	const struct machine *m, const struct pair *p, const struct map *map, const char *whose)
{
	const struct row *heap = find(map, "[heap]"), *stack = find(map, "[stack]");
	const struct row *vvar = find(map, "[vvar]"), *vdso = find(map, "[vdso]");
	const struct row *bss = anonymous(map, 0), *mapped = anonymous(map, 1);
	uint64_t top = mm_stack_top(m), special = vdso->end - (vvar - (p->special_end != 0))->start;
	uint64_t stack_move = ((uint64_t)1 << mm_stack_rnd_bits(m)) << 12;
	uint64_t gap = (9 << 20) + stack_move - 4096, least_gap = 128 << 20;
	uint64_t base = top - (gap > least_gap ? gap : least_gap);
	uint64_t base_move = ((uint64_t)1 << m->sysctls.value[SYSCTL_mmap_rnd_bits]) << 12;

	cr_expect_geq(heap->start, bss->end, "%s %s", p->machine, whose);
	cr_expect_lt(heap->start, bss->end + p->brk_bytes, "%s %s", p->machine, whose);
	cr_expect_leq(stack->end, top, "%s %s", p->machine, whose);
	cr_expect_geq(stack->end, top - stack_move - 8192, "%s %s", p->machine, whose);
	cr_expect_eq(vvar->end, vdso->start, "%s %s", p->machine, whose);
	const struct row *highest = p->above ? mapped : vdso;
	cr_expect_leq(
		highest->end, base, "%s %s: 0x%llx", p->machine, whose, (unsigned long long)base);
	cr_expect_geq(highest->end, base - base_move, "%s %s", p->machine, whose);
	if (!p->above) {
		cr_expect_eq(mapped->end, vvar->start, "%s %s", p->machine, whose);
		return;
	}
	uint64_t unit_end = (stack->end + special + (2 << 20) - 1) & ~(uint64_t)((2 << 20) - 1);
	cr_expect_geq(vdso->end - special, stack->end, "%s %s", p->machine, whose);
	cr_expect_leq(
		vdso->end, p->special_end ? p->special_end : unit_end, "%s %s", p->machine, whose);
}

Test(maps_oracle, lines)
{
	for (unsigned i = 0; i < NR_PAIRS; i++) {
		char *text = need(pairs[i].machine, START "/maps");
		struct machine *m = booted(pairs[i].preset, NULL);
		struct map oracle, ours;

		parse_maps(text, &oracle);
		our_maps(m, task_mm(m, start(m, &oracle)), &ours);
		cr_assert_eq(ours.nr, oracle.nr, "%s: %u lines, not %u", pairs[i].machine, ours.nr,
			oracle.nr);
		for (unsigned k = 0; k < ours.nr; k++) {
			const struct row *a = &ours.row[k], *b = &oracle.row[k];

			cr_expect_str_eq(a->name, b->name, "%s line %u", pairs[i].machine, k);
			cr_expect_str_eq(a->perms, b->perms, "%s %s", pairs[i].machine, a->name);
			cr_expect_eq(a->offset, b->offset, "%s %s", pairs[i].machine, a->name);
			cr_expect_eq(a->end - a->start, b->end - b->start, "%s %s: 0x%llx",
				pairs[i].machine, a->name, (unsigned long long)(a->end - a->start));
			if (*a->name == '/')
				cr_expect_eq(a->start, b->start, "%s", pairs[i].machine);
		}
		check_places(m, &pairs[i], &oracle, "the oracle");
		check_places(m, &pairs[i], &ours, "ours");
		booted_check(m);
		machine_destroy(m);
		free(text);
	}
}

/* ---- figures ---- */

/* "VmData:      3524 kB" */
static uint64_t status_kb(const char *status, const char *label)
{
	const char *at = strstr(status, label);

	cr_assert(at, "no %s", label);
	return strtoull(at + strlen(label), NULL, 10);
}

/* Field @n of stat, counted from 1 as proc(5) does. */
static uint64_t stat_field(const char *stat, unsigned n)
{
	const char *at = strrchr(stat, ')') + 1;

	for (unsigned i = 2; i < n - 1; i++)
		at = strchr(at + 1, ' ');
	return strtoull(at, NULL, 10);
}

Test(maps_oracle, figures)
{
	for (unsigned i = 0; i < NR_PAIRS; i++) {
		char *text = need(pairs[i].machine, START "/maps");
		char *status = need(pairs[i].machine, START "/status");
		char *stat = need(pairs[i].machine, START "/stat");
		struct machine *m = booted(pairs[i].preset, NULL);
		struct map oracle;

		parse_maps(text, &oracle);
		const struct mm *mm = task_mm(m, start(m, &oracle));
		uint64_t exe_kb =
			(((mm->end_code + 4095) & ~4095ULL) - (mm->start_code & ~4095ULL)) / 1024;

		cr_expect_eq(
			mm->total_vm * 4, status_kb(status, "VmSize:"), "%s", pairs[i].machine);
		cr_expect_eq(mm->data_vm * 4, status_kb(status, "VmData:"), "%s", pairs[i].machine);
		cr_expect_eq(mm->stack_vm * 4, status_kb(status, "VmStk:"), "%s", pairs[i].machine);
		cr_expect_eq(exe_kb, status_kb(status, "VmExe:"), "%s", pairs[i].machine);
		cr_expect_eq(mm->exec_vm * 4 - exe_kb, status_kb(status, "VmLib:"), "%s",
			pairs[i].machine);
		cr_expect_eq(mm->start_code, stat_field(stat, 26), "%s", pairs[i].machine);
		cr_expect_eq(mm->end_code, stat_field(stat, 27), "%s", pairs[i].machine);
		cr_expect_eq(mm->start_data, stat_field(stat, 45), "%s", pairs[i].machine);
		cr_expect_eq(mm->end_data, stat_field(stat, 46), "%s", pairs[i].machine);
		cr_expect_eq(
			mm->env_start - mm->arg_end, stat_field(stat, 50) - stat_field(stat, 49));
		/* The path and a word of zeroes lie between the environment and the end of the page. */
		cr_expect_eq(
			mm->env_end % 4096, stat_field(stat, 51) % 4096, "%s", pairs[i].machine);
		booted_check(m);
		machine_destroy(m);
		free(text);
		free(status);
		free(stat);
	}
}

/* ---- the auxiliary vector ---- */

/* Are these an address in the new program, the same for both? */
static bool is_comparable(uint64_t type)
{
	/* AT_SYSINFO, AT_SYSINFO_EHDR, AT_RANDOM, AT_EXECFN, AT_PLATFORM lie at random places; AT_HWCAP is the CPU's. */
	return type != 32 && type != 33 && type != 25 && type != 31 && type != 15 && type != 16;
}

Test(maps_oracle, auxiliary_vector)
{
	for (unsigned i = 0; i < NR_PAIRS; i++) {
		char *text = need(pairs[i].machine, START "/maps");
		char *auxv = need(pairs[i].machine, "proc/self/auxv");
		struct machine *m = booted(pairs[i].preset, NULL);
		uint64_t bytes = arch_is_64bit(m->arch) ? 8 : 4;
		struct map map;

		parse_maps(text, &map);
		struct task *t = start(m, &map);
		/* argc, three arguments and 0, no environment and 0. */
		uint64_t at = task_mm(m, t)->start_stack + 6 * bytes, ours[2] = {1};
		const char *theirs = auxv;

		while (ours[0]) {
			uint64_t their[2] = {0};

			for (unsigned k = 0; k < 2; k++, at += bytes, theirs += bytes) {
				ours[k] = 0;
				memcpy(&their[k], theirs, bytes);
				cr_assert_eq(access_process_vm(m, 0, task_mm(m, t), at, &ours[k],
						     bytes, false),
					(int64_t)bytes);
			}
			cr_assert_eq(ours[0], their[0], "%s: entry %llu, not %llu",
				pairs[i].machine, (unsigned long long)ours[0],
				(unsigned long long)their[0]);
			if (is_comparable(ours[0]))
				cr_expect_eq(ours[1], their[1], "%s: entry %llu is 0x%llx",
					pairs[i].machine, (unsigned long long)ours[0],
					(unsigned long long)ours[1]);
			else if (ours[0] != 16)
				cr_expect_neq(ours[1], 0);
		}
		machine_destroy(m);
		free(text);
		free(auxv);
	}
}
