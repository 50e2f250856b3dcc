/* SPDX-License-Identifier: MIT
 *
 * A whole machine behind the public interface, for tests that write calls and read files.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "simm/simm.h"

/* A machine of that preset; then pairs of option and value, then NULL. Fails the test when it does not boot. */
struct simm *world(const char *preset, ...) __attribute__((sentinel));

/* A machine of that preset with one process, sim/tasks/hog, which is 100. */
struct simm *world_hog(const char *preset);

/* A file's content as a string, valid until the next call; fails the test when it cannot be read. */
const char *world_cat(struct simm *simm, const char *path);
/* How often these words are in sim/dmesg. */
unsigned world_times_logged(struct simm *simm, const char *words);
/* Write @text with one write(2), then close: bytes or -errno. */
ssize_t world_write(struct simm *simm, const char *path, const char *text);
/* One line to sim/ctl; its result without the newline, valid until the next call. Fails the test when refused. */
const char *world_call(struct simm *simm, const char *line);
/* The errno that sim/ctl gives for the line, 0 when it is taken. */
int world_refused(struct simm *simm, const char *line);
/* The same for another ctl file, as that of a process. */
const char *world_call_at(struct simm *simm, const char *path, const char *line);
int world_refused_at(struct simm *simm, const char *path, const char *line);

/* mkdir and rmdir of @dir/@name: 0 or -errno. */
int world_mkdir(struct simm *simm, const char *dir, const char *name);
int world_rmdir(struct simm *simm, const char *dir, const char *name);
/* Is there such a file? */
bool world_has(struct simm *simm, const char *path);
/* The names in @dir, with blanks between, valid until the next call. */
const char *world_list(struct simm *simm, const char *dir);

struct simm_open *world_open(struct simm *simm, const char *path, unsigned flags);
/* One write(2) on an open file, run to its end: bytes or -errno. */
ssize_t world_put(struct simm_open *open, const void *data, size_t len, uint64_t owner);
ssize_t world_puts(struct simm_open *open, const char *text);
/* close(2) of one owner: 0 or -errno. */
int world_flush(struct simm_open *open, uint64_t owner);
/* What a read of up to @len bytes gives now, as a string valid until the next call. */
const char *world_get(struct simm_open *open, size_t len);

#endif
