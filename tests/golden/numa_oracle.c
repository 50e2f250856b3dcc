/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 10, act by act: memory policies and pages that move between two nodes of 2 GiB.
 *
 *	step			what was done since the one before (regions of 8 MiB; the program runs on node 1)
 *	01-default-touched	A touched
 *	02-bind1-touched	B: mbind BIND 1, touched
 *	03-interleave		C: mbind INTERLEAVE 0-1, touched
 *	04-preferred1-local	D: PREFERRED 1, E: LOCAL, touched
 *	05-moved512-to-node0	move_pages of B's first 512 to node 0; to node 7: ENODEV
 *	06-mbind-move		C: mbind BIND 0 with MPOL_MF_MOVE
 *	07-migrated-0to1	A: mbind BIND 1 with MPOL_MF_STRICT (all is there); migrate_pages from 0 to 1
 *	08-migrated-1to0	and back
 *	09-taskpolicy-bind1	set_mempolicy BIND 1, F touched
 *
 * The mappings are put where they were. Compared: numa_maps of the regions (policy, pages, on which node), and as
 * differences from the step before numastat and AnonPages of each node, and pgmigrate_*. The real program's other
 * memory, its page tables, and the kernel's own NUMA balancing make some of the difference: so much is allowed.
 */
#include "oracle.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/move/numa.h"
#include "mm/page/zone.h"
#include "mm/process/pgtables.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>

#define DIR   "amd64-numa-4g/experiments/10-numa"
#define PAGES 2048u
#define NODES 2

static const struct {
	const char *name;
	uint64_t at;
	uint64_t pages;
} regions[] = {
	{"A", 0x7fc51777d000, PAGES}, /* 3 MiB in use before lie behind it */
	{"B", 0x7fc516f7d000, PAGES},
	{"C", 0x7fc51677d000, PAGES},
	{"D", 0x7fc515f7d000, PAGES},
	{"E", 0x7fc51577d000, PAGES},
	{"F", 0x7fc514f7d000, PAGES},
};
#define BUFFER	     0x7fc517f7d000
#define BUFFER_PAGES 768u
#define LOWEST	     0x7fc514f7d000

static const char *const steps[] = {"00-before", "01-default-touched", "02-bind1-touched",
	"03-interleave", "04-preferred1-local", "05-moved512-to-node0", "06-mbind-move",
	"07-migrated-0to1", "08-migrated-1to0", "09-taskpolicy-bind1"};

struct line {
	uint64_t at;
	char policy[32];
	int64_t anon, node[NODES];
};

struct state {
	struct line line[16];
	unsigned nr_lines;
	int64_t hit[NODES], miss[NODES], foreign[NODES], interleave[NODES], local[NODES],
		other[NODES], anon_kb[NODES];
	int64_t success, fail;
};

/* ---- the real one ---- */

static int64_t after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtoll(at + strlen(word), NULL, 10) : 0;
}

static char *step_file(const char *step, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), DIR "/%s/%s", step, file);
	return oracle_need(path);
}

static void add_line(struct state *s, const char *text)
{
	struct line *l = &s->line[s->nr_lines];
	unsigned long long at;

	if (sscanf(text, "%llx %31s", &at, l->policy) != 2 || at < LOWEST || at > BUFFER)
		return;
	l->at = at;
	l->anon = after(text, " anon=");
	l->node[0] = after(text, " N0=");
	l->node[1] = after(text, " N1=");
	s->nr_lines++;
}

static void read_node(struct state *s, const char *step, unsigned nid)
{
	char name[64];

	snprintf(name, sizeof(name), "sys/devices/system/node/node%u/numastat", nid);
	char *stat = step_file(step, name);
	snprintf(name, sizeof(name), "sys/devices/system/node/node%u/meminfo", nid);
	char *mem = step_file(step, name);

	s->hit[nid] = after(stat, "numa_hit ");
	s->miss[nid] = after(stat, "numa_miss ");
	s->foreign[nid] = after(stat, "numa_foreign ");
	s->interleave[nid] = after(stat, "interleave_hit ");
	s->local[nid] = after(stat, "local_node ");
	s->other[nid] = after(stat, "other_node ");
	s->anon_kb[nid] = after(mem, "AnonPages:");
	free(stat);
	free(mem);
}

static struct state real_state(const char *step)
{
	struct state s = {0};
	char *maps = step_file(step, "proc/self/numa_maps"), *save = NULL;
	char *vmstat = step_file(step, "proc/vmstat");

