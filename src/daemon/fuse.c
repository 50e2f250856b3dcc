// SPDX-License-Identifier: MIT
/*
 * FUSE's low-level operations on a machine's tree.
 *
 * Each one finds the place (inode), says who asks, asks libsimm and answers. What changes the
 * machine goes through acts.c; everything else is answered here at once.
 *
 *	names     static places may be remembered by the kernel for long; what may vanish is asked
 *	          for each time, and a file whose write may wait gets another node id at each lookup
 *	          (inode.c says why)
 *	data      direct_io always: sizes of text are not known beforehand, and nothing may be cached
 *	owner     everything belongs to whoever mounted: he is the machine's root
 *	refusals  creating a file fails as in procfs (ENOENT) and sysfs (EACCES); ioctl is ENOTTY,
 *	          which python's open() wants to see; chmod and chown are EPERM; truncation and times
 *	          are accepted and mean nothing
 *
 * It leaves out: readdirplus, extended attributes, locks (the kernel keeps them), polling (files
 * are always ready).
 */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATIC_TIMEOUT_S 3600.0
#define SMALL_WRITE	 (16u << 10) /* copied; larger ones keep libfuse's buffer instead */
#define MAX_WRITE	 (1u << 20)
#define BLOCK_SIZE	 4096

static struct daemon *daemon_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* ---- who asks ---- */

/* The process that a thread belongs to; the thread itself where that cannot be read. */
static uint32_t process_of(uint32_t tid)
{
	char path[64], line[128];
	uint32_t tgid = tid;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	status = fopen(path, "re");
	if (!status)
		return tid;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	fclose(status);
	return tgid;
}

/* @exact: the process matters (a place named for processes), so that it is worth a look into /proc.
 */
static struct simm_caller caller_of(fuse_req_t req, bool exact)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct simm_caller caller = {.pid = (uint32_t)ctx->pid,
		.tid = (uint32_t)ctx->pid,
		.uid = ctx->uid,
		.gid = ctx->gid};

	if (exact && ctx->pid > 0)
		caller.pid = process_of((uint32_t)ctx->pid);
	return caller;
}

static void enter(struct daemon *d, fuse_req_t req, bool exact)
{
	struct simm_caller caller = caller_of(req, exact);

	acts_enter(&d->acts, &caller);
}

/* Names that stand for processes: 123, self, thread-self. */
static bool names_process(const char *name)
{
	return (*name && !name[strspn(name, "0123456789")]) || !strcmp(name, "self") ||
	       !strcmp(name, "thread-self");
}

/* ---- attributes ---- */

static void fill_stat(const struct daemon *d, const struct simm_attr *attr, struct stat *st)
{
	static const mode_t type[] = {
		[SIMM_DIR] = S_IFDIR, [SIMM_FILE] = S_IFREG, [SIMM_LINK] = S_IFLNK};

	*st = (struct stat){
		.st_ino = attr->ino,
		.st_mode = type[attr->type] | (attr->mode & 07777),
		.st_nlink = attr->nlink,
		.st_uid = d->uid,
		.st_gid = d->gid,
		.st_size = (off_t)attr->size,
		.st_blksize = BLOCK_SIZE,
		.st_atim = d->mounted,
		.st_mtim = d->mounted,
		.st_ctim = d->mounted,
	};
}

static double attr_timeout(const struct simm_attr *attr)
{
	/* Sizes of binary files and link counts of directories change at a reboot. */
	return attr->changing || attr->fresh_nodeid ? 0 : 1;
}

/* ---- names ---- */

/* Answer a lookup of @name in @dir that found @node. */
static void reply_entry(struct daemon *d, fuse_req_t req, const struct inode *dir,
	const struct simm_node *node, const char *name)
{
	struct fuse_entry_param entry = {0};
	struct simm_attr attr;
	struct inode *inode;
	int err = simm_getattr(d->simm, node, &attr);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	inode = inode_for(&d->inodes, node, attr.fresh_nodeid);
	if (!inode) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	inode->of_caller = dir->of_caller || names_process(name);
	inode->in_sys = dir->in_sys || (dir == &d->inodes.root && !strcmp(name, "sys"));
	entry.ino = inode_id(&d->inodes, inode);
	fill_stat(d, &attr, &entry.attr);
	entry.attr_timeout = attr_timeout(&attr);
	entry.entry_timeout = attr.changing || attr.fresh_nodeid ? 0 : STATIC_TIMEOUT_S;
	if (fuse_reply_entry(req, &entry))
		inode_forget(&d->inodes, inode, 1); /* the kernel never saw it */
}

