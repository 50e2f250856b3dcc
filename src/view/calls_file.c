/* SPDX-License-Identifier: MIT
 *
 * System calls on files and shared memory, as calls of PID/ctl. There are no directories: a path is a name.
 *
 *	fd = open "/data" O_RDWR+O_CREAT        ftruncate fd 1M        m = mmap NULL 1M rw-s MAP_SHARED fd
 *
 * read and write move bytes between the page cache and the process's memory. Where strace shows the contents instead of
 * the address ("\177ELF"...), a read moves nothing and a write writes that string.
 */
#include "view/arg_words.h"
#include "view/calls_process.h"

#include "mm/process/file.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES	4096
#define COPY_BYTES	((uint64_t)1 << 16)
#define BYTES_PER_SLICE ((uint64_t)4 << 20)

static int read_path(struct call *c, unsigned i, char *path, size_t *len)
{
	*len = arg_string(c->arg[i].word, c->arg[i].len, path, PATH_MAX_BYTES);
	if (*len && *len < PATH_MAX_BYTES)
		return 0;
	return refuse_at(&c->m->why, *len ? ENAMETOOLONG : ENOENT, c->arg[i].column,
		(uint32_t)c->arg[i].len, "a file's name has 1 to 4095 bytes");
}

/* The recorded number of a file descriptor, when the real system gave one. */
static int recorded_fd(const struct call *c)
{
	return c->recorded_given && c->recorded < 1u << 20 ? (int)c->recorded : -1;
}

/* A file descriptor for @f, whose reference is taken over. */
static int install(struct call *c, struct file *f, bool cloexec)
{
	int fd = task_install_fd(c->m, c->task, f, recorded_fd(c));

	if (fd < 0)
		return fd;
	task_set_cloexec(c->m, c->task, (uint64_t)fd, cloexec);
	return answer_number(c, (uint64_t)fd);
}

static int open_path(struct call *c, unsigned i, uint32_t flags)
{
	char path[PATH_MAX_BYTES];
	size_t len;
	int err = read_path(c, i, path, &len);

	if (err)
		return err;
	bool existed = inode_lookup(c->m, path, len);
	struct file *f = file_open(c->m, c->cpu, path, len, flags);
	if (!f)
		return refused_arg(c, -c->m->why.err, i);
	err = install(c, f, flags & FILE_CLOEXEC);
	if (err && !existed) {
		/* Without a descriptor the file was not made either. */
		struct refusal why = c->m->why;
		struct inode *made = inode_lookup(c->m, path, len);

		if (made)
			(void)inode_unlink(c->m, c->cpu, made);
		c->m->why = why;
	}
	return err;
}

int call_open(struct call *c)
{
	return open_path(c, 0, (uint32_t)c->arg[1].number);
}

int call_openat(struct call *c)
{
	return open_path(c, 1, (uint32_t)c->arg[2].number);
}

int call_creat(struct call *c)
{
	return open_path(c, 0, FILE_CREAT | FILE_WRONLY | FILE_TRUNC);
}

int call_close(struct call *c)
{
	return answer_zero(c, task_close(c->m, c->task, c->arg[0].number));
}

static struct file *file_of(struct call *c, unsigned i)
{
	struct file *f = task_file(c->m, c->task, c->arg[i].number);

	if (!f)
		refused_arg(c, -EBADF, i);
	return f;
}

static struct inode *inode_of(struct call *c, const struct file *f)
{
	return machine_at(c->m, f->inode_at);
}

int call_ftruncate(struct call *c)
{
	struct file *f = file_of(c, 0);

	if (!f)
		return -EBADF;
	if ((f->flags & FILE_ACCMODE) == FILE_RDONLY)
		return refuse_at(&c->m->why, EINVAL, c->arg[0].column, (uint32_t)c->arg[0].len,
			"the file is open for reading only");
	return answer_zero(c, inode_truncate(c->m, c->cpu, inode_of(c, f), c->arg[1].number));
}

static struct inode *inode_by_path(struct call *c, unsigned i, int *err)
{
	char path[PATH_MAX_BYTES];
	size_t len;

