// SPDX-License-Identifier: MIT
/*
 * A null FUSE file system: what a file costs when there is nothing behind it.
 *
 *	nullfs MOUNTPOINT FILE...
 *
 * serves a copy of each FILE, taken at the start, under its last name, from the daemon's own loop
 * (daemon/loop.c), in the same way (direct_io, noflush, no splice, long entry timeouts). The ratio
 * of a file of the machine to a null file of the same size is then what the machine itself costs.
 * It stays in the foreground; unmount it to end it.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILES 16
#define FIRST_INO 2
#define FOREVER_S 3600.0

struct null_file {
	const char *name;
	char *text;
	size_t len;
};

static struct null_file files[MAX_FILES];
static unsigned nr_files;

static void fill_stat(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino, .st_nlink = 1, .st_uid = geteuid(), .st_blksize = 4096};
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0555 : S_IFREG | 0444;
}

static void op_init(void *data, struct fuse_conn_info *conn)
{
	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.attr_timeout = 1, .entry_timeout = FOREVER_S};

	for (unsigned i = 0; i < nr_files && !entry.ino; i++)
		if (!strcmp(files[i].name, name))
			entry.ino = FIRST_INO + i;
	if (!entry.ino) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_stat(entry.ino, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	fill_stat(ino, &st);
	fuse_reply_attr(req, &st, 1);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->direct_io = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct null_file *file = &files[ino - FIRST_INO];
	size_t at = (size_t)off < file->len ? (size_t)off : file->len;
	size_t len = file->len - at < size ? file->len - at : size;

	fuse_reply_buf(req, file->text + at, len);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
};

static int take_copy(const char *path)
{
	struct null_file *file = &files[nr_files++];
	const char *slash = strrchr(path, '/');
	FILE *in = fopen(path, "re");
	size_t cap = 1u << 20;

	file->name = slash ? slash + 1 : path;
	file->text = malloc(cap);
	if (!in || !file->text) {
		perror(path);
		return -1;
	}
	file->len = fread(file->text, 1, cap, in);
	fclose(in);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks no_hooks;
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *session;
	struct loop loop;

	if (argc < 3 || argc - 2 > MAX_FILES) {
		fprintf(stderr, "usage: nullfs MOUNTPOINT FILE... (at most %d)\n", MAX_FILES);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (take_copy(argv[i]))
			return 1;
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, argv[1]))
		return 1;
	if (loop_init(&loop, session, &no_hooks, NULL))
		return 1;
	loop_run(&loop);
	loop_finish(&loop);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	for (unsigned i = 0; i < nr_files; i++)
		free(files[i].text);
	return 0;
}