static void lookup(struct daemon *d, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct inode *dir = inode_of(&d->inodes, parent);
	struct simm_node node;
	int err;

	enter(d, req, dir->of_caller || names_process(name));
	err = strlen(name) > SIMM_NAME_MAX ? -ENAMETOOLONG
					   : simm_lookup(d->simm, &dir->node, name, &node);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_entry(d, req, dir, &node, name);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	lookup(daemon_of(req), req, parent, name);
}

void daemon_made(void *data, const struct act *act)
{
	lookup(data, act->req, act->parent, act->name);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct daemon *d = daemon_of(req);

	inode_forget(&d->inodes, inode_of(&d->inodes, ino), nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct daemon *d = daemon_of(req);

	for (size_t i = 0; i < count; i++)
		inode_forget(&d->inodes, inode_of(&d->inodes, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void reply_attr(struct daemon *d, fuse_req_t req, const struct inode *inode)
{
	struct simm_attr attr;
	struct stat st;
	int err;

	enter(d, req, inode->of_caller);
	err = simm_getattr(d->simm, &inode->node, &attr);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fill_stat(d, &attr, &st);
	fuse_reply_attr(req, &st, attr_timeout(&attr));
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);

	reply_attr(d, req, inode_of(&d->inodes, ino));
}

/* Sizes and times may be set by anybody who may write, and mean nothing (`echo > file` truncates
 * first). */
static void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);

	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		fuse_reply_err(req, EPERM);
	else
		reply_attr(d, req, inode_of(&d->inodes, ino));
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct daemon *d = daemon_of(req);
	char target[4096];
	ssize_t len;

	enter(d, req, true);
	len = simm_readlink(d->simm, &inode_of(&d->inodes, ino)->node, target, sizeof(target) - 1);
	if (len < 0) {
		fuse_reply_err(req, (int)-len);
		return;
	}
	target[len] = '\0';
	fuse_reply_readlink(req, target);
}

/* ---- directories ---- */

struct dir_fill {
	struct daemon *d;
	fuse_req_t req;
	size_t used, cap;
};

static bool fill_entry(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct dir_fill *fill = data;
	struct stat st;
	size_t bytes;

	fill_stat(fill->d, attr, &st);
	bytes = fuse_add_direntry(fill->req, fill->d->dir_buffer + fill->used,
		fill->cap - fill->used, name, &st, (off_t)cookie);
	if (bytes > fill->cap - fill->used)
		return false;
	fill->used += bytes;
	return true;
}

static void op_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct dir_fill fill = {.d = d, .req = req, .cap = size};
	struct inode *inode = inode_of(&d->inodes, ino);
	int err;

	if (size > d->dir_buffer_bytes) {
		char *grown = realloc(d->dir_buffer, size);

		if (!grown) {
			fuse_reply_err(req, ENOMEM);
			return;
		}
		d->dir_buffer = grown;
		d->dir_buffer_bytes = size;
	}
	enter(d, req, inode->of_caller);
	err = simm_readdir(d->simm, &inode->node, (uint64_t)off, fill_entry, &fill);
	if (err < 0)
		fuse_reply_err(req, -err);
	else
		fuse_reply_buf(req, d->dir_buffer, fill.used);
}

/* What procfs and sysfs say to those who would make a file. */
static void refuse_making(fuse_req_t req, fuse_ino_t parent)
{
	struct daemon *d = daemon_of(req);

	fuse_reply_err(req, inode_of(&d->inodes, parent)->in_sys ? EACCES : ENOENT);
}

static void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	refuse_making(req, parent);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	refuse_making(req, parent);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	refuse_making(req, parent);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	fuse_reply_err(req, EPERM);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned int flags)
{
	fuse_reply_err(req, EPERM);
}