	*err = read_path(c, i, path, &len);
	struct inode *inode = *err ? NULL : inode_lookup(c->m, path, len);
	if (!*err && !inode)
		*err = refuse_at(&c->m->why, ENOENT, c->arg[i].column, (uint32_t)c->arg[i].len,
			"there is no such file");
	return inode;
}

int call_truncate(struct call *c)
{
	int err;
	struct inode *i = inode_by_path(c, 0, &err);

	return err ? err : answer_zero(c, inode_truncate(c->m, c->cpu, i, c->arg[1].number));
}

int call_unlink(struct call *c)
{
	int err;
	struct inode *i = inode_by_path(c, 0, &err);

	return err ? err : answer_zero(c, inode_unlink(c->m, c->cpu, i));
}

/* ---- read and write ---- */

/* A transfer, some of it done. */
struct transfer {
	uint64_t done;
	uint64_t begin; /* offset in the file */
};

/* What @bytes of a write are, at @done: of the process's memory, or of the string that strace shows. */
static int64_t source(
	struct call *c, const struct call_value *buf, uint64_t done, char *data, uint64_t bytes)
{
	if (*buf->word != '"')
		return copy_user(c, c->task, buf->number + done, data, bytes, false);
	char *whole = malloc(buf->len + 1);
	if (!whole)
		return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	size_t len = arg_string(buf->word, buf->len, whole, buf->len);

	memset(data, 0, bytes);
	if (done < len)
		memcpy(data, whole + done, len - done < bytes ? len - done : bytes);
	free(whole);
	return (int64_t)bytes;
}

static bool has_address(const struct call_value *buf)
{
	return buf->named || (*buf->word != '"' && *buf->word != '[' && *buf->word != '{');
}

/* One piece: bytes moved, 0 at the end of the file, or -errno. */
static int64_t move(
	struct call *c, struct file *f, uint64_t at, uint64_t done, uint64_t bytes, bool write)
{
	const struct call_value *buf = &c->arg[1];
	char *data = malloc(bytes);
	int64_t got = bytes;

	if (!data)
		return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	if (write)
		got = source(c, buf, done, data, bytes);
	if (got > 0)
		got = write ? vfs_write(c->m, c->cpu, f, at + done, data, (uint64_t)got)
			    : vfs_read(c->m, c->cpu, f, at + done, data, bytes);
	if (!write && got > 0 && has_address(buf))
		got = copy_user(c, c->task, buf->number + done, data, (uint64_t)got, true);
	free(data);
	return got;
}

/* In pieces, a few MiB a slice. An error after the first piece ends it with what was moved, as on Linux. */
static int transfer(struct call *c, bool write, bool at_offset)
{
	struct file *f = file_of(c, 0);
	struct transfer *t = c->run->state;
	const uint64_t bytes = c->arg[2].number;
	int64_t got = 1;

	if (!f)
		return -EBADF;
	if (!t) {
		t = c->run->state = calloc(1, sizeof(*t));
		if (!t)
			return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
		t->begin = at_offset			     ? c->arg[3].number
			   : write && f->flags & FILE_APPEND ? inode_of(c, f)->bytes
							     : f->pos;
	}
	for (uint64_t slice = 0; t->done < bytes && got > 0; slice += (uint64_t)got) {
		uint64_t left = bytes - t->done;

		if (c->run->interrupted)
			break;
		if (slice >= BYTES_PER_SLICE) {
			c->again = true;
			return 0;
		}
		got = move(c, f, t->begin, t->done, left < COPY_BYTES ? left : COPY_BYTES, write);
		if (got > 0)
			t->done += (uint64_t)got;
	}
	if (!t->done && got < 0)
		return refused_arg(c, (int)got, 1);
	if (!t->done && c->run->interrupted)
		return refuse(&c->m->why, EINTR, "interrupted by a signal");
	if (!at_offset)
		f->pos = t->begin + t->done;
	return answer_number(c, t->done);
}

int call_read(struct call *c)
{
	return transfer(c, false, false);
}

