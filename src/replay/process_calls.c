/* SPDX-License-Identifier: MIT
 *
 * The recorded calls, made on the simulated machine with their recorded results.
 *
 *	mmap(NULL, 8192, ...) = 0x7ffff7fc0000		mapped there, whatever this machine would have chosen
 *	brk(0x55555559b000) = 0x55555559b000		the heap ends there
 *	openat(AT_FDCWD, "/lib/libc.so.6", ...) = 3	a simulated file of that name under number 3
 *
 * A mapping's recorded place was free there, so here it is taken by force (MAP_FIXED): what lies in it can only be a
 * guess of ours about the program's image. Files have the size that fstat() told, and at least what is mapped of them.
 *
 * Left out: files' contents; huge pages of the pool (ordinary ones stand for them); seals, leases, locks.
 */
#include "mm/page/frame.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/vma_index.h"
#include "replay/process_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- files ---- */

static bool begins(const char *s, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(s, with, strlen(with));
}

struct file *recorded_file(struct actor *a, const char *path, size_t len, uint32_t flags)
{
	struct machine *m = a->m;
	struct inode *i = inode_lookup(m, path, len);

	if (!i) {
		enum inode_kind kind = begins(path, len, "/dev/shm/") ? INODE_SHMEM : INODE_FILE;

		i = inode_create(m, a->t->cpu, kind, path, len, 0, CONTENT_ZERO);
		if (!i)
			return NULL;
	}
	/* What a recording uses was in the page cache there, but for the pages whose faults were major. */
	i->warm = i->kind == INODE_FILE;
	/* Once it is open it lives as its own references say. */
	return file_open_inode(m, a->t->cpu, i, flags & (FILE_ACCMODE | FILE_CLOEXEC));
}

static void make_cold(struct actor *a, struct inode *i, uint64_t index)
{
	uint64_t pfn = page_cache_find(a->m, i, index);

	/* It may be there from a replay before this one. */
	if (pfn != NO_PFN && !frame_of(a->m, pfn)->mapcount)
		truncate_inode_pages(a->m, a->t->cpu, i, index, index);
	(void)inode_set_cold(a->m, i, index);
}

int prepare_file(struct actor *a, struct file *f, uint64_t addr, uint64_t bytes, uint64_t offset)
{
	struct inode *i = machine_at(a->m, f->inode_at);
	const struct vec *faults = &a->rec->faults;

	if (i->kind != INODE_FILE && i->kind != INODE_SHMEM)
		return 0;
	/* Loaders map more than the file has, and lay other segments over that. */
	if (i->bytes <= offset || (!i->bytes && i->bytes < offset + bytes)) {
		int err = inode_truncate(a->m, a->t->cpu, i, offset + bytes);

		if (err)
			return err;
	}
	for (size_t k = a->r->faults_done; k < faults->nr; k++) {
		const struct rec_fault *fault = VEC_AT(struct rec_fault, faults, k);

		if (fault->major && fault->addr >= addr && fault->addr < addr + bytes)
			make_cold(a, i, (fault->addr - addr + offset) / PAGE_BYTES);
	}
	return 0;
}

/* Put @f under the recorded number. */
static int install(struct actor *a, struct file *f, uint64_t fd)
{
	int got;

	if (!f)
		return -a->m->why.err;
	if (fd > INT32_MAX) {
		file_put(a->m, a->t->cpu, f);
		return refuse(&a->m->why, EBADF, "a file descriptor has at most 31 bits");
	}
	got = task_install_fd(a->m, a->t, f, (int)fd);
	return got < 0 ? got : 0;
}

static int open_file(struct actor *a, const struct rec_call *c)
{
	return install(a,
		recorded_file(a, rec_text(&a->pr->record, c->text), c->text.len, (uint32_t)c->a[0]),
		c->result);
}

static int open_memfd(struct actor *a, const struct rec_call *c)
{
	char name[256];
	int len = snprintf(name, sizeof(name), "/memfd:%.*s",
		(int)(c->text.len < 240 ? c->text.len : 240), rec_text(&a->pr->record, c->text));
	struct inode *i = shmem_file_setup(a->m, a->t->cpu, name, (size_t)len, 0, true);

	if (!i)
		return -a->m->why.err;
	struct file *f = file_open_inode(a->m, a->t->cpu, i, FILE_RDWR);
	if (!f) {
		struct refusal why = a->m->why;

		inode_get(i);
		inode_put(a->m, a->t->cpu, i);
		a->m->why = why;
	}
	return install(a, f, c->result);
}

/* What is no file of ours (a pipe, a socket) was never installed. */
static struct file *known_file(struct actor *a, uint64_t fd)
{
	struct file *f = task_file(a->m, a->t, fd);

