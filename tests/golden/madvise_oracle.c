/* SPDX-License-Identifier: MIT
 *
 * The oracle's experiment 15, act by act: mlock, madvise, shared memory, the page of zeroes, a mapped file, sparse tables.
 *
 *	step			what was done since the one before
 *	00-anon8M-touched	mmap 8 MiB (beside 3 MiB in use), write each page
 *	01-mlock4M		mlock the first 4 MiB
 *	02-munlocked		munlock them
 *	03-madv-free4M		MADV_FREE the first 4 MiB
 *	04-free-rewrote1M	write each page of the first MiB
 *	05-cold2M		MADV_COLD from 4 to 6 MiB
 *	06-pageout2M		MADV_PAGEOUT the same (there is no swap)
 *	07-dontneed-all		MADV_DONTNEED all 8 MiB
 *	10, 11, 12, 13		a file of 8 MiB in /dev/shm: mapped, written, unmapped, unlinked
 *	20-zero-page-reads	mmap 8 MiB (MAP_NORESERVE), read each page
 *	30, 31, 32		a file of the disk: 8 MiB mapped (shared, read-only), read, unmapped
 *	40, 41			a huge mapping (MAP_NORESERVE): one page written in every 2 MiB, 200 times; unmapped
 *
 * The mappings are put where they were. After each step: smaps' sums over the two mappings and their VmFlags; kpageflags of
 * all 2048 pages; and, as differences from the step before, VmPTE, VmLck, VmSize, VmData, minor faults, events of
 * vmstat and lines of meminfo. Real kernels keep some of these per CPU and late: up to 15 pages in each batch of the LRU, up to
 * 63 in each vmstat counter, and the program itself took a few faults; so much may differ.
 */
#include "oracle.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/user_page.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#define DIR "experiments/15-madvise-mlock-shmem"
#define MIB (UINT64_C(1) << 20)
#define KIB UINT64_C(1024)

enum { LRU_SLACK_KIB = 60, STAT_SLACK_KIB = 4 * 64, FAULT_SLACK = 4 };

/* What is compared of one state. */
struct state {
	/* sums of smaps over the mappings of 1 MiB and more, in KiB */
	int64_t rss, clean, dirty, referenced, anonymous, lazyfree, locked;
	char flags[512]; /* their VmFlags, one line each */
	/* differences are compared */
	int64_t vm_pte, vm_lck, vm_size, vm_data, minflt, majflt, pgmajfault;
	int64_t mlocked, unevictable, anon_pages, mapped, shmem, committed;
	int64_t active_anon, inactive_anon, inactive_file, page_tables;
	int64_t pglazyfree, pgactivate, pgs_mlocked, pgs_munlocked, pgs_culled, pgs_rescued;
};

/* ---- the real one ---- */

static char *step_file(const char *machine, const char *step, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/" DIR "/%s/%s", machine, step, file);
	return oracle_need(path);
}

struct place {
	uint64_t start, end;
};

