/* SPDX-License-Identifier: MIT
 *
 * libsimm: a simulated machine's memory as a tree of files, without FUSE, threads, clock or globals.
 *
 * The simmfs daemon is one user of this header; a test, or a program that embeds a machine, is another.
 *
 *	struct simm_config *config = simm_config_new();
 *	simm_config_machine(config, "pc-i386", error, sizeof(error));
 *	simm_config_option(config, "ram", "512M", error, sizeof(error));
 *	struct simm *simm = simm_create(config, error, sizeof(error));
 *	simm_file_read(simm, "proc/buddyinfo", buffer, sizeof(buffer));
 *
 * Functions answer 0 or a count, or -errno; where an `error` buffer is taken it gets one sentence. One thread at
 * a time may use one struct simm; different ones are independent.
 */
#ifndef SIMM_SIMM_H
#define SIMM_SIMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIMM_VERSION "0.1.0"
#define SIMM_NAME_MAX 255

struct simm;
struct simm_config;
struct simm_open;

/* ---- machines ---- */

/* The presets: name and one line about it; false past the end. */
bool simm_machine_nth(unsigned i, const char **name, const char **doc);

/* NULL: host memory ended. Ownership is the caller's until simm_config_free(); simm_create() copies. */
struct simm_config *simm_config_new(void);
void simm_config_free(struct simm_config *config);
/* Start from a preset. -ENOENT: no such one (the sentence names the nearest). */
int simm_config_machine(struct simm_config *config, const char *name, char *error, size_t cap);
/* Start from a devicetree blob. -EINVAL with a sentence. */
int simm_config_fdt(struct simm_config *config, const void *fdt, size_t bytes, char *error, size_t cap);
/* Feed one file of a dump of a real machine (like=); paths from simm_like_path(). */
int simm_config_like(struct simm_config *config, const char *path, const char *data, size_t bytes, char *error,
	size_t cap);
const char *simm_like_path(unsigned i);
/* One -o option that concerns the machine (ram, cpus, cma, cmdline ...). -ENOENT: not one of these. */
int simm_config_option(struct simm_config *config, const char *name, const char *value, char *error, size_t cap);
/* Names and manual lines of those options; false past the end. */
bool simm_option_nth(unsigned i, const char **name, const char **argument, const char **doc);

/* Boot. @error gets why it cannot. */
struct simm *simm_create(const struct simm_config *config, char *error, size_t cap);
void simm_destroy(struct simm *simm);

/* What only the outside knows: monotonic nanoseconds (reports only) and seconds since 1970 at the mount. */
void simm_tell_time(struct simm *simm, uint64_t monotonic_ns, uint64_t wall_s);
/* Let simulated time pass (-o realtime). Returns what of @ns is still to pass: all of it while an act is half done, a part when
 * much fell due. */
uint64_t simm_advance(struct simm *simm, uint64_t ns);

/* ---- the tree ---- */

/* A place in the tree, by value. Equal places have equal bytes. The root is all zero. */
struct simm_node {
	uint32_t place;		/* of the table; private */
	uint32_t reserved;
	uint64_t arg[3];
};

enum simm_type { SIMM_DIR, SIMM_FILE, SIMM_LINK };

struct simm_attr {
	enum simm_type type;
	uint32_t mode;		/* permission bits */
	uint32_t nlink;
	uint64_t ino;		/* stable for the same place */
	uint64_t size;
	bool fresh_nodeid;	/* writes may wait: give each LOOKUP its own nodeid */
	bool changing;		/* may vanish: no entry timeout */
};

struct simm_caller {
	uint32_t pid, tid, uid, gid;
};
/* Who makes the requests that follow. */
void simm_set_caller(struct simm *simm, const struct simm_caller *caller);