	refusal_clear(&a->m->why);
	return f;
}

static int dup_file(struct actor *a, const struct rec_call *c)
{
	struct file *f = known_file(a, c->a[0]);

	if (!f || c->a[0] == c->result)
		return 0;
	file_get(f);
	return install(a, f, c->result);
}

static int close_file(struct actor *a, const struct rec_call *c)
{
	return known_file(a, c->a[0]) ? task_close(a->m, a->t, c->a[0]) : 0;
}

/* A file's size, told by stat: of one that is mapped already it only grows. */
static int set_size(struct actor *a, const struct rec_call *c)
{
	struct inode *i = NULL;

	if (c->a[0] == UINT64_MAX) {
		i = inode_lookup(a->m, rec_text(&a->pr->record, c->text), c->text.len);
	} else {
		struct file *f = known_file(a, c->a[0]);

		i = f ? machine_at(a->m, f->inode_at) : NULL;
	}
	if (!i || i->kind != INODE_FILE || c->a[1] == i->bytes ||
		(c->a[1] < i->bytes && i->nr_pages))
		return 0;
	return inode_truncate(a->m, a->t->cpu, i, c->a[1]);
}

static int truncate_file(struct actor *a, const struct rec_call *c)
{
	struct file *f = known_file(a, c->a[0]);

	return f ? inode_truncate(a->m, a->t->cpu, machine_at(a->m, f->inode_at), c->a[1]) : 0;
}

/* ---- mappings ---- */

/* The file of an mmap(): of its number, of the path that -y told, or one without a known name. Holds a reference. */
static struct file *file_to_map(struct actor *a, const struct rec_call *c)
{
	struct file *f = known_file(a, c->a[4]);
	uint32_t mode = (c->a[3] & MAP_TYPE_) == MAP_PRIVATE_ ? FILE_RDONLY : FILE_RDWR;
	char name[64];

	if (f) {
		file_get(f);
		return f;
	}
	if (c->text.len)
		return recorded_file(a, rec_text(&a->pr->record, c->text), c->text.len, mode);
	int len = snprintf(
		name, sizeof(name), "/proc/%u/fd/%llu", a->t->pid, (unsigned long long)c->a[4]);
	return recorded_file(a, name, (size_t)len, mode);
}

static int map(struct actor *a, const struct rec_call *c, bool *elsewhere)
{
	unsigned flags =
		(unsigned)c->a[3] & ~(unsigned)(MAP_HUGETLB_ | MAP_FIXED_NOREPLACE_ | MAP_SYNC_);
	bool anonymous = flags & MAP_ANONYMOUS_;
	struct file *f = NULL;
	uint64_t out = 0;
	int err = 0;

	if (!anonymous) {
		f = file_to_map(a, c);
		if (!f)
			return -a->m->why.err;
		err = prepare_file(a, f, c->result, c->a[1], c->a[5]);
	}
	if (!err)
		err = sys_mmap(a->m, a->t, c->result, c->a[1], (unsigned)c->a[2],
			flags | MAP_FIXED_, f, anonymous ? 0 : c->a[5], NULL, &out);
	if (f) {
		struct refusal why = a->m->why;

		file_put(a->m, a->t->cpu, f);
		a->m->why = why;
	}
	*elsewhere = !err && out != c->result;
	return err;
}

/* What no call mapped and mprotect() finds all the same is a part of the program's image (RELRO). */
static int protect(struct actor *a, const struct rec_call *c)
{
	const struct mm *mm = task_mm(a->m, a->t);
	uint64_t out;

	if (mm && c->a[1] && c->a[0] + c->a[1] > c->a[0] &&
		!vma_find_in(a->m, &mm->vmas, c->a[0], c->a[0] + c->a[1])) {
		int err = sys_mmap(a->m, a->t, c->a[0], c->a[1], PROT_READ_ | PROT_WRITE_,
			MAP_PRIVATE_ | MAP_ANONYMOUS_ | MAP_FIXED_, NULL, 0, NULL, &out);

		if (err)
			return err;
	}
	return sys_mprotect(a->m, a->t, c->a[0], c->a[1], (unsigned)c->a[2]);
}

static int remap(struct actor *a, const struct rec_call *c, bool *elsewhere)
{
	unsigned flags = (unsigned)c->a[3];
	uint64_t to = c->a[4], out = 0;

	/* It moved: to where it did. */
	if (c->result != c->a[0] && !(flags & MREMAP_FIXED_)) {
		flags |= MREMAP_FIXED_ | MREMAP_MAYMOVE_;
		to = c->result;
	}
	int err = sys_mremap(a->m, a->t, c->a[0], c->a[1], c->a[2], flags, to, NULL, &out);
	*elsewhere = !err && out != c->result;
	return err;
}

