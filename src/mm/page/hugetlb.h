/* SPDX-License-Identifier: MIT
 *
 * The pool of huge pages of the default size (mm/hugetlb.c).
 */
#ifndef SIMM_MM_HUGETLB_H
#define SIMM_MM_HUGETLB_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* log2 of a huge page's size in pages: what one entry of the second-lowest table maps. */
unsigned hugetlb_order(const struct machine *m);
/* Pages in the pool: of the machine, of one node. */
uint64_t hugetlb_pages(const struct machine *m);
uint64_t hugetlb_node_pages(const struct machine *m, unsigned nid);
/* Grow or shrink the pool towards @wanted huge pages, on node @nid only or (-1) on all in turn. It
 * never fails: what could not be had is missing. */
void hugetlb_resize(struct machine *m, uint64_t wanted, int nid);
/* The same in slices: some pages, or about @clusters times 32 that move for one. False: it is done. */
void hugetlb_resize_begin(struct machine *m, uint64_t wanted, int nid);
bool hugetlb_resize_step(struct machine *m, unsigned clusters);
/* A signal: it stays as it is now. */
void hugetlb_resize_stop(struct machine *m);
/* hugepages=N of the command line. */
void hugetlb_init(struct machine *m);

#endif