/* One mapping of smaps, from its first line to the next one's. */
static void add_smaps(struct state *s, const char *text, struct place *p, struct place *large)
{
	static const struct {
		const char *name;
		size_t at;
	} field[] = {{"Rss", offsetof(struct state, rss)},
		{"Private_Clean", offsetof(struct state, clean)},
		{"Private_Dirty", offsetof(struct state, dirty)},
		{"Referenced", offsetof(struct state, referenced)},
		{"Anonymous", offsetof(struct state, anonymous)},
		{"LazyFree", offsetof(struct state, lazyfree)},
		{"Locked", offsetof(struct state, locked)}};
	const char *flags = strstr(text, "VmFlags: ");

	if (p->end - p->start < MIB)
		return;
	if (large && p->end - p->start != 3 * MIB && p->end - p->start != 11 * MIB)
		*large = *p;
	for (unsigned i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		*(int64_t *)((char *)s + field[i].at) += named_number(text, field[i].name);
	size_t len = strcspn(flags + 9, "\n");

	while (len && flags[9 + len - 1] == ' ')
		len--;
	strcat(strncat(s->flags, flags + 9, len), "\n");
}

static struct place read_smaps(struct state *s, char *smaps)
{
	struct place large = {0, 0};

	for (char *at = smaps; *at;) {
		struct place p;
		char *rest;

		p.start = strtoull(at, &rest, 16);
		p.end = strtoull(rest + 1, NULL, 16);
		char *next = strstr(at, "VmFlags: ");
		next = strchr(next, '\n');
		char *after = *next ? next + 1 : next;
		*next = '\0';
		add_smaps(s, at, &p, &large);
		at = after;
	}
	return large;
}

static struct place real_state(const char *machine, const char *step, struct state *s)
{
	char *smaps = step_file(machine, step, "proc/self/smaps");
	char *status = step_file(machine, step, "proc/self/status");
	char *stat = step_file(machine, step, "proc/self/stat");
	char *meminfo = step_file(machine, step, "proc/meminfo");
	char *vmstat = step_file(machine, step, "proc/vmstat");

	*s = (struct state){0};
	struct place large = read_smaps(s, smaps);
	s->vm_pte = named_number(status, "VmPTE");
	s->vm_lck = named_number(status, "VmLck");
	s->vm_size = named_number(status, "VmSize");
	s->vm_data = named_number(status, "VmData");
	sscanf(strrchr(stat, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %ld %*u %ld", &s->minflt,
		&s->majflt);
	s->mlocked = named_number(meminfo, "Mlocked");
	s->unevictable = named_number(meminfo, "Unevictable");
	s->anon_pages = named_number(meminfo, "AnonPages");
	s->mapped = named_number(meminfo, "Mapped");
	s->shmem = named_number(meminfo, "Shmem");
	s->committed = named_number(meminfo, "Committed_AS");
	s->active_anon = named_number(meminfo, "Active(anon)");
	s->inactive_anon = named_number(meminfo, "Inactive(anon)");
	s->inactive_file = named_number(meminfo, "Inactive(file)");
	s->page_tables = named_number(meminfo, "PageTables");
	s->pgmajfault = named_number(vmstat, "pgmajfault");
	s->pglazyfree = named_number(vmstat, "pglazyfree");
	s->pgactivate = named_number(vmstat, "pgactivate");
	s->pgs_mlocked = named_number(vmstat, "unevictable_pgs_mlocked");
	s->pgs_munlocked = named_number(vmstat, "unevictable_pgs_munlocked");
	s->pgs_culled = named_number(vmstat, "unevictable_pgs_culled");
	s->pgs_rescued = named_number(vmstat, "unevictable_pgs_rescued");
	free(smaps);
	free(status);
	free(stat);
	free(meminfo);
	free(vmstat);
	return large;
}

/* ---- ours ---- */

static void add_entry(struct state *s, struct machine *m, const struct vma *v, pte_t pte)
{
	uint64_t pfn = mapped_pfn(m, v, pte);

	if (pfn == NO_PFN)
		return;
	const struct frame *f = frame_of(m, pfn);
	bool dirty = pte_is(m, pte, PTE_DIRTY) || f->flags & FRAME_DIRTY;

	s->rss += 4;
	s->dirty += dirty ? 4 : 0;
	s->clean += dirty ? 0 : 4;
	s->referenced += pte_is(m, pte, PTE_YOUNG) || f->flags & FRAME_REFERENCED ? 4 : 0;
	s->anonymous += f->flags & FRAME_ANON ? 4 : 0;
	s->lazyfree += f->flags & FRAME_ANON && !(f->flags & FRAME_SWAPBACKED) && !dirty ? 4 : 0;
	s->locked += v->flags & VM_LOCKED ? 4 : 0;
}

/* Kernels without CONFIG_MEM_SOFT_DIRTY have no such flag. */
static void add_flags(struct state *s, const struct machine *m, const struct vma *v)
{
	uint64_t flags = pte_has_soft_dirty(m) ? v->flags : v->flags & ~(uint64_t)VM_SOFTDIRTY;

	static const struct {
		uint32_t flag;
		const char *letters;
	} row[] = {
#define VM_FLAG(name, bit, letters, doc) {1u << (bit), letters},
#include "mm/process/vm_flags.def"
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (flags & row[i].flag && *row[i].letters)
			strcat(strcat(s->flags, row[i].letters), " ");
	if (*s->flags)
		s->flags[strlen(s->flags) - 1] = '\0';
	strcat(s->flags, "\n");
}

static void add_vma(struct state *s, const struct proc *p, const struct vma *v)
{
	struct pte_range r = pte_range(v->start, v->end);

	if (v->end - v->start < MIB)
		return;
	while (pte_range_next(p->m, p->mm, &r))
		for (unsigned i = 0; i < r.nr; i++)
			add_entry(s, p->m, v, pte_get(p->m, r.table, r.index + i));
	add_flags(s, p->m, v);
}

static int64_t node_kib(const struct proc *p, enum node_stat_item item)
{
	return (int64_t)node_stat_total(p->m, item) * 4;
}

static void our_state(const struct proc *p, uint64_t from, struct state *s)
{
	const struct mm *mm = p->mm;
	const uint64_t *event = p->m->vm_event;

	*s = (struct state){0};
	for (const struct vma *v = vma_find(p->m, &mm->vmas, from); v && !(v->flags & VM_GROWSDOWN);
		v = vma_next(p->m, &mm->vmas, v))
		add_vma(s, p, v);
	s->vm_pte = (int64_t)(mm->pgtables_bytes / KIB);
	s->vm_lck = (int64_t)mm->locked_vm * 4;
	s->vm_size = (int64_t)mm->total_vm * 4;
	s->vm_data = (int64_t)(mm->data_vm + mm->stack_vm) * 4;
	s->minflt = (int64_t)p->t->min_flt;
	s->majflt = (int64_t)p->t->maj_flt;
	s->pgmajfault = (int64_t)event[EV_pgmajfault];
	s->mlocked = (int64_t)zone_stat_total(p->m, ZS_nr_mlock) * 4;
	s->unevictable = node_kib(p, ND_nr_unevictable);
	s->anon_pages = node_kib(p, ND_nr_anon_pages);
	s->mapped = node_kib(p, ND_nr_mapped);
	s->shmem = node_kib(p, ND_nr_shmem);
	s->committed = (int64_t)p->m->processes.committed_pages * 4;
	s->active_anon = node_kib(p, ND_nr_active_anon);
	s->inactive_anon = node_kib(p, ND_nr_inactive_anon);
	s->inactive_file = node_kib(p, ND_nr_inactive_file);
	s->page_tables = node_kib(p, ND_nr_page_table_pages);
	s->pglazyfree = (int64_t)event[EV_pglazyfree];
	s->pgactivate = (int64_t)event[EV_pgactivate];
	s->pgs_mlocked = (int64_t)event[EV_unevictable_pgs_mlocked];
	s->pgs_munlocked = (int64_t)event[EV_unevictable_pgs_munlocked];
	s->pgs_culled = (int64_t)event[EV_unevictable_pgs_culled];
	s->pgs_rescued = (int64_t)event[EV_unevictable_pgs_rescued];
}

/* ---- comparing ---- */

struct compared {
	const char *name;
	size_t at;
	int64_t slack;
	bool difference;
};
#define SAME(field, slack)                                                                         \
	{                                                                                          \
#field, offsetof(struct state, field), slack, false                                \
	}
#define DIFF(field, slack)                                                                         \
	{                                                                                          \
#field, offsetof(struct state, field), slack, true                                 \
	}
static const struct compared fields[] = {SAME(rss, 0), SAME(clean, 0), SAME(dirty, 0),
	SAME(referenced, LRU_SLACK_KIB), SAME(anonymous, 0), SAME(lazyfree, LRU_SLACK_KIB),
	SAME(locked, 0), DIFF(vm_pte, 0), DIFF(vm_lck, 0), DIFF(vm_size, 0), DIFF(vm_data, 0),
	DIFF(minflt, FAULT_SLACK), DIFF(majflt, 0), DIFF(pgmajfault, 0),
	DIFF(mlocked, STAT_SLACK_KIB), DIFF(unevictable, STAT_SLACK_KIB),
	DIFF(anon_pages, STAT_SLACK_KIB), DIFF(mapped, STAT_SLACK_KIB), DIFF(shmem, STAT_SLACK_KIB),
	DIFF(committed, 0), DIFF(active_anon, STAT_SLACK_KIB), DIFF(inactive_anon, STAT_SLACK_KIB),
	DIFF(inactive_file, STAT_SLACK_KIB), DIFF(page_tables, STAT_SLACK_KIB),
	DIFF(pglazyfree, 15), DIFF(pgactivate, 24), DIFF(pgs_mlocked, 15), DIFF(pgs_munlocked, 15),
	DIFF(pgs_culled, 15), DIFF(pgs_rescued, 15)};

static int64_t value(const struct state *s, const struct compared *c)
{
	return *(const int64_t *)((const char *)s + c->at);
}

static void compare(const char *machine, const char *step, const struct state real[2],
	const struct state ours[2])
{
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct compared *c = &fields[i];
		int64_t want = value(&real[1], c), got = value(&ours[1], c);

		if (c->difference) {
			want -= value(&real[0], c);
			got -= value(&ours[0], c);
		}
		cr_expect(got >= want - c->slack && got <= want + c->slack,
			"%s %s: %s%s is %lld, was %lld", machine, step, c->name,
			c->difference ? "'s change" : "", (long long)got, (long long)want);
	}
	cr_expect_str_eq(ours[1].flags, real[1].flags, "%s %s: VmFlags\n%s, were\n%s", machine,
		step, ours[1].flags, real[1].flags);
}

/* kpageflags of a mapped page, as far as this part decides them: not whether it waits in a batch for its list. */
static uint64_t kpageflags(const struct frame *f)
{
	uint64_t bits = f->mapcount ? UINT64_C(1) << 11 : 0;

	for (unsigned i = 0; i < NR_FRAME_FLAGS; i++)
		if (f->flags & 1u << i && frame_flag_rows[i].kpf >= 0)
			bits |= UINT64_C(1) << frame_flag_rows[i].kpf;
	return bits;
}

/* Lines "index vaddr pagemap pfn kpageflags kpagecount": so many pages may be in another state, since a batch was not full. */
static void compare_pages(const char *machine, const char *step, const struct proc *p)
{
	char *text = step_file(machine, step, "pagemap.txt"), *save = NULL;
	const uint64_t ignored = 1 << 5 /* LRU */ | UINT64_C(1) << 34 /* also mappedtodisk */;
	unsigned other = 0;

	strtok_r(text, "\n", &save);
	for (char *line; (line = strtok_r(NULL, "\n", &save));) {
		unsigned long long va, flags;
		unsigned count;

		cr_assert_eq(sscanf(line, "%*u %llx %*x %*u %llx %u", &va, &flags, &count), 3);
		pte_t pte = pte_of(p->m, p->mm, va);
		const struct frame *f = frame_of(p->m, pte_pfn(p->m, pte));

		if (f->mapcount != count || (kpageflags(f) ^ flags) & ~ignored)
			if (!other++)
				cr_log_info("%s %s: 0x%llx: flags %llx count %u, were %llx %u",
					machine, step, va, (unsigned long long)kpageflags(f),
					f->mapcount, flags, count);
	}
	cr_expect_leq(other, 15, "%s %s: %u pages have other flags", machine, step, other);
	free(text);
}

/* ---- the acts ---- */

struct run {
	struct proc p;
	uint64_t at;	/* the mapping of 8 MiB, or the huge one */
	uint64_t bytes; /* its length */
	struct inode *file;
};

static void map_at(struct run *r, struct place to, unsigned prot, unsigned flags, struct file *f)
{
	struct proc *p = &r->p;

	r->at = to.start;
	r->bytes = to.end - to.start;
	int err = sys_mmap(p->m, p->t, to.start, r->bytes, prot, flags | MAP_FIXED_NOREPLACE_, f, 0,
		NULL, &to.start);
	cr_assert_eq(err, 0, "0x%llx: %s", (unsigned long long)r->at, p->m->why.sentence);
}

/* The program asked for small pages wherever it took memory, where the kernel knows large ones. */
static void no_huge_pages(struct run *r)
{
	if (machine_has(r->p.m, CONFIG_TRANSPARENT_HUGEPAGE))
		cr_assert_eq(sys_madvise(r->p.m, r->p.t, r->at, r->bytes, MADV_NOHUGEPAGE_), 0);
}

static void begin(struct run *r, struct place region, uint64_t end)
{
	struct place buffer = {end - 3 * MIB, end};

	map_at(r, buffer, RW, PRIVATE, NULL);
	no_huge_pages(r);
	proc_use(&r->p, HW_STORE, r->at, 3 * MIB / P);
	map_at(r, region, RW, PRIVATE, NULL);
	no_huge_pages(r);
	proc_use(&r->p, HW_STORE, r->at, 8 * MIB / P);
}

static void map_inode(struct run *r, struct place to, enum inode_kind kind, const char *path,
	uint64_t bytes, unsigned prot)
{
	struct machine *m = r->p.m;

	r->file = inode_create(m, 0, kind, path, strlen(path), bytes, CONTENT_PATTERN);
	cr_assert(r->file, "%s", m->why.sentence);
	struct file *f = file_open_inode(m, 0, r->file, prot == RW ? FILE_RDWR : FILE_RDONLY);
	map_at(r, to, prot, MAP_SHARED_, f);
	file_put(m, 0, f);
}

static void act(struct run *r, unsigned step, struct place to)
{
	struct proc *p = &r->p;
	int err = 0;

	switch (step) {
	case 1:
		err = sys_mlock(p->m, p->t, r->at, 4 * MIB, 0);
		break;
	case 2:
		err = sys_munlock(p->m, p->t, r->at, 4 * MIB);
		break;
	case 3:
		err = sys_madvise(p->m, p->t, r->at, 4 * MIB, MADV_FREE_);
		break;
	case 4:
		proc_use(p, HW_STORE, r->at, MIB / P);
		break;
	case 5:
		err = sys_madvise(p->m, p->t, r->at + 4 * MIB, 2 * MIB, MADV_COLD_);
		break;
	case 6:
		err = sys_madvise(p->m, p->t, r->at + 4 * MIB, 2 * MIB, MADV_PAGEOUT_);
		break;
	case 7:
		err = sys_madvise(p->m, p->t, r->at, 8 * MIB, MADV_DONTNEED_);
		break;
	case 10:
		err = sys_munmap(p->m, p->t, r->at, r->bytes);
		map_inode(r, to, INODE_SHMEM, "/dev/shm/x", 8 * MIB, RW);
		break;
	case 11:
		proc_use(p, HW_STORE, r->at, 8 * MIB / P);
		break;
	case 13:
		err = inode_unlink(p->m, 0, r->file);
		break;
	case 20:
		map_at(r, to, RW, PRIVATE | MAP_NORESERVE_, NULL);
		no_huge_pages(r);
		proc_use(p, HW_LOAD, r->at, 8 * MIB / P);
		break;
	case 30:
		err = sys_munmap(p->m, p->t, r->at, r->bytes);
		map_inode(r, to, INODE_FILE, "/mnt/big.bin", 8 * MIB, PROT_READ_);
		break;
	case 31:
		proc_use(p, HW_LOAD, r->at, 8 * MIB / P);
		break;
	case 40:
		map_at(r, to, RW, PRIVATE | MAP_NORESERVE_, NULL);
		no_huge_pages(r);
		for (unsigned i = 0; i < 200; i++)
			proc_use(p, HW_STORE, r->at + i * 2 * MIB, 1);
		break;
	default: /* 12, 32, 41 */
		err = sys_munmap(p->m, p->t, r->at, r->bytes);
	}
	cr_assert_eq(err, 0, "step %u: %s", step, p->m->why.sentence);
}

static const struct {
	const char *name;
	unsigned number;
	bool pages; /* it has pagemap.txt of the 8 MiB */
} steps[] = {{"00-anon8M-touched", 0, true}, {"01-mlock4M", 1, true}, {"02-munlocked", 2, true},
	{"03-madv-free4M", 3, true}, {"04-free-rewrote1M", 4, true}, {"05-cold2M", 5, true},
	{"06-pageout2M", 6, true}, {"07-dontneed-all", 7, false}, {"10-shmem-mapped", 10, false},
	{"11-shmem-touched", 11, true}, {"12-shmem-unmapped-file-stays", 12, false},
	{"13-shmem-unlinked", 13, false}, {"20-zero-page-reads", 20, false},
	{"30-file-mapped", 30, false}, {"31-file-read", 31, true}, {"32-file-unmapped", 32, false},
	{"40-sparse-pagetables", 40, false}, {"41-sparse-unmapped", 41, false}};

static void run_machine(const char *machine, const char *preset)
{
	struct state real[2], ours[2];
	struct place region;
	struct run r;

	free(step_file(machine, steps[0].name, "proc/meminfo"));
	r.p = proc_start(preset);
	/* The 3 MiB end where the mapping of 11 MiB did. */
	region = real_state(machine, "20-zero-page-reads", &real[0]);
	uint64_t end = region.end + 3 * MIB;
	begin(&r, region, end);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct place to = real_state(machine, steps[i].name, &real[1]);

		if (i)
			act(&r, steps[i].number, to);
		our_state(&r.p, to.start && to.start < region.start ? to.start : region.start,
			&ours[1]);
		if (!i) {
			real[0] = real[1];
			ours[0] = ours[1];
		}
		compare(machine, steps[i].name, real, ours);
		if (steps[i].pages)
			compare_pages(machine, steps[i].name, &r.p);
		real[0] = real[1];
		ours[0] = ours[1];
	}
	proc_end(&r.p);
}

Test(madvise_oracle, amd64)
{
	run_machine("amd64-1g", "pc-x86_64");
}

Test(madvise_oracle, i386)
{
	run_machine("i386-686-2g", "pc-i386");
}

Test(madvise_oracle, armhf)
{
	run_machine("armhf-2g", "arm-virt");
}

Test(madvise_oracle, arm64)
{
	run_machine("arm64-1g", "arm64-virt");
}

Test(madvise_oracle, numa)
{
	run_machine("amd64-numa-4g", "pc-x86_64-numa");
}
