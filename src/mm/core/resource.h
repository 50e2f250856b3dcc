/* SPDX-License-Identifier: MIT
 *
 * The resource trees behind proc/iomem and proc/ioports (kernel/resource.c).
 */
#ifndef SIMM_MM_RESOURCE_H
#define SIMM_MM_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

#define RESOURCE_NAME_MAX 64

struct resource {
	uint64_t start, end;		 /* inclusive */
	uint32_t parent, child, sibling; /* index + 1, 0: none; siblings in ascending order */
	char name[RESOURCE_NAME_MAX];
};

struct resources {
	uint64_t at; /* heap block of struct resource */
	uint32_t nr, cap;
	uint32_t free;		/* one that was released, index + 1, linked by sibling; its name is empty */
	uint32_t iomem, ioports; /* first top-level resource, index + 1 */
};

/* Insert as the kernel's insert_resource(): under the smallest resource that contains it; those it contains become
 * children. Errors: EBUSY on partial overlap, EDQUOT. */
int resource_insert(struct machine *m, bool port, uint64_t start, uint64_t end, const char *name);
/* release_resource(): the innermost one of exactly that range and name goes; what lay inside moves up. -ENOENT: there is
 * none. */
int resource_release(struct machine *m, bool port, uint64_t start, uint64_t end, const char *name);
/* proc/iomem or proc/ioports. */
void resource_show(const struct machine *m, bool port, struct text *out);
/* The names of the resources that contain @addr, outermost first, "a / b"; empty when none. */
void resource_name(const struct machine *m, uint64_t addr, struct text *out);
/* [*start, *end) of the first resource of memory of that name; false: there is none. */
bool resource_range(const struct machine *m, const char *name, uint64_t *start, uint64_t *end);
/* The invariants; returns violations, a line each in @out. */
unsigned resource_check(const struct machine *m, struct text *out);

#endif
