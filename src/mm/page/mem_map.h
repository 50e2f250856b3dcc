/* SPDX-License-Identifier: MIT
 *
 * mem_map: where the struct pages lie, in each of the memory models (see mem_map.c).
 */
#ifndef SIMM_MM_MEM_MAP_H
#define SIMM_MM_MEM_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct text;
struct zone;

/* How struct pages are laid out: a choice of the kernel's configuration. */
enum mem_model {
	MEM_MODEL_FLAT,		  /* one array, holes of RAM included */
	MEM_MODEL_DISCONTIG,	  /* historical: an array for each node */
	MEM_MODEL_SPARSE,	  /* an array for each section that has RAM */
	MEM_MODEL_SPARSE_VMEMMAP, /* the same, mapped side by side into one virtual array */
};

/* Struct pages of [start_pfn, end_pfn) that lie side by side in RAM, from @pa on; 0: nobody knows where. */
struct mem_map_run {
	uint64_t start_pfn, end_pfn;
	uint64_t pa;
	uint32_t nid;
	uint32_t flags;
};

struct mem_map {
	uint64_t at; /* heap block of struct mem_map_run, sorted by start_pfn */
	uint32_t nr, cap;
	uint64_t unused_bytes; /* of its holes, given back at boot (ARM) */
};

enum mem_model mem_model(const struct machine *m);
/* "FLATMEM" */
const char *mem_model_name(enum mem_model model);

/* Boot: the struct pages of [start_pfn, end_pfn) lie at @pa. Errors: ENOMEM, EDQUOT. */
int mem_map_add(struct machine *m, uint64_t start_pfn, uint64_t end_pfn, uint64_t pa, unsigned nid);
/* The i-th run; NULL behind the last. */
const struct mem_map_run *mem_map_run(const struct machine *m, unsigned i);
/* Bytes of struct pages of a run, and of all. */
uint64_t mem_map_run_bytes(const struct machine *m, const struct mem_map_run *run);
uint64_t mem_map_bytes(const struct machine *m);
/* The address of the run's first struct page; 0: it has none that is known. */
uint64_t mem_map_run_address(const struct machine *m, const struct mem_map_run *run);

/* With vmemmap: the address that pfn 0 would have, as `vmemmap + pfn` counts. */
uint64_t vmemmap_base(const struct machine *m);
/* What the model's arithmetic gives for any @pfn, without asking whether it has a struct page; 0: the model has to look
 * something up and finds nothing. */
uint64_t pfn_to_page_unchecked(const struct machine *m, uint64_t pfn);
/* The address of the struct page of a valid pfn. 0: it is not known where mem_map lies. */
uint64_t pfn_to_page(const struct machine *m, uint64_t pfn);
/* The pfn whose struct page @address is in; NO_PFN when that is no address of a struct page. */
uint64_t page_to_pfn(const struct machine *m, uint64_t address);

/* The zone that the struct page of a valid pfn names. A hole's is that of the RAM behind it (init_unavailable_range()). */
struct zone *page_zone(const struct machine *m, uint64_t pfn);

/* Bytes at the begin and end of [start, end) of pfns' struct pages that nobody else's lie in: what free_memmap() may give
 * back. Equal: nothing. */
bool mem_map_unused(const struct machine *m, const struct mem_map_run *run, uint64_t start_pfn,
	uint64_t end_pfn, uint64_t *start, uint64_t *end);

/* Each valid pfn has one struct page, in reserved RAM, and arithmetic leads there and back: violations, one line each. */
unsigned mem_map_check(const struct machine *m, struct text *out);

#endif