int call_write(struct call *c)
{
	return transfer(c, true, false);
}

int call_pread64(struct call *c)
{
	return transfer(c, false, true);
}

int call_pwrite64(struct call *c)
{
	return transfer(c, true, true);
}

int call_lseek(struct call *c)
{
	static const char *const from[] = {"the beginning", "the present place", "the end"};
	struct file *f = file_of(c, 0);
	uint64_t whence = c->arg[2].number;

	if (!f)
		return -EBADF;
	if (whence > 2)
		return refuse_at(&c->m->why, EINVAL, c->arg[2].column, (uint32_t)c->arg[2].len,
			"SEEK_SET, SEEK_CUR and SEEK_END are known");
	int64_t base = whence == 0 ? 0 : (int64_t)(whence == 1 ? f->pos : inode_of(c, f)->bytes);
	int64_t to;
	if (__builtin_add_overflow(base, (int64_t)c->arg[1].number, &to) || to < 0)
		return refuse_at(&c->m->why, EINVAL, c->arg[1].column, (uint32_t)c->arg[1].len,
			"so far from %s is before the file begins", from[whence]);
	f->pos = (uint64_t)to;
	return answer_number(c, f->pos);
}

/* ---- memory that is a file ---- */

#define MFD_NAME_MAX 249u

int call_memfd_create(struct call *c)
{
	char name[PATH_MAX_BYTES] = "/memfd:";
	const size_t prefix = strlen(name);
	size_t len =
		arg_string(c->arg[0].word, c->arg[0].len, name + prefix, sizeof(name) - prefix);

	if (len > MFD_NAME_MAX || c->arg[1].number & ~(uint64_t)3)
		return refuse(&c->m->why, EINVAL,
			"memfd_create takes a name of at most %u bytes, MFD_CLOEXEC and "
			"MFD_ALLOW_SEALING",
			MFD_NAME_MAX);
	struct inode *i = shmem_file_setup(c->m, c->cpu, name, prefix + len, 0, true);
	if (!i)
		return -c->m->why.err;
	inode_get(i);
	struct file *f = file_open_inode(c->m, c->cpu, i, FILE_RDWR);
	inode_put(c->m, c->cpu, i);
	return f ? install(c, f, c->arg[1].number & 1) : -c->m->why.err;
}

static struct inode *segment(struct call *c, unsigned i)
{
	struct inode *inode = shm_find(c->m, c->arg[i].number);

	if (!inode)
		refuse_at(&c->m->why, EINVAL, c->arg[i].column, (uint32_t)c->arg[i].len,
			"there is no such segment of shared memory");
	return inode;
}

static uint64_t segment_bytes(const struct call *c)
{
	return inode_size_pages(shm_find(c->m, c->arg[0].number)) << PAGE_SHIFT;
}

int call_shmget(struct call *c)
{
	struct inode *i = shm_get(c->m, c->cpu, (uint32_t)c->arg[0].number, c->arg[1].number,
		(unsigned)c->arg[2].number);

	return i ? answer_number(c, i->ino) : refused_arg(c, -c->m->why.err, 1);
}

int call_shmat(struct call *c)
{
	uint64_t at;
	int err = sys_shmat(c->m, c->task, c->arg[0].number, c->arg[1].number,
		(unsigned)c->arg[2].number, recorded_address(c), &at);

	return err ? refused_arg(c, err, c->arg[1].number ? 1 : 0)
		   : answer_address(c, at, segment_bytes(c));
}

int call_shmdt(struct call *c)
{
	return answer_zero(c, sys_shmdt(c->m, c->task, c->arg[0].number));
}

int call_shmctl(struct call *c)
{
	struct inode *i = segment(c, 0);

	if (!i)
		return -EINVAL;
	if (c->arg[1].number)
		return refuse_at(&c->m->why, EINVAL, c->arg[1].column, (uint32_t)c->arg[1].len,
			"of shmctl's commands IPC_RMID is simulated");
	shm_remove(c->m, c->cpu, i);
	return answer_zero(c, 0);
}
