/* SPDX-License-Identifier: MIT
 *
 * The command line, as a person, a script, mount(8) or /etc/fstab writes it.
 */
#ifndef SIMM_DAEMON_OPTIONS_H
#define SIMM_DAEMON_OPTIONS_H

#include "daemon/fuse_api.h"

#include <stdbool.h>

enum action { RUN_MOUNT, RUN_ENTER, RUN_HELP, RUN_VERSION, RUN_LIST_MACHINES };

/* NAME or NAME=VALUE; value is "" without one. */
struct setting {
	char *name, *value;
};

struct options {
	enum action action;
	bool foreground;
	bool debug; /* libfuse's own messages about each request */
	bool realtime;
	bool allow_other;
	bool read_only;
	char *machine; /* NULL: none named */
	char *mountpoint;
	char *like; /* directory with a dump of /proc and /sys */
	char *fsname;
	struct setting *settings; /* for simm_config_option(), in the order given */
	size_t nr_settings;
	struct fuse_args mount_args; /* what libfuse and the kernel are to get */
	char **command;		     /* after --, or of --enter; NULL: none */
	bool failed;		     /* a sentence was printed */
};

/* 0, or an exit status after a sentence on stderr. */
int options_parse(struct options *options, int argc, char **argv);
void options_finish(struct options *options);

void print_help(void);
void print_machines(void);

#endif
