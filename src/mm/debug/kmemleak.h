/* SPDX-License-Identifier: MIT
 *
 * kmemleak: objects to which no pointer is found in memory are leaks (Documentation/dev-tools/kmemleak.rst).
 */
#ifndef SIMM_MM_KMEMLEAK_H
#define SIMM_MM_KMEMLEAK_H

#include "mm/core/callstack.h"
#include "mm/core/link_type.h"
#include "mm/debug/object_index.h"

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;

enum kmemleak_flag {
	KMEMLEAK_REPORTED = 1 << 1, /* it was found to be a leak once: OBJECT_REPORTED */
	KMEMLEAK_NO_SCAN = 1 << 2,  /* its contents are no pointers: OBJECT_NO_SCAN */
};

/* One allocation. min_count: how many pointers to it must be found; 0: it is grey from the start, -1: not looked at. */
struct kmemleak_object {
	struct link all;    /* in kmemleak.objects, oldest first */
	uint64_t next_gray; /* while a scan runs: the next grey object, 0 at the end */
	uint64_t start, bytes;
	uint64_t made_ns;
	uint32_t flags; /* enum kmemleak_flag */
	int32_t min_count, count;
	uint32_t checksum;
	uint32_t pid;
	depot_stack_handle_t handle;
	char comm[16];
};

struct kmemleak {
	bool enabled;	    /* kmemleak=on, not switched off since: for good */
	bool no_stack_scan; /* stack=off */
	bool found_leaks;
	uint32_t scan_wait_s; /* of the scanning task, 0: it does not run */
	uint64_t last_scan_ns;
	struct link objects; /* head: of kmemleak_object.all */
	struct object_index index;
	uint64_t lowest, highest; /* addresses of all objects ever: [lowest, highest) */
};

/* At the end of boot. @on: kmemleak= says so. */
void kmemleak_init(struct machine *m, bool on);

/* An object of @bytes at kernel address @address was allocated on @cpu; @min_count as above. Nothing when it is off. When
 * there is no memory to note it, kmemleak switches itself off, as Linux's does. */
void kmemleak_alloc_slow(
	struct machine *m, unsigned cpu, uint64_t address, uint64_t bytes, int min_count);
void kmemleak_free_slow(struct machine *m, uint64_t address);
/* Colours: it is no leak though nobody points to it; it is to be ignored and not scanned. */
void kmemleak_not_leak(struct machine *m, uint64_t address);
void kmemleak_ignore(struct machine *m, uint64_t address);
/* Its contents are no pointers. */
void kmemleak_no_scan(struct machine *m, uint64_t address);

/* Look through memory now; new leaks are said in the log, and shown by kmemleak_next_leak(). */
void kmemleak_scan(struct machine *m);
/* The scanning task's turn. */
void kmemleak_task(struct machine *m);
/* scan=SECONDS; 0: it stops. */
void kmemleak_set_scan_wait(struct machine *m, uint32_t seconds);
/* What is a leak now is taken for granted from now on. When it is off: all that was noted is dropped. */
void kmemleak_clear(struct machine *m);
/* For good. */
void kmemleak_disable(struct machine *m);
/* The reported leak behind @o, or the first one; NULL: no more. */
const struct kmemleak_object *kmemleak_next_leak(
	const struct machine *m, const struct kmemleak_object *o);
/* The object that holds @address; NULL: none. */
const struct kmemleak_object *kmemleak_find(const struct machine *m, uint64_t address);
/* Copy the first @bytes of a kernel address range, page by page through the kernel's tables; what is not there is zero. */
void kmemleak_read(struct machine *m, uint64_t address, void *out, uint64_t bytes);

unsigned kmemleak_check(struct machine *m, struct text *out);

#endif