int simm_lookup(struct simm *simm, const struct simm_node *dir, const char *name, struct simm_node *out);
/* A path relative to the root, without leading slash; "" is the root. */
int simm_resolve(struct simm *simm, const char *path, struct simm_node *out);
/* -ENOENT when the place is gone (a name was forgotten, the machine rebooted into another shape). */
int simm_getattr(struct simm *simm, const struct simm_node *node, struct simm_attr *out);
ssize_t simm_readlink(struct simm *simm, const struct simm_node *node, char *buf, size_t cap);
/* Call @fill for each entry after @cookie (0: from the start), "." and ".." first; it returns false to stop.
 * Cookies are keys, so entries that come and go meanwhile are not skipped or repeated. */
typedef bool simm_fill_fn(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie);
int simm_readdir(struct simm *simm, const struct simm_node *dir, uint64_t cookie, simm_fill_fn *fill, void *data);
/* These three are acts. -EBUSY: a write is half done (it was stepped and said SIMM_MORE). */
int simm_mkdir(struct simm *simm, const struct simm_node *dir, const char *name);
int simm_unlink(struct simm *simm, const struct simm_node *dir, const char *name);
int simm_rmdir(struct simm *simm, const struct simm_node *dir, const char *name);

/* ---- open files ---- */

enum { SIMM_O_READ = 1, SIMM_O_WRITE = 2, SIMM_O_NONBLOCK = 4, SIMM_O_TRUNC = 8 };

/* Text files are rendered here, once: a consistent snapshot. */
int simm_open(struct simm *simm, const struct simm_node *node, unsigned flags, struct simm_open **out);
bool simm_open_nonseekable(const struct simm_open *open);
/* Should close(2) be told (FLUSH)? Only streams that can report something. */
bool simm_open_wants_flush(const struct simm_open *open);
/* A read at offset 0 renders text afresh; streams ignore the offset and consume results.
 * -EAGAIN: nothing yet, and the file was opened to wait (trace_pipe), or reading is an act (PID/mem faults pages in) and
 * another one is half done: park the request and try again after other acts, or answer EAGAIN when O_NONBLOCK. */
ssize_t simm_read(struct simm_open *open, void *buf, size_t len, uint64_t offset);
void simm_release(struct simm_open *open);

/* A write in progress. The buffer must stay valid until it is done. */
struct simm_write;
enum simm_step {
	SIMM_DONE,	/* simm_write_end() gives the result */
	SIMM_MORE,	/* a slice was done: call simm_write_step() again, after others were served */
	SIMM_WAIT	/* parked: step it again after another act was done */
};
struct simm_write *simm_write_begin(struct simm_open *open, const void *data, size_t len, uint64_t offset,
	uint64_t lock_owner);
enum simm_step simm_write_step(struct simm_write *write);
/* A signal for the writer: the next step ends it. */
void simm_write_interrupt(struct simm_write *write);
/* Bytes or -errno, and free @write. */
ssize_t simm_write_end(struct simm_write *write);
/* Lines run and values written so far: when it moves, parked writes are worth another step. */
uint64_t simm_acts(const struct simm *simm);
/* close(2) by @lock_owner: may run a last line without newline, so it is stepped like a write. */
struct simm_write *simm_flush_begin(struct simm_open *open, uint64_t lock_owner);

/* ---- conveniences: whole files, run to the end ---- */

/* Bytes read (the whole content when it fits @cap) or -errno. */
ssize_t simm_file_read(struct simm *simm, const char *path, char *buf, size_t cap);
/* One write, then close. A call that would wait gives -EAGAIN. */
ssize_t simm_file_write(struct simm *simm, const char *path, const void *data, size_t len);

/* ---- the manual ---- */

/* The rows of the tree and of the calls for manual pages and listings: false past the end. */
bool simm_row_nth(unsigned i, const char **path, unsigned *mode, const char **doc);
/* @usage gets "alloc_pages [GFP=GFP_KERNEL] [ORDER=0]". */
bool simm_call_nth(unsigned i, const char **name, char *usage, size_t cap, const char **doc);

#ifdef __cplusplus
}
#endif

#endif