static void submit_name_act(fuse_req_t req, enum act_kind kind, fuse_ino_t parent, const char *name)
{
	struct daemon *d = daemon_of(req);
	const struct inode *dir = inode_of(&d->inodes, parent);
	struct simm_caller caller = caller_of(req, dir->of_caller);
	struct act *act;

	if (strlen(name) > SIMM_NAME_MAX) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	act = act_new(&d->acts, kind, req, &caller);
	if (act)
		act->name = strdup(name);
	if (!act || !act->name) {
		free(act);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	act->dir = dir->node;
	act->parent = parent;
	acts_submit(&d->acts, act);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	submit_name_act(req, ACT_MKDIR, parent, name);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	submit_name_act(req, ACT_UNLINK, parent, name);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	submit_name_act(req, ACT_RMDIR, parent, name);
}

/* ---- files ---- */

static unsigned open_flags(int flags)
{
	int mode = flags & O_ACCMODE;
	unsigned out = 0;

	if (mode != O_WRONLY)
		out |= SIMM_O_READ;
	if (mode != O_RDONLY)
		out |= SIMM_O_WRITE;
	if (flags & O_NONBLOCK)
		out |= SIMM_O_NONBLOCK;
	if (flags & O_TRUNC)
		out |= SIMM_O_TRUNC;
	return out;
}

static struct file *file_of(const struct fuse_file_info *fi)
{
	return (struct file *)(uintptr_t)fi->fh;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct inode *inode = inode_of(&d->inodes, ino);
	struct simm_open *open = NULL;
	struct file *file;
	int err;

	enter(d, req, inode->of_caller);
	err = simm_open(d->simm, &inode->node, open_flags(fi->flags), &open);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	file = file_new(&d->acts, open);
	if (!file) {
		simm_release(open);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)file;
	fi->direct_io = 1;
	fi->nonseekable = simm_open_nonseekable(open);
	fi->noflush = !simm_open_wants_flush(open);
	if (fuse_reply_open(req, fi))
		file_release(file); /* the opener was interrupted: no RELEASE will come */
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct simm_caller caller = caller_of(req, false);

	acts_read(&d->acts, req, &caller, file_of(fi), size, (uint64_t)off, fi->flags & O_NONBLOCK);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct simm_caller caller = caller_of(req, false);
	struct act *act = act_new(&d->acts, ACT_WRITE, req, &caller);
	bool small = size <= SMALL_WRITE;

	if (!act)
		goto no_memory;
	/* The request's buffer is reused for the next request, and the act may last longer. */
	act->buffer = small ? malloc(size + 1) : loop_take_buffer(&d->loop);
	if (!act->buffer) {
		free(act);
		goto no_memory;
	}
	act->data = small ? memcpy(act->buffer, data, size) : data;
	act->len = size;
	act->offset = (uint64_t)off;
	act->lock_owner = fi->lock_owner;
	act->file = file_of(fi);
	act->file->written = true;
	act->file->last_owner = fi->lock_owner;
	act->nonblock = fi->flags & O_NONBLOCK;
	acts_submit(&d->acts, act);
	return;
no_memory:
	fuse_reply_err(req, ENOMEM);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct daemon *d = daemon_of(req);
	struct simm_caller caller = caller_of(req, false);
	const struct file *file = file_of(fi);
	struct act *act;

	/* A shell closes after each >&3, and children close what they inherited: that must neither
	 * do anything nor wait behind somebody's long act. */
	if (!file->written || file->last_owner != fi->lock_owner ||
		!simm_open_wants_flush(file->open)) {
		fuse_reply_err(req, 0);
		return;
	}
	act = act_new(&d->acts, ACT_FLUSH, req, &caller);
	if (!act) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	act->file = file_of(fi);
	act->lock_owner = fi->lock_owner;
	act->nonblock = fi->flags & O_NONBLOCK;
	acts_submit(&d->acts, act);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	file_release(file_of(fi));
	fuse_reply_err(req, 0);
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
	size_t out_bufsz)
{
	fuse_reply_err(req, ENOTTY);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {
		.f_bsize = BLOCK_SIZE, .f_frsize = BLOCK_SIZE, .f_namemax = SIMM_NAME_MAX};

	fuse_reply_statfs(req, &st); /* as in procfs: no blocks, so that df leaves it out */
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct daemon *d = userdata;

	conn->max_write = MAX_WRITE;
	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	daemon_ready(d);
}

const struct fuse_lowlevel_ops daemon_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.create = op_create,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.ioctl = op_ioctl,
	.readdir = op_readdir,
	.statfs = op_statfs,
};
