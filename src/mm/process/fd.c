/* SPDX-License-Identifier: MIT
 *
 * File descriptors: small numbers for open files.
 *
 *	fds_at:   | 0 | 0 | 0 | file | 0 | file | ...  nr_fds offsets | a bit each: close at exec |
 *	            0   1   2   3
 *
 * Nothing is behind 0, 1 and 2, as if a terminal were there that no one simulates, so the first file that a program opens
 * is its number 3, as in a recording. The table begins with the places that are part of the kernel's files_struct (64, or
 * 32 on a 32-bit machine) and grows by the kernel's steps. The threads of a process have one table: each has its offset
 * and size, which change together.
 *
 * Left out: the kernel's memory for tables that have grown (kvmalloc), tables shared between processes.
 * Follows fs/file.c of 6.1 (alloc_fd(), expand_files(), dup_fd()).
 */
#include "mm/process/file.h"
#include "mm/process/task_internal.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FIRST_FD 3u

typedef unsigned long long ull;

static uint64_t table_bytes(uint32_t nr)
{
	return (nr + nr / 64 + 1) * sizeof(uint64_t);
}

static uint64_t *table(const struct machine *m, const struct task *t)
{
	return machine_at(m, t->fds_at);
}

static void set_cloexec(const struct machine *m, const struct task *t, uint32_t fd, bool on)
{
	uint64_t *word = &table(m, t)[t->nr_fds + fd / 64], bit = (uint64_t)1 << fd % 64;

	*word = on ? *word | bit : *word & ~bit;
}

static bool is_cloexec(const struct machine *m, const struct task *t, uint32_t fd)
{
	return table(m, t)[t->nr_fds + fd / 64] >> fd % 64 & 1;
}

/* The process's threads have a new table. */
static void set_table(struct machine *m, struct task *t, uint64_t at, uint32_t nr)
{
	struct task *leader = task_leader(m, t);

	leader->fds_at = at;
	leader->nr_fds = nr;
	link_for_each(m, &leader->threads, l)
	{
		struct task *other = link_entry(l, struct task, thread);

		other->fds_at = at;
		other->nr_fds = nr;
	}
}

static uint32_t first_size(const struct machine *m)
{
	return arch_is_64bit(m->arch) ? 64 : 32;
}

/* alloc_fdtable(): whole KiB of pointers, a power of two of them. */
static uint32_t grown_size(const struct machine *m, uint32_t fd)
{
	uint32_t unit = 1024 / machine_word_bytes(m), units = 1;

	while (units <= fd / unit)
		units *= 2;
	return units * unit;
}

static int make_table(struct machine *m, unsigned cpu, struct task *t, uint32_t nr)
{
	int err = kmem_cache_alloc(m, cpu, KMEM_files_cache, &t->files_object);

	if (err)
		return err;
	t->fds_at = heap_alloc(m, table_bytes(nr));
	t->nr_fds = nr;
	if (t->fds_at)
		return 0;
	kmem_cache_free(m, cpu, KMEM_files_cache, t->files_object);
	t->files_object = 0;
	return -m->why.err;
}

/* An empty table, as new as a process (files_struct). Errors: ENOMEM, EDQUOT. */
static int fds_init(struct machine *m, unsigned cpu, struct task *t)
{
	return make_table(m, cpu, t, first_size(m));
}

/* dup_fd(): as many places as its highest open file needs. */
int fds_copy(struct machine *m, unsigned cpu, struct task *to, const struct task *from)
{
	uint32_t nr = first_size(m);

	if (!from->fds_at)
		return fds_init(m, cpu, to);
	for (uint32_t fd = nr; fd < from->nr_fds; fd++)
		if (table(m, from)[fd])
			nr = grown_size(m, fd);
	int err = make_table(m, cpu, to, nr);

	if (err)
		return err;
	for (uint32_t fd = 0; fd < nr && fd < from->nr_fds; fd++) {
		table(m, to)[fd] = table(m, from)[fd];
		if (!table(m, to)[fd])
			continue;
		file_get(machine_at(m, table(m, to)[fd]));
		set_cloexec(m, to, fd, is_cloexec(m, from, fd));
	}
	return 0;
}

