/* SPDX-License-Identifier: MIT
 *
 * Claims about execve(): where a program lies, what its stack holds, and that a failure leaves everything as it was.
 *
 *	text rodata data bss   heap ->         <- mappings   <- stack | argc argv envp auxv ... strings |
 */
#include "mm/vmalloc/vmap_area.h"
#include "support/booted.h"
#include "support/process.h"

#include "base/text.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const presets[] = {
	"pc-x86_64", "pc-i386", "pc-i386-pae", "arm-virt", "arm64-virt", "riscv64-virt"};
#define NR_PRESETS (sizeof(presets) / sizeof(presets[0]))

static struct task *spawned(struct machine *m, const char *name)
{
	struct task *t;

	cr_assert_eq(task_spawn(m, 0, name, strlen(name), &t), 0, "%s", m->why.sentence);
	return t;
}

static void exec(struct machine *m, struct task *t, const struct program *p)
{
	cr_assert_eq(task_exec(m, t, p), 0, "%s", m->why.sentence);
}

static struct program named(const struct machine *m, const char *path)
{
	struct program p;

	program_default(m, path, strlen(path), &p);
	return p;
}

static const struct vma *vma_at(struct machine *m, struct task *t, uint64_t addr)
{
	const struct vma *v = vma_find(m, &task_mm(m, t)->vmas, addr);

	return v && v->start <= addr ? v : NULL;
}

/* "r-xp 00001000 /bin/x" of the mapping at @addr. */
static const char *row(struct machine *m, struct task *t, uint64_t addr)
{
	static char line[200];
	const struct vma *v = vma_at(m, t, addr);

	if (!v)
		return "nothing";
	const struct inode *i = vma_inode(m, v);
	snprintf(line, sizeof(line), "%llx-%llx %c%c%c %llx %s", (unsigned long long)v->start,
		(unsigned long long)v->end, v->flags & VM_READ ? 'r' : '-',
		v->flags & VM_WRITE ? 'w' : '-', v->flags & VM_EXEC ? 'x' : '-',
		(unsigned long long)(i ? v->pgoff << 12 : 0),
		i ? inode_path(m, i) : vma_name(m, v));
	return line;
}

static void peek(struct machine *m, struct task *t, uint64_t addr, void *data, uint64_t bytes)
{
	cr_assert_eq(access_process_vm(m, 0, task_mm(m, t), addr, data, bytes, false),
		(int64_t)bytes, "0x%llx", (unsigned long long)addr);
}

static uint64_t word(struct machine *m, struct task *t, uint64_t *at)
{
	uint64_t value = 0, bytes = arch_is_64bit(m->arch) ? 8 : 4;

	peek(m, t, *at, &value, bytes);
	*at += bytes;
	return value;
}

static const char *string(struct machine *m, struct task *t, uint64_t at)
{
	static char s[64];

	memset(s, 0, sizeof(s));
	for (unsigned i = 0; i + 1 < sizeof(s); i++) {
		peek(m, t, at + i, s + i, 1);
		if (!s[i])
			break;
	}
	return s;
}

/* With nothing put aside: neither on CPUs' lists nor lazily freed addresses. */
static uint64_t free_pages_now(struct machine *m)
{
	purge_vmap_area_lazy(m, 0);
	drain_all_pages(m, NULL);
	return zone_stat_total(m, ZS_nr_free_pages);
}

Test(exec, a_program_of_its_own)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "hog"), *again;
		const struct mm *mm = task_mm(m, t);

		cr_assert(mm);
		cr_expect_str_eq(t->comm, "hog");
		cr_expect_eq(t->ppid, 1);
		cr_expect(vma_at(m, t, t->ip)->flags & VM_EXEC);
		cr_expect(vma_at(m, t, t->sp)->flags & VM_GROWSDOWN);
		cr_expect_eq(t->min_flt + t->maj_flt, mm_rss(mm), "a fault for each page");
		cr_expect_gt(mm_rss(mm), 0);
		cr_expect_str_eq(
			inode_path(m,
				machine_at(m,
					((struct file *)machine_at(m, mm->exe_file_at))->inode_at)),
			"/bin/hog");
		cr_expect_eq(task_by_name(m, "hog", 3), t);
		cr_expect_eq(task_spawn(m, 0, "hog", 3, &again), -EEXIST);
		cr_expect_eq(task_spawn(m, 0, "a/b", 3, &again), -EINVAL);
		cr_expect_eq(task_spawn(m, 0, "..", 2, &again), -EINVAL);
		cr_expect_eq(task_spawn(m, 0, "", 0, &again), -EINVAL);
		booted_check(m);
		machine_destroy(m);
	}
}

