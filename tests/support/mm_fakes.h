/* SPDX-License-Identifier: MIT
 *
 * Address spaces as files see them, where a test has none: nothing is mapped, everything may be committed up to a limit.
 */
#ifndef SIMM_TESTS_MM_FAKES_H
#define SIMM_TESTS_MM_FAKES_H

#include "mm/machine.h"
#include "mm/process/fault.h"
#include "mm/process/mm.h"
#include "mm/process/rmap.h"

static uint64_t fake_commit_limit = UINT64_MAX;
static void *fake_objects[4096];
static uint32_t fake_last_id;

int vm_commit(struct machine *m, const struct mm *mm, uint64_t pages)
{
	if (m->processes.committed_pages + pages > fake_commit_limit)
		return refuse(&m->why, ENOMEM, "more than may be committed");
	m->processes.committed_pages += pages;
	return 0;
}

void vm_uncommit(struct machine *m, uint64_t pages)
{
	m->processes.committed_pages -= pages;
}

uint32_t mapping_id_alloc(struct machine *m, uint64_t object_at)
{
	fake_objects[++fake_last_id] = machine_at(m, object_at);
	return fake_last_id;
}

void mapping_id_free(struct machine *m, uint32_t id)
{
	fake_objects[id] = NULL;
}

void *mapping_object(const struct machine *m, uint32_t id)
{
	return fake_objects[id];
}

void zap_range(struct machine *m, unsigned cpu, struct vma *v, uint64_t start, uint64_t end,
	bool even_cows)
{
}

#endif
