/* SPDX-License-Identifier: MIT
 *
 * The rows of calls.def as one constant table.
 */
#include "view/call.h"

#define CALL(n, a, w, f, ne, d, z, mo)                                                             \
	{.name = #n,                                                                               \
		.args = a,                                                                         \
		.where = w,                                                                        \
		.fn = f,                                                                           \
		.doc = d,                                                                          \
		.zh = z,                                                                           \
		.more = mo,                                                                        \
		.need = CONFIG_##ne},
const struct call_row call_rows[] = {
#include "calls.def"
	{0}};
const unsigned nr_call_rows = sizeof(call_rows) / sizeof(call_rows[0]) - 1;
