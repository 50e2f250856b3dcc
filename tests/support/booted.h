/* SPDX-License-Identifier: MIT
 *
 * Machines that boot in tests of libsimm's inside: from a preset, from a devicetree, from a dump on the disk.
 */
#ifndef TESTS_SUPPORT_BOOTED_H
#define TESTS_SUPPORT_BOOTED_H

#include "mm/machine.h"

/* The description of a preset, or of a .dtb when @preset is a path. Fails the test when there is none. */
struct machine_desc *described(const char *preset);
/* Boot a description made by described() or like_dump(); frees it. NULL when refused: see refused_why(). */
struct machine *boot_described(struct machine_desc *d);
/* Boot a preset or .dtb with pairs of option and value, then NULL. Fails the test when it does not boot, or when its
 * checks find anything. */
struct machine *booted(const char *preset, ...) __attribute__((sentinel));
/* The same, expecting that it does not: the sentence. */
const char *boot_refused(const char *preset, ...) __attribute__((sentinel));
const char *refused_why(void);

/* The description of a dump of /proc and /sys; NULL when there is no such folder. */
struct machine_desc *like_dump(const char *dir);

/* The log, or proc/iomem, proc/ioports, as a string, valid until the next call. */
const char *booted_log(const struct machine *m);
const char *booted_resources(const struct machine *m, bool port);
/* Fail the test when machine_check() finds anything. */
void booted_check(struct machine *m);

/* A real board of ../shared/boards, with so much RAM (NULL: as its devicetree says); skips the test when that is not there. */
struct machine *booted_board(const char *board, const char *ram);

/* A file's content (freed by the caller) and its size, NULL when there is none. */
char *slurp(const char *path, size_t *bytes);
/* The same of a file that gzip may have packed; skips the test when there is none. */
char *need_recording(const char *path, size_t *bytes);
/* The folder that tests' data lies in, or NULL: ../shared. */
const char *shared_dir(void);

#endif
