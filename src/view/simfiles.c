/* SPDX-License-Identifier: MIT
 *
 * The small files of sim/ that show one thing of the machine: its log, settings, health, name of its state, costs.
 */
#include "view/files.h"

#include "mm/core/clock.h"
#include "mm/core/log.h"

int show_dmesg(struct view *v, struct text *out)
{
	log_show(v->m, out);
	return 0;
}

/* What was given, and the seed that was not: the same line on the same machine boots the same again. */
int show_machine(struct view *v, struct text *out)
{
	const struct machine_desc *desc = &v->s->desc;

	text_puts(out, desc->options);
	if (!*desc->opt.seed)
		text_printf(out, "%sseed=%llu", *desc->options ? "," : "",
			(unsigned long long)desc->seed);
	text_putc(out, '\n');
	return 0;
}

int show_check(struct view *v, struct text *out)
{
	if (!machine_check(v->m, out))
		text_puts(out, "ok\n");
	return 0;
}

int show_digest(struct view *v, struct text *out)
{
	text_hex(out, machine_digest(v->m), 16);
	text_putc(out, '\n');
	return 0;
}

int show_costs(struct view *v, struct text *out)
{
	(void)v;
	clock_show_costs(out);
	return 0;
}