/* Linked addresses, and file offsets, as the oracle's maps of a static program have them. */
Test(exec, segments)
{
	static const struct {
		const char *preset;
		uint64_t at;
		const char *row;
	} cases[] = {
		{"pc-x86_64", 0x400000, "400000-401000 r-- 0 /bin/x"},
		{"pc-x86_64", 0x401000, "401000-49d000 r-x 1000 /bin/x"},
		{"pc-x86_64", 0x49d000, "49d000-4c9000 r-- 9d000 /bin/x"},
		{"pc-x86_64", 0x4c9000, "4c9000-4d0000 rw- c9000 /bin/x"},
		{"pc-x86_64", 0x4d0000, "4d0000-51c000 rw- 0 "},
		{"pc-i386", 0x8048000, "8048000-8049000 r-- 0 /bin/x"},
		{"pc-i386", 0x8049000, "8049000-80db000 r-x 1000 /bin/x"},
		{"pc-i386", 0x80db000, "80db000-8114000 r-- 93000 /bin/x"},
		{"pc-i386", 0x8114000, "8114000-8119000 rw- cc000 /bin/x"},
		{"pc-i386", 0x8119000, "8119000-8162000 rw- 0 "},
		{"arm-virt", 0x10000, "10000-79000 r-x 0 /bin/x"},
		{"arm-virt", 0x79000, "79000-7e000 rw- 68000 /bin/x"},
		{"arm-virt", 0x7e000, "7e000-c7000 rw- 0 "},
		{"arm64-virt", 0x400000, "400000-49a000 r-x 0 /bin/x"},
		{"arm64-virt", 0x4ac000, "4ac000-4b3000 rw- 9c000 /bin/x"},
		{"arm64-virt", 0x4b3000, "4b3000-4ff000 rw- 0 "},
		{"riscv64-virt", 0x10000, "10000-99000 r-x 0 /bin/x"},
		{"riscv64-virt", 0x99000, "99000-a0000 rw- 88000 /bin/x"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine *m = booted(cases[i].preset, NULL);
		struct task *t = spawned(m, "x");

		cr_expect_str_eq(row(m, t, cases[i].at), cases[i].row, "%s: %s", cases[i].preset,
			row(m, t, cases[i].at));
		machine_destroy(m);
	}
}

/* start_code ... of stat: not rounded to pages. */
Test(exec, bounds)
{
	static const struct {
		const char *preset;
		uint64_t start_code, end_code, start_data, end_data;
	} cases[] = {{"pc-x86_64", 4198400, 4834321, 5018648, 5044016},
		{"pc-i386", 134516736, 135111652, 135351148, 135366264},
		{"arm-virt", 65536, 492316, 499572, 514160},
		{"arm64-virt", 4194304, 4822624, 4900176, 4925880}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine *m = booted(cases[i].preset, NULL);
		const struct mm *mm = task_mm(m, spawned(m, "x"));

		cr_expect_eq(mm->start_code, cases[i].start_code, "%s", cases[i].preset);
		cr_expect_eq(mm->end_code, cases[i].end_code);
		cr_expect_eq(mm->start_data, cases[i].start_data);
		cr_expect_eq(mm->end_data, cases[i].end_data);
		machine_destroy(m);
	}
}

/* The tail of data's last page is zero, and its begin the file's. */
Test(exec, data_and_bss)
{
	struct machine *m = booted("pc-x86_64", NULL);
	const struct inode *i =
		inode_create(m, 0, INODE_FILE, "/bin/x", 6, 1 << 20, CONTENT_PATTERN);
	struct task *t = spawned(m, "x");
	struct mm *mm = task_mm(m, t);
	uint8_t page[4096];
	uint64_t first;

	peek(m, t, mm->start_data & ~7ULL, &first, 8);
	cr_expect_eq(first, file_word(i, 0xc9418));
	peek(m, t, mm->end_data & ~4095ULL, page, sizeof(page));
	for (unsigned k = mm->end_data % 4096; k < sizeof(page); k++)
		cr_assert_eq(page[k], 0);
	peek(m, t, mm->end_data - 8, &first, 8);
	cr_expect_eq(first, file_word(i, 0xcf728), "the file's up to there");
	booted_check(m);
	machine_destroy(m);
}

static const char *const args[] = {"orc", "dump", "/out", NULL};
static const char *const env[] = {"HOME=/", "TERM=linux", NULL};

/* AT_PHDR, PHENT, PHNUM, PAGESZ, BASE, FLAGS, ENTRY, UID ... */
static const uint8_t always[] = {3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 23, 25, 31, 33};

Test(exec, the_stack_holds_arguments_environment_and_auxv)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "x");
		struct program p = named(m, "/bin/orc");
		uint64_t seen = 0, execfn = 0, random = 0,
			 word_bytes = arch_is_64bit(m->arch) ? 8 : 4;

		p.argv = args;
		p.envp = env;
		exec(m, t, &p);
		const struct mm *mm = task_mm(m, t);
		const struct vma *v = vma_at(m, t, mm->start_stack);
		char all[14];

		cr_expect_eq(v->end - v->start, 132 << 10, "%s", presets[i]);
		cr_expect_str_eq(vma_name(m, v), "[stack]");
		cr_expect(v->flags & VM_GROWSDOWN && v->flags & VM_ACCOUNT);
		cr_expect_eq(mm->start_stack % 16, 0);
		cr_expect_eq(mm->arg_end - mm->arg_start, sizeof(all));
		peek(m, t, mm->arg_start, all, sizeof(all));
		cr_expect_eq(memcmp(all, "orc\0dump\0/out", sizeof(all)), 0);
		cr_expect_eq(mm->env_start, mm->arg_end);
		cr_expect_str_eq(string(m, t, mm->env_start), "HOME=/");
		cr_expect_eq(v->end - word_bytes - 9, mm->env_end, "then the path and a word");
		uint64_t at = mm->start_stack;

		cr_expect_eq(word(m, t, &at), 3);
		for (unsigned k = 0; k < 3; k++)
			cr_expect_str_eq(string(m, t, word(m, t, &at)), args[k]);
		cr_expect_eq(word(m, t, &at), 0);
		cr_expect_str_eq(string(m, t, word(m, t, &at)), "HOME=/");
		cr_expect_str_eq(string(m, t, word(m, t, &at)), "TERM=linux");
		cr_expect_eq(word(m, t, &at), 0);
		for (uint64_t type = 1; type;) {
			type = word(m, t, &at);
			uint64_t value = word(m, t, &at);

			seen |= (uint64_t)1 << type;
			execfn = type == 31 ? value : execfn;
			random = type == 25 ? value : random;
			if (type == 33)
				cr_expect_eq(vma_at(m, t, value)->kind, VMA_VDSO);
			if (type == 9)
				cr_expect_eq(value & ~1ULL, t->ip);
		}
		cr_expect_str_eq(string(m, t, execfn), "/bin/orc");
		cr_expect_lt(at, random + 1, "%s: nothing overlaps", presets[i]);
		cr_expect_leq(random + 16, mm->arg_start);
		for (unsigned k = 0; k < sizeof(always); k++)
			cr_expect(seen >> always[k] & 1, "%s: no entry of type %u", presets[i],
				always[k]);
		booted_check(m);
		machine_destroy(m);
	}
}