static int set_brk(struct actor *a, const struct rec_call *c, bool *elsewhere)
{
	struct mm *mm = task_mm(a->m, a->t);
	uint64_t out = 0;

	/* A program whose beginning was not recorded: its heap begins where it says first. */
	if (mm && !a->r->brk_known && mm->brk != c->result)
		mm->start_brk = mm->brk = c->result;
	a->r->brk_known = true;
	int err = sys_brk(a->m, a->t, c->a[0], &out);
	*elsewhere = !err && out != c->result;
	return err;
}

/* ---- processes ---- */

static int fork_child(struct actor *a, const struct rec_call *c)
{
	uint32_t child = family_thread(&a->pr->family, (uint32_t)c->result);
	uint32_t tid = (uint32_t)c->result;
	struct task *t;

	if (child == NOBODY || a->pr->pids[child])
		return 0;
	int err = task_clone(a->m, a->t, (unsigned)c->a[0] & ~(unsigned)CLONE_PARENT_,
		task_find(a->m, tid) ? 0 : tid, &t);
	if (err)
		return err;
	const struct rec_thread *rec = VEC_AT(struct rec_thread, &a->pr->family.threads, child);
	a->pr->pids[child] = t->pid;
	if (rec->process != a->process) {
		struct actor new = {a->pr, a->m, child, rec->process, t,
			family_process(&a->pr->family, rec->process),
			&a->pr->replayed[rec->process]};

		new.r->pid = t->pid;
		new.r->brk_known = a->r->brk_known;
		process_note(&new, a->t->cpu);
	}
	return 0;
}

static int wait_for(struct actor *a, const struct rec_call *c)
{
	uint32_t child = family_thread(&a->pr->family, (uint32_t)c->result), reaped;
	int status, err;

	if (child == NOBODY || !a->pr->pids[child])
		return 0;
	/* Its last line may come after its parent's. */
	err = task_wait(a->m, a->t, a->pr->pids[child], &reaped, &status);
	if (err)
		refusal_clear(&a->m->why);
	return 0;
}

static void end_thread(struct actor *a, const struct rec_call *c)
{
	process_note(a, a->t->cpu);
	rss_model_look(&a->r->rss);
	if (a->rec->leader == a->thread)
		a->r->ended = true;
	task_exit(a->m, a->t, (int)c->a[0]);
	a->t = NULL;
}

static int begin_program(struct actor *a, const struct rec_call *c)
{
	static const struct program_layout unknown;
	const struct program_layout *p = a->r->programs ? &a->r->programs[a->r->epoch] : &unknown;
	int err = process_exec(a, c, p);

	if (!err) {
		a->r->brk_known = p->brk != 0;
		rss_model_exec(&a->r->rss);
		a->r->epoch++;
	}
	return err;
}

int process_call_act(struct actor *a, const struct rec_call *c, bool *elsewhere)
{
	struct machine *m = a->m;
	struct task *t = a->t;

	switch ((enum rec_kind)c->kind) {
	case REC_EXEC:
		return begin_program(a, c);
	case REC_BRK:
		return set_brk(a, c, elsewhere);
	case REC_MMAP:
		return map(a, c, elsewhere);
	case REC_MUNMAP:
		return sys_munmap(m, t, c->a[0], c->a[1]);
	case REC_MPROTECT:
		return protect(a, c);
	case REC_MREMAP:
		return remap(a, c, elsewhere);
	case REC_MADVISE:
		return sys_madvise(m, t, c->a[0], c->a[1], (enum madvice)c->a[2]);
	case REC_MLOCK:
		return sys_mlock(m, t, c->a[0], c->a[1], (unsigned)c->a[2]);
	case REC_MUNLOCK:
		return sys_munlock(m, t, c->a[0], c->a[1]);
	case REC_MLOCKALL:
		return sys_mlockall(m, t, (unsigned)c->a[0]);
	case REC_MUNLOCKALL:
		return sys_munlockall(m, t);
	case REC_OPEN:
		return open_file(a, c);
	case REC_MEMFD:
		return open_memfd(a, c);
	case REC_CLOSE:
		return close_file(a, c);
	case REC_DUP:
		return dup_file(a, c);
	case REC_SIZE:
		return set_size(a, c);
	case REC_TRUNCATE:
		return truncate_file(a, c);
	case REC_FORK:
		return fork_child(a, c);
	case REC_WAIT:
		return wait_for(a, c);
	case REC_EXIT:
		end_thread(a, c);
		return 0;
	case REC_NONE:
		break;
	}
	return 0;
}
