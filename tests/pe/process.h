/*
 * What a console program needs besides memory, statement by statement: each process_<topic>.c proves
 * those of one topic and ends in their table; process.c runs the tables.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "kit.h"

#define S(name, function)                                                                          \
    {                                                                                              \
        name, function                                                                             \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

extern const struct statement thread_statements[], suspend_statements[], wait_statements[],
    exception_statements[], environ_statements[], file_statements[];

/* A folder of this run's own for files; before the statements and after. */
void make_folder(void);
void remove_folder(void);

#endif