/* In this order and of these sizes; on x86-64 and ARM above the stack. */
Test(exec, special_mappings)
{
	static const struct {
		const char *preset;
		unsigned sigpage, vvar, vdso;
		bool above;
	} cases[] = {{"pc-x86_64", 0, 4, 2, true}, {"pc-i386", 0, 4, 2, false},
		{"arm-virt", 1, 1, 1, true}, {"arm64-virt", 0, 2, 1, false},
		{"riscv64-virt", 0, 2, 2, false}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine *m = booted(cases[i].preset, NULL);
		struct task *t = spawned(m, "x");
		struct mm *mm = task_mm(m, t);
		const struct vma *vdso = vma_at(m, t, mm->vdso), *vvar = vma_at(m, t, mm->vdso - 1);

		cr_assert(vdso && vvar);
		cr_expect_eq(vdso->start, mm->vdso);
		cr_expect_eq(vdso->kind, VMA_VDSO);
		cr_expect_eq(vma_pages(vdso), cases[i].vdso);
		cr_expect_eq(vvar->kind, VMA_VVAR);
		cr_expect_eq(vma_pages(vvar), cases[i].vvar);
		if (cases[i].sigpage)
			cr_expect_eq(vma_at(m, t, vvar->start - 1)->kind, VMA_SIGPAGE);
		cr_expect_eq(mm->vdso > mm->start_stack, cases[i].above, "%s", cases[i].preset);
		if (!cases[i].above)
			cr_expect_eq(vdso->end, mm->mmap_base);
		machine_destroy(m);
	}
}

