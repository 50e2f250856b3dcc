/* SPDX-License-Identifier: MIT
 *
 * Masks of NUMA nodes as arguments of calls. Private to the ctl files.
 */
#ifndef SIMM_VIEW_ARG_NODES_H
#define SIMM_VIEW_ARG_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1", "0-1", "{0,2-3}", "0+2", "NULL", or words of bits as strace prints them, "[0x3]": a bit a node, up to 63. */
bool arg_nodes_parse(const char *s, size_t len, uint64_t *nodes);

#endif