static void close_nth(struct machine *m, unsigned cpu, struct task *t, uint32_t fd)
{
	uint64_t file_at = table(m, t)[fd];

	table(m, t)[fd] = 0;
	set_cloexec(m, t, fd, false);
	if (file_at)
		file_put(m, cpu, machine_at(m, file_at));
}

void fds_finish(struct machine *m, unsigned cpu, struct task *t)
{
	if (!t->files_object)
		return;
	for (uint32_t fd = 0; fd < t->nr_fds; fd++)
		close_nth(m, cpu, t, fd);
	heap_free(m, t->fds_at, table_bytes(t->nr_fds));
	kmem_cache_free(m, cpu, KMEM_files_cache, t->files_object);
	t->files_object = t->fds_at = 0;
	t->nr_fds = 0;
}

void fds_close_on_exec(struct machine *m, struct task *t)
{
	for (uint32_t fd = 0; fd < t->nr_fds; fd++)
		if (is_cloexec(m, t, fd))
			close_nth(m, t->cpu, t, fd);
}

struct file *task_file(struct machine *m, const struct task *t, uint64_t fd)
{
	if (fd < t->nr_fds && table(m, t)[fd])
		return machine_at(m, table(m, t)[fd]);
	refuse(&m->why, EBADF, "process %u has no open file %lld", t->tgid, (long long)fd);
	return NULL;
}

/* expand_files() */
static int make_room(struct machine *m, struct task *t, uint32_t fd)
{
	uint32_t nr = grown_size(m, fd), old = t->nr_fds;

	if (fd < old)
		return 0;
	/* The bits lie behind the offsets, so nothing is copied where it was. */
	uint64_t at = heap_alloc(m, table_bytes(nr));
	if (!at)
		return -m->why.err;
	uint64_t *to = machine_at(m, at), *from = table(m, t), old_at = t->fds_at;

	memcpy(to, from, old * sizeof(uint64_t));
	memcpy(to + nr, from + old, (old / 64 + 1) * sizeof(uint64_t));
	set_table(m, t, at, nr);
	heap_free(m, old_at, table_bytes(old));
	return 0;
}

static int place_fd(struct machine *m, struct task *t, int wanted, uint32_t *fd)
{
	uint64_t limit = t->rlim[RLIM_NOFILE].soft;

	*fd = wanted < 0 ? FIRST_FD : (uint32_t)wanted;
	while (wanted < 0 && *fd < t->nr_fds && table(m, t)[*fd])
		++*fd;
	if (*fd >= limit && wanted < 0)
		return refuse(&m->why, EMFILE, "process %u has as many open files as it may: %llu",
			t->tgid, (ull)limit);
	if (*fd >= limit)
		return refuse(
			&m->why, EBADF, "a file's number is below RLIMIT_NOFILE, %llu", (ull)limit);
	return make_room(m, t, *fd);
}

/* Pid 1 gets its table with its first file: boot takes no memory for it. */
static int need_table(struct machine *m, struct task *t)
{
	struct task *leader = task_leader(m, t);

	if (t->fds_at)
		return 0;
	int err = fds_init(m, t->cpu, leader);

	if (!err)
		set_table(m, t, leader->fds_at, leader->nr_fds);
	return err;
}

int task_install_fd(struct machine *m, struct task *t, struct file *f, int wanted)
{
	uint32_t fd;
	int err = need_table(m, t);

	if (!err)
		err = place_fd(m, t, wanted, &fd);
	if (err) {
		struct refusal why = m->why;

		file_put(m, t->cpu, f);
		m->why = why;
		return err;
	}
	close_nth(m, t->cpu, t, fd);
	table(m, t)[fd] = machine_ref(m, f);
	return (int)fd;
}

void task_set_cloexec(struct machine *m, struct task *t, uint64_t fd, bool on)
{
	assert(fd < t->nr_fds && table(m, t)[fd]);
	set_cloexec(m, t, (uint32_t)fd, on);
}

int task_close(struct machine *m, struct task *t, uint64_t fd)
{
	if (!task_file(m, t, fd))
		return -m->why.err;
	close_nth(m, t->cpu, t, (uint32_t)fd);
	return 0;
}