/* A page of the vdso is the kernel's own: the only RssFile of the oracle's static program. */
Test(exec, the_vdso_can_be_read)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "x");
		struct mm *mm = task_mm(m, t);
		uint64_t files = mm->rss[MM_FILEPAGES];
		struct task_access x = {.a = {.va = mm->vdso, .bytes = 4, .kind = HW_LOAD}};

		cr_expect_eq(task_access(m, t, &x), 0, "%s: %s", presets[i], m->why.sentence);
		cr_expect_eq(mm->rss[MM_FILEPAGES], files + 1, "%s", presets[i]);
		cr_expect_eq(x.minor, 1);
		x.a.kind = HW_FETCH;
		cr_expect_eq(task_access(m, t, &x), 0, "%s: %s", presets[i], m->why.sentence);
		x.a.kind = HW_STORE;
		cr_expect_eq(task_access(m, t, &x), -EFAULT, "%s", presets[i]);
		x.a.kind = HW_LOAD;
		x.a.va = mm->vdso - 4096;
		(void)task_access(m, t, &x);
		booted_check(m);
		task_kill(m, t);
		booted_check(m);
		machine_destroy(m);
	}
}

Test(exec, the_seed_decides_what_is_random)
{
	uint64_t stack[3], brk[3], vdso[3];

	for (unsigned i = 0; i < 3; i++) {
		struct machine *m = booted("pc-x86_64", "seed", i < 2 ? "7" : "8", NULL);
		const struct mm *mm = task_mm(m, spawned(m, "x"));

		stack[i] = mm->start_stack;
		brk[i] = mm->brk;
		vdso[i] = mm->vdso;
		machine_destroy(m);
	}
	cr_expect(stack[0] == stack[1] && brk[0] == brk[1] && vdso[0] == vdso[1]);
	cr_expect(stack[0] != stack[2] && brk[0] != brk[2] && vdso[0] != vdso[2]);
}

