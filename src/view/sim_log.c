/* SPDX-License-Identifier: MIT
 *
 * sim/errors, sim/last: what the session remembers, as it is.
 */
#include "view/files.h"

int show_sim_errors(struct view *v, struct text *out)
{
	text_put(out, v->s->errors.data, v->s->errors.len);
	return 0;
}

int show_sim_last(struct view *v, struct text *out)
{
	text_put(out, v->s->last.data, v->s->last.len);
	return 0;
}