	for (char *l = strtok_r(maps, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		add_line(&s, l);
	s.success = after(vmstat, "pgmigrate_success ");
	s.fail = after(vmstat, "pgmigrate_fail ");
	for (unsigned nid = 0; nid < NODES; nid++)
		read_node(&s, step, nid);
	free(maps);
	free(vmstat);
	return s;
}

/* ---- ours ---- */

static void count_pages(struct proc *p, const struct vma *v, struct line *l)
{
	for (uint64_t at = v->start; at < v->end; at += P) {
		uint64_t pfn = mapped_pfn(p->m, v, pte_of(p->m, p->mm, at));

		if (pfn == NO_PFN)
			continue;
		l->anon++;
		l->node[pfn_zone(p->m, pfn)->nid]++;
	}
}

static void our_lines(struct proc *p, struct state *s)
{
	for (const struct vma *v = vma_first(p->m, &p->mm->vmas); v;
		v = vma_next(p->m, &p->mm->vmas, v)) {
		struct line *l = &s->line[s->nr_lines];
		const struct mempolicy *policy = vma_policy_at(p->m, v, v->start);
		struct text out;

		if (v->start < LOWEST || v->start > BUFFER)
			continue;
		text_init(&out);
		mpol_print(policy ? policy : &p->t->policy, &out);
		snprintf(l->policy, sizeof(l->policy), "%s", text_str(&out));
		text_finish(&out);
		l->at = v->start;
		count_pages(p, v, l);
		s->nr_lines++;
	}
}

static int64_t numa_stat(const struct machine *m, unsigned nid, enum numa_stat_item item)
{
	uint64_t sum = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		sum += zone_at(m, nid, (enum zone_type)type)->numa_stat[item];
	return (int64_t)sum;
}

static struct state our_state(struct proc *p)
{
	struct state s = {.success = (int64_t)p->m->vm_event[EV_pgmigrate_success],
		.fail = (int64_t)p->m->vm_event[EV_pgmigrate_fail]};

	our_lines(p, &s);
	for (unsigned nid = 0; nid < NODES; nid++) {
		s.hit[nid] = numa_stat(p->m, nid, NS_numa_hit);
		s.miss[nid] = numa_stat(p->m, nid, NS_numa_miss);
		s.foreign[nid] = numa_stat(p->m, nid, NS_numa_foreign);
		s.interleave[nid] = numa_stat(p->m, nid, NS_numa_interleave);
		s.local[nid] = numa_stat(p->m, nid, NS_numa_local);
		s.other[nid] = numa_stat(p->m, nid, NS_numa_other);
		s.anon_kb[nid] = (int64_t)node_at(p->m, nid)->stat[ND_nr_anon_pages] * 4;
	}
	return s;
}

/* ---- the acts ---- */

static void map_region(struct proc *p, uint64_t at, uint64_t pages)
{
	int err = sys_mmap(
		p->m, p->t, at, pages * P, RW, PRIVATE | MAP_FIXED_NOREPLACE_, NULL, 0, NULL, &at);

	cr_assert_eq(err, 0, "%s", p->m->why.sentence);
}

static void touch(struct proc *p, unsigned region)
{
	proc_use(p, HW_STORE, regions[region].at, PAGES);
}

static int bind(struct proc *p, unsigned region, unsigned mode, uint64_t nodes, unsigned flags)
{
	return sys_mbind(p->m, p->t, regions[region].at, PAGES * P, mode, nodes, flags);
}

static void map_and_touch(struct proc *p, unsigned region, unsigned mode, uint64_t nodes)
{
	map_region(p, regions[region].at, PAGES);
	if (mode)
		cr_expect_eq(bind(p, region, mode, nodes, 0), 0, "%s", p->m->why.sentence);
	touch(p, region);
}

static void move_512(struct proc *p)
{
	static uint64_t pages[512];
	static int64_t nodes[512], status[512];

	for (unsigned i = 0; i < 512; i++)
		pages[i] = regions[1].at + i * P;
	cr_expect_eq(
		sys_move_pages(p->m, p->t->cpu, p->t, 512, pages, nodes, status, MPOL_MF_MOVE_), 0);
	cr_expect(!status[0] && !status[511]);
	nodes[0] = 7;
	cr_expect_eq(sys_move_pages(p->m, p->t->cpu, p->t, 1, pages, nodes, status, MPOL_MF_MOVE_),
		-ENODEV);
}

static void act(struct proc *p, unsigned step)
{
	switch (step) {
	case 0:
		map_region(p, BUFFER, BUFFER_PAGES);
		proc_use(p, HW_STORE, BUFFER, BUFFER_PAGES);
		break;
	case 1:
		map_and_touch(p, 0, 0, 0);
		break;
	case 2:
		map_and_touch(p, 1, MPOL_BIND_, 2);
		break;
	case 3:
		map_and_touch(p, 2, MPOL_INTERLEAVE_, 3);
		break;
	case 4:
		map_and_touch(p, 3, MPOL_PREFERRED_, 2);
		map_and_touch(p, 4, MPOL_LOCAL_, 0);
		break;
	case 5:
		move_512(p);
		break;
	case 6:
		cr_expect_eq(bind(p, 2, MPOL_BIND_, 1, MPOL_MF_MOVE_), 0);
		break;
	case 7:
		cr_expect_eq(bind(p, 0, MPOL_BIND_, 2, MPOL_MF_STRICT_), 0);
		cr_expect_eq(sys_migrate_pages(p->m, p->t->cpu, p->t, 1, 2), 0);
		break;
	case 8:
		cr_expect_eq(sys_migrate_pages(p->m, p->t->cpu, p->t, 2, 1), 0);
		break;
	default:
		cr_expect_eq(sys_set_mempolicy(p->m, p->t, MPOL_BIND_, 2), 0);
		map_and_touch(p, 5, 0, 0);
		cr_expect_eq(sys_set_mempolicy(p->m, p->t, 99, 2), -EINVAL);
		cr_expect_eq(bind(p, 5, MPOL_BIND_, 1 << 4, 0), -EINVAL);
	}
}

/* ---- side by side ---- */

#define NUMBER(field, slack)                                                                       \
	{                                                                                          \
#field, offsetof(struct state, field), slack                                       \
	}

static const struct {
	const char *name;
	size_t at;
	int64_t slack;
} numbers[] = {NUMBER(hit[0], 80), NUMBER(hit[1], 80), NUMBER(miss[0], 0), NUMBER(miss[1], 0),
	NUMBER(foreign[0], 0), NUMBER(foreign[1], 0), NUMBER(interleave[0], 0),
	NUMBER(interleave[1], 0), NUMBER(local[0], 80), NUMBER(local[1], 80), NUMBER(other[0], 80),
	NUMBER(other[1], 80), NUMBER(anon_kb[0], 4 * 64), NUMBER(anon_kb[1], 4 * 64),
	NUMBER(success, 80), NUMBER(fail, 0)};

static int64_t at(const struct state *s, size_t offset)
{
	return *(const int64_t *)((const char *)s + offset);
}

static void compare_numbers(
	const char *step, unsigned i, const struct state *ours, const struct state *real)
{
	/* Going back, the real program's own pages went as well, its file's among them. */
	int64_t factor = i == 8 ? 5 : 1;

	for (unsigned k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		int64_t want = at(&real[1], numbers[k].at) - at(&real[0], numbers[k].at);
		int64_t got = at(&ours[1], numbers[k].at) - at(&ours[0], numbers[k].at);
		int64_t slack = numbers[k].slack * factor;

		cr_expect(got >= want - slack && got <= want + slack,
			"%s: %s changes by %lld, did by %lld", step, numbers[k].name,
			(long long)got, (long long)want);
	}
}

static bool near(int64_t a, int64_t b)
{
	/* NUMA balancing had taken a few back to the node that used them. */
	return a <= b + 32 && b <= a + 32;
}

static void compare_lines(const char *step, const struct state *ours, const struct state *real)
{
	cr_assert_eq(ours->nr_lines, real->nr_lines, "%s: %u lines, were %u", step, ours->nr_lines,
		real->nr_lines);
	for (unsigned i = 0; i < real->nr_lines; i++) {
		const struct line *a = &ours->line[i], *b = &real->line[i];

		cr_expect(a->at == b->at && !strcmp(a->policy, b->policy) && a->anon == b->anon &&
				  near(a->node[0], b->node[0]) && near(a->node[1], b->node[1]),
			"%s: %llx %s anon=%lld N0=%lld N1=%lld, was %llx %s anon=%lld N0=%lld "
			"N1=%lld",
			step, (unsigned long long)a->at, a->policy, (long long)a->anon,
			(long long)a->node[0], (long long)a->node[1], (unsigned long long)b->at,
			b->policy, (long long)b->anon, (long long)b->node[0],
			(long long)b->node[1]);
	}
}

Test(numa_oracle, policies_and_moves_step_by_step)
{
	struct state real[2], ours[2];
	struct proc p = proc_start("pc-x86_64-numa");

	real[1] = real_state(steps[0]);

	while (p.m->cpu_node[p.t->cpu] != 1)
		p.t->cpu++;
	act(&p, 0);
	ours[1] = our_state(&p);
	compare_lines(steps[0], &ours[1], &real[1]);
	for (unsigned i = 1; i < sizeof(steps) / sizeof(steps[0]); i++) {
		real[0] = real[1];
		ours[0] = ours[1];
		real[1] = real_state(steps[i]);
		act(&p, i);
		ours[1] = our_state(&p);
		compare_lines(steps[i], &ours[1], &real[1]);
		compare_numbers(steps[i], i, ours, real);
		proc_check(&p);
	}
	proc_end(&p);
}