/* setarch -R: as a debugger sees programs. */
Test(exec, nothing_random)
{
	struct machine *m = booted("pc-x86_64", NULL);

	m->sysctls.value[SYSCTL_randomize_va_space] = 0;
	struct task *t = spawned(m, "x");
	const struct mm *mm = task_mm(m, t);

	cr_expect_eq(vma_at(m, t, mm->start_stack)->end, 0x7ffffffff000);
	cr_expect_eq(mm->brk, 0x51c000);
	cr_expect_eq(vma_at(m, t, mm->vdso)->end, mm->mmap_base, "no room above the stack");
	struct program loader = {.path = "/lib64/ld.so",
		.path_len = 12,
		.headers = 0xc60,
		.text = 0x25311,
		.rodata = 0x9880,
		.data = 0x3000,
		.bss = 0x190};
	struct program p = {.path = "/bin/ls",
		.path_len = 7,
		.pie = true,
		.interp = &loader,
		.headers = 0x3a00,
		.text = 0x15000,
		.rodata = 0x9000,
		.data = 0x1ff0,
		.bss = 0x12d8};
	exec(m, t, &p);
	mm = task_mm(m, t);
	cr_expect_str_eq(row(m, t, 0x555555554000), "555555554000-555555558000 r-- 0 /bin/ls");
	cr_expect_geq(mm->brk, 0x555555554000);
	const struct vma *ld = vma_at(m, t, t->ip);
	cr_expect_str_eq(inode_path(m, vma_inode(m, ld)), "/lib64/ld.so");
	cr_expect_eq(ld->start & 0xfff, 0);
	cr_expect_leq(vma_at(m, t, mm->vdso)->end, ld->start, "vdso comes after the loader");
	booted_check(m);
	machine_destroy(m);
}

Test(exec, what_a_recording_tells)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = spawned(m, "x");
	struct program p = named(m, "/bin/y");

	p.base = 0x555555554000;
	p.brk = 0x55555557a000;
	p.stack_top = 0x7ffffffff000;
	p.vdso = 0x7ffff7fc7000;
	exec(m, t, &p);
	const struct mm *mm = task_mm(m, t);

	cr_expect_str_eq(row(m, t, 0x555555555000), "555555555000-5555555f1000 r-x 1000 /bin/y");
	cr_expect_eq(mm->brk, p.brk);
	cr_expect_eq(mm->start_brk, p.brk);
	cr_expect_eq(vma_at(m, t, mm->start_stack)->end, p.stack_top);
	cr_expect_eq(mm->vdso, p.vdso);
	p.vdso = 0x7ffff7fc7000;
	p.stack_top = 0xffff888000000000;
	cr_expect_eq(task_exec(m, t, &p), -EINVAL);
	p.stack_top = 0;
	p.base = 0x7fffffff0000;
	cr_expect_eq(task_exec(m, t, &p), -ENOMEM);
	cr_expect_eq(task_mm(m, t), mm);
	booted_check(m);
	machine_destroy(m);
}

Test(exec, too_many_arguments)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = spawned(m, "x");
	struct program p = named(m, "/bin/y");
	static char big[100000], many[40000];
	const char *argv[] = {"x", big, big, NULL};

	memset(big, 'a', sizeof(big) - 1);
	memset(many, 'b', sizeof(many) - 1);
	p.argv = argv;
	exec(m, t, &p);
	const struct mm *mm = task_mm(m, t);
	const struct vma *v = vma_at(m, t, mm->start_stack);
	cr_expect_eq(v->end - v->start, (128 << 10) + (((200000 + 2 + 7 + 8) | 4095) + 1));
	cr_expect_str_eq(vma_name(m, v), "[stack]");
	cr_assert_eq(
		task_set_rlimit(m, t, RLIM_STACK, (struct rlimit){128 << 10, RLIM_INFINITY}), 0);
	cr_expect_eq(task_exec(m, t, &p), -E2BIG);
	cr_expect_not_null(strstr(m->why.sentence, "131072"), "%s", m->why.sentence);
	argv[1] = NULL;
	exec(m, t, &p);
	v = vma_at(m, t, task_mm(m, t)->start_stack);
	cr_expect_eq(v->end - v->start, 128 << 10, "no more than the limit");
	booted_check(m);
	machine_destroy(m);
}

