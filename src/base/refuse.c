/* SPDX-License-Identifier: MIT
 *
 * One place that makes refusals, and the names of the errnos that a simulated kernel returns.
 * The numbers are those of Linux (asm-generic/errno*.h), which is where simmfs runs.
 */
#include "base/refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int keep(struct refusal *why, int err, const char *fmt, va_list args)
{
	if (why) {
		why->err = err;
		why->column = 0;
		why->span = 0;
		vsnprintf(why->sentence, sizeof(why->sentence), fmt, args);
	}
	return -err;
}

int refuse(struct refusal *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int ret = keep(why, err, fmt, args);
	va_end(args);
	return ret;
}

int refuse_at(struct refusal *why, int err, uint32_t column, uint32_t span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int ret = keep(why, err, fmt, args);
	va_end(args);
	if (why) {
		why->column = column;
		why->span = span;
	}
	return ret;
}

const char *errno_name(int err)
{
	switch (err) {
#define NAME(e)                                                                                    \
	case e:                                                                                    \
		return #e
		NAME(EPERM);
		NAME(ENOENT);
		NAME(ESRCH);
		NAME(EINTR);
		NAME(EIO);
		NAME(ENXIO);
		NAME(E2BIG);
		NAME(EBADF);
		NAME(ENOEXEC);
		NAME(ECHILD);
		NAME(EAGAIN);
		NAME(ENOMEM);
		NAME(EACCES);
		NAME(EFAULT);
		NAME(EBUSY);
		NAME(EEXIST);
		NAME(ENODEV);
		NAME(ENOTDIR);
		NAME(EISDIR);
		NAME(EINVAL);
		NAME(EMFILE);
		NAME(ENOTTY);
		NAME(EFBIG);
		NAME(ENOSPC);
		NAME(ESPIPE);
		NAME(EROFS);
		NAME(EPIPE);
		NAME(EDOM);
		NAME(ERANGE);
		NAME(EDEADLK);
		NAME(ENAMETOOLONG);
		NAME(ENOSYS);
		NAME(ENOTEMPTY);
		NAME(ENODATA);
		NAME(EOVERFLOW);
		NAME(EOPNOTSUPP);
		NAME(EDQUOT);
		NAME(ECANCELED);
#undef NAME
	default:
		return "E?";
	}
}
