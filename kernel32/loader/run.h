/* `winmem run`: making the calling process a Windows process. */
#pragma once

#include <stdbool.h>

/* Exit codes, as shells answer for a file they cannot execute and for one that is not there. */
#define RUN_CANNOT_RUN 126
#define RUN_NOT_FOUND  127

struct run_options {
    bool random_base; /* choose the base of the program at random */
    int record;       /* descriptor of what a parent says (start_record.h); 0: none */
};

/*
 * Loads and starts the program; argv[0] is how it was called. Comes back only when that fails, with
 * an exit code, having said why.
 */
int run_program(const char *host_path, int argc, char **argv, char **envp,
                const struct run_options *options);
/*
 * Prints each import of a program or library and who answers it. 0: all are answered; 1: some are
 * not; else one of the codes above.
 */
int run_list_imports(const char *host_path);