Test(exec, files)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *t = spawned(m, "x");
	struct program p = named(m, "/tiny");

	struct file *f = file_open(m, 0, "/keep", 5, FILE_CREAT | FILE_RDWR);
	cr_assert_eq(task_install_fd(m, t, f, -1), 3);
	f = file_open(m, 0, "/close", 6, FILE_CREAT | FILE_RDWR);
	cr_assert_eq(task_install_fd(m, t, f, -1), 4);
	task_set_cloexec(m, t, 4, true);
	cr_assert(inode_create(m, 0, INODE_FILE, "/tiny", 5, 100, CONTENT_ZERO));
	cr_expect_eq(task_exec(m, t, &p), -ENOEXEC);
	p.path = "/dev/zero";
	p.path_len = 9;
	cr_expect_eq(task_exec(m, t, &p), -EACCES);
	p = named(m, "/usr/bin/a-very-long-program-name");
	cr_expect_not_null(task_file(m, t, 4));
	exec(m, t, &p);
	cr_expect_str_eq(t->comm, "a-very-long-pro");
	cr_expect_not_null(task_file(m, t, 3));
	cr_expect_null(task_file(m, t, 4), "closed at exec");
	booted_check(m);
	machine_destroy(m);
}

Test(exec, fork_and_exec)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "sh"), *child, *thread;
		struct program p = named(m, "/bin/ls");
		uint32_t reaped;
		int status;

		cr_assert_eq(task_clone(m, t, CLONE_VM_ | CLONE_VFORK_, 0, &child), 0);
		cr_expect_eq(child->mm_at, t->mm_at);
		cr_expect_eq(t->vfork_child, child->pid);
		exec(m, child, &p);
		cr_expect_neq(child->mm_at, t->mm_at);
		cr_expect_eq(t->vfork_child, 0);
		cr_expect_str_eq(t->comm, "sh");
		booted_check(m);
		task_exit(m, child, 0);
		cr_assert_eq(task_wait(m, t, 0, &reaped, &status), 0);
		cr_assert_eq(task_clone(m, t, 0, 0, &child), 0, "%s", m->why.sentence);
		cr_expect_eq(mm_rss(task_mm(m, child)), mm_rss(task_mm(m, t)));
		booted_check(m);
		/* The second thread of the child runs another program: it is the process then. */
		cr_assert_eq(task_clone(m, child, CLONE_VM_ | CLONE_SIGHAND_ | CLONE_THREAD_, 0,
				     &thread),
			0);
		uint32_t pid = child->pid, tid = thread->pid;
		exec(m, thread, &p);
		cr_expect_eq(thread->pid, pid);
		cr_expect_eq(task_find(m, pid), thread);
		cr_expect_null(task_find(m, tid));
		cr_expect_eq(task_nr_threads(m, thread), 1);
		booted_check(m);
		task_exit(m, thread, 4 << 8);
		cr_assert_eq(task_wait(m, t, pid, &reaped, &status), 0);
		cr_expect_eq(status, 4 << 8);
		booted_check(m);
		machine_destroy(m);
	}
}

/* It can have memory and files like any other, and threads that end. */
Test(exec, pid_1_runs_a_program)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct task *init = task_find(m, 1), *thread, *child;
	struct program p = named(m, "/sbin/init");

	exec(m, init, &p);
	cr_expect_gt(mm_rss(task_mm(m, init)), 0);
	cr_assert_eq(
		task_clone(m, init, CLONE_VM_ | CLONE_SIGHAND_ | CLONE_THREAD_, 0, &thread), 0);
	struct file *f = file_open(m, 0, "/etc/inittab", 12, FILE_CREAT | FILE_RDWR);
	cr_expect_eq(task_install_fd(m, thread, f, -1), 3);
	cr_expect_eq(task_file(m, init, 3), f, "threads have one table");
	cr_assert_eq(task_clone(m, thread, 0, 0, &child), 0);
	cr_expect_eq(child->ppid, 1);
	cr_expect_eq(task_file(m, child, 3), f);
	task_exit(m, thread, 0);
	cr_expect_eq(task_nr_threads(m, init), 1);
	task_exit(m, init, 0);
	task_exit_group(m, init, 0);
	cr_expect_eq(init->state, TASK_RUNNING);
	cr_expect_not_null(task_mm(m, init));
	booted_check(m);
	machine_destroy(m);
}

/* All memory comes back but the page cache, the names of the programs and the pages for what the machine keeps. */
Test(exec, all_comes_back)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		uint64_t before = 0, heap = 0;

		for (unsigned round = 0; round < 3; round++) {
			struct task *t = spawned(m, "sh"), *child;

			cr_assert_eq(task_clone(m, t, 0, 0, &child), 0);
			task_kill(m, t);
			task_kill(m, child);
			if (round) {
				cr_expect_eq(free_pages_now(m), before, "%s", presets[i]);
				cr_expect_eq(m->heap.used_bytes, heap);
			}
			before = free_pages_now(m);
			heap = m->heap.used_bytes;
			cr_expect_eq(node_stat_total(m, ND_nr_anon_pages), 0);
			cr_expect_eq(node_stat_total(m, ND_nr_page_table_pages),
				m->kernel_map.counted_tables);
			cr_expect_eq(m->processes.committed_pages, 0);
			booted_check(m);
		}
		machine_destroy(m);
	}
}

/* Each allocation of a spawn fails, one after the other; then of an exec; then of a fork. */
struct step {
	const char *name;
	int (*run)(struct machine *m, struct task *t);
};

static int spawn_step(struct machine *m, struct task *t)
{
	return task_spawn(m, 0, "other", 5, &t);
}

static int exec_step(struct machine *m, struct task *t)
{
	struct program p = named(m, "/bin/third");

	return task_exec(m, t, &p);
}

static int fork_step(struct machine *m, struct task *t)
{
	struct task *child;

	return task_clone(m, t, 0, 0, &child);
}

/* The n-th page fails, or with @n < 0 none. */
static void fail_pages(struct machine *m, int n)
{
	if (n < 0)
		m->fail_page_alloc.probability = 0;
	else
		m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .times = -1, .interval = 1, .space = (unsigned)n + 1};
}

/* The host has so many pages more, or with @n < 0 any number. */
static void limit_host(struct machine *m, int n)
{
	m->arena.budget_pages = n < 0 ? UINT64_MAX : m->arena.touched_pages + (unsigned)n;
}

/* The step with the limit at 0, 1, 2 ... until it goes through: each refusal is @want, and all is as it was. Returns how many
 * there were. */
static unsigned refuse_each(struct machine *m, struct task *t, const char *preset,
	const struct step *step, int want, void (*limit)(struct machine *m, int n))
{
	for (unsigned failures = 0;; failures++) {
		uint64_t before = free_pages_now(m), heap = m->heap.used_bytes;
		uint64_t mm_at = t->mm_at, tasks = m->processes.tasks.nr;
		uint64_t committed = m->processes.committed_pages;

		cr_assert_lt(failures, 2000);
		limit(m, (int)failures);
		int err = step->run(m, t);
		limit(m, -1);
		booted_check(m);
		if (!err)
			return failures;
		cr_expect_eq(err, want, "%s %s: %d %s", preset, step->name, err, m->why.sentence);
		cr_expect_eq(free_pages_now(m), before, "%s %s %u", preset, step->name, failures);
		cr_expect_eq(m->heap.used_bytes, heap, "%s %s %u", preset, step->name, failures);
		cr_expect_eq(t->mm_at, mm_at);
		cr_expect_eq(m->processes.tasks.nr, tasks);
		cr_expect_eq(m->processes.committed_pages, committed);
	}
}

static const struct step steps[] = {
	{"spawn", spawn_step}, {"exec", exec_step}, {"fork", fork_step}};

Test(exec, a_failure_leaves_all_as_it_was)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "x");

		warm_stacks(m);
		for (unsigned k = 0; k < 3; k++)
			cr_expect_gt(refuse_each(m, t, presets[i], &steps[k], -ENOMEM, fail_pages),
				3, "%s %s", presets[i], steps[k].name);
		machine_destroy(m);
	}
}

/* The host's budget ends after n more pages: EDQUOT, and the same holds. */
Test(exec, the_host_s_limit_leaves_all_as_it_was)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct task *t = spawned(m, "x");

		warm_stacks(m);

		for (unsigned k = 0; k < 3; k++) {
			unsigned failures =
				refuse_each(m, t, presets[i], &steps[k], -EDQUOT, limit_host);

			cr_expect(k || failures > 3, "%s: %u", presets[i], failures);
		}
		machine_destroy(m);
	}
}
